"""What the engine keeps incrementally is what a look at all seats would find.

Random trading, marks, tables, changes of model and deliveries; then, on the very same state, kept sums
against sums made anew, and the sweep's read-only answer against the exact figures.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.core import invariants, margin, remargin
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import records as r
from tests.unit.core.harness import IOC, MICRO, SELL
from tests.unit.core.margins import (
    ALICE,
    BOB,
    CALL_50,
    DORA,
    MARKS,
    PUT_50,
    RISK,
    MarginMarket,
)

ACCOUNTS = (ALICE, BOB, DORA)
INSTRUMENTS = sorted(MARKS)

accounts = st.sampled_from(ACCOUNTS)
instruments = st.sampled_from(INSTRUMENTS)
orders = st.tuples(
    st.just("order"), accounts, instruments, st.integers(-3, 3), st.integers(1, 40),
    st.sampled_from((0, SELL, IOC, SELL | IOC, r.FLAG_REDUCE_ONLY)),
)  # fmt: skip
quotes = st.tuples(st.just("quote"), accounts, instruments, st.integers(1, 3), st.integers(0, 20))
amends = st.tuples(st.just("amend"), st.integers(1, 60), st.integers(1, 40))
cancels = st.tuples(st.just("cancel"), st.integers(1, 60))
moves = st.tuples(st.just("marks"), st.integers(-2_000, 2_000))
tables = st.tuples(
    st.just("tables"),
    st.lists(instruments, unique=True, max_size=4),
    st.lists(st.integers(-30_000, 30_000), min_size=4, max_size=4),
)
models = st.tuples(st.just("model"), accounts, st.integers(0, 1))
others = st.sampled_from([("deliver", CALL_50), ("deliver", PUT_50), ("risk", 1_000), ("risk", 500)])
steps = st.lists(st.one_of(orders, orders, orders, quotes, amends, cancels, moves, tables, models, others))


def command(market: MarginMarket, step: tuple[Any, ...]) -> bytes:
    """The packed command of a step."""
    kind = step[0]
    if kind == "order":
        _, account, at, away, lots, flags = step
        return c.new_order(account, at, flags, MARKS[at][0] + 10 * away, lots)
    if kind == "quote":
        _, account, at, width, lots = step
        price = MARKS[at][0]
        return c.mass_quote(account, [c.Quote(at, price - 10 * width, lots, price + 10 * width, lots)])
    if kind == "amend":
        return b"".join(c.amend(account, step[1], size_lots=step[2]) for account in ACCOUNTS)
    if kind == "cancel":
        return b"".join(c.cancel(account, step[1]) for account in ACCOUNTS)
    market.feed += 1
    if kind == "marks":
        index = 50_000 + step[1]
        return c.marks(0, index * MICRO, market.feed, market.units(index))
    if kind == "tables":
        stream = cr.table_stream((at, step[2]) for at in sorted(step[1]))
        return cr.risk_snapshot(0, 50_000 * MICRO, market.feed, market.units(), len(step[1]), stream)
    if kind == "model":
        return c.cancel_many(step[1], r.SCOPE_ALL) + cr.set_margin_model(step[1], step[2])
    if kind == "risk":
        return cr.risk(0, RISK._replace(quantum_micro=step[1]))
    return c.time(10**9) + c.deliver(step[1], 50_000 * MICRO)


def exact(engine: Engine, account: int) -> tuple[int, int, int, int]:
    w = engine.world
    margin.figures(w, account)
    return w.m_initial, w.m_maintenance, w.m_balance, w.m_equity


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_kept_sums_are_those_made_anew(taken: list[tuple[Any, ...]], lean: list[int]) -> None:
    market = MarginMarket(Engine())
    market.tables()
    engine = market.engine
    assert isinstance(engine, Engine)
    for account, amount in zip(ACCOUNTS, lean, strict=True):
        if amount and account != DORA:
            market.withdraw(account, 5_000 * MICRO * amount)  # little money left: exact margins decide
    for step in taken:
        engine.apply(command(market, step))
        for account in ACCOUNTS:
            # A sweep reads no sums and writes none: it may come before the account is brought up to date.
            below = remargin.below_maintenance(engine.world, account)
            _, maintenance, balance, _ = exact(engine, account)
            assert below == (maintenance > balance)
    invariants.check(engine)
    anew = Engine.restore(engine.state_bytes())
    for account in ACCOUNTS:
        assert exact(engine, account) == exact(anew, account)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_sums_left_stale_come_right(taken: list[tuple[Any, ...]]) -> None:
    """As above, but nobody looks in between: caches are as stale as trading leaves them."""
    market = MarginMarket(Engine())
    market.tables()
    market.portfolio(ALICE, BOB)
    engine = market.engine
    assert isinstance(engine, Engine)
    for step in taken:
        engine.apply(command(market, step))
    anew = Engine.restore(engine.state_bytes())
    for account in ACCOUNTS:
        below = remargin.below_maintenance(engine.world, account)
        assert remargin.below_maintenance(anew.world, account) == below
        assert exact(engine, account) == exact(anew, account)
        assert below == (engine.world.m_maintenance > engine.world.m_balance)
    invariants.check(engine)
