"""The canonical state: what a snapshot holds and what the state hash covers.

Logical state only, in id order, never memory layout: two engines that would answer every future command
alike have the same bytes. All numbers are signed 64-bit little-endian words.

    1. scalars, 14 words: format (1), shard, rules version, next_seq, next_order, next_trade,
       next_priority, now_ms, mode, last_deposit_id, net deposits (deposits less withdrawals, micro-USDC),
       count of underlyings, of instruments, next account id
    2. per underlying: symbol, feed_seq, index_micro (0 before the first marks)
    3. per instrument: the 24 terms words of LIST_INSTRUMENT, state, marked (0 or 1), index_micro,
       mark_micro, forward_micro, delta_e9, vega_micro, trade_seq
    4. per account id from 0 to the next account id less one: cash_micro, flags, three owner words,
       created_ms
    5. count of seats, then per seat in (account, instrument) order: account, instrument, size_lots,
       entry_value_micro. A seat exists from the first order that passed its checks until the
       instrument is delivered or delisted
    6. count of resting orders, then per order in order_id order: order_id, account, instrument,
       price_ticks, open_lots, shown_lots, total lots, display_lots, filled_value, order flags,
       client_order_id, label, grant, created_ms, updated_ms, priority, hold_per_lot_micro

Counters (next_…) hold the counter without shard bits; order_id has them. `priority` numbers every queueing
of an order (placing, requeueing after an amend or an iceberg's refresh) from 1: orders of one level
stand in its order. Fields that follow from others (marks per lot, open lots and holds of seats,
quotes of a seat, price levels) are derived on reading.
"""

from __future__ import annotations

from librt.strings import BytesWriter, read_i64_le, write_i64_le
from mypy_extensions import i64

from exchange.core import ledger
from exchange.core.instruments import derive_from_marks, load_terms, rank_of
from exchange.core.layout import (
    A_CASH,
    A_CREATED,
    A_FLAGS,
    A_OWNER,
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    I_DELTA,
    I_FORWARD,
    I_INDEX,
    I_MARK,
    I_MARKED,
    I_STATE,
    I_TERMS,
    I_TRADE_SEQ,
    I_VEGA,
    INSTRUMENT_WORDS,
    L_HEAD,
    L_RANK,
    LEVEL_WORDS,
    O_CLIENT,
    O_CREATED,
    O_FLAGS,
    O_HOLD,
    O_ID,
    O_LABEL,
    O_LOTS,
    O_PLACE,
    O_PRICE,
    O_PRIORITY,
    O_QUEUE,
    O_SIZE,
    O_UPDATED,
    O_VALUE,
    O_WHO,
    ORDER_WORDS,
    S_ENTRY,
    S_KEY,
    S_NEXT,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_WORDS,
    U_FEED_SEQ,
    U_INDEX,
    U_SYMBOL,
    UNDERLYING_WORDS,
)
from exchange.core.world import World, pack
from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT

_FORMAT = 1
_SCALARS = 14
_ORDER_FIELDS = 17


class StateError(ValueError):
    """Bytes that are not a canonical state this code can read."""


def write(w: World) -> bytes:
    """The canonical state bytes."""
    b = BytesWriter()
    _put(
        b,
        [
            _FORMAT,
            w.shard,
            w.rules,
            w.next_seq,
            w.next_order,
            w.next_trade,
            w.next_priority,
            w.now_ms,
            w.mode,
            w.last_deposit,
            w.deposits_net,
            w.underlying_count,
            w.instrument_count,
            w.account_count,
        ],
    )
    _write_listings(w, b)
    _write_accounts(w, b)
    _write_orders(w, b)
    return b.getvalue()


def _put(b: BytesWriter, words: list[i64]) -> None:
    for word in words:
        write_i64_le(b, word)


def _write_listings(w: World, b: BytesWriter) -> None:
    data = w.underlyings
    number: i64 = 0
    while number < w.underlying_count:
        u = number * UNDERLYING_WORDS
        _put(b, [data[u + U_SYMBOL], data[u + U_FEED_SEQ], data[u + U_INDEX]])
        number += 1
    data = w.instruments
    number = 0
    while number < w.instrument_count:
        i = number * INSTRUMENT_WORDS
        word: i64 = 0
        while word < 24:
            write_i64_le(b, data[i + I_TERMS + word])
            word += 1
        _put(
            b,
            [
                data[i + I_STATE],
                data[i + I_MARKED],
                data[i + I_INDEX],
                data[i + I_MARK],
                data[i + I_FORWARD],
                data[i + I_DELTA],
                data[i + I_VEGA],
                data[i + I_TRADE_SEQ],
            ],
        )
        number += 1


