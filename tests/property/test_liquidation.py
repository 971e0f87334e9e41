"""A liquidation never feeds on itself: thin books, any portfolio, both models, wherever the index goes.

Engine and reference are driven together, a command at a time. After every command the engine's books are
whole and nothing was made or lost; every slice leaves balance less maintenance no lower than it was; the
steps come to an end.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.core import invariants
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import SELL, USDC
from tests.unit.core.liquidations import (
    ALICE,
    BOB,
    CAROL,
    FUND,
    INDEX,
    INSTRUMENTS,
    PERPETUAL,
    RISK,
    RiskMarket,
)

SLICES = (r.LIQ_PERPETUAL, r.LIQ_OPTION)
# Every step sells or buys a lot back, moves the cursor or cancels orders: far fewer than these are needed.
STEPS_MOST = 400


class Both:
    """The engine and the reference, fed alike; their answers must be the same bytes."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.reference = ReferenceEngine()

    def apply(self, batch: bytes) -> bytes:
        """Apply to both; the engine's state is checked in full."""
        events = self.engine.apply(batch)
        assert events == self.reference.apply(batch)
        invariants.check(self.engine)
        return events


class Position(NamedTuple):
    """ALICE's lots of an instrument, how its mark then moves, and what she meets when they are closed."""

    instrument: int
    lots: int
    against_percent: int
    away_permille: int
    offered_lots: int


class Case(NamedTuple):
    """What is drawn: positions, parameters, what moves, the thin books they meet."""

    portfolio: bool
    positions: list[Position]
    spare_usdc: int
    orders: int
    index_percent: int
    deltas: tuple[int, int, int]
    tables: list[tuple[int, int, int]]
    fund: int
    risk: cr.RiskParameters


lots = st.integers(-12, 12).filter(bool)

@st.composite
def risks(draw: st.DrawFn) -> cr.RiskParameters:
    """Parameters around the usual ones."""
    perp_mm = draw(st.sampled_from((2_000, 10_000, 50_000)))
    return RISK._replace(
        perp_im_ppm=perp_mm * 2,
        perp_mm_ppm=perp_mm,
        pm_mm_ppm=draw(st.sampled_from((800_000, 1_000_000))),
        roll_ppm=draw(st.sampled_from((0, 10_000))),
        shock_ppm=draw(st.sampled_from((0, 20_000))),
        short_ppm=draw(st.sampled_from((0, 10_000))),
        dampener_micro=draw(st.sampled_from((0, 100 * USDC))),
        extended_from=draw(st.sampled_from((2, 3))),
        liquidation_fee_ppm=draw(st.sampled_from((0, 500, 2_000))),
        liquidation_slice_micro=draw(st.sampled_from((1, 1_000 * USDC, 2_500 * USDC, 10_000 * USDC))),
        liquidation_band_ppm=draw(st.sampled_from((0, 1_000, 5_000, 30_000))),
    )


positions = st.builds(
    Position,
    instrument=st.sampled_from(INSTRUMENTS),
    lots=lots,
    against_percent=st.integers(-10, 80),
    away_permille=st.integers(-20, 40),
    offered_lots=st.integers(0, 14),
)
cases = st.builds(
    Case,
    portfolio=st.booleans(),
    positions=st.lists(positions, min_size=1, max_size=4, unique_by=attrgetter("instrument")),
    spare_usdc=st.sampled_from((0, 0, 5, 100)),
    orders=st.sampled_from((0, 0, 1, 3)),
    index_percent=st.integers(-20, 20),
    deltas=st.tuples(*[st.integers(-1_000_000_000, 1_000_000_000)] * 3),
    tables=st.lists(st.tuples(*[st.integers(-60, 60)] * 3), min_size=4, max_size=4),
    fund=st.sampled_from((0, 100, 100_000)),
    risk=risks(),
)


