"""Replies to new orders: events in, JSON out.

A command whose events tell of more than its own order and the fills it took is left to the general way.
"""

from __future__ import annotations

from typing import Final, final

from librt.strings import BytesWriter, read_i64_le
from mypy_extensions import i64

from exchange.domain import limits
from exchange.domain import records as r
from exchange.edge.objects import Objects
from exchange.edge.requests import Run
from exchange.edge.text import EXACT, write_int, write_wide

SOFT: Final = 0
"""The finality of a trade that has just become durable."""


@final
class ReplyWriter:
    """Writes the replies of one venue, whose orders and fills are written by `objects`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._out = BytesWriter()
        self._last_ticks: list[int] = []  # of each instrument's last trade; −1: none
        self._directions: list[int] = []
        self._batch: list[int] = []  # the directions of the batch's trades
        self._first_trade: i64 = 0  # the id of the first of them
        self._end: i64 = 0  # of the command being looked at
        self._own: i64 = 0  # its order
        self._fee: i64 = 0  # of its trades
        self._fills: i64 = 0

    # --- tick directions ---------------------------------------------------------------------------

    def load_last(self, instrument: int, ticks: int, direction: int) -> None:
        """The last trade of an instrument, before `on_batch` tells more; −1 ticks for none."""
        while len(self._last_ticks) <= instrument:
            self._last_ticks.append(-1)
            self._directions.append(0)
        self._last_ticks[instrument] = ticks
        self._directions[instrument] = direction

    def on_batch(self, events: bytes) -> None:
        """Note which way the trades of a batch went: 0 up, 1 unchanged after up, 2 down, 3 after down."""
        end: i64 = len(events)
        at: i64 = 0
        self._batch = []
        while at < end:
            head = read_i64_le(events, at)
            if head & 0xFF == r.EV_TRADE:
                self._note_trade(events, at)
            elif head & 0xFF == r.EV_COMBO_TRADE:  # it takes an id too
                if not self._batch:
                    self._first_trade = read_i64_le(events, at + 24)
                self._batch.append(0)
            at += (head >> 16 & 0xFFFF) * r.UNIT_BYTES

    def _note_trade(self, events: bytes, at: i64) -> None:
        instrument = read_i64_le(events, at + 16) >> 32
        if instrument >= len(self._last_ticks):
            self.load_last(instrument, -1, 0)
        ticks = read_i64_le(events, at + 48)
        last: i64 = self._last_ticks[instrument]
        direction: i64 = self._directions[instrument]
        if last < 0 or ticks > last:
            direction = 0
        elif ticks < last:
            direction = 2
        else:
            direction |= 1
        self._last_ticks[instrument] = ticks
        self._directions[instrument] = direction
        if not self._batch:
            self._first_trade = read_i64_le(events, at + 24)
        self._batch.append(direction)

    # --- replies -----------------------------------------------------------------------------------

    def write(
        self,
        events: bytes,
        run: Run,
        place: int,
        at: int,
        budget: int,
        received_us: int,
        now_us: int,
        testnet: bool,
        replies: list[bytes],
    ) -> None:
        """Append the replies to a run's orders from `place` on, whose events begin at byte `at`, up to the
        first order that is not usual. A budget of −1 is not told."""
        count: i64 = len(run.ids)
        index: i64 = place
        start: i64 = at
        out = self._out
        tail = self._tail(budget, received_us, now_us, testnet)
        while index < count and self._is_usual(events, start, run.account):
            seq = read_i64_le(events, start + 8)
            out.truncate(0)
            out.write(b'{"jsonrpc":"2.0","id":')
            out.write(run.ids[index])
            out.write(b',"result":{"order":')
            label = run.labels[index]
            if not self._objects.write_order(out, events, self._own, label, b"", self._fee):
                return
            out.write(b',"trades":[')
            if self._fills and not self._write_fills(events, start, label):
                return
            out.write(b']},"seq":')
            write_wide(out, seq & limits.COUNTER_MASK)
            out.write(tail)
            replies.append(out.getvalue())
            start = self._end
            index += 1

    def _tail(self, budget: i64, received_us: i64, now_us: i64, testnet: bool) -> bytes:
        """What ends each reply, from the comma behind the sequence number on."""
        out = self._out
        out.truncate(0)
        if budget >= 0:
            out.write(b',"budget":')
            write_wide(out, budget)
        out.write(b',"usIn":')
        write_wide(out, received_us)
        out.write(b',"usOut":')
        write_wide(out, now_us)
        out.write(b',"usDiff":')
        write_int(out, now_us - received_us)
        out.write(b',"testnet":true}' if testnet else b',"testnet":false}')
        return out.getvalue()

    def _is_usual(self, events: bytes, at: i64, account: i64) -> bool:
        """Look at the events of the command at byte `at`: whether they are of one new order of the account,
        and of fills it took, alone."""
        size: i64 = len(events)
        seq = read_i64_le(events, at + 8)
        self._own = -1
        self._fee = 0
        self._fills = 0
        maker: i64 = 0
        taker: i64 = 0
        while at < size and read_i64_le(events, at + 8) == seq:
            head = read_i64_le(events, at)
            kind = head & 0xFF
            if kind == r.EV_ORDER:
                what = read_i64_le(events, at + 64) >> 32 & 0xFF
                ident = read_i64_le(events, at + 24)
                if what == r.ORDER_PLACED:
                    if self._own >= 0 or read_i64_le(events, at + 16) & 0xFFFF_FFFF != account:
                        return False
                    self._own = at
                elif what != r.ORDER_FILLED or ident != maker:
                    return False
            elif kind == r.EV_TRADE:
                if self._fills and read_i64_le(events, at + 40) != taker:
                    return False
                maker = read_i64_le(events, at + 32)
                taker = read_i64_le(events, at + 40)
                self._fee += read_i64_le(events, at + 80)
                self._fills += 1
            else:
                return False
            at += (head >> 16 & 0xFFFF) * r.UNIT_BYTES
        self._end = at
        own = self._own
        if own < 0 or seq < 0 or not -EXACT < self._fee < EXACT:
            return False
        ident = read_i64_le(events, own + 24)
        return ident >= 0 and (self._fills == 0 or ident == taker)

    def _write_fills(self, events: bytes, at: i64, label: bytes) -> bool:
        """The objects of the command's trades, as their taker sees them; whether all are written."""
        out = self._out
        more = b',"label":' + label if len(label) > 2 else b""
        is_first = True
        while at < self._end:
            head = read_i64_le(events, at)
            if head & 0xFF == r.EV_TRADE:
                if not is_first:
                    out.write(b",")
                is_first = False
                direction: i64 = self._batch[read_i64_le(events, at + 24) - self._first_trade]
                if not self._objects.write_trade(
                    out, events, at, events, self._own, False, direction, SOFT, more
                ):
                    return False
            at += (head >> 16 & 0xFFFF) * r.UNIT_BYTES
        return True
