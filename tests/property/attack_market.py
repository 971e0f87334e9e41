"""The market attacks are tried in: who there is, what is listed on which terms, how it is marked.

Options are marked by a curve that is decreasing and convex in the strike, so that no spread is worth less
than nothing. Terms and parameters are those of the venue (docs/risk.md), slices larger.
"""

from __future__ import annotations

from math import isqrt

from exchange.domain import commands_risk as cr
from exchange.domain import records as r
from tests.reference.rates import RATES
from tests.unit.core.harness import CALL, MICRO, PERP, USDC

# Two accounts of one family, one of another, and a rich friend under a third name.
MAIN, SUB, SYBIL, FRIEND = 64, 65, 66, 67
ATTACKERS = (MAIN, SUB, SYBIL, FRIEND)
FAMILIES = {MAIN: (SUB,), SUB: (MAIN,), SYBIL: (), FRIEND: ()}
FEES_EARNED, FUND, HELD = 1, 2, 4
FUND_MICRO = 10_000_000 * USDC
RICH_MICRO = 50_000_000 * USDC
INDEX = 50_000
EXPIRY_MS = 10**9
LOT_E8 = 1_000_000
PPM = 1_000_000

PERPETUAL, CALL_40, CALL_50, CALL_51, PUT_30, CALL_60 = range(6)
STRIKES = {CALL_40: 40_000, CALL_50: 50_000, CALL_51: 51_000, PUT_30: 30_000, CALL_60: 60_000}
UNTABLED = CALL_60
INSTRUMENTS = (PERPETUAL, *STRIKES)
LISTED = CALL._replace(
    price_limit_ticks=400_000,
    maker_fee_ppm=300,
    taker_fee_ppm=300,
    fee_cap_permille=125,
    delivery_fee_ppm=150,
    band_ppm=40_000,
    expiry_ms=EXPIRY_MS,
)
TERMS = {
    PERPETUAL: PERP._replace(maker_fee_ppm=0, taker_fee_ppm=500, band_ppm=50_000),
    **{n: LISTED._replace(strike_micro=strike * MICRO) for n, strike in STRIKES.items()},
}
TERMS[PUT_30] = TERMS[PUT_30]._replace(option_type=r.OPTION_PUT)
MOVES_PPM = (-160_000, -80_000, 0, 80_000, 160_000, -500_000, 1_000_000)
RISK = RATES._replace(
    scenarios=len(MOVES_PPM),
    quantum_micro=10_000,
    extended_from=5,
    dampener_micro=500 * USDC,
    uncovered_im_ppm=1_200_000,
    uncovered_mm_ppm=1_100_000,
    roll_ppm=6_000,
    shock_threshold_micro=20_000_000 * USDC,
    short_ppm=10_000,
    liquidation_slice_micro=25_000 * USDC,
    auction_discount_ppm=50_000,
)
FEES = (cr.FeeTier(300, 300, 0, 500),)


def option_ticks(instrument: int, index: int, spread: int) -> int:
    """An option's mark in USDC: intrinsic value and half of `spread` at the money."""
    distance = index - STRIKES[instrument]
    call = (distance + isqrt(distance * distance + spread * spread)) // 2
    return call - distance if instrument == PUT_30 else call


def table(instrument: int, index: int, spread: int) -> list[int]:
    """What a lot long gains where the index moves, in quanta, rounded down; far moves weigh a third."""
    row = []
    for number, move in enumerate(MOVES_PPM):
        moved = index + index * move // PPM
        if instrument == PERPETUAL:
            gain = moved - index
        else:
            gain = option_ticks(instrument, moved, spread) - option_ticks(instrument, index, spread)
        if number >= RISK.extended_from:
            gain //= 3
        row.append(gain * MICRO * LOT_E8 // 10**8 // RISK.quantum_micro)
    return row
