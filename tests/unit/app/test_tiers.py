"""Volume tiers: thirty days, families together, what is kept between processes."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from exchange.app.parameters import Parameters, VenueParameters
from exchange.app.products import PRODUCTS
from exchange.app.tiers import DAYS, FileVolumes, MemoryVolumes, VolumeStore, VolumeTiers
from exchange.core import queries, risk_queries
from exchange.domain import commands as c
from exchange.domain import records as r
from tests.unit.app.direct import USDC, DirectVenue

ALICE, BOB, SUB = 64, 65, 66
INDEX = 100_000 * USDC
DAY = 20_000
VOLUMES = VenueParameters(rules=2, tier_from_micro=tuple(n * 10_000 * USDC for n in (0, 1, 2, 3, 4)))


class Rig:
    """Alice with a subaccount, and Bob, on the bitcoin perpetual: a lot is 100 USDC of volume."""

    def __init__(self, store: VolumeStore | None = None) -> None:
        self.store = store or MemoryVolumes()
        self.venue = DirectVenue()
        venue = self.venue
        venue.do(c.list_underlying(0, "BTC"), c.list_instrument(0, PRODUCTS[0].perpetual(0)))
        parameters = Parameters(venue, VOLUMES)
        parameters.look()
        venue.run(0.01)
        venue.open_for(2, 1_000_000)
        venue.do(c.create_account(SUB, main=ALICE), c.deposit(SUB, 1_000_000 * USDC, 3))
        venue.do(c.marks(0, INDEX, 1, [c.Mark(0, 10**9, INDEX, 0, INDEX)]))
        self.tiers = VolumeTiers(venue, VOLUMES, self.store)

    def trade(self, maker: int, taker: int, usdc: int) -> None:
        lots = usdc // 100
        self.venue.do(
            c.new_order(maker, 0, r.FLAG_SELL, 200_000, lots), c.new_order(taker, 0, 0, 200_000, lots)
        )

    def end(self, day: int) -> list[int]:
        self.tiers.end_day(DAY + day)
        self.tiers.look()
        self.venue.run(0.01)
        return self.tiers_of((ALICE, BOB, SUB))

    def tiers_of(self, accounts: Sequence[int]) -> list[int]:
        return [risk_queries.account_state(self.venue.engine, account).tier for account in accounts]


def test_a_family_trades_itself_into_a_tier_together() -> None:
    rig = Rig()
    assert rig.end(0) == [0, 0, 0]
    rig.trade(ALICE, BOB, 6_000)
    rig.trade(BOB, SUB, 7_000)
    assert rig.end(1) == [1, 1, 1]  # 13,000 each, Alice's half by her subaccount
    rig.trade(ALICE, BOB, 19_000)
    assert rig.end(2) == [3, 3, 3]
    assert rig.tiers.changed_count == 6


def test_volume_counts_for_thirty_days() -> None:
    rig = Rig()
    rig.end(0)
    rig.trade(ALICE, BOB, 25_000)
    assert rig.end(1) == [2, 2, 2]
    for day in range(2, DAYS + 1):
        assert rig.end(day) == [2, 2, 2]
    assert rig.end(DAYS + 1) == [0, 0, 0]  # what was traded on the first day is thirty days old


def test_a_day_end_that_was_missed_leaves_the_one_before_to_compare_with() -> None:
    rig = Rig()
    rig.trade(ALICE, BOB, 25_000)
    rig.end(0)
    rig.end(20)
    assert rig.end(45) == [0, 0, 0]  # thirty days before, day 15, is not known; day 0 is


def test_a_new_process_knows_what_the_last_one_kept(tmp_path: Path) -> None:
    store = FileVolumes(tmp_path / "volumes.msgpack")
    rig = Rig(store)
    rig.trade(ALICE, BOB, 25_000)
    rig.end(0)
    rig.tiers = VolumeTiers(rig.venue, VOLUMES, FileVolumes(tmp_path / "volumes.msgpack"))
    assert rig.end(DAYS) == [0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["volumes.msgpack"]


def test_a_damaged_file_begins_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "volumes.msgpack"
    path.write_bytes(b"\xc1 no msgpack")
    with caplog.at_level(logging.WARNING):
        assert FileVolumes(path).load() == {}
    assert "begin anew" in caplog.text
    caplog.clear()
    assert FileVolumes(tmp_path / "none").load() == {}
    assert not caplog.records  # a first start is nothing to warn of
    FileVolumes(tmp_path / "no" / "such" / "folder").save({1: {64: 5}})
    assert "cannot be kept" in caplog.text


def test_a_full_queue_puts_tiers_off() -> None:
    rig = Rig()
    rig.trade(ALICE, BOB, 25_000)
    rig.venue.is_full = True
    assert rig.end(0) == [0, 0, 0]
    rig.venue.is_full = False
    rig.tiers.look()
    rig.venue.run(0.01)
    assert rig.tiers_of((ALICE, BOB, SUB)) == [2, 2, 2]


def test_a_tier_changes_what_is_paid() -> None:
    """500 ppm of 10,000 USDC; from the third tier on 400, and the maker has a rebate of 20."""
    rig = Rig()

    def cash(account: int) -> int:
        return queries.account_figures(rig.venue.engine, account).cash_micro

    before = cash(BOB)
    rig.trade(ALICE, BOB, 10_000)
    assert before - cash(BOB) == 5 * USDC
    rig.trade(ALICE, BOB, 10_000)
    assert rig.end(0) == [2, 2, 2]
    before, maker = cash(BOB), cash(ALICE)
    rig.trade(ALICE, BOB, 10_000)
    assert before - cash(BOB) == 4 * USDC
    assert cash(ALICE) - maker == USDC // 5
