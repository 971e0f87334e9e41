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

Format 2 (written while the rules are 2 or above; both are read) adds, at these places:

    1. the format is 2; then last_withdrawal_id, and of the loss being shared: account, phase, next account,
       total basis, deficit, what remains of it (all 0: none); count of fee tiers (0: no schedule),
       combo_discount_permille, 8 times four rates (unused: 0)
    2. symbol, feed_seq, index_micro, state, the 24 words w4 to w27 of RISK (0 before it)
    3. tabled (0 or 1), and if 1 a word per scenario: the table in quanta
    4. main account, model, tier, max_orders, max_positions, locked, liquidation, cursor,
       auction_start_ms, volume_micro, basis_micro
    7. count of pending withdrawals, then per withdrawal in id order: withdrawal_id, account, amount_micro

Format 3 (written while the rules are 3 or above; all are read) adds, at these places:

    1. the format is 3; behind the tier rates: the window of remembered client order ids
    4. the time before which quotes are refused, ms
    6. number of the protection group + 1 (0: not protected); the order flags are bits 0 to 31
    8. count of streams of client order ids, then by (account, grant): account, grant, last id
    9. count of remembered ids, then in order of arrival: account, grant, client_order_id, order_id (0:
       rejected), reject reason (0: accepted), sequence number (with shard bits)
    10. count of protection groups, then by (account, underlying, number): these three, interval_ms,
        frozen_ms, quantity_limit_e8, delta_limit_e8, vega_limit_micro, max_quote_e8, frozen_until
        (0: not frozen, -1: until it is reset), window_start (-1: none runs), quantity_e8, delta_e8,
        vega_micro
    11. count of instruments with a last price (a trade under rules 3), then by id: instrument, price_ticks of
        the last trade
    12. count of untriggered orders, then in order_id order: order_id, account, instrument, price_ticks (0
        of a market order), open_lots, total lots, display_lots, filled_value, order flags,
        client_order_id, label, grant, created_ms, updated_ms
    13. count of untriggered orders and of those in books that have a volatility or name another order
        below, then in order_id order: order_id, w8 as in EXTENDED's w4, trigger_micro, offset_micro, best
        price seen (-1: none, or it trails nothing), volatility_e6, the other of its pair, its primary, its
        first and second member (order_ids, 0: none), size as sent and lots woken (of a member of an
        incremental primary, else 0), fired (0 or 1), place (0 in a book, 1 dormant, 2 waits for its price,
        3 due)
    14. count of due orders, then their order_ids in the order of the queue
    15. the id of the last block (0: none)

Format 4 (written while the rules are 4 or above; all are read) is format 3 but for:

    1. the format is 4
    3. a combo's terms name its legs; marked, the five words of its marks and tabled are 0
    16. count of combos ever listed, then by id: instrument, count of legs, each leg's instrument and ratio

Format 5 (written while the rules are 6 or above; all are read) is format 4 but for:

    1. the format is 5
    17. the id of the last forced withdrawal that was answered (0: none)

