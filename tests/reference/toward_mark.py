"""The first price towards the mark that will do (rules 2: Check 16; Sweeps and liquidation)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from tests.reference.arithmetic import ceil_div, floor_div
from tests.reference.instruments import Instrument


def last_price(instrument: Instrument, *, is_sell: bool) -> int:
    """Where the way to the mark ends: the first valid price at it or past it, within valid prices. Ticks."""
    tick = instrument.terms.tick_micro
    if is_sell:
        at_least = instrument.valid_at_least(ceil_div(instrument.mark_micro, tick))
        return instrument.highest_price if at_least is None else at_least
    at_most = instrument.valid_at_most(floor_div(instrument.mark_micro, tick))
    return instrument.lowest_price if at_most is None else at_most


def first_price(
    instrument: Instrument, own_ticks: int, *, is_sell: bool, will_do: Callable[[int], bool]
) -> int | None:
    """The first valid price from `own_ticks` (one itself) to the mark that will do, or None.

    Short of the mark a price nearer to it never does worse: what is sold fetches more, and a capped fee
    grows by no more than that; so the prices before the last are bisected. The last may lie past the mark,
    where a better price is worth nothing but its fee still grows: it is asked by itself.
    """
    last = last_price(instrument, is_sell=is_sell)
    if is_sell:
        before, valid = range(own_ticks, last), instrument.valid_at_most
    else:
        before, valid = range(own_ticks, last, -1), instrument.valid_at_least

    def does(ticks: int) -> bool:
        price = valid(ticks)
        assert price is not None
        return will_do(price)

    at = bisect_left(before, True, key=does)
    if at < len(before):
        return valid(before[at])
    return last if will_do(last) else None
