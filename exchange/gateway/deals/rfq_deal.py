"""The block that an acceptance becomes: a part for every quote and, where the taker has divided the amount
among accounts of its family, for every account that trades with it.

Accounts are served in the order they were named, with the quotes in the order of their prices; of a smaller
amount the last ones may get nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exchange.gateway.deals.block_desk import Deal, DealPart, Leg
from exchange.gateway.deals.rfq import Fill, Quote, Rfq, Trigger
from exchange.gateway.deals.rfq_matching import Taken
from exchange.gateway.registry import Registry
from exchange.wire.packages import leg_lots, share


def deal_of(
    rfq: Rfq, trigger: Trigger, taken: Sequence[Taken], registry: Registry
) -> tuple[Deal, list[Fill]]:
    """The block of an acceptance, and what was traded with each quote."""
    parts = [
        DealPart(
            quote.maker,
            tuple(_legs(rfq, trigger, quote, size, before, registry)),
            quote.key,
            quote.id,
            account,
        )
        for quote, account, size, before in _pieces(rfq, taken)
    ]
    fills: list[Fill] = []
    before = 0
    for quote, size in taken:
        hedged = share(abs(rfq.hedge.lots), rfq.amount_e8, size, before) if rfq.hedge else 0
        before += size
        fill = (quote.id, quote.maker, trigger.sells, quote.price_micro, size, hedged, quote.leg_ticks)
        fills.append(Fill(*fill))
    return Deal(rfq.taker, tuple(parts), trigger.key, rfq.id), fills


def _pieces(rfq: Rfq, taken: Sequence[Taken]) -> Iterator[tuple[Quote, int, int, int]]:
    """(quote, account, how much, how much comes before it) of every part."""
    left = [(each.account, each.amount_e8) for each in rfq.allocations]
    left.append((rfq.taker, rfq.amount_e8))  # all of it where nothing is divided
    before = 0
    for quote, size in taken:
        while size:
            account, room = left[0]
            piece = min(size, room)
            yield quote, account, piece, before
            before += piece
            size -= piece
            left[0] = (account, room - piece)
            if room == piece:
                del left[0]


def _legs(
    rfq: Rfq, trigger: Trigger, quote: Quote, size: int, before: int, registry: Registry
) -> Iterator[Leg]:
    """The trades of one part; a share of the hedge that is nothing is none."""
    side = -1 if trigger.sells else 1
    for leg, ticks in zip(rfq.legs, quote.leg_ticks, strict=True):
        terms = registry.instruments[leg.instrument].terms
        yield Leg(leg.instrument, side * leg.sign * leg_lots(size, leg.ratio, terms), ticks)
    if rfq.hedge is not None:
        hedged = share(abs(rfq.hedge.lots), rfq.amount_e8, size, before)
        sign = side if rfq.hedge.lots > 0 else -side
        if hedged:
            yield Leg(rfq.hedge.instrument, sign * hedged, rfq.hedge.price_ticks)
