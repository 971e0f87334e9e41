"""Read-only views of the engine's state, for the edge. Nothing here changes what `apply` would do.

Queries bring cached sums up to the current marks; those are not part of the canonical state.
"""

from __future__ import annotations

from typing import NamedTuple

from mypy_extensions import i64

from exchange.core import combos, emit, extras, margin
from exchange.core.combo_terms import record_of
from exchange.core.engine import Engine
from exchange.core.layout import (
    A_CASH,
    A_FLAGS,
    A_ORDER_HEAD,
    A_ORDERS,
    A_OWNER,
    A_REQUIREMENT,
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    C_LEG,
    I_DELTA,
    I_FORWARD,
    I_INDEX,
    I_KIND,
    I_MARK,
    I_MARKED,
    I_MAX_PRICE,
    I_MIN_PRICE,
    I_OPEN_INTEREST,
    I_STATE,
    I_TERMS,
    I_TRADE_SEQ,
    I_VEGA,
    INSTRUMENT_WORDS,
    L_PRICE,
    L_RANK,
    L_SHOWN,
    LEVEL_WORDS,
    O_LIST,
    O_PLACE,
    O_WHO,
    ORDER_WORDS,
    S_ENTRY,
    S_HOLD,
    S_KEY,
    S_NEXT,
    S_OPEN_BUY,
    S_OPEN_SELL,
    S_REQUIREMENT,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_WORDS,
    U_FEED_SEQ,
    U_INDEX,
    U_SYMBOL,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r


class AccountFigures(NamedTuple):
    """An account's sums, in micro-USDC, at the current marks."""

    cash_micro: int
    funds_micro: int
    equity_micro: int
    requirement_micro: int
    hold_micro: int
    open_orders: int
    flags: int
    owner: bytes


class PositionFigures(NamedTuple):
    """One seat: position and open lots; holds and requirement in micro-USDC."""

    instrument: int
    size_lots: int
    entry_value_micro: int
    open_buy_lots: int
    open_sell_lots: int
    hold_micro: int
    requirement_micro: int


class InstrumentFigures(NamedTuple):
    """An instrument's terms (192 bytes, as listed), state and current marks."""

    terms: bytes
    state: int
    marked: bool
    min_price_ticks: int
    max_price_ticks: int
    mark_micro: int
    index_micro: int
    forward_micro: int
    delta_e9: int
    vega_micro: int
    trade_seq: int


def _words(values: list[int]) -> bytes:
    return b"".join([value.to_bytes(8, "little", signed=True) for value in values])


def _known_account(w: World, account: i64) -> bool:
    return 0 <= account and account < w.account_count


def _known_instrument(w: World, instrument: i64) -> bool:
    return 0 <= instrument and instrument < w.instrument_count


def _record(w: World, slot: i64) -> None:
    """Append the order's ORDER record (kind 0, open or untriggered) to the buffer."""
    if extras.find(w, slot) != 0 and extras.is_untriggered(w, slot):
        emit.order(w, slot, 0, r.ORDER_STATE_UNTRIGGERED, 0, 0)
        return
    level = w.orders.data[slot * ORDER_WORDS + O_PLACE] & r.U32
    emit.order(w, slot, 0, r.ORDER_STATE_OPEN, 0, w.levels.data[level * LEVEL_WORDS + L_SHOWN])


def _begin(w: World) -> None:
    w.out_words = 0
    w.seq = 0
    w.index = 0


def open_orders(engine: Engine, account: i64, instrument: i64 = -1) -> bytes:
    """ORDER records (seq 0, kind 0) of an account's open orders, untriggered ones too, in order_id order."""
    w = engine.world
    _begin(w)
    if not _known_account(w, account):
        return b""
    slot = w.accounts[account * ACCOUNT_WORDS + A_ORDER_HEAD]
    while slot != 0:
        o = slot * ORDER_WORDS
        if instrument < 0 or w.orders.data[o + O_WHO] >> 32 == instrument:
            _record(w, slot)
        slot = w.orders.data[o + O_LIST] & r.U32
    return w.taken()


def order_record(engine: Engine, order_id: i64) -> bytes:
    """The ORDER record of one open order, untriggered ones too, or b""."""
    w = engine.world
    slot = w.order_ids.find(order_id)
    if slot == 0:
        return b""
    _begin(w)
    _record(w, slot)
    return w.taken()


def extended_record(engine: Engine, order_id: i64) -> bytes:
    """The EXTENDED record (seq 0) of an open order that has a trigger, a link or a volatility, or b""."""
    w = engine.world
    extra = w.extra_ids.find(order_id)
    if extra == 0:
        return b""
    _begin(w)
    emit.extended(w, extra)
    return w.taken()


def _side(w: World, instrument: i64, sell: i64, depth: i64) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    book = w.books[instrument]
    levels = w.levels.data
    level = book.best_level(sell)
    while level != 0 and i64(len(found)) < depth:
        at = level * LEVEL_WORDS
        found.append((levels[at + L_PRICE], levels[at + L_SHOWN]))
        level = book.next_level(sell, levels[at + L_RANK])
    return found


def book_levels(
    engine: Engine, instrument: i64, depth: i64
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(bids, asks) as (price_ticks, displayed lots), best first, at most `depth` a side."""
    w = engine.world
    if not _known_instrument(w, instrument):
        return [], []
    return _side(w, instrument, 0, depth), _side(w, instrument, 1, depth)


def account_figures(engine: Engine, account: i64) -> AccountFigures:
    """An account's figures. Raises KeyError for an unknown account."""
    w = engine.world
    if not _known_account(w, account):
        raise KeyError(account)
    margin.refresh(w, account)
    a = account * ACCOUNT_WORDS
    data = w.accounts
    hold: i64 = 0
    seat = data[a + A_SEAT_HEAD]
    while seat != 0:
        hold += w.seats.data[seat * SEAT_WORDS + S_HOLD]
        seat = w.seats.data[seat * SEAT_WORDS + S_NEXT]
    owner = _words([data[a + A_OWNER], data[a + A_OWNER + 1], data[a + A_OWNER + 2]])[:20]
    return AccountFigures(
        data[a + A_CASH],
        margin.funds(w, account),
        margin.equity(w, account),
        data[a + A_REQUIREMENT],
        hold,
        data[a + A_ORDERS],
        data[a + A_FLAGS],
        owner,
    )


def positions(engine: Engine, account: i64) -> list[PositionFigures]:
    """An account's seats, by instrument id; empty ones too. Raises KeyError for an unknown account."""
    w = engine.world
    if not _known_account(w, account):
        raise KeyError(account)
    margin.refresh(w, account)
    found: list[PositionFigures] = []
    seats = w.seats.data
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        found.append(
            PositionFigures(
                seats[s + S_KEY] & SEAT_INSTRUMENT,
                seats[s + S_SIZE],
                seats[s + S_ENTRY],
                seats[s + S_OPEN_BUY],
                seats[s + S_OPEN_SELL],
                seats[s + S_HOLD],
                seats[s + S_REQUIREMENT],
            )
        )
        seat = seats[s + S_NEXT]
    found.sort()
    return found


def instrument_figures(engine: Engine, instrument: i64) -> InstrumentFigures:
    """An instrument's figures. Raises KeyError for an unknown instrument."""
    w = engine.world
    if not _known_instrument(w, instrument):
        raise KeyError(instrument)
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    if data[i + I_KIND] == r.KIND_COMBO:
        return _combo_figures(w, instrument)
    return InstrumentFigures(
        _terms(w, instrument),
        data[i + I_STATE],
        data[i + I_MARKED] != 0,
        data[i + I_MIN_PRICE],
        data[i + I_MAX_PRICE],
        data[i + I_MARK],
        data[i + I_INDEX],
        data[i + I_FORWARD],
        data[i + I_DELTA],
        data[i + I_VEGA],
        data[i + I_TRADE_SEQ],
    )


def _combo_figures(w: World, combo: i64) -> InstrumentFigures:
    """A combo's figures: mark, delta and vega are its legs' sums (0 where one has no mark), index and forward
    the first leg's."""
    marked = combos.derive(w, combo)
    data = w.instruments
    i = combo * INSTRUMENT_WORDS
    first = w.combos.data[record_of(w, combo) + C_LEG] * INSTRUMENT_WORDS
    return InstrumentFigures(
        _terms(w, combo),
        data[i + I_STATE],
        marked,
        data[i + I_MIN_PRICE],
        data[i + I_MAX_PRICE],
        combos.sum_over_legs(w, combo, I_MARK) if marked else 0,
        data[first + I_INDEX],
        data[first + I_FORWARD],
        combos.sum_over_legs(w, combo, I_DELTA) if marked else 0,
        combos.sum_over_legs(w, combo, I_VEGA) if marked else 0,
        data[i + I_TRADE_SEQ],
    )


def _terms(w: World, instrument: i64) -> bytes:
    """The 24 terms words of an instrument."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    terms: list[int] = []
    word: i64 = 0
    while word < 24:
        terms.append(data[i + I_TERMS + word])
        word += 1
    return _words(terms)


def open_interest(engine: Engine, instrument: i64) -> int:
    """Lots held long (and short) in an instrument. Raises KeyError for an unknown instrument."""
    w = engine.world
    if not _known_instrument(w, instrument):
        raise KeyError(instrument)
    return w.instruments[instrument * INSTRUMENT_WORDS + I_OPEN_INTEREST]


class UnderlyingFigures(NamedTuple):
    """An underlying's symbol word, the last feed sequence and index (0 before the first marks)."""

    symbol: int
    feed_seq: int
    index_micro: int


def underlying_figures(engine: Engine, underlying: i64) -> UnderlyingFigures:
    """An underlying's figures. Raises KeyError for an unknown one."""
    w = engine.world
    if underlying < 0 or underlying >= w.underlying_count:
        raise KeyError(underlying)
    u = underlying * UNDERLYING_WORDS
    data = w.underlyings
    return UnderlyingFigures(data[u + U_SYMBOL], data[u + U_FEED_SEQ], data[u + U_INDEX])


def underlying_symbol(engine: Engine, underlying: i64) -> int:
    """The symbol word of an underlying. Raises KeyError for an unknown one."""
    w = engine.world
    if underlying < 0 or underlying >= w.underlying_count:
        raise KeyError(underlying)
    return w.underlyings[underlying * UNDERLYING_WORDS + U_SYMBOL]
