"""Orders and fills of their owners as JSON, straight from ORDER and TRADE records.

What of an object depends on few things (flags, state, why it ended) is asked for once for each combination
and kept as text; ids, times, prices and sizes are written anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from librt.strings import BytesWriter, read_i64_le
from mypy_extensions import i64

from exchange.domain import records as r
from exchange.edge.listings import LOT_E8, ROW_BYTES, TICK_MICRO, Listings
from exchange.edge.text import EXACT, write_e8, write_int, write_millionths, write_wide

KEPT_MAX: Final = 65_536
NO_FEE: Final = -(1 << 62)
"""Instead of what an order's fills have paid: it is not told."""
_TYPE_BITS: Final = r.TYPE_MASK << r.TYPE_SHIFT
_MARKET: Final = r.TYPE_MARKET << r.TYPE_SHIFT
_UNKNOWN: Final = 0xFF  # the state of an order that is not known

FixedOrder = Callable[[bytes], bytes]
"""What an ORDER's object has besides what is written here, as JSON members."""
FixedTrade = Callable[[bytes, bytes, bool, int, int], bytes]
"""The same of a TRADE: the TRADE, its owner's ORDER or nothing, whether that is the maker, tick direction,
finality (soft, posted, confirmed, final)."""
Average = Callable[[int, int, int], bytes]
"""The average price of (instrument, Σ ticks · lots, lots) as JSON."""


@final
class Objects:
    """Writes orders and fills of one venue."""

    def __init__(
        self, listings: Listings, fixed_order: FixedOrder, fixed_trade: FixedTrade, average: Average
    ) -> None:
        self._listings = listings
        self._fixed_order = fixed_order
        self._fixed_trade = fixed_trade
        self._average = average
        self._orders: dict[int, bytes] = {}
        self._trades: dict[int, bytes] = {}

    def order(self, record: bytes, at: int, label: bytes, more: bytes, fee: int) -> bytes:
        """The ORDER at byte `at`; `label` as JSON, `more` are members behind all others, `fee` in micro-USDC.
        Empty if its numbers are too large to be written here."""
        out = BytesWriter()
        return out.getvalue() if self.write_order(out, record, at, label, more, fee) else b""

    def write_order(
        self, out: BytesWriter, events: bytes, at: i64, label: bytes, more: bytes, fee: i64
    ) -> bool:
        """As `order`, behind what is written; whether it was."""
        listings = self._listings
        instrument = read_i64_le(events, at + 16) >> 32
        size = read_i64_le(events, at + 40)
        filled = read_i64_le(events, at + 48)
        resting = read_i64_le(events, at + 56)
        word = read_i64_le(events, at + 64)
        flags = word & 0xFFFF_FFFF
        state = word >> 40 & 0xFF
        lot = read_i64_le(listings.table, instrument * ROW_BYTES + LOT_E8)
        tick = read_i64_le(listings.table, instrument * ROW_BYTES + TICK_MICRO)
        price = read_i64_le(events, at + 32)
        if fee >= EXACT or (fee <= -EXACT and fee != NO_FEE):
            return False
        if size >= EXACT // lot or price >= EXACT // tick or price <= -(EXACT // tick):
            return False
        out.write(b'{"order_id":"')
        write_wide(out, read_i64_le(events, at + 24))
        out.write(b'","instrument_name":')
        out.write(listings.names[instrument])
        out.write(b',"creation_timestamp":')
        write_int(out, read_i64_le(events, at + 104))
        out.write(b',"last_update_timestamp":')
        write_int(out, read_i64_le(events, at + 96))
        out.write(b',"price":')
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
            self._write_average(out, instrument, read_i64_le(events, at + 88), filled, tick)
        else:
            out.write(b"0.0")
        if fee != NO_FEE:
            out.write(b',"commission":')
            write_millionths(out, fee)
        out.write(b',"label":')
        out.write(label)
        out.write(b',"seq":')
        write_wide(out, read_i64_le(events, at + 8))
        out.write(b",")
        out.write(self._fixed_of(events, at))
        out.write(more)
        client = read_i64_le(events, at + 72)
        if client:
            out.write(b',"client_order_id":"')
            write_unsigned(out, client)
            out.write(b'"')
        shown = read_i64_le(events, at + 112)
        if shown < resting and state != r.ORDER_STATE_UNTRIGGERED:
            out.write(b',"display_amount":')
            write_e8(out, shown * lot)
        out.write(b"}")
        return True

    def _write_average(
        self, out: BytesWriter, instrument: i64, value: i64, lots: i64, tick: i64
    ) -> None:
        price = value // lots
        if price * lots == value:
            write_millionths(out, price * tick)
        else:
            out.write(self._average(instrument, value, lots))

    def _fixed_of(self, events: bytes, at: i64) -> bytes:
        word = read_i64_le(events, at + 64)
        amended: i64 = 0
        if word >> 32 & 0xFF == r.ORDER_AMENDED:
            amended = 1
        key = int(word & 0xFF00_FFFF_FFFF | (word >> 48 & 0xFFFF) << 48 | amended << 32)
        known = self._orders.get(key)
        if known is None:
            if len(self._orders) >= KEPT_MAX:
                self._orders.clear()
            known = self._fixed_order(record_at(events, at))
            self._orders[key] = known
        return known

    # --- fills -------------------------------------------------------------------------------------

    def trade(
        self,
        events: bytes,
        at: int,
        order: bytes,
        own: int,
        is_maker: bool,
        direction: int,
        finality: int,
        more: bytes,
    ) -> bytes:
        """One side of the TRADE at byte `at`; that side's ORDER stands at byte `own` of `order`, −1 for none.
        `more` are members behind all others. Empty if its numbers are too large to be written here."""
        out = BytesWriter()
        self.write_trade(out, events, at, order, own, is_maker, direction, finality, more)
        return out.getvalue()

    def write_trade(
        self,
        out: BytesWriter,
        events: bytes,
        at: i64,
        order: bytes,
        own: i64,
        is_maker: bool,
        direction: i64,
        finality: i64,
        more: bytes,
    ) -> bool:
        """As `trade`, behind what is written; whether it was."""
        listings = self._listings
        instrument = read_i64_le(events, at + 16) >> 32
        lot = read_i64_le(listings.table, instrument * ROW_BYTES + LOT_E8)
        tick = read_i64_le(listings.table, instrument * ROW_BYTES + TICK_MICRO)
        lots = read_i64_le(events, at + 56)
        price = read_i64_le(events, at + 48)
        fee = read_i64_le(events, at + 72 if is_maker else at + 80)
        if not _are_exact(events, at, fee) or lots >= EXACT // lot or price >= EXACT // tick:
            return False
        out.write(b'{"trade_id":"')
        write_wide(out, read_i64_le(events, at + 24))
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
        write_millionths(out, price * tick)
        out.write(b',"amount":')
        write_e8(out, lots * lot)
        out.write(b',"contracts":')
        write_e8(out, lots * lot)
        out.write(b',"seq":')
        write_wide(out, read_i64_le(events, at + 8))
        out.write(b',"order_id":"')
        write_wide(out, read_i64_le(events, at + 32 if is_maker else at + 40))
        out.write(b'","fee":')
        write_millionths(out, fee)
        out.write(b",")
        out.write(self._fixed_trade_of(events, at, order, own, is_maker, direction, finality))
        out.write(more)
        out.write(b"}")
        return True

    def _fixed_trade_of(
        self,
        events: bytes,
        at: i64,
        order: bytes,
        own: i64,
        is_maker: bool,
        direction: i64,
        finality: i64,
    ) -> bytes:
        word: i64 = _UNKNOWN << 40
        if own >= 0:
            word = read_i64_le(order, own + 64)
        accounts = read_i64_le(events, at + 64)
        side: i64 = 0
        if accounts & 0xFFFF_FFFF == accounts >> 32 & 0xFFFF_FFFF:
            side = 1
        if is_maker:
            side |= 2
        trade_flags = read_i64_le(events, at + 88) & 0xFFFF_FFFF
        rest = side | finality << 2 | direction << 4 | (word >> 40 & 0xFF) << 6
        key = int(word & 0xFFFF_FFFF | rest << 32) << 32 | int(trade_flags)
        known = self._trades.get(key)
        if known is None:
            if len(self._trades) >= KEPT_MAX:
                self._trades.clear()
            owned = record_at(order, own) if own >= 0 else b""
            known = self._fixed_trade(record_at(events, at), owned, is_maker, int(direction), int(finality))
            self._trades[key] = known
        return known


