"""Margin for the edge: what an account needs, and what it would need if it held something else.

What-ifs are staged on account 0, which is nobody's: it is given seats, measured by the very functions that
judge orders, and emptied again. Nothing here changes what `apply` would do.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mypy_extensions import i64

from exchange.core import combo_checks, combo_funds, combo_terms, folios, ledger, margin, portfolio
from exchange.core.engine import Engine
from exchange.core.layout import (
    A_EPOCH,
    A_MODEL,
    A_OPTION_VALUE,
    A_PERP_VALUE,
    A_REQUIREMENT,
    A_SEAT_HEAD,
    A_SEATS,
    ACCOUNT_WORDS,
    F_GAIN,
    F_ORDERS,
    FOLIO_WORDS,
    I_KIND,
    I_MM,
    I_POSITION_LIMIT,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    R_DAMPENER,
    R_EXTENDED,
    R_QUANTUM,
    R_SCENARIOS,
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
    U_RISK,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r

_NOBODY: Final = 0


class MarginFigures(NamedTuple):
    """Margins and what they are held against, micro-USDC, at the marks in force."""

    initial_micro: int
    maintenance_micro: int
    balance_micro: int
    equity_micro: int


class ScenarioFigures(NamedTuple):
    """The portfolio margin of one underlying by its parts, micro-USDC.

    `gains` by scenario; `losses` with open orders, less the dampener where it applies, at least 0.
    `charges_micro` is what is held beside the three others: per seat, and for open orders.
    """

    gains: list[int]
    losses: list[int]
    worst_micro: int
    roll_micro: int
    shock_micro: int
    charges_micro: int
    delta_micro: int
    initial_micro: int
    maintenance_micro: int


def _must_know(w: World, account: i64) -> None:
    if account < 0 or account >= w.account_count:
        raise KeyError(account)


def margins(engine: Engine, account: i64) -> MarginFigures:
    """An account's margins as they are enforced. Raises KeyError for an unknown account.

    Under rules 1 there is one requirement, for both.
    """
    w = engine.world
    _must_know(w, account)
    if w.rules < 2:
        margin.refresh(w, account)
        needed = w.accounts[account * ACCOUNT_WORDS + A_REQUIREMENT]
        return MarginFigures(needed, needed, margin.funds(w, account), margin.equity(w, account))
    margin.figures(w, account)
    return MarginFigures(w.m_initial, w.m_maintenance, w.m_balance, w.m_equity)


def under_model(engine: Engine, account: i64, model: i64) -> MarginFigures:
    """An account's margins as they would be under a model. Raises KeyError for an unknown account."""
    w = engine.world
    _must_know(w, account)
    margin.initial_with_model(w, account, model)
    return MarginFigures(w.m_initial, w.m_maintenance, w.m_balance, w.m_equity)


def order_initial(
    engine: Engine, account: i64, instrument: i64, sell: i64, price_ticks: i64, lots: i64
) -> int:
    """By how much an order, all of it counted as open, changes the initial margin, micro-USDC.

    Raises:
        KeyError: an unknown account or instrument.
        ValueError: more lots than the position limit.
    """
    w = engine.world
    _must_know(w, account)
    if instrument < 0 or instrument >= w.instrument_count:
        raise KeyError(instrument)
    if combo_terms.is_combo(w, instrument):
        if combo_checks.beyond_limits(w, instrument, lots):
            raise ValueError(f"{lots} lots are beyond a leg's position limit")
        return combo_funds.order_initial(w, account, instrument, sell, price_ticks, lots)
    if lots > w.instruments[instrument * INSTRUMENT_WORDS + I_POSITION_LIMIT]:
        raise ValueError(f"{lots} lots are beyond the position limit")
    margin.refresh(w, account)
    held = lots * margin.hold_per_lot(w, account, instrument, sell, price_ticks)
    buys = lots if sell == 0 else 0
    sells = lots if sell != 0 else 0
    seat = ledger.find_seat(w, account, instrument)
    if w.rules >= 2:
        before = margin.initial_with(w, account, 0, instrument, 0, 0, 0, 0)
        return margin.initial_with(w, account, seat, instrument, 0, buys, sells, held) - before
    size: i64 = 0
    needed: i64 = 0
    if seat != 0:
        seats = w.seats.data
        s = seat * SEAT_WORDS
        size = seats[s + S_SIZE]
        buys += seats[s + S_OPEN_BUY]
        sells += seats[s + S_OPEN_SELL]
        held += seats[s + S_HOLD]
        needed = seats[s + S_REQUIREMENT]
    return margin.requirement(w, instrument, size, buys, sells, held) - needed


