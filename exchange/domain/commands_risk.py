"""Builders of the commands of rules version 2: risk, margin, fees, liquidations, locks (docs/rules-2.md).

As in `commands`: integers in, bytes out, `struct.error` where an integer does not fit its field.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.commands import MARK_UNIT, Mark, header

_BODY: Final = struct.Struct("<qqqq")


class RiskParameters(NamedTuple):
    """The parameters of an underlying (docs/rules-2.md, Parameters); rates in parts per million."""

    scenarios: int
    quantum_micro: int
    extended_from: int
    dampener_micro: int
    sm_im_ppm: int
    sm_floor_ppm: int
    sm_mm_ppm: int
    perp_im_ppm: int
    perp_mm_ppm: int
    uncovered_im_ppm: int
    uncovered_mm_ppm: int
    pm_mm_ppm: int
    roll_ppm: int
    shock_ppm: int
    shock_threshold_micro: int
    short_ppm: int
    liquidation_fee_ppm: int
    liquidation_slice_micro: int
    liquidation_band_ppm: int
    jump_factor: int
    auction_ms: int
    auction_discount_ppm: int


class FeeTier(NamedTuple):
    """Rates of one tier in parts per million of index notional; a negative maker rate is a rebate."""

    option_maker_ppm: int
    option_taker_ppm: int
    perp_maker_ppm: int
    perp_taker_ppm: int


_RISK: Final = struct.Struct("<24q")


def pack_risk(parameters: RiskParameters) -> bytes:
    """The six body units of RISK and of the RISK event."""
    return _RISK.pack(*parameters, 0, 0)


def risk(underlying: int, parameters: RiskParameters) -> bytes:
    """RISK: the parameters of an underlying."""
    return header(r.RISK, 7, instrument=underlying) + pack_risk(parameters)


def table_stream(tables: Iterable[tuple[int, Iterable[int]]]) -> bytes:
    """The stream of RISK_SNAPSHOT from (instrument, differences in quanta) pairs: zigzag LEB128."""
    out = bytearray()
    for instrument, differences in tables:
        out += instrument.to_bytes(4, "little")
        for difference in differences:
            zigzag = (difference << 1) if difference >= 0 else (-difference << 1) - 1
            while zigzag >= 0x80:
                out.append(zigzag & 0x7F | 0x80)
                zigzag >>= 7
            out.append(zigzag)
    return bytes(out)


def risk_snapshot(
    underlying: int, index_micro: int, feed_seq: int, units: Iterable[Mark], tables_count: int, stream: bytes
) -> bytes:
    """RISK_SNAPSHOT: marks and, as `table_stream` packs them, `tables_count` scenario tables."""
    body = [MARK_UNIT.pack(*unit) for unit in units]
    padded = stream.ljust((len(stream) + 31) // 32 * 32, b"\0")
    head = header(r.RISK_SNAPSHOT, 2 + len(body) + len(padded) // 32, instrument=underlying)
    sizes = tables_count | len(stream) << 32
    return b"".join([head, _BODY.pack(index_micro, feed_seq, len(body), sizes), *body, padded])


def risk_sweep(first: int, count: int) -> bytes:
    """RISK_SWEEP over `count` account ids from `first` on."""
    return header(r.RISK_SWEEP, 2) + _BODY.pack(first, count, 0, 0)


def set_margin_model(account: int, model: int, *, grant: int = 0) -> bytes:
    """SET_MARGIN_MODEL: standard or portfolio."""
    return header(r.SET_MARGIN_MODEL, 1, flags=model, account=account, grant=grant)


def transfer(account: int, destination: int, amount_micro: int, transfer_id: int, *, grant: int = 0) -> bytes:
    """TRANSFER of cash to another account of the family; `transfer_id` is echoed."""
    return header(r.TRANSFER, 2, account=account, grant=grant) + _BODY.pack(
        amount_micro, destination, transfer_id, 0
    )


def resolve_withdrawal(withdrawal_id: int, outcome: int) -> bytes:
    """RESOLVE_WITHDRAWAL: paid on the L1, or cancelled."""
    return header(r.RESOLVE_WITHDRAWAL, 2, flags=outcome) + _BODY.pack(withdrawal_id, 0, 0, 0)


def set_fees(tiers: Iterable[FeeTier], combo_discount_permille: int = 0) -> bytes:
    """SET_FEES: the schedule of all tiers."""
    body = [_BODY.pack(*tier) for tier in tiers]
    return b"".join([header(r.SET_FEES, 2 + len(body)), _BODY.pack(combo_discount_permille, 0, 0, 0), *body])


def set_tier(account: int, tier: int) -> bytes:
    """SET_TIER of the fee schedule."""
    return header(r.SET_TIER, 1, flags=tier, account=account)


def set_caps(account: int, max_orders: int, max_positions: int) -> bytes:
    """SET_CAPS: open orders and seats an account may have; 0: the general limit."""
    return header(r.SET_CAPS, 2, account=account) + _BODY.pack(max_orders, max_positions, 0, 0)


def set_lock(account: int, locked: bool) -> bytes:
    """SET_LOCK: a locked account may cancel and nothing else."""
    return header(r.SET_LOCK, 1, flags=int(locked), account=account)


def set_underlying_state(underlying: int, state: int) -> bytes:
    """SET_UNDERLYING_STATE: open, cancel-only or halted."""
    return header(r.SET_UNDERLYING_STATE, 1, flags=state, instrument=underlying)


def liquidate(account: int) -> bytes:
    """LIQUIDATE: one step for an account below maintenance."""
    return header(r.LIQUIDATE, 1, account=account)


def takeover(
    bidder: int,
    target: int,
    fraction_ppm: int,
    max_pay_micro: int,
    *,
    grant: int = 0,
    client_order_id: int = 0,
) -> bytes:
    """TAKEOVER of a part of a portfolio in auction; `max_pay_micro` may be negative."""
    head = header(r.TAKEOVER, 2, account=bidder, grant=grant, client_order_id=client_order_id)
    return head + _BODY.pack(target, fraction_ppm, max_pay_micro, 0)


def share_loss(account: int, count: int) -> bytes:
    """SHARE_LOSS: the next `count` accounts take their part in an account's deficit."""
    return header(r.SHARE_LOSS, 2, account=account) + _BODY.pack(count, 0, 0, 0)
