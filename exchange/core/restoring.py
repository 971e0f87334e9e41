"""The canonical state, read back: `state` has its layout and writes it."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import (
    combo_seats,
    combo_terms,
    family,
    ledger,
    restoring_extras,
    restoring_orders,
    state_combos,
)
from exchange.core.instruments import load_terms, out_of_range, rank_of
from exchange.core.layout import (
    A_MAIN,
    A_PENDING,
    A_QUOTES_FROZEN,
    ACCOUNT_WORDS,
    FEE_WORDS,
    I_DELTA,
    I_FORWARD,
    I_INDEX,
    I_MARK,
    I_MARKED,
    I_OPEN_INTEREST,
    I_STATE,
    I_TABLED,
    I_TRADE_SEQ,
    I_UNDERLYING,
    I_VEGA,
    INSTRUMENT_WORDS,
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
    O_SIZE,
    O_UPDATED,
    O_VALUE,
    O_WHO,
    OF_COMBO,
    ORDER_FLAGS,
    ORDER_WORDS,
    R_SCENARIOS,
    S_ENTRY,
    S_SIZE,
    SEAT_WORDS,
    TABLE_WORDS,
    U_FEED_SEQ,
    U_INDEX,
    U_RISK,
    U_STATE,
    U_SYMBOL,
    UNDERLYING_WORDS,
)
from exchange.core.marks import derive_from_marks
from exchange.core.state import (
    ACCOUNT_FIELDS,
    ACCOUNT_FIELDS_2,
    FORMAT_1,
    FORMAT_2,
    FORMAT_3,
    FORMAT_4,
    FORMAT_5,
    ORDER_FIELDS,
    format_of,
    order_ids,
    scenarios_of,
)
from exchange.core.state_reader import Reader, StateError
from exchange.core.world import World, pack
from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT, MAX_ID_WINDOW, MAX_SCENARIOS, MAX_TIERS, RULES_VERSION

__all__ = ["StateError", "read"]


def read(data: bytes, reserve_orders: i64) -> World:
    """The world whose canonical bytes these are. Raises StateError."""
    reader = Reader(data)
    form = reader.word()
    if form < FORMAT_1 or form > FORMAT_5:
        raise StateError(f"unknown state format {form}")
    w = World(reader.word(), False, reserve_orders)
    w.rules = reader.word()
    if w.rules < 1 or w.rules > RULES_VERSION or form != format_of(w.rules):
        raise StateError(f"rules {w.rules} in a state of format {form}")
    if w.rules >= 3:
        w.reserve_kept()
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
    if form >= FORMAT_2:
        _read_schedule(w, reader)
    _read_underlyings(w, reader, underlyings)
    _read_instruments(w, reader, instruments)
    _read_accounts(w, reader, accounts)
    _read_seats(w, reader)
    protected = _read_orders(w, reader)
    if form >= FORMAT_2:
        _read_withdrawals(w, reader)
    if form >= FORMAT_3:
        in_books = _slots(w)
        restoring_orders.read(w, reader, protected)
        restoring_extras.read(w, reader, in_books)
    if form >= FORMAT_4:
        state_combos.read(w, reader)
    if form >= FORMAT_5:
        w.forced_through = reader.word()
        if w.forced_through < 0:
            raise StateError("the last forced withdrawal is out of range")
    if reader.at != i64(len(data)):
        raise StateError("bytes follow the state")
    return w


def _read_schedule(w: World, reader: Reader) -> None:
    w.last_withdrawal = reader.word()
    w.share_account = reader.word()
    w.share_phase = reader.word()
    w.share_at = reader.word()
    w.share_total = reader.word()
    w.share_deficit = reader.word()
    w.share_remaining = reader.word()
    w.tier_count = reader.word()
    w.combo_discount = reader.word()
    if w.tier_count < 0 or w.tier_count > MAX_TIERS:
        raise StateError("a count of fee tiers is out of range")
    reader.fill(w.fees, 0, MAX_TIERS * FEE_WORDS)
    if w.rules >= 3:
        w.id_window = reader.word()
        if w.id_window < 1 or w.id_window > MAX_ID_WINDOW:
            raise StateError("a window of ids is out of range")


def _read_underlyings(w: World, reader: Reader, count: i64) -> None:
    while w.underlying_count < count:
        u = w.add_underlying() * UNDERLYING_WORDS
        w.underlyings[u + U_SYMBOL] = reader.word()
        w.underlyings[u + U_FEED_SEQ] = reader.word()
        w.underlyings[u + U_INDEX] = reader.word()
        if w.rules >= 2:
            w.underlyings[u + U_STATE] = reader.word()
            reader.fill(w.underlyings, u + U_RISK, r.RISK_WORDS)
            scenarios = w.underlyings[u + U_RISK + R_SCENARIOS]
            if scenarios < 0 or scenarios > MAX_SCENARIOS:
                raise StateError("a count of scenarios is out of range")


def _read_instruments(w: World, reader: Reader, count: i64) -> None:
    while w.instrument_count < count:
        if reader.at + 32 * 8 > i64(len(reader.data)):
            raise StateError("the state ends inside an instrument")
        state_combos.must_name_legs(w, reader.data, reader.at)
        number = w.add_instrument()
        load_terms(w, number, reader.data, reader.at)
        reader.at += 24 * 8
        i = number * INSTRUMENT_WORDS
        if w.instruments[i + I_UNDERLYING] >= w.underlying_count:
            raise StateError("an instrument names an unknown underlying")
        for field in (I_STATE, I_MARKED, I_INDEX, I_MARK, I_FORWARD, I_DELTA, I_VEGA, I_TRADE_SEQ):
            w.instruments[i + field] = reader.word()
        state_combos.count_open(w, number)
        if w.rules >= 2:
            w.instruments[i + I_TABLED] = reader.word()
            if w.instruments[i + I_TABLED] != 0:
                reader.fill(w.tables, number * TABLE_WORDS, scenarios_of(w, number))
        if w.instruments[i + I_MARKED] != 0:
            derive_from_marks(w, number)


def _read_accounts(w: World, reader: Reader, accounts: i64) -> None:
    account: i64 = 0
    while account < accounts:
        if account >= FIRST_USER_ACCOUNT:
            w.add_account()
        a = account * ACCOUNT_WORDS
        for field in ACCOUNT_FIELDS:
            w.accounts[a + field] = reader.word()
        if w.rules >= 2:
            for field in ACCOUNT_FIELDS_2:
                w.accounts[a + field] = reader.word()
            main = w.accounts[a + A_MAIN]
            if main != 0:
                if main < FIRST_USER_ACCOUNT or main >= account:
                    raise StateError("an account names an unknown main account")
                if w.accounts[main * ACCOUNT_WORDS + A_MAIN] != 0:
                    raise StateError("an account names a subaccount as its main account")
                family.join(w, main, account)
        if w.rules >= 3:
            w.accounts[a + A_QUOTES_FROZEN] = reader.word()
        account += 1


def _read_seats(w: World, reader: Reader) -> None:
    seats = reader.count(4)
    while seats > 0:
        account = reader.word()
        instrument = reader.word()
        if account < 0 or account >= w.account_count or instrument < 0 or instrument >= w.instrument_count:
            raise StateError("a seat names an unknown account or instrument")
        s = ledger.make_seat(w, account, instrument) * SEAT_WORDS
        w.seats.data[s + S_SIZE] = reader.word()
        w.seats.data[s + S_ENTRY] = reader.word()
        if w.seats.data[s + S_SIZE] > 0:
            w.instruments[instrument * INSTRUMENT_WORDS + I_OPEN_INTEREST] += w.seats.data[s + S_SIZE]
        seats -= 1


def _read_withdrawals(w: World, reader: Reader) -> None:
    count = reader.count(3)
    while count > 0:
        ident = reader.word()
        account = reader.word()
        if account < FIRST_USER_ACCOUNT or account >= w.account_count:
            raise StateError("a withdrawal names an unknown account")
        w.pending[ident] = (account, reader.word())
        w.accounts[account * ACCOUNT_WORDS + A_PENDING] += 1
        count -= 1


def _read_orders(w: World, reader: Reader) -> list[tuple[int, int]]:
    """Read the resting orders; the slots and group words of those that are protected, in order_id order."""
    count = reader.count(ORDER_FIELDS)
    queue: list[tuple[int, int]] = []
    protected: list[tuple[int, int]] = []
    while count > 0:
        slot = w.orders.alloc()
        _read_order(w, reader, slot)
        group = reader.word() if w.rules >= 3 else 0
        if (group != 0) != (w.orders.data[slot * ORDER_WORDS + O_FLAGS] & r.FLAG_MMP != 0):
            raise StateError("an order is protected by no group, or a group's that is not protected")
        if group != 0:
            protected.append((int(slot), int(group)))
        queue.append((int(w.orders.data[slot * ORDER_WORDS + O_PRIORITY]), int(slot)))
        count -= 1
    queue.sort()
    for _, queued in queue:
        _queue(w, i64(queued))
    return protected


def _slots(w: World) -> list[int]:
    """The slots of the orders in books, in order of id."""
    found: list[int] = []
    for ident in sorted(order_ids(w)):
        found.append(int(w.order_ids.find(ident)))
    return found


def _read_order(w: World, reader: Reader, slot: i64) -> None:
    data = w.orders.data
    o = slot * ORDER_WORDS
    data[o + O_ID] = reader.word()
    account = reader.word()
    instrument = reader.word()
    if instrument < 0 or instrument >= w.instrument_count:
        raise StateError("an order's instrument is unknown")
    combo = combo_terms.is_combo(w, instrument)
    seat = ledger.find_seat(w, account, instrument)
    if combo:
        seat = combo_seats.first(w, account, instrument)
        if combo_seats.missing(w, account, instrument) != 0:
            seat = 0
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
    if data[o + O_FLAGS] & ~ORDER_FLAGS != 0:
        raise StateError("an order's flags are out of range")
    if combo:
        data[o + O_FLAGS] |= OF_COMBO
        if out_of_range(w, instrument, data[o + O_PRICE]):
            raise StateError("an order's price is out of range")
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
