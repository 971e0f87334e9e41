"""Prints of combos in the gateway's memory: kept like trades, on the combo's own board and by both accounts.

What the match moves (positions, fees, the legs' prices) the TRADEs of its legs tell.
"""

from __future__ import annotations

from typing import Final

from exchange.domain import records as r
from exchange.domain.combo_prints import with_prints
from exchange.edge.boards import Board
from exchange.edge.released import FILLS, NUMBER_SHIFT, UNIT_SHIFT
from exchange.gateway.history_ring import Fill, HistoryRing
from exchange.gateway.read_records import read_trade
from exchange.gateway.streams.numbers import accounts_of

_COMBO_TRADE_UNITS: Final = r.EVENT_UNITS[r.EV_COMBO_TRADE]


def kept_with_prints(ring: HistoryRing, events: bytes, at: int, number: int) -> bytes:
    """The kept buffer with prints from the COMBO_TRADE at byte `at` on; the first one finds it without."""
    if events[at + 2] != _COMBO_TRADE_UNITS:
        return events
    return ring.replace(number, with_prints(events, at))


def note_print(ring: HistoryRing, board: Board, events: bytes, at: int, number: int) -> int:
    """Take price, volume and place of the combo's print at byte `at`; the place."""
    trade = read_trade(Fill(events, at).trade)
    price, lots, value = trade.price_ticks, trade.size_lots, trade.value_micro
    board.trade(trade.trade_seq, trade.time_ms, price, lots, value)
    place = number << NUMBER_SHIFT | (at // r.UNIT_BYTES) << UNIT_SHIFT | board.direction
    board.last_trade = ring.past.add(place, board.last_trade, 0)
    for account in accounts_of(events, at):
        ring.past.note(account, FILLS, place, 0)
    return place
