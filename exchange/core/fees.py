"""What trading costs: the listing's rates, or the tiers of a schedule; every rounding is the venue's.

docs/rules.md, "Booking a match", and docs/rules-2.md, "Fees of a match". A schedule names its rates by
kind and tier; while there is none, an instrument's listing does.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core.arithmetic import ceil_div
from exchange.core.layout import (
    A_TIER,
    A_VOLUME,
    ACCOUNT_WORDS,
    FEE_WORDS,
    I_FEE_CAP,
    I_FEE_HOLD,
    I_INDEX_PER_LOT,
    I_KIND,
    I_MAKER_NANO,
    I_MAKER_PPM,
    I_TAKER_NANO,
    I_TAKER_PPM,
    INSTRUMENT_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r

# Where the two rates of a kind stand in a tier.
_MAKER: Final = 0
_TAKER: Final = 1
_PERPETUAL: Final = 2


def _rate_ppm(w: World, account: i64, kind: i64, side: i64) -> i64:
    """A rate of the account's tier; the last tier's where the schedule does not have it."""
    tier = w.accounts[account * ACCOUNT_WORDS + A_TIER]
    if tier >= w.tier_count:
        tier = w.tier_count - 1
    at = tier * FEE_WORDS + side
    if kind == r.KIND_PERPETUAL:
        at += _PERPETUAL
    return w.fees[at]


def _worst_ppm(w: World, kind: i64, side: i64) -> i64:
    """The largest rate of all tiers, at least 0: what an order must be able to pay."""
    at = side
    if kind == r.KIND_PERPETUAL:
        at += _PERPETUAL
    worst: i64 = 0
    tier: i64 = 0
    while tier < w.tier_count:
        rate = w.fees[tier * FEE_WORDS + at]
        if rate > worst:
            worst = rate
        tier += 1
    return worst


def derive(w: World, instrument: i64) -> None:
    """Recompute an instrument's worst rates in nano-USDC per lot, from its index per lot."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    maker = data[i + I_MAKER_PPM]
    taker = data[i + I_TAKER_PPM]
    if w.tier_count > 0:
        maker = _worst_ppm(w, data[i + I_KIND], _MAKER)
        taker = _worst_ppm(w, data[i + I_KIND], _TAKER)
    index_per_lot = data[i + I_INDEX_PER_LOT]
    data[i + I_MAKER_NANO] = ceil_div(index_per_lot * maker, 1000)
    data[i + I_TAKER_NANO] = ceil_div(index_per_lot * taker, 1000)
    data[i + I_FEE_HOLD] = ceil_div(ceil_div(index_per_lot * (maker if maker > taker else taker), 1000), 1000)


def charge_micro(w: World, instrument: i64, nano_per_lot: i64, lots: i64, value: i64) -> i64:
    """A fee in micro-USDC at `nano_per_lot` ≥ 0: rounded up; capped, rounded down, for options."""
    i = instrument * INSTRUMENT_WORDS
    fee = ceil_div(nano_per_lot * lots, 1000)
    cap = w.instruments[i + I_FEE_CAP]
    if cap > 0 and w.instruments[i + I_KIND] == r.KIND_OPTION:
        most = value * cap // 1000
        if fee > most:
            fee = most
    return fee


def taker_nano(w: World, account: i64, instrument: i64) -> i64:
    """What an account pays per lot as a taker, in nano-USDC, rounded up."""
    i = instrument * INSTRUMENT_WORDS
    if w.tier_count == 0:
        return w.instruments[i + I_TAKER_NANO]
    rate = _rate_ppm(w, account, w.instruments[i + I_KIND], _TAKER)
    return ceil_div(w.instruments[i + I_INDEX_PER_LOT] * rate, 1000)


def taker_micro(w: World, account: i64, instrument: i64, lots: i64, value: i64) -> i64:
    """The taker's fee of a match of `lots` worth `value`, in micro-USDC."""
    return charge_micro(w, instrument, taker_nano(w, account, instrument), lots, value)


def maker_nano(w: World, account: i64, instrument: i64) -> i64:
    """What an account pays per lot as a maker, in nano-USDC, rounded up; 0 where it gets a rebate."""
    i = instrument * INSTRUMENT_WORDS
    if w.tier_count == 0:
        return w.instruments[i + I_MAKER_NANO]
    rate = _rate_ppm(w, account, w.instruments[i + I_KIND], _MAKER)
    return ceil_div(w.instruments[i + I_INDEX_PER_LOT] * rate, 1000) if rate > 0 else 0


def maker_micro(w: World, account: i64, instrument: i64, lots: i64, value: i64, taker_fee: i64) -> i64:
    """The maker's fee of a match in micro-USDC, negative for a rebate: never more than the taker pays."""
    i = instrument * INSTRUMENT_WORDS
    if w.tier_count == 0:
        return charge_micro(w, instrument, w.instruments[i + I_MAKER_NANO], lots, value)
    rate = _rate_ppm(w, account, w.instruments[i + I_KIND], _MAKER)
    if rate >= 0:
        nano = ceil_div(w.instruments[i + I_INDEX_PER_LOT] * rate, 1000)
        return charge_micro(w, instrument, nano, lots, value)
    nano = w.instruments[i + I_INDEX_PER_LOT] * -rate // 1000
    rebate = nano * lots // 1000
    return -(rebate if rebate < taker_fee else taker_fee)


def count_volume(w: World, account: i64, instrument: i64, lots: i64) -> None:
    """Add a fill to the account's volume, in micro-USDC of the index; it stops at its limit."""
    at = account * ACCOUNT_WORDS + A_VOLUME
    volume = w.accounts[at] + w.instruments[instrument * INSTRUMENT_WORDS + I_INDEX_PER_LOT] * lots
    w.accounts[at] = volume if volume < limits.MAX_VOLUME_MICRO else limits.MAX_VOLUME_MICRO
