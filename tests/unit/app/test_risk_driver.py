"""The risk driver on the real core: sweeps, liquidations to their end, losses shared, restarts."""

import dataclasses
import logging
import struct

import pytest

from exchange.app.parameters import BTC, Parameters, VenueParameters
from exchange.app.products import PRODUCTS
from exchange.app.risk_driver import DriverRules, RiskDriver
from exchange.core import queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as ev
from exchange.domain import records as r
from tests.unit.app.direct import USDC, DirectVenue

MAKER, ALICE, BOB = 64, 65, 66
INDEX = 100_000
CONFIGURED = VenueParameters(
    rules=2, risk={"BTC": BTC._replace(liquidation_slice_micro=2_000 * USDC)}, fund_micro=0
)
RULES = DriverRules(sweep_slice=64, sweeps_at_once=2)


class Rig:
    """A bitcoin perpetual (a lot is 100 USDC at the start), a rich maker, Alice and Bob with little."""

    def __init__(self, accounts: int = 3) -> None:
        venue = self.venue = DirectVenue()
        venue.do(c.list_underlying(0, "BTC"), c.list_instrument(0, PRODUCTS[0].perpetual(0)))
        parameters = Parameters(venue, CONFIGURED)
        parameters.look()
        venue.run(0.01)
        venue.open_for(1, 10_000_000)
        venue.open_for(accounts - 1, 1_000, first=ALICE)
        self.feed_seq = 0
        self.driver = self.begin()
        self.index(INDEX)

    def begin(self, rules: DriverRules = RULES) -> RiskDriver:
        """A process starts."""
        driver = RiskDriver(self.venue, self.venue.clock, rules)
        self.venue.listeners = [driver.on_batch]
        driver.start()
        return driver

    def index(self, index: int) -> None:
        """Mark the perpetual at the index; nothing else happens yet."""
        self.feed_seq += 1
        mark = c.Mark(0, 10**9, index * USDC, 0, index * USDC)
        self.venue.submit(c.marks(0, index * USDC, self.feed_seq, [mark]))
        self.venue.run(0.0005)

    def order(self, account: int, usdc: int, lots: int, flags: int = 0) -> None:
        self.venue.do(c.new_order(account, 0, flags, 2 * usdc, lots))

    def long(self, account: int, lots: int = 400) -> None:
        """Buy from the maker at the index."""
        self.order(MAKER, INDEX, lots, r.FLAG_SELL)
        self.order(account, INDEX, lots)

    def size(self, account: int) -> int:
        return sum(held.size_lots for held in queries.positions(self.venue.engine, account))

    def state(self, account: int) -> int:
        return risk_queries.account_state(self.venue.engine, account).liquidation

    def kinds(self, account: int) -> list[int]:
        """The LIQUIDATION events of an account."""
        found = [event for event in self.venue.events if isinstance(event, ev.Liquidation)]
        return [event.kind for event in found if event.head.account == account]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_marks_bring_one_sweep_over_all_accounts_in_slices() -> None:
    rig = Rig(accounts=300)
    rig.venue.run(0.05)
    before = len(rig.venue.sent_of(r.RISK_SWEEP))
    assert before == 5
    firsts = [int.from_bytes(command[32:40], "little") for command in rig.venue.sent_of(r.RISK_SWEEP)]
    assert firsts == [64, 128, 192, 256, 320]
    for _ in range(5):  # marks in quick succession share the next sweep
        rig.index(INDEX + 1)
    rig.venue.run(0.2)
    assert len(rig.venue.sent_of(r.RISK_SWEEP)) == 2 * before
    assert rig.driver.report()["sweeps"] == 2
    rig.venue.run(5.0)
    assert len(rig.venue.sent_of(r.RISK_SWEEP)) == 2 * before  # no marks, no sweeps


def test_accounts_with_many_seats_make_slices_shorter() -> None:
    rig = Rig(accounts=300)
    rig.venue.run(0.05)
    for account in range(100, 110):
        rig.long(account, 1)  # a seat each, and none for the others but the maker
    rig.driver.stop()
    rig.driver = rig.begin(dataclasses.replace(RULES, sweep_seats=3))
    rig.venue.sent.clear()
    rig.index(INDEX)
    rig.venue.run(0.5)
    ranges = [struct.unpack_from("<qq", command, 32) for command in rig.venue.sent_of(r.RISK_SWEEP)]
    ends = [first + count for first, count in ranges]
    assert [first for first, _ in ranges] == [64, *ends[:-1]]  # nobody is left out, nobody is looked at twice
    assert ends[-1] >= rig.venue.engine.account_count
    seats = [
        sum(bool(queries.positions(rig.venue.engine, n)) for n in range(first, min(first + count, 364)))
        for first, count in ranges
    ]
    assert max(seats) == 3
    assert sum(seats) == 11
    assert max(count for _, count in ranges) == 64


