"""The venue's products: terms of the options and perpetuals it lists on each underlying.

Figures are configuration, not rules: they enter the core with the listing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms
from exchange.domain.limits import MAX_POSITION_LOTS, MAX_VALUE_MICRO
from exchange.oracle.chain_spec import OptionSpec

_MICRO: Final = 1_000_000
_E8: Final = 100_000_000
_DAY_MS: Final = 86_400_000
_FRIDAY: Final = 1  # days since 1 January 1970, a Thursday, modulo 7
DELIVERY_FEE_PPM: Final = 150


@dataclass(frozen=True)
class Product:
    """What all instruments of one underlying share. Ticks in micro-USDC, lots in 1e-8 underlying."""

    symbol: str
    option_tick_micro: int
    option_tick_steps: tuple[tuple[int, int], ...]
    option_lot_e8: int
    option_price_limit_ticks: int
    perpetual_tick_micro: int
    perpetual_lot_e8: int
    perpetual_price_limit_ticks: int

    def option(self, underlying: int, spec: OptionSpec) -> InstrumentTerms:
        """Terms of one option: fees 0.03 % of the index, capped at 12.5 % of the option's price.

        Delivery is half that, and free for dailies: expiries that are no Friday's.
        """
        strike_per_lot = -(-spec.strike_micro * self.option_lot_e8 // _E8)
        limit = self.option_price_limit_ticks * self.option_tick_micro * self.option_lot_e8 // _E8
        return InstrumentTerms(
            kind=r.KIND_OPTION,
            option_type=r.OPTION_CALL if spec.is_call else r.OPTION_PUT,
            underlying=underlying,
            expiry_ms=spec.expiry_ms,
            strike_micro=spec.strike_micro,
            tick_micro=self.option_tick_micro,
            lot_e8=self.option_lot_e8,
            min_size_lots=1,
            price_limit_ticks=self.option_price_limit_ticks,
            position_limit_lots=_position_limit(max(strike_per_lot, limit)),
            maker_fee_ppm=300,
            taker_fee_ppm=300,
            fee_cap_permille=125,
            delivery_fee_ppm=0 if is_daily(spec.expiry_ms) else DELIVERY_FEE_PPM,
            band_ppm=40_000,
            tick_steps=self.option_tick_steps,
        )

    def perpetual(self, underlying: int) -> InstrumentTerms:
        """Terms of the perpetual: maker free, taker 0.05 %, band of 5 % of the index each way."""
        limit = self.perpetual_price_limit_ticks * self.perpetual_tick_micro * self.perpetual_lot_e8 // _E8
        return InstrumentTerms(
            kind=r.KIND_PERPETUAL,
            option_type=r.OPTION_NONE,
            underlying=underlying,
            expiry_ms=0,
            strike_micro=0,
            tick_micro=self.perpetual_tick_micro,
            lot_e8=self.perpetual_lot_e8,
            min_size_lots=1,
            price_limit_ticks=self.perpetual_price_limit_ticks,
            position_limit_lots=_position_limit(limit),
            maker_fee_ppm=0,
            taker_fee_ppm=500,
            fee_cap_permille=0,
            delivery_fee_ppm=0,
            band_ppm=50_000,
        )


def is_daily(expiry_ms: int) -> bool:
    """Whether an expiry is neither a weekly nor a monthly one: those are Fridays."""
    return expiry_ms // _DAY_MS % 7 != _FRIDAY


def _position_limit(value_per_lot_micro: int) -> int:
    """The largest position whose value stays within the core's bound at the highest price.

    A fifth is left for scenario tables (docs/rules-2.md, RISK_SNAPSHOT): from the highest price an up move of
    the grid's range gains 16 % of it, the far moves with their weights less than all of it.
    """
    return min(MAX_POSITION_LOTS, MAX_VALUE_MICRO * 5 // (6 * value_per_lot_micro))


PRODUCTS: Final = (
    # BTC options: tick 1 USDC below 250, 5 below 2,500, 10 above; lot 0.01 BTC; prices up to 400,000.
    Product(
        "BTC",
        _MICRO,
        ((0, 1), (250, 5), (2_500, 10)),
        _E8 // 100,
        400_000,
        _MICRO // 2,
        _E8 // 1_000,
        2_000_000,
    ),
    # ETH options: tick 0.05 USDC below 10, 0.25 below 100, 0.5 above (all must divide the largest, or there
    # are no combos); lot 0.1 ETH; prices up to 40,000.
    Product(
        "ETH",
        _MICRO // 20,
        ((0, 1), (200, 5), (2_000, 10)),
        _E8 // 10,
        800_000,
        _MICRO // 20,
        _E8 // 100,
        800_000,
    ),
)
