"""Prices and amounts met before, per instrument: what a client's number means, and how ours is written.

Order flow repeats itself, exact decimal arithmetic is slow: a number that has passed `exchange.wire.params`
once is looked up after that. Only what was accepted is remembered, so a refusal is always argued anew.
Tables are emptied when they grow too long.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeVar

from exchange.wire.envelope import encode_json
from exchange.wire.instruments import InstrumentView
from exchange.wire.params import amount_lots, price_ticks

ENTRIES_MAX: Final = 8_192
Number = int | Decimal
K = TypeVar("K")
V = TypeVar("V")


class Numbers:
    """The memory of one instrument."""

    __slots__ = ("_amount_texts", "_lots", "_price_texts", "_ticks", "view")

    def __init__(self, view: InstrumentView) -> None:
        self.view = view
        self._ticks: dict[Number, int] = {}
        self._lots: dict[Number, int] = {}
        self._price_texts: dict[int, bytes] = {}
        self._amount_texts: dict[int, bytes] = {}

    def ticks(self, price: object) -> int:
        """A client's price in ticks. Raises RpcError as `params.price_ticks` does."""
        if type(price) is not Decimal and type(price) is not int:
            return price_ticks({"price": price}, self.view.terms)
        known = self._ticks.get(price)
        if known is None:
            known = price_ticks({"price": price}, self.view.terms)
            _keep(self._ticks, price, known)
        return known

    def lots(self, amount: object) -> int:
        """A client's amount in lots. Raises RpcError as `params.amount_lots` does."""
        if type(amount) is not Decimal and type(amount) is not int:
            return amount_lots({"amount": amount}, self.view.terms)
        known = self._lots.get(amount)
        if known is None:
            known = amount_lots({"amount": amount}, self.view.terms)
            _keep(self._lots, amount, known)
        return known

    def price_text(self, ticks: int) -> bytes:
        """A price as JSON."""
        known = self._price_texts.get(ticks)
        if known is None:
            known = encode_json(self.view.price(ticks))
            _keep(self._price_texts, ticks, known)
        return known

    def amount_text(self, lots: int) -> bytes:
        """An amount as JSON."""
        known = self._amount_texts.get(lots)
        if known is None:
            known = encode_json(self.view.amount(lots))
            _keep(self._amount_texts, lots, known)
        return known


def _keep(table: dict[K, V], key: K, value: V) -> None:
    if len(table) >= ENTRIES_MAX:
        table.clear()
    table[key] = value
