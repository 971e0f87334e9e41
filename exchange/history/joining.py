"""Matches and the ORDERs behind them: each side of a match is shown with its order as it stood after it.

A maker's ORDER follows its TRADE (several TRADEs where it is a combo's, or where an implied order met it on
two sides); the aggressor's ends the command's matching and is that of all its fills.
"""

from __future__ import annotations

import struct
from typing import Final, Generic, NamedTuple, TypeVar

from exchange.domain import records as r
from exchange.domain.combo_prints import is_print

T = TypeVar("T")
_SIDES: Final = struct.Struct("<32xQQ40xq")  # of a TRADE: maker's and taker's order, flags


class Joined(NamedTuple, Generic[T]):
    """A match whose maker's (else taker's) order has come."""

    match: T
    is_maker: bool


class _Waiting(NamedTuple, Generic[T]):
    maker_order: int
    taker_order: int
    taker_rests: bool
    ends_step: bool
    match: T


class Joiner(Generic[T]):
    """Matches that wait for their orders. `match` is whatever the caller calls one."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting[T]] = []
        self._aggressor = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, trade: bytes, match: T) -> None:
        """A TRADE of a book, or the print of a combo before the TRADEs of its legs."""
        maker_order, taker_order, flags = _SIDES.unpack_from(trade)
        rests = bool(flags & r.TRADE_RESTS)
        if not rests and taker_order:
            self._aggressor = taker_order
        # What an ORDER of a maker belongs to lies behind the last print, or is one TRADE.
        ends_step = is_print(trade) or not flags & r.TRADE_COMBO
        self._waiting.append(_Waiting(maker_order, taker_order, rests, ends_step, match))

    def take(self, order_id: int, kind: int) -> list[Joined[T]]:
        """The matches that the next ORDER belongs to."""
        found: list[Joined[T]] = []
        if kind == r.ORDER_FILLED:
            for each in reversed(self._waiting):
                if each.maker_order == order_id:
                    found.append(Joined(each.match, True))
                elif each.taker_rests and each.taker_order == order_id:
                    found.append(Joined(each.match, False))
                if each.ends_step:
                    break
        elif order_id == self._aggressor:
            found = [
                Joined(each.match, False)
                for each in self._waiting
                if each.taker_order == order_id and not each.taker_rests
            ]
            self._waiting.clear()
            self._aggressor = 0
        return found
