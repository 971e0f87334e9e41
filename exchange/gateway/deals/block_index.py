"""Which block a trade is of: what public and private trade objects say of it besides."""

from __future__ import annotations

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.deals.block_store import BlockStore, Part
from exchange.wire.objects import JsonObject

PREFIX = "BLOCK-"


def block_name(number: int) -> str:
    """`block_trade_id` of a part's number."""
    return f"{PREFIX}{number}"


class BlockIndex:
    """Looks the block trades of fills up."""

    def __init__(self, store: BlockStore) -> None:
        self._store = store

    def part(self, trade: ev.Trade) -> Part | None:
        """The block trade that a TRADE is of; None for one of a book."""
        if not trade.flags & r.TRADE_BLOCK:
            return None
        return self._store.part_of(trade.trade_id)

    def add_public(self, found: JsonObject, trade: ev.Trade) -> JsonObject:
        """What everybody is told; `found` with it."""
        part = self.part(trade)
        if part is not None:
            _add(found, part)
        return found

    def add_own(self, found: JsonObject, trade: ev.Trade, account: int) -> JsonObject:
        """What a side is told; `found` with it."""
        part = self.part(trade)
        if part is not None:
            _add(found, part)
            if part.quote and account == part.maker:
                found["block_rfq_quote_id"] = part.quote
        return found


def _add(found: JsonObject, part: Part) -> None:
    found["block_trade_id"] = block_name(part.id)
    found["block_trade_leg_count"] = part.units
    if part.rfq:
        found["block_rfq_id"] = part.rfq
