"""A run of SETTLED events, those of one settlement of a market: what they come to in positions, sums, counts.

A delivery, a funding or a perpetual settlement has one for every holder: thousands in one command.
"""

from __future__ import annotations

from collections import deque
from typing import Final, final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.domain import records as r
from exchange.edge.boards import Board
from exchange.edge.released import NUMBER_SHIFT, UNIT_SHIFT, Shown, size_of

_KIND_AT: Final = 24
_SIZE_AT: Final = 32
_DELTA_AT: Final = 40
_FEE_AT: Final = 48
_ENTRY_AFTER_AT: Final = 80


@final
class Run:
    """Where a run ends, and what its market's settlement is told by."""

    def __init__(self, end: int, long_lots: int, gained_micro: int) -> None:
        self.end = end
        """The byte behind it."""
        self.long_lots = long_lots
        """Lots held long before."""
        self.gained_micro = gained_micro
        """What was credited, fees left out, in micro-USDC."""


def take(
    shown: Shown, events: bytes, start: i64, number: i64, kept: dict[int, deque[bytes]], kept_max: int
) -> Run:
    """Take the SETTLED at byte `start` of the buffer with this number, and those right behind it of the same
    command and instrument.

    Positions change as they tell, each account has one event more, whoever is listened to is noted in
    `shown`, and `kept` has the record among the last `kept_max` of its account.
    """
    end: i64 = len(events)
    seq = read_i64_le(events, start + 8)
    instrument = read_i64_le(events, start + 16) >> 32
    board = shown.boards[instrument]
    long_lots: i64 = 0
    gained = 0  # may pass 64 bits in theory: as large as memory
    at = start
    while at < end:
        head = read_i64_le(events, at)
        who = read_i64_le(events, at + 16)
        if head & 0xFF != r.EV_SETTLED or read_i64_le(events, at + 8) != seq or who >> 32 != instrument:
            break
        account = who & r.U32
        size = size_of(head, at)
        lots = read_i64_le(events, at + _SIZE_AT)
        if lots > 0:
            long_lots += lots
        credited = read_i64_le(events, at + _DELTA_AT) + read_i64_le(events, at + _FEE_AT)
        if credited > 0:
            gained += int(credited)
        _settle(board, events, at, int(account))
        ring = kept.get(int(account))
        if ring is None:
            ring = deque(maxlen=kept_max)
            kept[int(account)] = ring
        ring.append(events[at : at + size])
        shown.count(number << NUMBER_SHIFT | (at >> 5) << UNIT_SHIFT, account)
        at += size
    return Run(int(at), int(long_lots), gained)


def _settle(board: Board, events: bytes, at: i64, account: int) -> None:
    """The account's position behind the SETTLED at byte `at`: delivery closes it, perpetual settlement
    realises its profit, funding is added up."""
    holding = board.holdings.get(account)
    if holding is None:
        return
    kind = read_i64_le(events, at + _KIND_AT)
    if kind == r.SETTLED_DELIVERY:
        if holding.size_lots > 0:
            board.open_interest -= holding.size_lots
        del board.holdings[account]
    elif kind == r.SETTLED_PERPETUAL:
        holding.cost_micro = int(read_i64_le(events, at + _ENTRY_AFTER_AT))
        holding.funding_micro = 0
    else:
        holding.funding_micro += int(read_i64_le(events, at + _DELTA_AT))