Counters (next_…) hold the counter without shard bits; order_id has them. `priority` numbers every queueing
of an order (placing, requeueing after an amend or an iceberg's refresh) from 1: orders of one level
stand in its order. Fields that follow from others (marks per lot, open lots and holds of seats,
quotes of a seat, price levels, open interest, counts of subaccounts) are derived on reading.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, write_i64_le
from librt.vecs import vec
from mypy_extensions import i64

from exchange.core import state_combos, state_extras, state_orders
from exchange.core.layout import (
    A_AUCTION,
    A_BASIS,
    A_CASH,
    A_CREATED,
    A_CURSOR,
    A_FLAGS,
    A_LIQUIDATION,
    A_LOCKED,
    A_MAIN,
    A_MAX_ORDERS,
    A_MAX_POSITIONS,
    A_MODEL,
    A_OWNER,
    A_QUOTES_FROZEN,
    A_SEAT_HEAD,
    A_TIER,
    A_VOLUME,
    ACCOUNT_WORDS,
    FEE_WORDS,
    I_DELTA,
    I_FORWARD,
    I_INDEX,
    I_MARK,
    I_MARKED,
    I_STATE,
    I_TABLED,
    I_TERMS,
    I_TRADE_SEQ,
    I_UNDERLYING,
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
    O_PRICE,
    O_PRIORITY,
    O_QUEUE,
    O_SIZE,
    O_UPDATED,
    O_VALUE,
    O_WHO,
    ORDER_FLAGS,
    ORDER_WORDS,
    R_SCENARIOS,
    S_ENTRY,
    S_KEY,
    S_NEXT,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_WORDS,
    TABLE_WORDS,
    U_FEED_SEQ,
    U_INDEX,
    U_RISK,
    U_STATE,
    U_SYMBOL,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r
from exchange.domain.limits import MAX_TIERS

FORMAT_1: Final = 1
FORMAT_2: Final = 2
FORMAT_3: Final = 3
FORMAT_4: Final = 4
FORMAT_5: Final = 5
ORDER_FIELDS: Final = 17
ACCOUNT_FIELDS: Final = (A_CASH, A_FLAGS, A_OWNER, A_OWNER + 1, A_OWNER + 2, A_CREATED)
ACCOUNT_FIELDS_2: Final = (
    A_MAIN,
    A_MODEL,
    A_TIER,
    A_MAX_ORDERS,
    A_MAX_POSITIONS,
    A_LOCKED,
    A_LIQUIDATION,
    A_CURSOR,
    A_AUCTION,
    A_VOLUME,
    A_BASIS,
)


def write(w: World) -> bytes:
    """The canonical state bytes."""
    b = BytesWriter()
    _put(
        b,
        [
            format_of(w.rules),
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
    if w.rules >= 2:
        _write_schedule(w, b)
    _write_underlyings(w, b)
    _write_instruments(w, b)
    _write_accounts(w, b)
    _write_seats(w, b)
    _write_orders(w, b)
    if w.rules >= 2:
        _write_withdrawals(w, b)
    if w.rules >= 3:
        state_orders.write(w, b)
        state_extras.write(w, b)
    if w.rules >= 4:
        state_combos.write(w, b)
    if w.rules >= 6:
        write_i64_le(b, w.forced_through)
    return b.getvalue()


def format_of(rules: i64) -> i64:
    """The format a state is written in while these rules are in force."""
    if rules >= 4:
        return FORMAT_5 if rules >= 6 else FORMAT_4
    if rules >= 3:
        return FORMAT_3
    return FORMAT_2 if rules >= 2 else FORMAT_1


def _put(b: BytesWriter, words: list[i64]) -> None:
    for word in words:
        write_i64_le(b, word)


def _put_run(b: BytesWriter, data: vec[i64], at: i64, words: i64) -> None:
    end = at + words
    while at < end:
        write_i64_le(b, data[at])
        at += 1


def _write_schedule(w: World, b: BytesWriter) -> None:
    _put(
        b,
        [
            w.last_withdrawal,
            w.share_account,
            w.share_phase,
            w.share_at,
            w.share_total,
            w.share_deficit,
            w.share_remaining,
            w.tier_count,
            w.combo_discount,
        ],
    )
    _put_run(b, w.fees, 0, MAX_TIERS * FEE_WORDS)
    if w.rules >= 3:
        write_i64_le(b, w.id_window)


def _write_underlyings(w: World, b: BytesWriter) -> None:
    data = w.underlyings
    number: i64 = 0
    while number < w.underlying_count:
        u = number * UNDERLYING_WORDS
        _put(b, [data[u + U_SYMBOL], data[u + U_FEED_SEQ], data[u + U_INDEX]])
        if w.rules >= 2:
            write_i64_le(b, data[u + U_STATE])
            _put_run(b, data, u + U_RISK, r.RISK_WORDS)
        number += 1


def _write_instruments(w: World, b: BytesWriter) -> None:
    data = w.instruments
    number: i64 = 0
    while number < w.instrument_count:
        i = number * INSTRUMENT_WORDS
        _put_run(b, data, i + I_TERMS, 24)
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
        if w.rules >= 2:
            write_i64_le(b, data[i + I_TABLED])
            if data[i + I_TABLED] != 0:
                _put_run(b, w.tables, number * TABLE_WORDS, scenarios_of(w, number))
        number += 1


def scenarios_of(w: World, instrument: i64) -> i64:
    """How many words a table of the instrument has."""
    underlying = w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING]
    return w.underlyings[underlying * UNDERLYING_WORDS + U_RISK + R_SCENARIOS]


def _write_accounts(w: World, b: BytesWriter) -> None:
    data = w.accounts
    account: i64 = 0
    while account < w.account_count:
        a = account * ACCOUNT_WORDS
        for field in ACCOUNT_FIELDS:
            write_i64_le(b, data[a + field])
        if w.rules >= 2:
            for field in ACCOUNT_FIELDS_2:
                write_i64_le(b, data[a + field])
        if w.rules >= 3:
            write_i64_le(b, data[a + A_QUOTES_FROZEN])
        account += 1


def _write_seats(w: World, b: BytesWriter) -> None:
    data = w.accounts
    seats = w.seats.data
    keys: list[i64] = []
    account: i64 = 0
    while account < w.account_count:
        seat = data[account * ACCOUNT_WORDS + A_SEAT_HEAD]
        while seat != 0:
            keys.append(seats[seat * SEAT_WORDS + S_KEY])
            seat = seats[seat * SEAT_WORDS + S_NEXT]
        account += 1
    keys.sort()
    write_i64_le(b, i64(len(keys)))
    for key in keys:
        s = w.seat_ids.find(key) * SEAT_WORDS
        _put(b, [key >> 20, key & SEAT_INSTRUMENT, seats[s + S_SIZE], seats[s + S_ENTRY]])


def _write_withdrawals(w: World, b: BytesWriter) -> None:
    write_i64_le(b, i64(len(w.pending)))
    for ident in sorted(w.pending):
        account, amount = w.pending[ident]
        _put(b, [i64(ident), i64(account), i64(amount)])


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
                data[o + O_FLAGS] & ORDER_FLAGS,
                data[o + O_CLIENT],
                data[o + O_LABEL] & r.U32,
                (data[o + O_LABEL] >> 32) & r.U32,
                data[o + O_CREATED],
                data[o + O_UPDATED],
                data[o + O_PRIORITY],
                data[o + O_HOLD],
            ],
        )
        if w.rules >= 3:
            write_i64_le(b, state_orders.group_word(w, data[o + O_FLAGS]))


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
