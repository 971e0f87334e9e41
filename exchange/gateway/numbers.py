"""Prices and amounts met before, per instrument: what a client's number means, and how ours is written.

Order flow repeats itself, exact decimal arithmetic is slow: a number that has passed `exchange.wire.params`
once is looked up after that. Only what was accepted is remembered, so a refusal is always argued anew.
Tables are emptied when they grow too long.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from exchange.wire.envelope import encode_json
from exchange.wire.instruments import InstrumentView
from exchange.wire.params import amount_lots, price_ticks

ENTRIES_MAX: Final = 8_192
_decode: Final = msgspec.json.Decoder(float_hook=Decimal).decode
Number = int | Decimal
K = TypeVar("K")
V = TypeVar("V")


class Numbers:
    """The memory of one instrument."""

    __slots__ = (
        "_amount_texts",
        "_lots",
        "_price_texts",
        "_ticks",
        "_written_lots",
        "_written_ticks",
        "bounds",
        "name_text",
        "view",
    )

    def __init__(self, view: InstrumentView) -> None:
        self.view = view
        self.bounds = view.price_bounds
        self.name_text = encode_json(view.name)
        """The instrument's name as JSON."""
        self._written_ticks: dict[bytes, int] = {}
        self._written_lots: dict[bytes, int] = {}
        self._ticks: dict[Number, int] = {}
        self._lots: dict[Number, int] = {}
        self._price_texts: dict[int, bytes] = {}
        self._amount_texts: dict[int, bytes] = {}

    def ticks(self, price: object) -> int:
        """A client's price in ticks. Raises RpcError as `params.price_ticks` does."""
        if type(price) is not Decimal and type(price) is not int:
            return price_ticks({"price": price}, self.view.terms, bounds=self.bounds)
        known = self._ticks.get(price)
        if known is None:
            known = price_ticks({"price": price}, self.view.terms, bounds=self.bounds)
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

    def ticks_written(self, text: bytes) -> int:
        """A price in ticks from the JSON it was written as. Raises as `ticks`; for no number too."""
        known = self._written_ticks.get(text)
        if known is None:
            known = self.ticks(_decode(text))
            _keep(self._written_ticks, text, known)
        return known

    def lots_written(self, text: bytes) -> int:
        """An amount in lots from the JSON it was written as. Raises as `lots`; for no number too."""
        known = self._written_lots.get(text)
        if known is None:
            known = self.lots(_decode(text))
            _keep(self._written_lots, text, known)
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
