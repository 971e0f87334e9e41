"""The maker against a loopback venue that checks every quote it sends."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from clients.market_maker import MakerConfig, MarketMaker
from clients.quoting import QuoteConfig
from clients.session import Session, SessionEnded
from tests.unit.clients.fake_venue import FakeVenue, Refusal

FAST = MakerConfig(
    quoting=QuoteConfig(size_multiple=10, position_limit_multiple=100),
    frames_per_s=1_000.0,
    marks_every_s=0.05,
    positions_every_s=0.05,
    pause_s=0.01,
)


def no_pause(_rng: random.Random) -> Iterator[float]:
    while True:
        yield 0.01


@contextlib.asynccontextmanager
async def making(venue: FakeVenue, config: MakerConfig = FAST) -> AsyncIterator[MarketMaker]:
    async with Session(venue.url, "id", venue.secret, backoff=no_pause) as session:
        maker = MarketMaker(session, config, random.Random(7))
        task = asyncio.create_task(maker.run())
        try:
            yield maker
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def venue() -> AsyncIterator[FakeVenue]:
    async with FakeVenue().running() as venue:
        yield venue
    assert venue.violations == []


def quoted(venue: FakeVenue) -> int:
    """Instruments that are offered: every one can be, while worthless ones are not bid for."""
    return sum(1 for (_, side), (_, amount) in venue.quotes.items() if side == "ask" and amount > 0)


def all_quoted(venue: FakeVenue) -> bool:
    return quoted(venue) == len(venue.listings)


async def test_the_whole_chain_and_the_perpetuals_are_quoted_around_the_mark(venue: FakeVenue) -> None:
    async with making(venue):
        await venue.wait_until(lambda: all_quoted(venue))
        two_sided = 0
        for name in venue.listings:
            bid, ask = venue.best(name)
            if bid:
                two_sided += 1
                assert bid < venue.mark(name) < ask
        assert two_sided > 0.8 * len(venue.listings)
        assert 0 < venue.best("BTC_USDC-PERPETUAL")[0] < venue.best("BTC_USDC-PERPETUAL")[1]


async def test_quotes_follow_the_index(venue: FakeVenue) -> None:
    name = "BTC_USDC-PERPETUAL"
    async with making(venue):
        await venue.wait_until(lambda: all_quoted(venue))
        before = venue.best(name)
        await venue.move_index("BTC", 101_000.0)
        await venue.wait_until(lambda: venue.best(name)[0] > before[1])


async def test_a_still_market_is_left_alone(venue: FakeVenue) -> None:
    async with making(venue) as maker:
        await venue.wait_until(lambda: all_quoted(venue))
        sent = maker.quotes_sent
        looked = venue.calls["public/get_book_summary_by_currency"]
        await venue.wait_until(lambda: venue.calls["public/get_book_summary_by_currency"] >= looked + 4)
        assert maker.quotes_sent == sent


async def test_a_fill_moves_inventory_and_leans_the_quotes(venue: FakeVenue) -> None:
    name = "BTC_USDC-PERPETUAL"
    async with making(venue) as maker:
        await venue.wait_until(lambda: all_quoted(venue))
        before = venue.best(name)
        trade = {"instrument_name": name, "amount": 0.09, "direction": "buy", "price": before[0]}
        venue.positions[name] = 0.09
        await venue.push("user.trades.any.any.raw", [trade])
        await venue.wait_until(lambda: venue.best(name)[1] < before[1])
        assert maker.position_micro[name] == 90_000
        assert maker.fills == 1


async def test_after_a_restart_old_quotes_are_cancelled_and_new_ones_made(venue: FakeVenue) -> None:
    async with making(venue):
        await venue.wait_until(lambda: all_quoted(venue))
        venue.quotes["BTC_USDC-D2-100000-C", "bid"] = (1.0, 5.0)
        await venue.restart()
        await venue.wait_until(lambda: venue.calls["private/cancel_quotes"] == 2)
        await venue.wait_until(lambda: all_quoted(venue))
        assert venue.best("BTC_USDC-D2-100000-C")[0] > 1.0


async def test_quotes_are_withdrawn_on_the_way_out(venue: FakeVenue) -> None:
    async with making(venue):
        await venue.wait_until(lambda: all_quoted(venue))
    assert quoted(venue) == 0


async def test_a_refused_side_does_not_hold_up_the_others_and_is_tried_again(venue: FakeVenue) -> None:
    name = "BTC_USDC-D30-100000-C"
    refusals = iter([Refusal(10009, "not_enough_funds")] * 3)

    def refuse(method: str, params: dict[str, Any]) -> Refusal | None:
        if method == "quote/bid" and params["instrument_name"] == name:
            return next(refusals, None)
        return None

    venue.refuse = refuse
    async with making(venue) as maker:
        await venue.wait_until(lambda: venue.best(name)[0] > 0)
        assert all_quoted(venue)
        assert maker.sides_refused >= 3


async def test_short_funds_make_every_quote_smaller_until_all_fit(venue: FakeVenue) -> None:
    def refuse(method: str, params: dict[str, Any]) -> Refusal | None:
        small = 3 * venue.listings[params["instrument_name"]]["min_trade_amount"] if "ask" in params else 0
        if method == "quote/ask" and params["ask"]["amount"] > small:
            return Refusal(10009, "not_enough_funds")
        return None

    venue.refuse = refuse
    async with making(venue) as maker:
        await venue.wait_until(lambda: all_quoted(venue))
        assert 0.1 < maker.sizes.share < 0.4


async def test_a_venue_in_cancel_only_is_asked_again_until_it_opens(venue: FakeVenue) -> None:
    refusals = iter([Refusal(10041, "settlement_in_progress")] * 5)
    venue.refuse = lambda method, _: next(refusals, None) if method == "private/mass_quote" else None
    async with making(venue):
        await venue.wait_until(lambda: all_quoted(venue))


async def test_a_lost_authorisation_makes_a_new_connection(venue: FakeVenue) -> None:
    refusals = iter([Refusal(13009, "unauthorized")])
    venue.refuse = lambda method, _: next(refusals, None) if method == "private/mass_quote" else None
    async with making(venue):
        await venue.wait_until(lambda: venue.calls["public/auth"] == 2)
        await venue.wait_until(lambda: all_quoted(venue))


async def test_a_silent_index_withdraws_everything(venue: FakeVenue) -> None:
    config = MakerConfig(quoting=FAST.quoting, frames_per_s=1_000.0, marks_every_s=0.05, stale_s=0.2)
    async with making(venue, config):
        await venue.wait_until(lambda: all_quoted(venue))
        await venue.wait_until(lambda: quoted(venue) == 0)
        await venue.move_index("BTC", 100_000.0)
        await venue.wait_until(lambda: venue.best("BTC_USDC-PERPETUAL")[0] > 0)


async def test_options_about_to_expire_are_not_quoted(venue: FakeVenue) -> None:
    async with making(venue):
        await venue.wait_until(lambda: all_quoted(venue))
        venue.clock_ms += 2 * 86_400_000 - 5_000
        await venue.move_index("BTC", 100_200.0)
        await venue.wait_until(lambda: venue.best("BTC_USDC-D2-100000-C") == (0.0, 0.0))
        assert venue.best("BTC_USDC-D30-100000-C")[0] > 0


async def test_frames_are_bounded_in_rate_and_size(venue: FakeVenue) -> None:
    async with making(venue):
        await venue.wait_until(lambda: all_quoted(venue))
    assert all(1 <= len(frame["quotes"]) <= 100 for frame in venue.mass_quotes)
    assert {frame["quote_id"] for frame in venue.mass_quotes} == {"mm"}


async def test_refused_credentials_end_the_bot(venue: FakeVenue) -> None:
    async with Session(venue.url, "id", "wrong", backoff=no_pause) as session:
        with pytest.raises(SessionEnded):
            await MarketMaker(session, FAST, random.Random(1)).run()
