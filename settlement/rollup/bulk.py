"""Whole runs of fills applied at once: the twin of `settlement.stf.fills` for who replays many.

It does what the rules do, in columns, where it is sure that they allow every step and that no figure comes
near its bounds on the way. Where it is not it does nothing, and the rules have the word step by step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT, MAX_PRICE_MICRO
from settlement.coding.batches import step_of
from settlement.coding.fills import FILL, Column, Fills
from settlement.stf import fills as fl
from settlement.stf.errors import TransitionError
from settlement.stf.runs import ROOM, Parties, book, has_room
from settlement.stf.state import Account, Instrument, State
from settlement.stf.steps import CLASS_GRANT, TAKER_SELLS
from settlement.stf.terms import E8

Flags = NDArray[np.bool_]


class _Unsure(Exception):
    """The rules must be asked."""


class _Known(NamedTuple):
    """Who and what takes part: ids in order, and of every row its place among them."""

    instruments: list[Instrument]
    instrument_ids: list[int]
    instrument: Column
    accounts: list[Account]
    account_ids: list[int]
    maker: Column
    taker: Column

    def parties(self) -> Parties:
        """The same for the rules' side."""
        return Parties(self.accounts, self.account_ids, self.instruments, self.instrument_ids)


def apply_run(state: State, steps: Fills) -> bool:
    """Apply the FILL and INDEX steps of a run and its chunks' ends; False, nothing done, where that is not
    surely allowed."""
    if not steps.total or state.parameters.passage.kind or state.fees_micro:
        return False
    is_fill = steps.kind == FILL
    try:
        index, last_index = _indexes(state, steps, is_fill)
        rows = Fills._make(column[is_fill] for column in steps)
        known = _known(state, rows)
        booked = _booked(state, rows, known, index) if rows.total else None
    except _Unsure:
        return False
    if booked is not None:
        booked.book(state, rows, known)
    by_id = state.parameters.underlyings.by_id
    for number, price in last_index.items():
        by_id[number] = by_id[number]._replace(index_micro=price)
    state.end_chunk()
    return True


def _must(condition: Any) -> None:
    if not condition:
        raise _Unsure


Indices = dict[int, tuple[Column, Column]]
"""Of every underlying: before which fills of the run, counted from 0, which indices count."""


def _indexes(state: State, steps: Fills, is_fill: Flags) -> tuple[Indices, dict[int, int]]:
    """The indices of a run, and the last of every underlying that has a new one."""
    by_id = state.parameters.underlyings.by_id
    before = np.cumsum(is_fill)
    found = {n: (np.zeros(1, np.int64), np.array([one.index_micro], np.int64)) for n, one in by_id.items()}
    last: dict[int, int] = {}
    of_index = ~is_fill
    for number in np.unique(steps.instrument[of_index]).tolist():
        _must(number in by_id)
        at = of_index & (steps.instrument == number)
        prices = steps.price_ticks[at]
        _must(int(prices.min()) >= 1 and int(prices.max()) <= MAX_PRICE_MICRO)
        first = found[number]
        found[number] = np.append(first[0], before[at]), np.append(first[1], prices)
        last[number] = int(prices[-1])
    return found, last


def _known(state: State, rows: Fills) -> _Known:
    ids, instrument = np.unique(rows.instrument, return_inverse=True)
    people, both = np.unique(np.concatenate((rows.maker, rows.taker)), return_inverse=True)
    instruments = [state.instruments.get(number) for number in ids.tolist()]
    accounts = [state.accounts.get(number) for number in people.tolist()]
    _must(rows.total == 0 or int(people[0]) >= FIRST_USER_ACCOUNT)
    _must(None not in instruments and None not in accounts)
    half = rows.total
    return _Known(
        [one for one in instruments if one], ids.tolist(), instrument,
        [one for one in accounts if one], people.tolist(), both[:half], both[half:],
    )  # fmt: skip


class _Booked(NamedTuple):
    """What a run comes to: by position, by account, and in fees."""

    keys: Column
    sizes: Column
    entries: Column
    cash: Column
    fees: int
    slices: tuple[tuple[int, int, int, int], ...]
    """Of fills that await a liquidation fee: account, instrument, lots, value."""

    def book(self, state: State, rows: Fills, known: _Known) -> None:
        """Bring it into the state."""
        changes = self.keys.tolist(), self.sizes.tolist(), self.entries.tolist()
        book(state, known.parties(), *changes, self.cash.tolist())
        state.fees_micro += self.fees
        for number, instrument, lots, value in self.slices:
            fl.await_fee(state, number, instrument, lots, value)
        last = np.zeros(len(known.instruments), np.int64)
        last[known.instrument] = np.arange(rows.total)
        for one, at in zip(known.instruments, last.tolist(), strict=True):
            one.last_price_ticks = int(rows.price_ticks[at])
            one.last_taker_sells = int(rows.taker_sells[at])
            one.last_trade_id = int(rows.trade_id[at])