def stage(case: Case) -> RiskMarket:
    """ALICE holds the positions on hardly more than their margin; then everything moves."""
    market = RiskMarket(Both(), case.risk, fund_micro=case.fund * USDC)
    market.deposit(ALICE, 1_000_000 * USDC)
    market.deposit(BOB, 1_000_000 * USDC)
    market.deposit(CAROL, 100_000_000 * USDC)
    market.mark(tables=dict(zip(INSTRUMENTS, case.tables, strict=True)))
    if case.portfolio:
        market.must(cr.set_margin_model(ALICE, r.MODEL_PORTFOLIO), e.Account)
    marks = {**dict.fromkeys(INSTRUMENTS, 3000), PERPETUAL: INDEX}
    for held in case.positions:
        market.give(ALICE, held.instrument, held.lots, marks[held.instrument])
    for _ in range(case.orders):
        market.rests(ALICE, INSTRUMENTS[0], 1, 1)
    leave(market, case.spare_usdc)
    index = INDEX * (100 + case.index_percent) // 100
    for held in case.positions:
        if held.instrument == PERPETUAL:
            index = INDEX * (100 - sign(held.lots) * min(held.against_percent, 30)) // 100
        else:
            marks[held.instrument] = 3_000 * (100 - sign(held.lots) * held.against_percent) // 100
    marks[PERPETUAL] = index
    market.mark(index, marks, deltas=dict(zip((0, 2, 3), case.deltas, strict=True)))
    for held in case.positions:
        offer(market, held, marks[held.instrument])
    return market


def offer(market: RiskMarket, held: Position, mark: int) -> None:
    """CAROL's orders against a position: most of them a little off the mark, some a tick beyond."""
    price = max(1, mark - sign(held.lots) * mark * held.away_permille // 1_000)
    flags = SELL if held.lots < 0 else 0
    for part in (held.offered_lots // 3, held.offered_lots - held.offered_lots // 3):
        if part:
            market.send(c.new_order(CAROL, held.instrument, flags, price, part))
            price = max(1, price - sign(held.lots))


def sign(number: int) -> int:
    return 1 if number > 0 else -1


def leave(market: RiskMarket, spare_usdc: int) -> None:
    """ALICE withdraws what she may, down to a USDC or so, and gets `spare_usdc` back."""
    for number, bit in enumerate(range(40, 19, -1)):
        market.send(c.withdraw(ALICE, 1 << bit, number + 1))
    market.deposit(ALICE, 1 + spare_usdc * USDC)


def steps(market: RiskMarket) -> Iterator[list[e.Event]]:
    """Steps until the liquidation ends, is auctioned or leaves a deficit."""
    for _ in range(STEPS_MOST):
        events = market.step()
        yield events
        event = events[-1]
        if isinstance(event, e.Liquidation) and event.kind in (r.LIQ_ENDED, r.LIQ_AUCTION, r.LIQ_DEFICIT):
            return
    raise AssertionError("the liquidation goes on and on")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases)
def test_a_liquidation_never_feeds_on_itself(case: Case) -> None:
    market = stage(case)
    for started in market.sweep(ALICE, 1):
        room = started.balance_micro - started.maintenance_micro
        assert room < 0
        for events in steps(market):
            told = events[-1]
            if not isinstance(told, e.Liquidation):
                continue
            after = told.balance_micro - told.maintenance_micro
            if told.kind in SLICES:
                assert after >= room, "a slice made things worse"
                assert told.amount_micro >= 0
                assert told.amount_micro == 0 or case.portfolio or told.balance_micro >= 0
            room = after
        if last_kind(events) == r.LIQ_AUCTION:
            taken_over(market)
    assert fund(market) >= 0


def taken_over(market: RiskMarket) -> None:
    """A bidder takes the portfolio in two parts; then the account is free, or everybody shares its loss."""
    for fraction in (400_000, 1_000_000):
        market.send(cr.takeover(BOB, ALICE, fraction, 1 << 60))
    if last_kind(market.step()) == r.LIQ_DEFICIT:
        for _ in range(8):  # two passes over four accounts, three at a time
            if last_kind(market.send(cr.share_loss(ALICE, 3))[:-1]) == r.LIQ_ENDED:
                return
        raise AssertionError("the loss was not shared")


def last_kind(events: list[e.Event]) -> int:
    """The kind of the LIQUIDATION these end with; 0: another event."""
    event = events[-1] if events else None
    return event.kind if isinstance(event, e.Liquidation) else 0


def fund(market: RiskMarket) -> int:
    """What the insurance fund has, in micro-USDC."""
    return market.cash(FUND)
