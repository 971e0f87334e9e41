"""What must hold after every command, checked in full. Slow: for tests, tools and audits, never on the path.

The checks are explicit, so that `python -O` keeps them. They read the state through its own arrays and
change nothing but cached sums, which are not part of the canonical state.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import folios, invariants_combos, invariants_extras, invariants_orders, margin, state
from exchange.core.book import Book
from exchange.core.engine import Engine
from exchange.core.instruments import rank_of
from exchange.core.invariants_orders import InvariantError, must
from exchange.core.layout import (
    A_CASH,
    A_KIN,
    A_LIQUIDATION,
    A_LOCKED,
    A_MAIN,
    A_MODEL,
    A_ORDER_HEAD,
    A_ORDERS,
    A_PENDING,
    A_REQUIREMENT,
    A_SEAT_HEAD,
    A_SEATS,
    A_SUBACCOUNTS,
    A_TIER,
    A_VOLUME,
    ACCOUNT_WORDS,
    I_OPEN_INTEREST,
    INSTRUMENT_WORDS,
    L_HEAD,
    L_PRICE,
    L_RANK,
    L_SHOWN,
    L_TAIL,
    LEVEL_WORDS,
    O_FLAGS,
    O_HOLD,
    O_ID,
    O_LIST,
    O_LOTS,
    O_PLACE,
    O_PRICE,
    O_QUEUE,
    O_SIZE,
    O_WHO,
    OF_COMBO,
    ORDER_WORDS,
    S_ENTRY,
    S_HOLD,
    S_KEY,
    S_NEXT,
    S_OPEN_BUY,
    S_OPEN_SELL,
    S_PREV,
    S_QUOTE_ASK,
    S_QUOTE_BID,
    S_REQUIREMENT,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_SHIFT,
    SEAT_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r
from exchange.domain.limits import (
    ACCOUNT_BRIDGE,
    ACCOUNT_WITHDRAWALS,
    FIRST_USER_ACCOUNT,
    MAX_SUBACCOUNTS,
    MAX_TIERS,
    MAX_VOLUME_MICRO,
)

__all__ = ["InvariantError", "check"]


def check(engine: Engine) -> None:
    """Check every invariant of docs/rules.md and the consistency of the core's structures.

    Raises:
        InvariantError: naming the first that does not hold.
    """
    w = engine.world
    _check_books(w)
    _check_ids(w)
    if not w.null_ledger:
        _check_accounts(w)
        _check_conservation(w)
        _check_held(w)
        _check_families(w)
        invariants_orders.check(w)
        invariants_extras.check(w)
        invariants_combos.check(w)


def _check_books(w: World) -> None:
    """Books are uncrossed, levels sorted, counted and complete, queues linked, totals right."""
    instrument: i64 = 0
    for book in w.books:
        must(
            book.best_bid < 0 or book.best_ask < 0 or book.best_bid < book.best_ask,
            "a book is crossed: instrument",
            instrument,
        )
        must(_check_side(w, book, instrument, 0) == book.bid_levels, "bid levels miscounted", instrument)
        must(_check_side(w, book, instrument, 1) == book.ask_levels, "ask levels miscounted", instrument)
        instrument += 1


def _check_side(w: World, book: Book, instrument: i64, sell: i64) -> i64:
    """Check one side from the touch outwards. Returns how many levels it has."""
    levels = w.levels.data
    found: i64 = 0
    best = book.best_ask if sell != 0 else book.best_bid
    level = book.best_level(sell)
    must((level == 0) == (best < 0), "the touch names no level: instrument", instrument)
    before: i64 = -1
    while level != 0:
        v = level * LEVEL_WORDS
        rank = levels[v + L_RANK]
        if before < 0:
            must(rank == best, "the best level is not at the touch: instrument", instrument)
        else:
            must(rank > before if sell != 0 else rank < before, "levels out of order", instrument)
        must(rank == rank_of(w, instrument, levels[v + L_PRICE]), "a level's rank is not its price's", level)
        must(book.level_at(sell, rank) == level, "a level is not found at its rank", level)
        _check_queue(w, level, instrument, sell)
        before = rank
        found += 1
        level = book.next_level(sell, rank)
    return found


def _check_queue(w: World, level: i64, instrument: i64, sell: i64) -> None:
    levels = w.levels.data
    orders = w.orders.data
    v = level * LEVEL_WORDS
    shown: i64 = 0
    last: i64 = 0
    slot = levels[v + L_HEAD]
    must(slot != 0, "a level is empty", level)
    while slot != 0:
        o = slot * ORDER_WORDS
        queue = orders[o + O_QUEUE]
        level_there = orders[o + O_PLACE] & r.U32
        must(queue >> 32 == last and level_there == level, "a queue is torn at order", slot)
        must(orders[o + O_WHO] >> 32 == instrument, "an order stands in another's book", slot)
        must(orders[o + O_PRICE] == levels[v + L_PRICE], "an order stands at another price", slot)
        must(orders[o + O_FLAGS] & 1 == sell, "an order stands on the wrong side", slot)
        opened = orders[o + O_LOTS] & r.U32
        must(0 < opened and opened <= orders[o + O_SIZE] & r.U32, "open lots beyond an order's size", slot)
        visible = orders[o + O_LOTS] >> 32
        must(0 < visible and visible <= opened, "an order shows what it lacks", slot)
        shown += visible
        last = slot
        slot = queue & r.U32
    must(last == levels[v + L_TAIL], "a level's tail is not its last order", level)
    must(shown == levels[v + L_SHOWN], "a level's total is not its orders'", level)


def _check_ids(w: World) -> None:
    """Every open order, and nothing else, is found by its id."""
    ids = state.order_ids(w)
    must(i64(len(ids)) + w.untriggered == w.open_orders, "open orders miscounted", w.open_orders)
    must(w.order_ids.used == w.open_orders, "ids miscounted", w.order_ids.used)
    for ident in ids:
        slot = w.order_ids.find(ident)
        must(slot != 0 and w.orders.data[slot * ORDER_WORDS + O_ID] == ident, "an id is lost", ident)


def _check_accounts(w: World) -> None:
    seats: i64 = 0
    orders: i64 = 0
    account: i64 = 0
    while account < w.account_count:
        a = account * ACCOUNT_WORDS
        _check_seats(w, account)
        _check_orders(w, account)
        seats += w.accounts[a + A_SEATS]
        orders += w.accounts[a + A_ORDERS]
        account += 1
    must(seats == w.seat_ids.used, "seats miscounted", seats)
    must(orders == w.open_orders, "accounts' orders miscounted", orders)


def _check_seats(w: World, account: i64) -> None:
    """An account's seats are linked and found, its cached requirement is their sum."""
    margin.refresh(w, account)
    data = w.seats.data
    a = account * ACCOUNT_WORDS
    found: i64 = 0
    last: i64 = 0
    required: i64 = 0
    seat = w.accounts[a + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        key = data[s + S_KEY]
        must(key >> SEAT_SHIFT == account and data[s + S_PREV] == last, "a list of seats is torn", seat)
        must(w.seat_ids.find(key) == seat, "a seat is lost", seat)
        needed = margin.needed(
            w, a, key & SEAT_INSTRUMENT, data[s + S_SIZE], data[s + S_OPEN_BUY], data[s + S_OPEN_SELL],
            data[s + S_HOLD],
        )  # fmt: skip
        must(needed == data[s + S_REQUIREMENT], "a seat's requirement is stale", seat)
        required += needed
        found += 1
        last = seat
        seat = data[s + S_NEXT]
    must(found == w.accounts[a + A_SEATS], "an account's seats are miscounted", account)
    must(required == w.accounts[a + A_REQUIREMENT], "an account's requirement is not its seats'", account)
    must(folios.follows(w, account), "an account's scenario sums are not its seats'", account)


def _check_orders(w: World, account: i64) -> None:
    """An account's orders are linked in id order; its seats hold open exactly what these do."""
    orders = w.orders.data
    lots: dict[int, tuple[int, int, int]] = {}
    a = account * ACCOUNT_WORDS
    found: i64 = 0
    last: i64 = 0
    last_id: i64 = -1
    slot = w.accounts[a + A_ORDER_HEAD]
    while slot != 0:
        o = slot * ORDER_WORDS
        theirs = orders[o + O_WHO] & r.U32 == account
        must(orders[o + O_LIST] >> 32 == last and theirs, "a list is torn", slot)
        must(orders[o + O_ID] > last_id, "an account's orders are out of id order", slot)
        if orders[o + O_FLAGS] & OF_COMBO != 0:
            invariants_combos.count_open(w, slot, lots)
        else:
            _count_open(w, slot, lots)
            _check_quote(w, slot)
        last = slot
        last_id = orders[o + O_ID]
        found += 1
        slot = orders[o + O_LIST] & r.U32
    must(found == w.accounts[a + A_ORDERS], "an account's orders are miscounted", account)
    _check_open_lots(w, account, lots)


def _count_open(w: World, slot: i64, lots: dict[int, tuple[int, int, int]]) -> None:
    """Add what the order in `slot` has open to what its seat must have (buy, sold, hold)."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    opened = orders[o + O_LOTS] & r.U32
    buy, sold, hold = lots.get(orders[o + O_PLACE] >> 32, (0, 0, 0))
    if orders[o + O_FLAGS] & r.FLAG_SELL != 0:
        sold += opened
    else:
        buy += opened
    lots[orders[o + O_PLACE] >> 32] = (buy, sold, hold + opened * orders[o + O_HOLD])


def _check_quote(w: World, slot: i64) -> None:
    o = slot * ORDER_WORDS
    flags = w.orders.data[o + O_FLAGS]
    if flags & r.FLAG_QUOTE != 0 and flags & r.FLAG_MMP == 0:
        side = S_QUOTE_ASK if flags & r.FLAG_SELL != 0 else S_QUOTE_BID
        seat = w.orders.data[o + O_PLACE] >> 32
        must(w.seats.data[seat * SEAT_WORDS + side] == slot, "a quote is not its seat's", slot)


def _check_open_lots(w: World, account: i64, lots: dict[int, tuple[int, int, int]]) -> None:
    data = w.seats.data
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        buy, sold, hold = lots.get(seat, (0, 0, 0))
        must(data[s + S_OPEN_BUY] == buy and data[s + S_OPEN_SELL] == sold, "a seat's open lots", seat)
        must(data[s + S_HOLD] == hold, "a seat's hold is not its orders'", seat)
        seat = data[s + S_NEXT]


def _check_conservation(w: World) -> None:
    """Cash sums to zero over the accounts, size and entry value to zero per instrument."""
    cash: i64 = 0
    account: i64 = 0
    sizes: dict[int, int] = {}
    entries: dict[int, int] = {}
    longs: dict[int, int] = {}
    while account < w.account_count:
        cash += w.accounts[account * ACCOUNT_WORDS + A_CASH]
        seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
        while seat != 0:
            s = seat * SEAT_WORDS
            key = w.seats.data[s + S_KEY] & SEAT_INSTRUMENT
            size = w.seats.data[s + S_SIZE]
            sizes[key] = sizes.get(key, 0) + size
            entries[key] = entries.get(key, 0) + w.seats.data[s + S_ENTRY]
            if size > 0:
                longs[key] = longs.get(key, 0) + size
            seat = w.seats.data[s + S_NEXT]
        account += 1
    must(cash == 0, "cash is not conserved: the sum is", cash)
    for key in sizes:
        must(sizes[key] == 0, "positions are not conserved: instrument", key)
        must(entries[key] == 0, "entry values are not conserved: instrument", key)
    instrument: i64 = 0
    while instrument < w.instrument_count:
        held = w.instruments[instrument * INSTRUMENT_WORDS + I_OPEN_INTEREST]
        must(held == longs.get(instrument, 0), "open interest is not the longs: instrument", instrument)
        instrument += 1


def _check_held(w: World) -> None:
    """The bridge owes what came in; what is held for withdrawals is what waits; nothing drifts."""
    pending: i64 = 0
    counts: dict[int, int] = {}
    for ident in w.pending:
        account, amount = w.pending[ident]
        must(0 < ident and ident <= w.last_withdrawal, "a withdrawal has an id from the future", ident)
        must(FIRST_USER_ACCOUNT <= account and account < w.account_count, "a withdrawal is nobody's", ident)
        must(amount > 0, "a withdrawal holds nothing", ident)
        pending += amount
        counts[account] = counts.get(account, 0) + 1
    who: i64 = 0
    while who < w.account_count:
        known = w.accounts[who * ACCOUNT_WORDS + A_PENDING]
        must(known == counts.get(who, 0), "an account's withdrawals are miscounted", who)
        who += 1
    held = w.accounts[ACCOUNT_WITHDRAWALS * ACCOUNT_WORDS + A_CASH]
    must(held == pending, "held cash is not the pending withdrawals'", held)
    bridge = w.accounts[ACCOUNT_BRIDGE * ACCOUNT_WORDS + A_CASH]
    must(bridge == -w.deposits_net, "the bridge's cash is not the net of deposits", bridge)
    must(w.cash_drift == 0 and w.size_drift == 0 and w.entry_drift == 0, "bookings drift", w.cash_drift)


def _check_families(w: World) -> None:
    """Families are two levels deep and counted; what an account is stays within what there is."""
    counts: dict[int, int] = {}
    last: dict[int, int] = {}  # of each family so far
    account: i64 = FIRST_USER_ACCOUNT
    while account < w.account_count:
        a = account * ACCOUNT_WORDS
        main = w.accounts[a + A_MAIN]
        if main != 0:
            must(FIRST_USER_ACCOUNT <= main and main < account, "a main account comes later", account)
            must(w.accounts[main * ACCOUNT_WORDS + A_MAIN] == 0, "a subaccount has a subaccount", main)
            counts[main] = counts.get(main, 0) + 1
            following = w.accounts[last.get(main, main) * ACCOUNT_WORDS + A_KIN]
            must(following == account, "a family's list is torn", account)
            last[main] = account
        switches = w.accounts[a + A_MODEL] | w.accounts[a + A_LOCKED]
        must(switches == 0 or switches == 1, "a switch is off scale", account)
        must(w.accounts[a + A_TIER] < MAX_TIERS, "a tier is off scale", account)
        volume = w.accounts[a + A_VOLUME]
        must(0 <= volume and volume <= MAX_VOLUME_MICRO, "a volume is off scale", account)
        account += 1
    account = FIRST_USER_ACCOUNT
    while account < w.account_count:
        known = w.accounts[account * ACCOUNT_WORDS + A_SUBACCOUNTS]
        must(known == counts.get(account, 0), "subaccounts miscounted", account)
        must(known <= MAX_SUBACCOUNTS, "too many subaccounts", account)
        if w.accounts[account * ACCOUNT_WORDS + A_MAIN] == 0:
            end = w.accounts[last.get(account, account) * ACCOUNT_WORDS + A_KIN]
            must(end == 0, "a family's list goes on", account)
        account += 1
    sharing = w.share_phase != 0
    must((w.share_account != 0) == sharing, "a loss is shared for nobody", w.share_account)
    if sharing:
        state = w.accounts[w.share_account * ACCOUNT_WORDS + A_LIQUIDATION]
        must(state == r.LIQUIDATION_DEFICIT, "a loss is shared that is none", w.share_account)