def _write_accounts(w: World, b: BytesWriter) -> None:
    data = w.accounts
    seats = w.seats.data
    keys: list[i64] = []
    account: i64 = 0
    while account < w.account_count:
        a = account * ACCOUNT_WORDS
        _put(
            b,
            [
                data[a + A_CASH],
                data[a + A_FLAGS],
                data[a + A_OWNER],
                data[a + A_OWNER + 1],
                data[a + A_OWNER + 2],
                data[a + A_CREATED],
            ],
        )
        seat = data[a + A_SEAT_HEAD]
        while seat != 0:
            keys.append(seats[seat * SEAT_WORDS + S_KEY])
            seat = seats[seat * SEAT_WORDS + S_NEXT]
        account += 1
    keys.sort()
    write_i64_le(b, i64(len(keys)))
    for key in keys:
        s = w.seat_ids.find(key) * SEAT_WORDS
        _put(b, [key >> 20, key & SEAT_INSTRUMENT, seats[s + S_SIZE], seats[s + S_ENTRY]])


def _write_orders(w: World, b: BytesWriter) -> None:
    data = w.orders.data
    ids = order_ids(w)
    ids.sort()
    write_i64_le(b, i64(len(ids)))
    for ident in ids:
        o = w.order_ids.find(ident) * ORDER_WORDS
        _put(
            b,
            [
                data[o + O_ID],
                data[o + O_WHO] & r.U32,
                data[o + O_WHO] >> 32,
                data[o + O_PRICE],
                data[o + O_LOTS] & r.U32,
                data[o + O_LOTS] >> 32,
                data[o + O_SIZE] & r.U32,
                data[o + O_SIZE] >> 32,
                data[o + O_VALUE],
                data[o + O_FLAGS],
                data[o + O_CLIENT],
                data[o + O_LABEL] & r.U32,
                (data[o + O_LABEL] >> 32) & r.U32,
                data[o + O_CREATED],
                data[o + O_UPDATED],
                data[o + O_PRIORITY],
                data[o + O_HOLD],
            ],
        )


def order_ids(w: World) -> list[i64]:
    """The ids of all resting orders, in no order of meaning."""
    found: list[i64] = []
    levels = w.levels.data
    data = w.orders.data
    for book in w.books:
        sell: i64 = 0
        while sell < 2:
            level = book.best_level(sell)
            while level != 0:
                slot = levels[level * LEVEL_WORDS + L_HEAD]
                while slot != 0:
                    found.append(data[slot * ORDER_WORDS + O_ID])
                    slot = data[slot * ORDER_WORDS + O_QUEUE] & r.U32
                level = book.next_level(sell, levels[level * LEVEL_WORDS + L_RANK])
            sell += 1
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at: i64 = 0

    def word(self) -> i64:
        """The next word. Raises StateError at the end."""
        if self.at + 8 > i64(len(self.data)):
            raise StateError("the state ends too early")
        found = read_i64_le(self.data, self.at)
        self.at += 8
        return found

    def count(self, words: i64) -> i64:
        """A count of records of `words` words that fit what is left."""
        found = self.word()
        if found < 0 or found * words * 8 > i64(len(self.data)) - self.at:
            raise StateError(f"a count of {found} records does not fit")
        return found


def read(data: bytes, reserve_orders: i64) -> World:
    """The world whose canonical bytes these are. Raises StateError."""
    reader = _Reader(data)
    if reader.word() != _FORMAT:
        raise StateError("unknown state format")
    w = World(reader.word(), False, reserve_orders)
    w.rules = reader.word()
    w.next_seq = reader.word()
    w.next_order = reader.word()
    w.next_trade = reader.word()
    w.next_priority = reader.word()
    w.now_ms = reader.word()
    w.mode = reader.word()
    w.last_deposit = reader.word()
    w.deposits_net = reader.word()
    underlyings = reader.word()
    instruments = reader.word()
    accounts = reader.word()
    if underlyings < 0 or instruments < 0 or accounts < FIRST_USER_ACCOUNT:
        raise StateError("a count is out of range")
    _read_listings(w, reader, underlyings, instruments)
    _read_accounts(w, reader, accounts)
    _read_orders(w, reader)
    if reader.at != i64(len(data)):
        raise StateError("bytes follow the state")
    return w


