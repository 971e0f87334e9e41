"""Risk parameters, fee schedule and state of underlyings (rules 2: Parameters)."""

from __future__ import annotations

import struct

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from exchange.domain.commands_risk import FeeTier, RiskParameters
from tests.reference.outcome import require
from tests.reference.world import Head, World

MILLION = 1_000_000


def _in_bounds(p: RiskParameters) -> bool:
    bounds = (
        (p.scenarios, 1, limits.MAX_SCENARIOS),
        (p.quantum_micro, 1, 1 << 30),
        (p.extended_from, 0, p.scenarios),
        (p.dampener_micro, 0, 1 << 48),
        (p.sm_im_ppm, 1, MILLION),
        (p.sm_floor_ppm, 1, p.sm_im_ppm),
        (p.sm_mm_ppm, 1, p.sm_floor_ppm),
        (p.perp_im_ppm, 1, MILLION),
        (p.perp_mm_ppm, 1, p.perp_im_ppm),
        (p.uncovered_im_ppm, MILLION, 2 * MILLION),
        (p.uncovered_mm_ppm, MILLION, p.uncovered_im_ppm),
        (p.pm_mm_ppm, 1, MILLION),
        (p.roll_ppm, 0, 250_000),
        (p.shock_ppm, 0, 250_000),
        (p.shock_threshold_micro, 0, 1 << 58),
        (p.short_ppm, 0, 250_000),
        (p.liquidation_fee_ppm, 0, limits.MAX_FEE_PPM),
        (p.liquidation_slice_micro, 1, 1 << 48),
        (p.liquidation_band_ppm, 0, MILLION),
        (p.jump_factor, 2, 1_000),
        (p.auction_ms, 1, 86_400_000),
        (p.auction_discount_ppm, 0, MILLION),
    )
    return all(low <= value <= high for value, low, high in bounds)


def set_risk(world: World, head: Head, body: bytes) -> None:
    """RISK; tables of another unit or another count of scenarios are dropped."""
    underlying = world.underlying(head.instrument)
    risk = RiskParameters(*struct.unpack_from("<22q", body))
    require(_in_bounds(risk), why.BAD_VALUE)
    before, underlying.risk = underlying.risk, risk
    same_tables = before is not None and before[:2] == (risk.scenarios, risk.quantum_micro)
    if not same_tables:
        for instrument in world.instruments:
            if instrument.terms.underlying == underlying.id:
                instrument.table = None
    world.events.risk(underlying.id, body)


def set_fees(world: World, head: Head, body: bytes) -> None:
    """SET_FEES."""
    discount = int.from_bytes(body[:8], "little", signed=True)
    tiers = tuple(FeeTier(*fields) for fields in struct.iter_unpack("<4q", body[32:]))
    require(0 <= discount <= 1_000, why.BAD_VALUE)
    options = [(tier.option_maker_ppm, tier.option_taker_ppm) for tier in tiers]
    perpetuals = [(tier.perp_maker_ppm, tier.perp_taker_ppm) for tier in tiers]
    require(_acceptable(options) and _acceptable(perpetuals), why.BAD_VALUE)
    world.tiers, world.combo_discount_permille = tiers, discount
    world.events.fees(discount, body[32:], world.now_ms)


def _acceptable(rates: list[tuple[int, int]]) -> bool:
    """(maker, taker) rates of all tiers: bounded, and no rebate above what any taker pays."""
    highest = limits.MAX_FEE_PPM
    least_taker = min(taker for _, taker in rates)
    return least_taker >= 0 and all(
        max(-highest, -least_taker) <= maker <= highest and taker <= highest for maker, taker in rates
    )


def set_underlying_state(world: World, head: Head) -> None:
    """SET_UNDERLYING_STATE."""
    underlying = world.underlying(head.instrument)
    require(head.flags <= r.STATE_HALTED, why.BAD_FLAGS)
    underlying.state = head.flags
    world.events.underlying(underlying.id, underlying.symbol, world.now_ms, underlying.state)
