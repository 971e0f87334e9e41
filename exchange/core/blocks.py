"""BLOCK_TRADE: trades agreed elsewhere, all of them or none (docs/rules-3.md, Block trades; docs/rules-5.md).

Each trade is booked before the next one is judged, and all are booked back where one is refused or an
account cannot bear them: seats made for them go again, no event is written before that is known.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import checks, combo_terms, emit, fees, ledger, margin, room
from exchange.core.admission import closed, is_bound, is_user
from exchange.core.family import main_of
from exchange.core.instruments import rank_of
from exchange.core.layout import (
    A_SEATS,
    A_VOLUME,
    ACCOUNT_WORDS,
    I_FORWARD,
    I_INDEX,
    I_KIND,
    I_MARK,
    I_MARKED,
    I_MAX_PRICE,
    I_MIN_PRICE,
    I_MIN_SIZE,
    I_MULTIPLIER,
    I_PRICE_LIMIT,
    I_TRADE_SEQ,
    INSTRUMENT_WORDS,
)
from exchange.core.world import World, pack
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no

_UNITS_AT: Final = 64  # bytes from the command's first to its first trade
_MAKER_MADE: Final = 1
_TAKER_MADE: Final = 2


class Block:
    """One command's trades as they are booked.

    `accounts` are those it moves, in the order they are named, with the `volumes` they had; `made` says of
    each trade booked whose seats were made for it.
    """

    def __init__(self, taker: i64, count: i64) -> None:
        self.taker: i64 = taker  # the header's account: of all trades that name no other
        self.count: i64 = count
        self.takers: list[i64] = []
        self.makers: list[i64] = []
        self.instruments: list[i64] = []
        self.lots: list[i64] = []  # of the taker: bought > 0, sold < 0
        self.prices: list[i64] = []
        self.made: list[i64] = []
        self.accounts: list[i64] = []
        self.volumes: list[i64] = []


def block_trade(w: World, batch: bytes, at: i64, who: i64) -> i64:
    """The BLOCK_TRADE at byte `at`. Returns a reject reason or 0."""
    taker = who & r.U32
    block_id = read_i64_le(batch, at + 32)
    if w.mode != r.MODE_OPEN:
        return no.VENUE_CANCEL_ONLY
    if not is_user(w, taker):
        return no.UNKNOWN_ACCOUNT
    if is_bound(w, taker):
        return no.ACCOUNT_LOCKED
    if block_id <= w.last_block:
        w.detail = w.last_block
        return no.BAD_ID
    block = Block(taker, read_i64_le(batch, at + 40))
    reason = _book_all(w, block, batch, at + _UNITS_AT)
    if reason == 0:
        reason = _unbearable(w, block)
    if reason != 0:
        _undo(w, block)
        return reason
    w.last_block = block_id
    _tell(w, block)
    emit.done(w, r.BLOCK_TRADE, who, read_i64_le(batch, at + 16), block.count)
    return 0


def _join(w: World, block: Block, account: i64) -> None:
    """Remember what an account had, if it is new to the block."""
    for known in block.accounts:
        if known == account:
            return
    block.accounts.append(account)
    block.volumes.append(w.accounts[account * ACCOUNT_WORDS + A_VOLUME])


def _book_all(w: World, block: Block, batch: bytes, at: i64) -> i64:
    """Judge and book the trades whose units begin at byte `at`, in turn. Returns a reject reason or 0."""
    number: i64 = 0
    while number < block.count:
        word = read_i64_le(batch, at)
        lots = read_i64_le(batch, at + 8)
        price = read_i64_le(batch, at + 16)
        maker = word & r.U32
        instrument = (word >> 32) & r.U32
        taker = read_i64_le(batch, at + 24)
        reason: i64 = 0
        if taker == 0:
            taker = block.taker
        else:
            reason = _taker_refused(w, block.taker, taker)
        if reason == 0:
            reason = _trade_refused(w, taker, maker, instrument, lots, price)
        if reason != 0:
            w.position = number
            return reason
        _join(w, block, taker)
        _join(w, block, maker)
        block.takers.append(taker)
        block.makers.append(maker)
        block.instruments.append(instrument)
        block.lots.append(lots)
        block.prices.append(price)
        block.made.append(_make_seats(w, taker, maker, instrument))
        _book(w, block, number, 1)
        fees.count_volume(w, taker, instrument, lots if lots > 0 else -lots)
        fees.count_volume(w, maker, instrument, lots if lots > 0 else -lots)
        at += r.UNIT_BYTES
        number += 1
    return 0


def _taker_refused(w: World, of_block: i64, taker: i64) -> i64:
    """Whether an account may be a trade's taker in the block of another. Returns a reject reason or 0."""
    if not is_user(w, taker):
        return no.UNKNOWN_ACCOUNT
    if main_of(w, taker) != main_of(w, of_block):
        return no.WRONG_FAMILY
    return no.ACCOUNT_LOCKED if is_bound(w, taker) else 0