def _are_exact(events: bytes, at: i64, fee: i64) -> bool:
    """Whether a TRADE's figures in micro-USDC print the digits that the nearest float has."""
    return (
        -EXACT < fee < EXACT
        and -EXACT < read_i64_le(events, at + 104) < EXACT
        and -EXACT < read_i64_le(events, at + 112) < EXACT
        and -EXACT < read_i64_le(events, at + 120) < EXACT
    )


def record_at(events: bytes, at: i64) -> bytes:
    """The event at byte `at`."""
    return events[at : at + (read_i64_le(events, at) >> 16 & 0xFFFF) * r.UNIT_BYTES]


def write_unsigned(out: BytesWriter, value: i64) -> None:
    """An unsigned 64-bit integer, whose word is read as a signed one."""
    if value >= 0:
        write_wide(out, value)
    else:
        out.write(b"%d" % (int(value) + (1 << 64)))


def orders_behind(events: bytes, start: int) -> tuple[int, int]:
    """Where the ORDERs of the maker and the aggressor of the TRADE (or a combo's print) at byte `start` stand
    behind it, −1 for one that is not told: of a block there are none, of an implied order's print one alone.
    """
    at: i64 = start
    end: i64 = len(events)
    seq = read_i64_le(events, at + 8)
    maker = read_i64_le(events, at + 32)
    taker = read_i64_le(events, at + 40)
    rests = read_i64_le(events, at + 88) & r.TRADE_RESTS != 0  # the TRADE's taker is a combo's maker
    makers: i64 = -1
    takers: i64 = -1
    while True:
        at += (read_i64_le(events, at) >> 16 & 0xFFFF) * r.UNIT_BYTES
        if at >= end or read_i64_le(events, at + 8) != seq:
            break
        if read_i64_le(events, at) & 0xFF != r.EV_ORDER:
            continue
        order = read_i64_le(events, at + 24)
        was_filled = read_i64_le(events, at + 64) >> 32 & 0xFF == r.ORDER_FILLED
        if was_filled != (order == maker or rests):
            continue
        if order == maker and maker != 0 and makers < 0:
            makers = at
        elif order == taker and taker != 0 and takers < 0:
            takers = at
        if (makers >= 0 or maker == 0) and (takers >= 0 or taker == 0):
            break
    return int(makers), int(takers)
