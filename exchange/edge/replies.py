"""Replies to new orders: events in, JSON out.

What of an order's or a fill's object depends on few things (flags, state, why it ended) is asked for once
for each combination and kept as text; ids, times, prices and sizes are written anew. A command whose events
tell of more than its own order and the fills it took is left to the general way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from librt.strings import BytesWriter, read_i64_le
from mypy_extensions import i64

from exchange.domain import limits
from exchange.domain import records as r
from exchange.edge.listings import LOT_E8, ROW_BYTES, TICK_MICRO, Listings
from exchange.edge.requests import Run
from exchange.edge.text import EXACT, write_e8, write_int, write_millionths, write_wide

KEPT_MAX: Final = 65_536
_TYPE_BITS: Final = r.TYPE_MASK << r.TYPE_SHIFT
_MARKET: Final = r.TYPE_MARKET << r.TYPE_SHIFT

FixedOrder = Callable[[bytes], bytes]
"""What an ORDER's object has besides what is written here, as JSON members."""
FixedTrade = Callable[[bytes, bytes, int], bytes]
"""The same of a TRADE, seen by its taker: the TRADE, the taker's ORDER, tick direction."""
Average = Callable[[int, int, int], bytes]
"""The average price of (instrument, Σ ticks · lots, lots) as JSON."""


