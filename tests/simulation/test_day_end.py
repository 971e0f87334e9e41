"""The first 08:00 UTC passes: delivery, the end of good-til-day orders, settlement, new listings."""

from __future__ import annotations

from random import Random

import pytest

from exchange.core import queries
from exchange.domain import commands as c
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.venue import Venue
from exchange.oracle.chain_spec import ChainPlan
from tests.simulation import node as simulated
from tests.simulation.loop import EPOCH_MS, World

HALF_MINUTE_MS = 30_000
ALICE, BOB = 64, 65


def run_until(world: World, now_us: int) -> None:
    while world.now_us < now_us and world.step():
        pass


def send(world: World, venue: Venue, command: bytes) -> list[ev.Event]:
    answered: list[bytes] = []
    venue.submit(command, answered.append)
    while not answered:
        world.step()
    return list(ev.read_events(answered[0]))


def test_the_first_eight_o_clock_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        simulated,
        "PLAN",
        ChainPlan(dailies=1, weeklies=0, monthlies=0, quarterlies=1, strikes_per_expiry=3, lead_ms=0),
    )
    world = World(Random(1))
    node = simulated.Node(world, 1, lambda _engine: None, lambda _what, _data: None)
    node.clock.offset_us -= HALF_MINUTE_MS * 1_000  # half a minute before the day ends
    node.boot()
    assert node.process is not None
    venue = node.process.venue
    run_until(world, 2_000_000)
    for account in (ALICE, BOB):
        send(world, venue, c.create_account(account))
        venue.faucet(account)
    run_until(world, 3_000_000)

    expiring = [v for v in venue.registry.instruments if v.terms.expiry_ms == EPOCH_MS]
    assert len(expiring) == 2 * 3 * 2  # two underlyings, three strikes, calls and puts
    call = next(v for v in expiring if v.terms.option_type == r.OPTION_CALL)
    perpetual = next(v for v in venue.registry.instruments if v.terms.kind == r.KIND_PERPETUAL)
    for view in (call, perpetual):
        figures = queries.instrument_figures(venue.engine, view.instrument)
        price = (figures.min_price_ticks + figures.max_price_ticks) // 2
        steps = view.terms.tick_steps
        step = max(s for above, s in steps if price >= above)
        price -= price % step
        send(world, venue, c.new_order(ALICE, view.instrument, r.FLAG_SELL, price, 4))
        traded = send(world, venue, c.new_order(BOB, view.instrument, 0, price, 2))
        assert any(isinstance(event, ev.Trade) for event in traded)
        day = r.TIF_GTD << r.TIF_SHIFT
        send(world, venue, c.new_order(BOB, view.instrument, day, step, 1))

    listed = len(venue.registry.instruments)
    run_until(world, 100_000_000)
    assert all(view.state == r.STATE_DELIVERED for view in expiring)
    assert len(venue.registry.instruments) > listed  # tomorrow's options
    assert all(p.instrument != call.instrument for p in queries.positions(venue.engine, BOB))
    settled = next(p for p in queries.positions(venue.engine, BOB) if p.instrument == perpetual.instrument)
    assert settled.size_lots == 2
    assert settled.open_buy_lots == 0  # the good-til-day order has ended
    (left,) = list(ev.read_events(queries.open_orders(venue.engine, ALICE)))
    assert isinstance(left, ev.Order)
    assert (left.head.instrument, left.open_lots) == (perpetual.instrument, 2)
    cash = [queries.account_figures(venue.engine, n).cash_micro for n in range(venue.engine.account_count)]
    assert sum(cash) == 0
    assert venue.phase == "open"