def without_orders(engine: Engine, account: i64) -> MarginFigures:
    """An account's margins if it had no open order. Raises KeyError for an unknown account."""
    return simulated(engine, account, [], True)


def simulated(
    engine: Engine, account: i64, sizes: list[tuple[int, int]], add: bool, model: i64 = -1
) -> MarginFigures:
    """An account's margins, open orders left out, as if it held `sizes` (instrument, signed lots) besides
    what it holds, or (not `add`) nothing but them; under `model`, or (−1) its own. Its money stays as it is.

    Raises:
        KeyError: an unknown account or instrument.
        ValueError: more seats, or more lots of an instrument, than one may have.
    """
    w = engine.world
    _must_know(w, account)
    if model < 0:
        model = w.accounts[account * ACCOUNT_WORDS + A_MODEL]
    margin.refresh(w, account)
    equity = margin.equity(w, account)
    funds = margin.funds(w, account)
    _stage_sizes(w, account, sizes, add, -1, False)
    found = _measure(w, model)
    _clear(w)
    balance = funds if model == r.MODEL_STANDARD else equity
    return MarginFigures(found.initial_micro, found.maintenance_micro, balance, equity)


def scenarios(
    engine: Engine, account: i64, underlying: i64, sizes: list[tuple[int, int]], add: bool
) -> ScenarioFigures:
    """The portfolio margin of one underlying, whatever the account's model is: of what it holds with its
    open orders and `sizes`, or (not `add`) of `sizes` alone. Raises as `simulated`."""
    w = engine.world
    _must_know(w, account)
    if underlying < 0 or underlying >= w.underlying_count:
        raise KeyError(underlying)
    _stage_sizes(w, account, sizes, add, underlying, True)
    found = _measure(w, r.MODEL_PORTFOLIO)
    u = underlying * UNDERLYING_WORDS + U_RISK
    quantum = w.underlyings[u + R_QUANTUM]
    folio = folios.find(w, _NOBODY, underlying)
    f = folio * FOLIO_WORDS
    gains: list[int] = []
    losses: list[int] = []
    k: i64 = 0
    while k < w.underlyings[u + R_SCENARIOS]:
        gain: i64 = 0
        loss: i64 = 0
        if folio != 0:
            gain = w.folios.data[f + F_GAIN + k] * quantum
            loss = w.folios.data[f + F_ORDERS + k] * quantum - gain
        if k >= w.underlyings[u + R_EXTENDED]:
            loss -= w.underlyings[u + R_DAMPENER]
        gains.append(gain)
        losses.append(loss if loss > 0 else 0)
        k += 1
    worst = max(losses, default=0)
    portfolio.measure(w, _NOBODY, underlying, 0, 0)
    roll = portfolio.roll(w, underlying, w.p_gross, w.p_net)
    shock = portfolio.shock(w, underlying, w.p_net)
    delta = w.p_net
    _clear(w)
    charges = found.initial_micro - worst - roll - shock
    return ScenarioFigures(
        gains,
        losses,
        worst,
        roll,
        shock,
        charges,
        delta,
        found.initial_micro,
        found.maintenance_micro,
    )


def seat_margins(engine: Engine, account: i64) -> list[tuple[int, int, int]]:
    """(instrument, initial, maintenance) of each seat, micro-USDC: its own part where margin is by position,
    what it would need alone where it is by portfolio. Spread relief belongs to no seat.

    Raises:
        KeyError: an unknown account.
    """
    w = engine.world
    _must_know(w, account)
    margin.refresh(w, account)
    model = w.accounts[account * ACCOUNT_WORDS + A_MODEL]
    found: list[tuple[int, int, int]] = []
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        instrument = w.seats.data[s + S_KEY] & SEAT_INSTRUMENT
        initial = w.seats.data[s + S_REQUIREMENT]
        maintenance = initial
        if w.rules >= 2 and model == r.MODEL_STANDARD:
            maintenance = _held(w, seat) * w.instruments[instrument * INSTRUMENT_WORDS + I_MM]
        elif w.rules >= 2:
            _copy(w, seat, True)
            alone = _measure(w, model)
            initial = alone.initial_micro
            maintenance = alone.maintenance_micro
            _clear(w)
        found.append((instrument, initial, maintenance))
        seat = w.seats.data[s + S_NEXT]
    return found