def _booked(state: State, rows: Fills, known: _Known, index: Indices) -> _Booked:
    terms = [one.terms for one in known.instruments]
    for one in known.instruments:
        _must(not one.settling and one.state < r.STATE_DELISTED)
        _must(one.terms.is_option or one.terms.is_perpetual)
    price, lots, at = rows.price_ticks, rows.size_lots, known.instrument
    limits = _column([one.price_limit_ticks for one in terms])[at]
    _must(((lots > 0) & (lots < fl.LOTS_END) & (price > 0) & (price <= limits)).all())
    _must((known.maker != known.taker).all() and (np.diff(rows.trade_id) > 0).all())
    first = np.full(len(terms), rows.total)
    np.minimum.at(first, at, np.arange(rows.total))
    _must((rows.trade_id[first] > _column([one.last_trade_id for one in known.instruments])).all())
    spot = _spots(rows, known, index)
    multiplier = _column([one.multiplier_micro for one in terms])
    most = int(price.max()) * int(lots.max()) * int(multiplier.max())
    _must(most * 4 * rows.total < ROOM)
    value = price * lots * multiplier[at]
    slices = _authorised(rows, known, value)
    maker_fee, taker_fee = _fees(state, rows, known, value, spot)
    side = np.where(rows.taker_sells == 1, -1, 1)
    premium = side * value * _column([int(one.is_option) for one in terms])[at]
    cash = np.zeros(len(known.accounts), np.int64)
    np.add.at(cash, known.maker, premium - maker_fee)
    np.add.at(cash, known.taker, -premium - taker_fee)
    pairs = np.concatenate((known.maker, known.taker)) * len(terms) + np.concatenate((at, at))
    keys, inverse = np.unique(pairs, return_inverse=True)
    sizes, entries = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    np.add.at(sizes, inverse, np.concatenate((-side * lots, side * lots)))
    np.add.at(entries, inverse, np.concatenate((-side * value, side * value)))
    _must(has_room(known.parties(), keys.tolist(), most * rows.total))
    return _Booked(keys, sizes, entries, cash, int((maker_fee + taker_fee).sum()), slices)


def _column(values: list[int]) -> Column:
    _must(max(values, default=0) < ROOM and min(values, default=0) > -ROOM)
    return np.array(values, np.int64)


def _spots(rows: Fills, known: _Known, index: Indices) -> Column:
    """The index of every fill's underlying as the fill finds it."""
    underlying = _column([one.terms.underlying for one in known.instruments])[known.instrument]
    spot = np.zeros(rows.total, np.int64)
    for number in np.unique(underlying).tolist():
        _must(number in index)
        starts, prices = index[number]
        of_it = np.flatnonzero(underlying == number)
        spot[of_it] = prices[np.searchsorted(starts, of_it, side="right") - 1]
    _must((spot > 0).all())
    return spot


def _authorised(rows: Fills, known: _Known, value: Column) -> tuple[tuple[int, int, int, int], ...]:
    """Classes that only the rules judge are told by them, of the few rows that have such."""
    special = (rows.maker_class > CLASS_GRANT) | (rows.taker_class > CLASS_GRANT)
    found: list[tuple[int, int, int, int]] = []
    for at in np.flatnonzero(special).tolist():
        step = step_of(rows.part(at, at + 1).rows()[0])
        maker, taker = known.accounts[known.maker[at]], known.accounts[known.taker[at]]
        worth = int(value[at])
        size = -step.q if step.flags & TAKER_SELLS else step.q
        try:
            awaits = fl.is_authorised(step, maker, taker)
        except TransitionError as error:
            raise _Unsure from error
        if awaits:
            found.append((step.second, step.instrument, size, worth))
    return tuple(found)


def _fees(
    state: State, rows: Fills, known: _Known, value: Column, spot: Column
) -> tuple[Column, Column]:
    """(makers', takers'), of fills by combos' orders by the rules' own figures."""
    terms, at = [one.terms for one in known.instruments], known.instrument
    lot = _column([one.lot_e8 for one in terms])[at]
    _must(int(spot.max()) * int(lot.max()) < ROOM)
    per_lot = -(-spot * lot // E8)
    tables = _rates(state, known)
    column = _column([0 if one.is_option else 2 for one in terms])[at]
    if tables is None:
        makers = _column([one.maker_fee_ppm for one in terms])[at]
        takers = _column([one.taker_fee_ppm for one in terms])[at]
    else:
        makers, takers = tables[known.maker, column], tables[known.taker, column + 1]
    cap = _column([one.fee_cap_permille if one.is_option else 0 for one in terms])[at]
    lots, rate = rows.size_lots, max(int(np.abs(makers).max()), int(takers.max()), 1)
    _must(int(per_lot.max()) * rate * int(lots.max()) * 4 < ROOM)
    _must(int(value.max()) * max(int(cap.max()), 1) < ROOM)
    full = _fee(per_lot, takers, lots, value, cap)
    rebate = np.minimum(per_lot * np.maximum(-makers, 0) // 1000 * lots // 1000, full)
    paid = _fee(per_lot, np.maximum(makers, 0), lots, value, cap)
    maker_fee = np.where(makers >= 0, paid, -rebate)
    taker_fee = full.copy()
    for place in np.flatnonzero(rows.combo_sides).tolist():
        step = step_of(rows.part(place, place + 1).rows()[0])
        _must(step.flags < fl.FLAGS_END and (not step.flags & 8 or step.flags & 4))
        one = known.instruments[at[place]].terms
        who = known.accounts[known.maker[place]], known.accounts[known.taker[place]]
        fees = fl.fees_micro(state, one, *who, int(spot[place]), step, int(value[place]))
        maker_fee[place], taker_fee[place] = fees
    return maker_fee, taker_fee


def _fee(per_lot: Column, rate: Column, lots: Column, value: Column, cap: Column) -> Column:
    nano = -(-per_lot * rate // 1000)
    fee = -(-nano * lots // 1000)
    return np.where(cap > 0, np.minimum(fee, value * cap // 1000), fee)


def _rates(state: State, known: _Known) -> Column | None:
    """Of every account its tier's four rates; None: the terms' count."""
    tiers = state.parameters.fees.tiers
    if not tiers:
        return None
    of_account = np.minimum(_column([one.tier for one in known.accounts]), len(tiers) - 1)
    return np.array(tiers, np.int64)[of_account]
