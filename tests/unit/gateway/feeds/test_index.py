"""The channels of an index: its sources, its last day, the marks of its options; tickers by increments."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.domain import commands
from pricing.index import SourcePrice
from tests.unit.gateway.rig import OPTION, PERPETUAL, PUT, Client, Rig, btc_marks
from tests.unit.gateway.test_figures import Oracle

RANKING = "deribit_price_ranking.btc_usdc"
STATISTICS = "deribit_price_statistics.btc_usdc"
MARKS = "markprice.options.btc_usdc"


class Panel:
    """Sources as the test has them."""

    def __init__(self) -> None:
        self.price = 100_000.0

    def __call__(self, underlying: int) -> list[SourcePrice]:
        if underlying:
            return []
        used = SourcePrice("amber", self.price, self.price, 100.0, 7)
        return [used, SourcePrice("beryl", 90_000.0, 90_000.0, 0.0, 6)]


@pytest.fixture
def panel() -> Panel:
    return Panel()


@pytest.fixture
def rig(panel: Panel) -> Rig:
    return Rig(oracle=Oracle(), index_sources=panel).open()


def move(rig: Rig, feed_seq: int, index_micro: int) -> None:
    rig.venue.submit(commands.time(rig.clock.ms))
    rig.venue.submit(btc_marks(feed_seq, index_micro))
    rig.loop.run()


def listen(rig: Rig, *channels: str) -> Client:
    client = rig.connect()
    assert client.call("public/subscribe", channels=list(channels)) == list(channels)
    return client


def test_the_sources_of_an_index_and_which_of_them_count(rig: Rig, panel: Panel) -> None:
    client = listen(rig, RANKING, "deribit_price_ranking.ada_usdc")
    (first,) = client.taken(RANKING)
    assert first == [
        {"identifier": "amber", "enabled": True, "price": 100_000.0, "original_price": 100_000.0,
         "weight": 100.0, "timestamp": 7},
        {"identifier": "beryl", "enabled": False, "price": 90_000.0, "original_price": 90_000.0,
         "weight": 0.0, "timestamp": 6},
    ]  # fmt: skip
    rig.tick(1.0)
    client.taken(RANKING)  # told again if it was not known before anybody listened
    rig.tick(1.0)
    assert client.taken(RANKING) == []
    panel.price = 100_100.0
    rig.tick(1.0)
    ((told, _),) = client.taken(RANKING)
    assert told["price"] == 100_100.0


def test_high_low_and_change_of_a_day(rig: Rig) -> None:
    for number, price in ((2, 98_000), (3, 103_000), (4, 101_000)):
        rig.clock.ms += 1_000
        move(rig, number, price * 1_000_000)
    client = listen(rig, STATISTICS)
    (found,) = client.taken(STATISTICS)
    assert found == {"index_name": "btc_usdc", "low24h": 98_000, "high24h": 103_000, "change24h": 3_000}
    rig.clock.ms += 26 * 3_600_000
    move(rig, 5, 102_000_000_000)
    rig.tick(1.0)
    found = client.taken(STATISTICS)[-1]
    assert (found["low24h"], found["high24h"], found["change24h"]) == (102_000, 102_000, 0)


def test_marks_of_all_options_then_of_those_that_moved(rig: Rig) -> None:
    move(rig, 2, 100_000_000_000)
    client = listen(rig, MARKS)
    (first,) = client.taken(MARKS)
    assert {row["instrument_name"]: (row["mark_price"], row["iv"]) for row in first} == {
        OPTION: (5_000, 0.55), PUT: (5_000, 0.55)
    }  # fmt: skip
    rig.tick(1.0)
    client.taken(MARKS)
    mark = commands.Mark(1, 500_000_000, 5_500_000_000, 100_000_000, 100_000_000_000)
    rig.venue.submit(commands.marks(0, 100_000_000_000, 3, [mark]))
    rig.loop.run()
    rig.tick(1.0)
    ((row,),) = client.taken(MARKS)
    assert (row["instrument_name"], row["mark_price"]) == (PUT, 5_500)
    rig.tick(1.0)
    assert client.taken(MARKS) == []


def test_whether_public_methods_need_a_key(rig: Rig) -> None:
    name = "platform_state.public_methods_state"
    assert listen(rig, name).taken(name) == [{"allow_unauthenticated_public_requests": True}]


def test_an_incremental_ticker_tells_what_changed(rig: Rig) -> None:
    name = f"incremental_ticker.{PERPETUAL}"
    client = listen(rig, name)
    (whole,) = client.taken(name)
    assert whole["type"] == "snapshot"
    picture: dict[str, Any] = dict(whole)
    maker = rig.client()
    for price in (99_000.0, 99_500.0):
        maker.buy(PERPETUAL, 0.5, price)
        rig.tick()
        for change in client.taken(name):
            assert change["type"] == "change"
            assert change["instrument_name"] == PERPETUAL
            assert "index_price" not in change
            assert change["best_bid_price"] == price
            picture.update(change)
    ticker = client.call("public/ticker", instrument_name=PERPETUAL)
    assert {key: value for key, value in picture.items() if key not in ("type", "timestamp")} == {
        key: value for key, value in ticker.items() if key != "timestamp"
    }


def test_an_incremental_ticker_is_silent_while_nothing_changes(rig: Rig) -> None:
    name = f"incremental_ticker.{OPTION}"
    client = listen(rig, name)
    client.taken(name)
    move(rig, 2, 100_000_000_000)
    rig.tick()
    assert client.taken(name) == []
