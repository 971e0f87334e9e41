"""The oracle in a whole venue, on the simulation's loop: index, refits, pulls, delivery price, status."""

from __future__ import annotations

from random import Random

import pytest

from exchange.core import queries
from exchange.domain import commands as c
from exchange.domain import records as r
from exchange.gateway.venue import Venue
from exchange.wire.instruments import InstrumentView
from tests.simulation.loop import World
from tests.simulation.node import Node

ALICE = 64


class Rig:
    """A venue three seconds after its start, with an account that has money."""

    def __init__(self) -> None:
        self.world = World(Random(1))
        node = Node(self.world, 1, lambda _engine: None, lambda _what, _data: None)
        node.boot()
        assert node.process is not None
        self.oracle = node.process.oracle
        self.venue: Venue = node.process.venue
        self.clock = node.clock
        self.run(1.0)
        self.send(c.create_account(ALICE))
        self.venue.faucet(ALICE)
        self.run(2.0)

    def run(self, seconds: float) -> None:
        end_us = self.world.now_us + int(seconds * 1e6)
        while self.world.now_us < end_us and self.world.step():
            pass

    def send(self, command: bytes) -> None:
        answered: list[bytes] = []
        self.venue.submit(command, answered.append)
        while not answered:
            self.world.step()
        assert answered[0][0] != r.EV_REJECTED

    def surface(self, symbol: str = "BTC") -> dict[str, object]:
        report = self.oracle.report()["underlyings"]
        assert isinstance(report, dict)
        found: dict[str, object] = report[symbol]["surface"]
        return found

    def mark(self, view: InstrumentView) -> float:
        return queries.instrument_figures(self.venue.engine, view.instrument).mark_micro / 1e6


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_the_status_tells_of_engine_index_and_surface(rig: Rig) -> None:
    rig.run(1.0)
    report = rig.oracle.report()
    assert report["pricing_engine"] in ("numpy", "numba")
    assert report["surface_worker_failures"] == 0
    underlyings = report["underlyings"]
    assert isinstance(underlyings, dict)
    assert list(underlyings) == ["BTC", "ETH"]
    index = underlyings["BTC"]["index"]
    assert index["price"] == pytest.approx(98_000.0, rel=0.01)
    assert len(index["used"]) + len(index["stale"]) + len(index["outlying"]) == 5
    assert index["confidence"] > 0.3
    assert rig.surface() == {
        "status": "no_quotes", "age_ms": rig.surface()["age_ms"], "expiries": 2, "error_bp": None,
        "bounds": (),
    }  # fmt: skip


def test_quotes_move_the_surface_or_the_mark_they_contradict(rig: Rig) -> None:
    """A whole bid above the model: the book is believed, within its limits."""
    rig.run(1.0)
    calls = [v for v in rig.venue.registry.members[0] if v.terms.option_type == r.OPTION_CALL]
    view = calls[-2]  # at the money of the far expiry
    before = rig.mark(view)
    figures = queries.instrument_figures(rig.venue.engine, view.instrument)
    ticks = (3 * int(before * 1e6 / view.terms.tick_micro) + figures.max_price_ticks) // 4
    step = max(s for above, s in view.terms.tick_steps if ticks >= above)
    ticks -= ticks % step
    rig.send(c.new_order(ALICE, view.instrument, 0, ticks, 8))
    rig.run(12.0)  # a lone quote is believed after a while
    after = rig.mark(view)
    assert rig.surface()["status"] in ("fresh", "held")
    bid = view.price(ticks)
    assert after - before > 0.3 * min(bid - before, 0.05 * before)
    model = rig.oracle.chain(0)
    assert model is not None
    assert after <= bid + 0.01 * before


def test_the_delivery_price_is_that_of_the_half_hour_before(rig: Rig) -> None:
    now_ms = rig.clock.now_ms()
    price = rig.oracle.delivery_micro(0, now_ms)
    assert price == pytest.approx(98_000e6, rel=0.01)
    # The venue was not there: what it has seen since its start has to do.
    assert rig.oracle.delivery_micro(0, now_ms - 86_400_000) == pytest.approx(price, rel=1e-3)


def test_a_small_bid_does_not_move_the_perpetuals_mark_and_size_on_both_sides_does(rig: Rig) -> None:
    view = next(v for v in rig.venue.registry.members[0] if not v.terms.option_type)

    def stand(side: int, over_index: float, lots: int) -> None:
        price = rig.oracle.spot(0) * (1.0 + over_index) * 1e6
        rig.send(c.new_order(ALICE, view.instrument, side, round(price / view.terms.tick_micro), lots))

    def premium() -> float:
        return rig.mark(view) / rig.oracle.spot(0) - 1.0

    lots_whole = round(0.6e8 / view.terms.lot_e8)
    stand(0, 0.004, 1)
    rig.run(15.0)
    assert abs(premium()) < 0.001  # that of the simulated market
    stand(0, 0.004, lots_whole)
    stand(1, 0.006, lots_whole)
    rig.run(15.0)
    assert 0.001 < premium() < 0.005
