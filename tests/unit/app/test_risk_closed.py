"""The risk driver while an underlying is closed: what can be closed is; for the rest no auction begins."""

from __future__ import annotations

import pytest

from exchange.app.parameters import BTC, ETH, Parameters, VenueParameters
from exchange.app.products import PRODUCTS
from exchange.app.risk_driver import DriverRules, RiskDriver
from exchange.core import queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as ev
from exchange.domain import records as r
from tests.unit.app.direct import USDC, DirectVenue

MAKER, ALICE = 64, 65
BITCOIN, ETHER = 0, 1
CLOSED = 1
INDICES = {BITCOIN: 100_000, ETHER: 4_000}
HELD_MICRO = {BITCOIN: 40_000 * USDC, ETHER: 4_000 * USDC}
CONFIGURED = VenueParameters(
    rules=2,
    risk={
        name: risk._replace(liquidation_slice_micro=2_000 * USDC)
        for name, risk in (("BTC", BTC), ("ETH", ETH))
    },
    fund_micro=0,
)


class Rig:
    """Perpetuals of two underlyings, of which Alice, with 1,000 USDC, is long about 40,000 and 4,000 USDC."""

    def __init__(self) -> None:
        venue = self.venue = DirectVenue()
        for number, (name, product) in enumerate(zip(("BTC", "ETH"), PRODUCTS, strict=True)):
            venue.do(c.list_underlying(number, name), c.list_instrument(number, product.perpetual(number)))
        self.ticks = [product.perpetual(0).tick_micro for product in PRODUCTS]
        Parameters(venue, CONFIGURED).look()
        venue.run(0.01)
        venue.open_for(1, 10_000_000)
        venue.open_for(1, 1_000, first=ALICE)
        self.feed_seq = 0
        self.driver = self.begin()
        for at, index in INDICES.items():
            self.mark(at, index)
            lots = HELD_MICRO[at] // (index * PRODUCTS[at].perpetual(at).lot_e8 // 100)
            self.order(MAKER, at, index, lots, r.FLAG_SELL)
            self.order(ALICE, at, index, lots)

    def begin(self) -> RiskDriver:
        """A process starts."""
        driver = RiskDriver(self.venue, self.venue.clock, DriverRules())
        self.venue.listeners = [driver.on_batch]
        driver.start()
        return driver

    def mark(self, at: int, index: int) -> None:
        self.feed_seq += 1
        self.venue.submit(
            c.marks(at, index * USDC, self.feed_seq, [c.Mark(at, 10**9, index * USDC, 0, index * USDC)])
        )
        self.venue.run(0.0005)

    def order(self, account: int, at: int, usdc: int, lots: int, flags: int = 0) -> None:
        self.venue.do(c.new_order(account, at, flags, usdc * USDC // self.ticks[at], lots))

    def close(self, at: int, state: int = CLOSED) -> None:
        self.venue.do(cr.set_underlying_state(at, state))

    def sizes(self) -> dict[int, int]:
        held = queries.positions(self.venue.engine, ALICE)
        return {each.instrument: each.size_lots for each in held if each.size_lots}

    @property
    def state(self) -> int:
        return risk_queries.account_state(self.venue.engine, ALICE).liquidation

    def kinds(self) -> list[int]:
        """The LIQUIDATION events of Alice."""
        found = [event for event in self.venue.events if isinstance(event, ev.Liquidation)]
        return [event.kind for event in found if event.head.account == ALICE]

    def steps(self) -> int:
        return len(self.venue.sent_of(r.LIQUIDATE))


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_orders_go_and_what_is_open_is_closed(rig: Rig) -> None:
    before = rig.sizes()
    rig.order(ALICE, ETHER, 3_000, 1)
    rig.order(MAKER, BITCOIN, 98_200, 10_000)
    rig.close(ETHER)
    rig.mark(BITCOIN, 98_300)
    rig.venue.run(1.0)
    kinds = rig.kinds()
    assert kinds[:2] == [r.LIQ_STARTED, r.LIQ_ORDERS]
    assert set(kinds[2:-1]) == {r.LIQ_PERPETUAL}
    assert kinds[-1] == r.LIQ_ENDED
    assert rig.sizes()[ETHER] == before[ETHER]
    assert 0 < rig.sizes()[BITCOIN] < before[BITCOIN]


def test_what_is_left_waits_and_no_auction_begins(rig: Rig) -> None:
    before = rig.sizes()
    rig.close(BITCOIN)
    rig.order(MAKER, ETHER, 2_000, 10_000)
    rig.mark(ETHER, 2_000)  # half of 4,000 is lost, and the 40,000 in bitcoin cannot be closed
    rig.venue.run(3.0)
    assert rig.state == r.LIQUIDATION_CLOSING
    assert rig.sizes() == {BITCOIN: before[BITCOIN]}
    steps = rig.steps()
    rig.venue.run(10.0)
    assert 9 <= rig.steps() - steps <= 22  # a round a second: the position, and behind it
    assert rig.state == r.LIQUIDATION_CLOSING
    assert rig.driver.report()["refused"] == 0


def test_what_is_open_is_tried_again_meanwhile(rig: Rig) -> None:
    rig.close(BITCOIN)
    rig.mark(ETHER, 3_400)
    rig.venue.run(3.0)
    assert len(rig.sizes()) == 2
    rig.order(MAKER, ETHER, 3_400, 10_000)
    rig.venue.run(2.0)
    assert list(rig.sizes()) == [BITCOIN]
    assert r.LIQ_AUCTION not in rig.kinds()


def test_when_it_opens_the_liquidation_goes_on(rig: Rig) -> None:
    rig.close(BITCOIN)
    rig.mark(ETHER, 3_850)
    rig.mark(BITCOIN, 99_000)
    rig.venue.run(3.0)
    assert rig.state == r.LIQUIDATION_CLOSING
    assert len(rig.sizes()) == 2
    rig.close(BITCOIN, 0)
    rig.order(MAKER, BITCOIN, 99_000, 10_000)
    rig.venue.run(5.0)
    assert rig.state == 0
    assert rig.sizes()[BITCOIN] < 400
    assert r.LIQ_AUCTION not in rig.kinds()
    assert risk_queries.total_cash(rig.venue.engine) == 0


def test_an_account_that_recovers_meanwhile_is_let_go(rig: Rig) -> None:
    rig.close(BITCOIN)
    rig.mark(ETHER, 3_100)
    rig.venue.run(2.0)
    assert rig.state == r.LIQUIDATION_CLOSING
    rig.mark(ETHER, 4_000)
    rig.venue.run(2.0)
    assert rig.kinds()[-1] == r.LIQ_ENDED
    assert BITCOIN in rig.sizes()


def test_a_new_process_waits_as_well(rig: Rig) -> None:
    rig.close(BITCOIN)
    rig.mark(ETHER, 3_100)
    rig.venue.run(2.0)
    rig.driver.stop()
    rig.venue.engine = Engine.restore(rig.venue.engine.state_bytes())
    rig.begin()
    rig.venue.run(3.0)
    assert rig.state == r.LIQUIDATION_CLOSING


def test_with_all_open_an_auction_begins(rig: Rig) -> None:
    rig.mark(ETHER, 3_100)
    rig.venue.run(2.0)
    assert rig.state == r.LIQUIDATION_AUCTION
