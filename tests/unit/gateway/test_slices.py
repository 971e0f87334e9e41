"""Long work goes a slice a turn, and what it tells is whole in the end."""

from __future__ import annotations

import pytest

from exchange.gateway.feeds import public as public_feeds
from exchange.gateway.methods import public
from exchange.gateway.slices import Slices
from tests.unit.gateway.fakes import ManualLoop
from tests.unit.gateway.rig import Rig, btc_marks


def test_one_slice_a_turn_and_every_job_in_turn() -> None:
    loop = ManualLoop()
    slices = Slices(loop)
    done: list[str] = []

    def job(name: str, count: int) -> None:
        left = count

        def step() -> bool:
            nonlocal left
            left -= 1
            done.append(name)
            return left > 0

        slices.add(step)

    job("a", 3)
    job("b", 1)
    assert done == []
    loop.run()
    assert done == ["a", "b", "a", "a"]
    job("c", 1)
    loop.run()
    assert done[-1] == "c"


def test_a_broken_job_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    loop = ManualLoop()
    slices = Slices(loop)
    done: list[int] = []

    def broken() -> bool:
        raise ValueError("broken")

    def good() -> bool:
        done.append(1)
        return False

    slices.add(broken)
    slices.add(good)
    loop.run()
    assert done == [1]
    assert "a job failed" in caplog.text


def test_a_chain_written_in_slices_is_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig().open()
    client = rig.connect()
    whole = client.call("public/get_book_summary_by_currency", currency="USDC")
    monkeypatch.setattr(public, "SUMMARIES_PER_SLICE", 1)
    assert client.call("public/get_book_summary_by_currency", currency="USDC") == whole
    assert len(whole) == 4


def test_nothing_is_written_for_a_session_that_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "SUMMARIES_PER_SLICE", 1)
    rig = Rig().open()
    client = rig.connect()
    client.send("public/get_book_summary_by_currency", currency="USDC")
    client.session.closed = True
    rig.loop.run()
    assert client.session.take() == []


def test_tickers_beyond_a_slice_come_in_later_turns_with_the_newest_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(public_feeds, "STATES_PER_SLICE", 1)
    rig = Rig().open()
    client = rig.client()
    names = [view.name for view in rig.venue.registry.instruments]
    channels = [f"ticker.{name}.{interval}" for name in names for interval in ("raw", "100ms")]
    client.call("public/subscribe", channels=channels)
    for channel in channels:
        assert len(client.taken(channel)) == 1
    for feed_seq, index in ((2, 101_000), (3, 102_000)):
        rig.venue.submit(btc_marks(feed_seq, index * 1_000_000))
    rig.loop.run()
    rig.tick()
    rig.loop.run()
    for name in names[:3]:
        for interval in ("raw", "100ms"):
            assert client.taken(f"ticker.{name}.{interval}")[-1]["index_price"] == 102_000


def test_a_topic_that_closes_while_it_waits_is_not_written() -> None:
    rig = Rig().open()
    client = rig.client()
    name = rig.venue.registry.instruments[0].name
    client.call("public/subscribe", channels=[f"ticker.{name}.raw"])
    client.taken(f"ticker.{name}.raw")
    rig.venue.feeds._note(next(iter(rig.venue.fanout._topics.values())))
    client.call("public/unsubscribe", channels=[f"ticker.{name}.raw"])
    rig.venue.feeds.flush()
    rig.loop.run()
    assert client.taken(f"ticker.{name}.raw") == []