def _trade_refused(w: World, taker: i64, maker: i64, instrument: i64, lots: i64, price: i64) -> i64:
    """The checks of one trade, those before it booked. Returns a reject reason or 0."""
    if not is_user(w, maker):
        return no.UNKNOWN_ACCOUNT
    if main_of(w, maker) == main_of(w, taker):
        return no.WRONG_FAMILY
    if is_bound(w, maker):
        return no.ACCOUNT_LOCKED
    if instrument >= w.instrument_count:
        return no.UNKNOWN_INSTRUMENT
    if combo_terms.is_combo(w, instrument):
        return no.BAD_VALUE
    reason = closed(w, instrument)
    if reason != 0:
        return reason
    least = w.instruments[instrument * INSTRUMENT_WORDS + I_MIN_SIZE]
    if lots < -limits.MAX_ORDER_LOTS or lots > limits.MAX_ORDER_LOTS or (-least < lots and lots < least):
        return no.BAD_SIZE
    reason = _price_refused(w, instrument, price)
    if reason == 0:
        reason = _side_refused(w, taker, instrument, lots)
    if reason == 0:
        reason = _side_refused(w, maker, instrument, -lots)
    return reason


def _price_refused(w: World, instrument: i64, price: i64) -> i64:
    """Checks 7 to 9, the last on both sides. Returns a reject reason or 0."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    if price < 1 or price > data[i + I_PRICE_LIMIT]:
        return no.BAD_PRICE
    if rank_of(w, instrument, price) < 0:
        return no.PRICE_OFF_TICK
    if data[i + I_MARKED] == 0:
        return no.NO_MARK
    if not checks.parametrised(w, instrument):
        return no.NO_RISK
    if price > data[i + I_MAX_PRICE]:
        w.detail = data[i + I_MAX_PRICE]
        return no.PRICE_TOO_HIGH
    if price < data[i + I_MIN_PRICE]:
        w.detail = data[i + I_MIN_PRICE]
        return no.PRICE_TOO_LOW
    return 0


def _side_refused(w: World, account: i64, instrument: i64, lots: i64) -> i64:
    """Whether an account has no room for `lots` (sold < 0) of an instrument. A reject reason or 0."""
    seat = ledger.find_seat(w, account, instrument)
    a = account * ACCOUNT_WORDS
    if seat == 0 and w.accounts[a + A_SEATS] >= room.seats_most(w, a):
        return no.TOO_MANY_SEATS
    sell: i64 = 1 if lots < 0 else 0
    reason = room.position_refused(w, seat, instrument, sell, lots if lots > 0 else -lots, 0)
    return reason if reason != 0 else room.accumulation_refused(w, account, seat)


def _make_seats(w: World, taker: i64, maker: i64, instrument: i64) -> i64:
    """Make the seats of a trade that are not there; which were made."""
    made: i64 = 0
    if ledger.find_seat(w, taker, instrument) == 0:
        ledger.make_seat(w, taker, instrument)
        made |= _TAKER_MADE
    if ledger.find_seat(w, maker, instrument) == 0:
        ledger.make_seat(w, maker, instrument)
        made |= _MAKER_MADE
    return made


def _book(w: World, block: Block, number: i64, sign: i64) -> None:
    """Book a trade as a match (`sign` 1), or book it back (−1): then the seats made for it go too."""
    instrument = block.instruments[number]
    taker = block.takers[number]
    maker = block.makers[number]
    lots = block.lots[number]
    size = lots if lots > 0 else -lots
    value = block.prices[number] * size * w.instruments[instrument * INSTRUMENT_WORDS + I_MULTIPLIER]
    taker_fee = fees.taker_micro(w, taker, instrument, size, value)
    maker_fee = fees.maker_micro(w, maker, instrument, size, value, taker_fee)
    if lots < 0:
        value = -value
    ours = ledger.find_seat(w, taker, instrument)
    theirs = ledger.find_seat(w, maker, instrument)
    ledger.move_position(w, ours, lots * sign, value * sign)
    ledger.move_position(w, theirs, -lots * sign, -value * sign)
    premium = value if w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_OPTION else 0
    ledger.move_cash(w, taker, (-premium - taker_fee) * sign)
    ledger.move_cash(w, maker, (premium - maker_fee) * sign)
    ledger.move_cash(w, limits.ACCOUNT_FEES, (taker_fee + maker_fee) * sign)
    margin.revalue_seat(w, ours)
    margin.revalue_seat(w, theirs)
    if sign < 0 and block.made[number] & _TAKER_MADE != 0:
        ledger.drop_seat(w, ours)
    if sign < 0 and block.made[number] & _MAKER_MADE != 0:
        ledger.drop_seat(w, theirs)


def _unbearable(w: World, block: Block) -> i64:
    """Whether an account has not enough behind what it has now. Returns a reject reason or 0."""
    seen: list[i64] = []
    for side in (block.takers, block.makers):
        for account in side:
            if account in seen:
                continue
            seen.append(account)
            reason = short(w, account)
            if reason != 0:
                return reason
    return 0


def short(w: World, account: i64) -> i64:
    """Whether an account has not enough behind what it has now; then `detail` names it. A reason or 0."""
    margin.figures(w, account)
    if w.m_equity >= 0 and w.m_initial <= w.m_balance:
        return 0
    w.detail = account
    return no.NEGATIVE_EQUITY if w.m_equity < 0 else no.INSUFFICIENT_FUNDS


def _undo(w: World, block: Block) -> None:
    """Book back what was booked, the last trade first."""
    number = i64(len(block.lots))
    while number > 0:
        number -= 1
        _book(w, block, number, -1)
    number = 0
    for account in block.accounts:
        w.accounts[account * ACCOUNT_WORDS + A_VOLUME] = block.volumes[number]
        number += 1


def _tell(w: World, block: Block) -> None:
    """The TRADE of each trade."""
    number: i64 = 0
    while number < block.count:
        lots = block.lots[number]
        size = lots if lots > 0 else -lots
        who = pack(block.takers[number], block.instruments[number])
        flags: i64 = r.TRADE_BLOCK
        if lots < 0:
            flags |= r.FLAG_SELL
        _tell_trade(w, who, block.makers[number], flags, block.prices[number], size)
        number += 1


def _tell_trade(w: World, who: i64, maker: i64, flags: i64, price: i64, lots: i64) -> None:
    """TRADE of a trade that was booked; `who` is taker | instrument << 32. No orders met."""
    instrument = who >> 32
    taker = who & r.U32
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    value = price * lots * data[i + I_MULTIPLIER]
    taker_fee = fees.taker_micro(w, taker, instrument, lots, value)
    maker_fee = fees.maker_micro(w, maker, instrument, lots, value, taker_fee)
    data[i + I_TRADE_SEQ] += 1
    at = emit.begin(w, r.EV_TRADE, 5, who, w.prefix | w.next_trade)
    w.next_trade += 1
    out = w.out
    out[at] = 0
    out[at + 1] = 0
    out[at + 2] = price
    out[at + 3] = lots
    out[at + 4] = pack(maker, taker)
    out[at + 5] = maker_fee
    out[at + 6] = taker_fee
    out[at + 7] = flags
    out[at + 8] = w.now_ms
    out[at + 9] = data[i + I_INDEX]
    out[at + 10] = data[i + I_MARK]
    out[at + 11] = data[i + I_FORWARD]
    out[at + 12] = data[i + I_TRADE_SEQ]
    out[at + 13] = value
    out[at + 14] = 0
    out[at + 15] = 0
