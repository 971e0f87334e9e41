"""Which quotes an acceptance takes: exactly its amount, at the best price for the taker in all.

Every quote that is taken trades at its own price. One that is all or none is taken whole or not at all; the
others fill what is left, the best price first, of equal prices the older quote. Of the all-or-none quotes the
best few (`AONS_WEIGHED`) are weighed in every combination, so that a better price does not stand in the way
of the whole amount.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from exchange.gateway.deals.block_limits import AONS_WEIGHED
from exchange.gateway.deals.rfq import Quote


class Want(NamedTuple):
    """An acceptance: what the taker does, how much, the worst price, the smallest part that one quote may
    have, and how many quotes may take part."""

    sells: bool
    amount_e8: int
    price_micro: int
    least_e8: int
    quotes_most: int


Taken = tuple[Quote, int]
"""A quote and how much of it."""


def offered(quotes: Iterable[Quote], want: Want, now_ms: int) -> list[Quote]:
    """The quotes on the other side within the price, the best first."""
    found = [
        quote
        for quote in quotes
        if quote.sells != want.sells and quote.is_good(now_ms) and _cost(quote, want) <= _limit(want)
    ]
    return sorted(found, key=lambda quote: (_cost(quote, want), quote.updated_ms, quote.id))


def _cost(quote: Quote, want: Want) -> int:
    """A quote's price, the lower the better for the taker."""
    return -quote.price_micro if want.sells else quote.price_micro


def _limit(want: Want) -> int:
    return -want.price_micro if want.sells else want.price_micro


def plan(quotes: Iterable[Quote], want: Want, now_ms: int) -> list[Taken]:
    """What is taken, the best price first; nothing where the amount is not there."""
    found = offered(quotes, want, now_ms)
    whole = [quote for quote in found if quote.all_or_none][:AONS_WEIGHED]
    parts = [quote for quote in found if not quote.all_or_none]
    best: list[Taken] = []
    best_cost: tuple[int, int] | None = None
    for mask in range(1 << len(whole)):
        chosen = [quote for at, quote in enumerate(whole) if mask >> at & 1]
        taken = _filled(chosen, parts, want)
        if taken:
            cost = (sum(_cost(quote, want) * size for quote, size in taken), len(taken))
            if best_cost is None or cost < best_cost:
                best, best_cost = taken, cost
    return sorted(best, key=lambda each: (_cost(each[0], want), each[0].updated_ms, each[0].id))


def _filled(chosen: Sequence[Quote], parts: Sequence[Quote], want: Want) -> list[Taken]:
    """All of `chosen` and as much of `parts` as is missing; nothing where that is not the amount."""
    taken: list[Taken] = [(quote, quote.amount_e8) for quote in chosen]
    left = want.amount_e8 - sum(size for _, size in taken)
    for quote in parts:
        if left <= 0 or len(taken) >= want.quotes_most:
            break
        size = min(quote.amount_e8, left)
        if 0 < left - size < want.least_e8:  # what remains must be enough for another quote
            size = left - want.least_e8
        if size < want.least_e8:
            continue
        taken.append((quote, size))
        left -= size
    return taken if left == 0 and taken and len(taken) <= want.quotes_most else []
