"""The taker against a loopback venue that checks every order it sends."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from clients.flow import FlowConfig
from clients.session import Session
from clients.taker import Taker, TakerConfig
from tests.unit.clients.fake_venue import FakeVenue, Refusal

FAST = TakerConfig(flow=FlowConfig(max_open_orders=5), rate_per_s=2_000.0, prices_every_s=0.05)


def no_pause(_rng: random.Random) -> Iterator[float]:
    while True:
        yield 0.01


@contextlib.asynccontextmanager
async def taking(venue: FakeVenue, config: TakerConfig = FAST) -> AsyncIterator[Taker]:
    async with Session(venue.url, "id", venue.secret, backoff=no_pause) as session:
        taker = Taker(session, config, random.Random(7))
        task = asyncio.create_task(taker.run())
        try:
            yield taker
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def venue() -> AsyncIterator[FakeVenue]:
    async with FakeVenue().running() as venue:
        yield venue
    assert venue.violations == []


def orders_sent(venue: FakeVenue) -> int:
    return venue.calls["private/buy"] + venue.calls["private/sell"]


async def test_it_buys_sells_amends_and_cancels(venue: FakeVenue) -> None:
    async with taking(venue) as taker:
        await venue.wait_until(lambda: min(venue.calls[f"private/{m}"] for m in ("buy", "sell")) >= 20)
        await venue.wait_until(lambda: min(venue.calls[f"private/{m}"] for m in ("edit", "cancel")) >= 5)
        assert set(taker.counts) >= {"market", "ioc", "limit", "amend", "cancel"}


async def test_what_rests_stays_bounded_and_is_cancelled_on_the_way_out(venue: FakeVenue) -> None:
    async with taking(venue):
        await venue.wait_until(lambda: orders_sent(venue) >= 150)
        assert len(venue.orders) <= 5 + FAST.max_in_flight
    assert venue.orders == {}


async def test_it_carries_on_after_a_restart(venue: FakeVenue) -> None:
    async with taking(venue):
        await venue.wait_until(lambda: orders_sent(venue) >= 10)
        await venue.restart()
        before = orders_sent(venue)
        await venue.wait_until(lambda: orders_sent(venue) >= before + 50)
    assert venue.calls["private/cancel_all"] >= 2


async def test_refusals_are_counted_and_nothing_stops(venue: FakeVenue) -> None:
    venue.refuse = lambda method, _: Refusal(10009, "not_enough_funds") if method == "private/sell" else None
    async with taking(venue) as taker:
        await venue.wait_until(lambda: orders_sent(venue) >= 60)
        assert taker.counts["refused:10009"] >= 10


async def test_requests_in_flight_are_bounded(venue: FakeVenue) -> None:
    venue.silent_methods.update(("private/buy", "private/sell"))
    config = TakerConfig(flow=FlowConfig(weights={"market": 1.0}), rate_per_s=5_000.0, max_in_flight=4)
    async with taking(venue, config) as taker:
        await venue.wait_until(lambda: orders_sent(venue) == 4)
        looked = venue.calls["private/get_positions"]
        await taker._load_positions()
        await venue.wait_until(lambda: venue.calls["private/get_positions"] > looked)
        assert orders_sent(venue) == 4


@pytest.mark.parametrize("bad", [{"rate_per_s": 0.0}, {"rate_per_s": 1e9}, {"max_in_flight": 0}])
def test_a_rate_that_cannot_work_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        TakerConfig(**bad)