def _held(w: World, seat: i64) -> i64:
    """The lots of a position that need maintenance: those held short, a perpetual's either way."""
    s = seat * SEAT_WORDS
    size = w.seats.data[s + S_SIZE]
    if size < 0:
        return -size
    i = (w.seats.data[s + S_KEY] & SEAT_INSTRUMENT) * INSTRUMENT_WORDS
    return size if w.instruments[i + I_KIND] == r.KIND_PERPETUAL else 0


# --- the stage -------------------------------------------------------------------------------------


def _seat(w: World, instrument: i64) -> i64:
    """The staged seat of an instrument, made if there is none."""
    seat = ledger.find_seat(w, _NOBODY, instrument)
    return seat if seat != 0 else ledger.make_seat(w, _NOBODY, instrument)


def _copy(w: World, seat: i64, orders: bool) -> None:
    """Stage a seat's size and, if asked for, its open orders."""
    s = seat * SEAT_WORDS
    instrument = w.seats.data[s + S_KEY] & SEAT_INSTRUMENT
    staged = _seat(w, instrument) * SEAT_WORDS  # growing may move the pool
    seats = w.seats.data
    seats[staged + S_SIZE] = seats[s + S_SIZE]
    if orders:
        seats[staged + S_OPEN_BUY] = seats[s + S_OPEN_BUY]
        seats[staged + S_OPEN_SELL] = seats[s + S_OPEN_SELL]
        seats[staged + S_HOLD] = seats[s + S_HOLD]


def _stage_account(w: World, account: i64, underlying: i64, orders: bool) -> None:
    """Stage an account's seats; `underlying` −1: of all."""
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        i = (w.seats.data[s + S_KEY] & SEAT_INSTRUMENT) * INSTRUMENT_WORDS
        if underlying < 0 or w.instruments[i + I_UNDERLYING] == underlying:
            _copy(w, seat, orders)
        seat = w.seats.data[s + S_NEXT]


def _stage_sizes(
    w: World, account: i64, sizes: list[tuple[int, int]], add: bool, underlying: i64, orders: bool
) -> None:
    for instrument, lots in sizes:
        if instrument < 0 or instrument >= w.instrument_count:
            raise KeyError(instrument)
        seat = ledger.find_seat(w, account, instrument)
        total: i64 = lots + (w.seats.data[seat * SEAT_WORDS + S_SIZE] if add and seat != 0 else 0)
        most = w.instruments[instrument * INSTRUMENT_WORDS + I_POSITION_LIMIT]
        if total > most or total < -most:
            raise ValueError(f"{total} lots of instrument {instrument}: the limit is {most}")
    seats = i64(len(sizes)) + (w.accounts[account * ACCOUNT_WORDS + A_SEATS] if add else 0)
    if seats > limits.MAX_SEATS:
        raise ValueError(f"{seats} seats: the limit is {limits.MAX_SEATS}")
    if add:
        _stage_account(w, account, underlying, orders)
    for instrument, lots in sizes:
        if underlying < 0 or w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING] == underlying:
            staged = _seat(w, instrument) * SEAT_WORDS  # growing may move the pool
            w.seats.data[staged + S_SIZE] += lots


def _measure(w: World, model: i64) -> MarginFigures:
    """The margins of what is staged. The stage stays, refreshed."""
    w.accounts[_NOBODY * ACCOUNT_WORDS + A_MODEL] = model
    margin.forget(w, _NOBODY)
    margin.figures(w, _NOBODY)
    return MarginFigures(w.m_initial, w.m_maintenance, w.m_balance, w.m_equity)


def _clear(w: World) -> None:
    """Empty the stage: account 0 has neither seats nor sums."""
    accounts = w.accounts
    a = _NOBODY * ACCOUNT_WORDS
    folios.release(w, _NOBODY)
    accounts[a + A_MODEL] = r.MODEL_STANDARD
    while accounts[a + A_SEAT_HEAD] != 0:
        seat = accounts[a + A_SEAT_HEAD]
        s = seat * SEAT_WORDS
        for word in (S_SIZE, S_ENTRY, S_OPEN_BUY, S_OPEN_SELL, S_HOLD):
            w.seats.data[s + word] = 0
        ledger.drop_seat(w, seat)
    accounts[a + A_EPOCH] = 0
    for word in (A_REQUIREMENT, A_PERP_VALUE, A_OPTION_VALUE):
        accounts[a + word] = 0