def test_ten_thousand_accounts_are_swept_within_a_quarter_of_a_second_of_the_marks() -> None:
    """With a disk that takes 4 ms: what the pace of commands allows, computing left out."""
    rig = Rig(accounts=10_000)
    rig.driver.stop()
    rig.driver = rig.begin(DriverRules())
    rig.venue.sync_s = 0.004
    rig.venue.sent.clear()
    rig.venue.run(0.2)
    for number in range(12):  # marks all the time
        rig.index(INDEX + number)
        rig.venue.run(0.05)
    rig.venue.run(0.2)
    report = rig.driver.report()
    assert 4 <= int(str(report["sweeps"])) <= 9
    assert int(str(report["sweep_ms_max"])) <= 150  # and a sweep begins within 100 ms more
    assert len(rig.venue.sent_of(r.RISK_SWEEP)) == 79 * int(str(report["sweeps"]))


def test_a_sharing_goes_on_in_the_next_process() -> None:
    rig = Rig(accounts=300)
    rig.driver.stop()
    rig.driver = rig.begin(dataclasses.replace(RULES, share_slice=64, turn_s=0.05))
    rig.long(ALICE)
    rig.order(MAKER, 96_100, 1_000)
    rig.index(96_100)
    for _ in range(500):
        if rig.venue.sent_of(r.SHARE_LOSS):
            break
        rig.venue.run(0.01)
    assert risk_queries.sharing(rig.venue.engine) == ALICE
    rig.driver.stop()
    rig.venue.engine = Engine.restore(rig.venue.engine.state_bytes())
    rig.begin()
    rig.venue.run(2.0)
    assert rig.state(ALICE) == 0
    assert risk_queries.sharing(rig.venue.engine) == 0
    assert risk_queries.total_cash(rig.venue.engine) == 0


def test_an_account_below_maintenance_is_closed_in_slices_until_it_is_not(rig: Rig) -> None:
    rig.long(ALICE)
    rig.order(ALICE, INDEX - 5_000, 10)
    rig.order(MAKER, 97_900, 1_000)
    rig.index(98_000)  # Alice has 1,000 − 800 less fees, and needs 392
    rig.venue.run(1.0)
    kinds = rig.kinds(ALICE)
    assert kinds[:2] == [r.LIQ_STARTED, r.LIQ_ORDERS]
    assert set(kinds[2:-1]) == {r.LIQ_PERPETUAL}
    assert kinds[-1] == r.LIQ_ENDED
    assert 0 < rig.size(ALICE) < 400
    assert rig.state(ALICE) == 0
    report = rig.driver.report()
    assert report["in_liquidation"] == 0
    assert report["liquidation_slices"] == kinds.count(r.LIQ_PERPETUAL) > 1
    assert report["fees_to_fund"] == report["fund"] == risk_queries.fund_micro(rig.venue.engine) / 1e6
    steps = len(rig.venue.sent_of(r.LIQUIDATE))
    rig.venue.run(2.0)
    assert len(rig.venue.sent_of(r.LIQUIDATE)) == steps
    assert risk_queries.total_cash(rig.venue.engine) == 0


def test_without_a_book_it_goes_to_auction_and_is_looked_at_now_and_then(rig: Rig) -> None:
    rig.long(ALICE)
    rig.index(98_000)
    rig.venue.run(1.0)
    assert rig.state(ALICE) == r.LIQUIDATION_AUCTION
    before = len(rig.venue.sent_of(r.LIQUIDATE))
    rig.venue.run(2.0)
    assert 6 <= len(rig.venue.sent_of(r.LIQUIDATE)) - before <= 9  # every 250 ms
    rig.order(MAKER, 97_990, 1_000)
    rig.venue.run(3.0)
    assert rig.state(ALICE) == 0  # somebody bid after all