def _read_listings(w: World, reader: _Reader, underlyings: i64, instruments: i64) -> None:
    while w.underlying_count < underlyings:
        u = w.add_underlying() * UNDERLYING_WORDS
        w.underlyings[u + U_SYMBOL] = reader.word()
        w.underlyings[u + U_FEED_SEQ] = reader.word()
        w.underlyings[u + U_INDEX] = reader.word()
    while w.instrument_count < instruments:
        if reader.at + 32 * 8 > i64(len(reader.data)):
            raise StateError("the state ends inside an instrument")
        number = w.add_instrument()
        load_terms(w, number, reader.data, reader.at)
        reader.at += 24 * 8
        i = number * INSTRUMENT_WORDS
        for field in (I_STATE, I_MARKED, I_INDEX, I_MARK, I_FORWARD, I_DELTA, I_VEGA, I_TRADE_SEQ):
            w.instruments[i + field] = reader.word()
        if w.instruments[i + I_MARKED] != 0:
            derive_from_marks(w, number)


def _read_accounts(w: World, reader: _Reader, accounts: i64) -> None:
    account: i64 = 0
    while account < accounts:
        if account >= FIRST_USER_ACCOUNT:
            w.add_account()
        a = account * ACCOUNT_WORDS
        for field in (A_CASH, A_FLAGS, A_OWNER, A_OWNER + 1, A_OWNER + 2, A_CREATED):
            w.accounts[a + field] = reader.word()
        account += 1
    seats = reader.count(4)
    while seats > 0:
        account = reader.word()
        instrument = reader.word()
        if account < 0 or account >= accounts or instrument < 0 or instrument >= w.instrument_count:
            raise StateError("a seat names an unknown account or instrument")
        s = ledger.make_seat(w, account, instrument) * SEAT_WORDS
        w.seats.data[s + S_SIZE] = reader.word()
        w.seats.data[s + S_ENTRY] = reader.word()
        seats -= 1


def _read_orders(w: World, reader: _Reader) -> None:
    count = reader.count(_ORDER_FIELDS)
    queue: list[tuple[int, int]] = []
    while count > 0:
        slot = w.orders.alloc()
        _read_order(w, reader, slot)
        queue.append((int(w.orders.data[slot * ORDER_WORDS + O_PRIORITY]), int(slot)))
        count -= 1
    queue.sort()
    for _, queued in queue:
        _queue(w, i64(queued))


def _read_order(w: World, reader: _Reader, slot: i64) -> None:
    data = w.orders.data
    o = slot * ORDER_WORDS
    data[o + O_ID] = reader.word()
    account = reader.word()
    instrument = reader.word()
    seat = ledger.find_seat(w, account, instrument)
    if seat == 0:
        raise StateError("an order has no seat")
    data[o + O_WHO] = account | instrument << 32
    data[o + O_PLACE] = seat << 32
    data[o + O_PRICE] = reader.word()
    opened = reader.word()
    data[o + O_LOTS] = opened | reader.word() << 32
    total = reader.word()
    data[o + O_SIZE] = total | reader.word() << 32
    data[o + O_VALUE] = reader.word()
    data[o + O_FLAGS] = reader.word()
    data[o + O_CLIENT] = reader.word()
    label = reader.word()
    data[o + O_LABEL] = pack(label, reader.word())
    data[o + O_CREATED] = reader.word()
    data[o + O_UPDATED] = reader.word()
    data[o + O_PRIORITY] = reader.word()
    data[o + O_HOLD] = reader.word()
    w.order_ids.insert(data[o + O_ID], slot)
    w.open_orders += 1
    ledger.add_open(w, slot)


def _queue(w: World, slot: i64) -> None:
    """Put a restored order at the end of its level."""
    data = w.orders.data
    o = slot * ORDER_WORDS
    instrument = data[o + O_WHO] >> 32
    book = w.books[instrument]
    sell = data[o + O_FLAGS] & 1
    price = data[o + O_PRICE]
    rank = rank_of(w, instrument, price)
    level = book.level_at(sell, rank)
    if level == 0:
        level = book.make_level(sell, rank, price)
    book.enqueue(level, slot, data[o + O_LOTS] >> 32)