@final
class ReplyWriter:
    """Writes the replies of one venue."""

    def __init__(
        self, listings: Listings, fixed_order: FixedOrder, fixed_trade: FixedTrade, average: Average
    ) -> None:
        self._listings = listings
        self._fixed_order = fixed_order
        self._fixed_trade = fixed_trade
        self._average = average
        self._orders: dict[int, bytes] = {}
        self._trades: dict[int, bytes] = {}
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
            self._write_order(events, run.labels[index])
            out.write(b',"trades":[')
            if self._fills:
                self._write_fills(events, start, run.labels[index])
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

    def _write_order(self, events: bytes, label: bytes) -> None:
        """The object of the command's own order."""
        out, at, listings = self._out, self._own, self._listings
        instrument = read_i64_le(events, at + 16) >> 32
        size = read_i64_le(events, at + 40)
        filled = read_i64_le(events, at + 48)
        resting = read_i64_le(events, at + 56)
        word = read_i64_le(events, at + 64)
        flags = word & 0xFFFF_FFFF
        state = word >> 40 & 0xFF
        lot = read_i64_le(listings.table, instrument * ROW_BYTES + LOT_E8)
        tick = read_i64_le(listings.table, instrument * ROW_BYTES + TICK_MICRO)
        out.write(b'{"order_id":"')
        write_wide(out, read_i64_le(events, at + 24))
        out.write(b'","instrument_name":')
        out.write(listings.names[instrument])
        out.write(b',"creation_timestamp":')
        write_int(out, read_i64_le(events, at + 104))
        out.write(b',"last_update_timestamp":')
        write_int(out, read_i64_le(events, at + 96))
        out.write(b',"price":')
        price = read_i64_le(events, at + 32)
        if flags & _TYPE_BITS == _MARKET:
            out.write(b'"market_price"')
        else:
            write_millionths(out, price * tick)
        out.write(b',"amount":')
        write_e8(out, size * lot)
        out.write(b',"contracts":')
        write_e8(out, size * lot)
        out.write(b',"filled_amount":')
        write_e8(out, filled * lot)
        out.write(b',"average_price":')
        if filled:
            self._write_average(instrument, read_i64_le(events, at + 88), filled, tick)
        else:
            out.write(b"0.0")
        out.write(b',"commission":')
        write_millionths(out, self._fee)
        out.write(b',"label":')
        out.write(label)
        out.write(b',"seq":')
        write_wide(out, read_i64_le(events, at + 8))
        out.write(b",")
        out.write(self._fixed_of(events, at, flags, state, word >> 48 & 0xFFFF))
        client = read_i64_le(events, at + 72)
        if client:
            out.write(b',"client_order_id":"')
            write_wide(out, client)
            out.write(b'"')
        shown = read_i64_le(events, at + 112)
        if shown < resting and state != r.ORDER_STATE_UNTRIGGERED:
            out.write(b',"display_amount":')
            write_e8(out, shown * lot)
        out.write(b"}")

    def _write_average(self, instrument: i64, value: i64, lots: i64, tick: i64) -> None:
        price = value // lots
        if price * lots == value:
            write_millionths(self._out, price * tick)
        else:
            self._out.write(self._average(instrument, value, lots))

    def _fixed_of(self, events: bytes, at: i64, flags: i64, state: i64, reason: i64) -> bytes:
        key = int(flags | state << 32 | reason << 40)
        known = self._orders.get(key)
        if known is None:
            if len(self._orders) >= KEPT_MAX:
                self._orders.clear()
            known = self._fixed_order(_record(events, at))
            self._orders[key] = known
        return known

    def _write_fills(self, events: bytes, at: i64, label: bytes) -> None:
        """The objects of the command's trades, as their taker sees them."""
        out = self._out
        is_first = True
        while at < self._end:
            head = read_i64_le(events, at)
            if head & 0xFF == r.EV_TRADE:
                if not is_first:
                    out.write(b",")
                is_first = False
                self._write_fill(events, at, label)
            at += (head >> 16 & 0xFFFF) * r.UNIT_BYTES

    def _write_fill(self, events: bytes, at: i64, label: bytes) -> None:
        out, listings = self._out, self._listings
        instrument = read_i64_le(events, at + 16) >> 32
        ident = read_i64_le(events, at + 24)
        lots = read_i64_le(events, at + 56) * read_i64_le(listings.table, instrument * ROW_BYTES + LOT_E8)
        tick = read_i64_le(listings.table, instrument * ROW_BYTES + TICK_MICRO)
        out.write(b'{"trade_id":"')
        write_wide(out, ident)
        out.write(b'","trade_seq":')
        write_wide(out, read_i64_le(events, at + 128))
        out.write(b',"instrument_name":')
        out.write(listings.names[instrument])
        out.write(b',"timestamp":')
        write_int(out, read_i64_le(events, at + 96))
        out.write(b',"index_price":')
        write_millionths(out, read_i64_le(events, at + 104))
        out.write(b',"mark_price":')
        write_millionths(out, read_i64_le(events, at + 112))
        out.write(b',"underlying_price":')
        write_millionths(out, read_i64_le(events, at + 120))
        out.write(b',"price":')
        write_millionths(out, read_i64_le(events, at + 48) * tick)
        out.write(b',"amount":')
        write_e8(out, lots)
        out.write(b',"contracts":')
        write_e8(out, lots)
        out.write(b',"seq":')
        write_wide(out, read_i64_le(events, at + 8))
        out.write(b',"order_id":"')
        write_wide(out, read_i64_le(events, at + 40))
        out.write(b'","fee":')
        write_millionths(out, read_i64_le(events, at + 80))
        out.write(b",")
        direction: i64 = self._batch[ident - self._first_trade]
        out.write(self._fixed_trade_of(events, at, direction))
        if len(label) > 2:
            out.write(b',"label":')
            out.write(label)
        out.write(b"}")

    def _fixed_trade_of(self, events: bytes, at: i64, direction: i64) -> bytes:
        own = read_i64_le(events, self._own + 64)
        accounts = read_i64_le(events, at + 64)
        same: i64 = 0
        if accounts & 0xFFFF_FFFF == accounts >> 32 & 0xFFFF_FFFF:
            same = 1
        trade_flags = read_i64_le(events, at + 88)
        key = int(own & 0xFFFF_FFFF | (own >> 40 & 0xFF) << 32 | trade_flags << 40
                  | direction << 50 | same << 52)
        known = self._trades.get(key)
        if known is None:
            if len(self._trades) >= KEPT_MAX:
                self._trades.clear()
            known = self._fixed_trade(_record(events, at), _record(events, self._own), int(direction))
            self._trades[key] = known
        return known


def _record(events: bytes, at: i64) -> bytes:
    """The event at byte `at`."""
    return events[at : at + (read_i64_le(events, at) >> 16 & 0xFFFF) * r.UNIT_BYTES]