def test_a_loss_beyond_the_fund_is_shared_and_the_account_ends_at_nothing(rig: Rig) -> None:
    rig.long(ALICE)
    rig.order(MAKER, 96_100, 1_000)
    before = queries.account_figures(rig.venue.engine, BOB).cash_micro
    rig.index(96_100)  # it has lost 1,560 of 1,000
    rig.venue.run(3.0)
    kinds = rig.kinds(ALICE)
    assert r.LIQ_PERPETUAL in kinds
    assert kinds[-2:] == [r.LIQ_DEFICIT, r.LIQ_ENDED]
    assert rig.state(ALICE) == rig.size(ALICE) == 0
    assert queries.account_figures(rig.venue.engine, ALICE).funds_micro == 0
    assert queries.account_figures(rig.venue.engine, BOB).cash_micro < before
    assert rig.kinds(BOB) == rig.kinds(MAKER) == [r.LIQ_SHARED]
    report = rig.driver.report()
    assert (report["deficits"], report["in_deficit"]) == (1, 0)
    assert 550 < float(str(report["shared_losses"])) < 700
    assert risk_queries.sharing(rig.venue.engine) == 0
    assert risk_queries.total_cash(rig.venue.engine) == 0


def test_a_new_process_goes_on_where_the_last_one_died(rig: Rig) -> None:
    rig.long(ALICE)
    rig.driver.stop()
    rig.index(98_000)
    rig.venue.run(0.5)
    assert rig.state(ALICE) == 0  # a stopped driver does nothing
    rig.venue.do(cr.risk_sweep(64, 64))
    assert rig.state(ALICE) == r.LIQUIDATION_CLOSING
    rig.order(MAKER, 97_900, 1_000)
    rig.venue.engine = Engine.restore(rig.venue.engine.state_bytes())
    driver = rig.begin()
    rig.venue.run(1.0)
    assert rig.state(ALICE) == 0
    assert driver.report()["liquidations_ended"] == 1


def test_a_venue_that_is_closed_and_an_underlying_that_is_halted_are_waited_for(rig: Rig) -> None:
    rig.long(ALICE)
    rig.order(MAKER, 97_900, 1_000)
    rig.venue.do(cr.set_underlying_state(0, 1))
    rig.index(98_000)
    rig.venue.run(1.0)
    assert rig.state(ALICE) == r.LIQUIDATION_CLOSING
    assert rig.size(ALICE) == 400  # no price there is to be trusted
    steps = len(rig.venue.sent_of(r.LIQUIDATE))
    rig.venue.do(cr.set_underlying_state(0, 0), c.set_mode(r.MODE_CANCEL_ONLY))
    rig.venue.run(2.0)
    assert len(rig.venue.sent_of(r.LIQUIDATE)) == steps
    rig.venue.do(c.set_mode(r.MODE_OPEN))
    rig.venue.run(2.0)
    assert rig.state(ALICE) == 0
    assert rig.driver.report()["refused"] == 0


def test_steps_per_turn_are_bounded_and_everybody_has_his_turn() -> None:
    rig = Rig(accounts=41)
    rules = dataclasses.replace(RULES, steps_per_turn=8, turn_s=0.01)
    rig.driver.stop()
    rig.driver = rig.begin(rules)
    crowd = range(ALICE, ALICE + 40)
    for account in crowd:
        rig.long(account)
    rig.order(MAKER, 97_900, 20_000)
    rig.index(98_000)
    rig.venue.run(0.0305)
    assert 0 < len(rig.venue.sent_of(r.LIQUIDATE)) <= 3 * 8
    rig.venue.run(8.0)
    assert [rig.state(account) for account in crowd] == [0] * 40
    assert rig.driver.report()["liquidations_ended"] == 40


def test_a_full_queue_is_asked_again_and_logs_stay_quiet(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    for account in (ALICE, BOB):
        rig.long(account)
    rig.order(MAKER, 97_900, 2_000)
    with caplog.at_level(logging.INFO):
        rig.index(98_000)
        rig.venue.is_full = True
        rig.venue.run(0.5)
        rig.venue.is_full = False
        rig.index(97_999)
        rig.venue.run(3.0)
    assert [rig.state(account) for account in (ALICE, BOB)] == [0, 0]
    said = [record.getMessage() for record in caplog.records]
    assert said == ["accounts in trouble: 2 fell below maintenance"]  # both in one line


def test_under_rules_one_it_does_nothing() -> None:
    venue = DirectVenue()
    driver = RiskDriver(venue, venue.clock)
    venue.listeners = [driver.on_batch]
    venue.do(c.list_underlying(0, "BTC"), c.marks(0, USDC, 1, []))
    venue.open_for(2, 5)
    venue.run(1.0)
    assert not venue.sent_of(r.RISK_SWEEP)


def test_senseless_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="slices"):
        DriverRules(sweep_slice=5_000)
    with pytest.raises(ValueError, match="nothing"):
        DriverRules(steps_per_turn=0)
