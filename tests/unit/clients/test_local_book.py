"""A book that proves itself: it equals the engine's after each update, and nothing wrong passes."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from clients.local_book import BookBroken, LocalBook
from exchange.core import queries
from tests.unit.gateway.rig import OPTION, CallFailed, Client, Rig
from tests.unit.gateway.streams.test_venue_streams import random_order

RAW = f"book.{OPTION}.raw"


def engine_levels(rig: Rig, instrument: int = 0) -> tuple[dict[int, int], dict[int, int]]:
    terms = rig.venue.registry.instruments[instrument].terms
    bids, asks = queries.book_levels(rig.engine, instrument, 10_000)
    one, other = ({p * terms.tick_micro: n * terms.lot_e8 for p, n in side} for side in (bids, asks))
    return one, other


def recorded(seed: int, steps: int = 60) -> list[dict[str, Any]]:
    """The frames of a raw channel while a market moves."""
    rng, rig = random.Random(seed), Rig().open()
    traders = [rig.client(1_000_000_000) for _ in range(2)]
    for _ in range(20):
        random_order(rng, rng.choice(traders))
        rig.loop.run()
    watcher = rig.connect(traders[0].account)
    watcher.send("private/subscribe", channels=[RAW])
    for _ in range(steps):
        random_order(rng, rng.choice(traders))
        rig.loop.run()
    return watcher.taken(RAW)


@pytest.mark.parametrize("seed", range(3))
def test_the_followers_book_is_the_engines_after_each_update(seed: int) -> None:
    rng = random.Random(seed)
    rig = Rig().open()
    traders = [rig.client(1_000_000_000) for _ in range(3)]
    followers: list[tuple[Client, LocalBook]] = []
    updates = resyncs = 0
    for step in range(300):
        if step % 75 == 0:
            for interval in ("raw", "100ms", "agg2"):
                book = LocalBook(f"book.{OPTION}.{interval}")
                watcher = rig.connect(traders[0].account)
                watcher.send("private/subscribe", channels=[book.channel])
                followers.append((watcher, book))
        random_order(rng, rng.choice(traders))
        if rng.random() < 0.1:
            rig.tick(0.1)
        rig.loop.run()
        for watcher, book in followers:
            if rng.random() < 0.02:  # a snapshot for this one, while others go on
                method, params = book.resync()
                watcher.send(method, **params)
                resyncs += 1
            for data in watcher.taken(book.channel):
                assert book.take(data)
                updates += 1
            if book.channel == RAW:
                assert (book.bids, book.asks) == engine_levels(rig)
    rig.tick(1.1)
    for watcher, book in followers:
        for data in watcher.taken(book.channel):
            book.take(data)
        assert (book.bids, book.asks) == engine_levels(rig)
    assert updates > 500
    assert resyncs > 20


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_wrong_is_noticed_at_once_or_with_the_next_update(seed: int) -> None:
    frames = recorded(seed)
    assert len(frames) > 30
    rng = random.Random(seed)
    for _ in range(60):
        spoilt = copy.deepcopy(frames)
        at = rng.randrange(1, len(spoilt) - 1)
        _spoil(spoilt, at, rng)
        book = LocalBook(RAW)
        broken = 0
        for number, data in enumerate(spoilt[: at + 2]):
            try:
                book.take(data)
            except BookBroken:
                assert number in (at, at + 1) or number == at - 1
                broken += 1
        assert broken == 1
        assert book.change_id is None
        assert not book.take(frames[-1]), "nothing is taken until a snapshot comes"
        book.take(frames[0])
        for data in frames[1:]:
            assert book.take(data)


def _spoil(frames: list[dict[str, Any]], at: int, rng: random.Random) -> None:
    data = frames[at]
    entries = [entry for name in ("bids", "asks") for entry in data[name]]
    entry = rng.choice(entries)
    match rng.randrange(5):
        case 0:  # lost
            del frames[at]
        case 1:  # twice
            frames.insert(at, data)
        case 2:  # another amount
            entry[2] += 0.01
            entry[0] = "change" if entry[0] == "delete" else entry[0]
        case 3:  # another price
            entry[1] += 5.0
        case _:  # a level that is left out
            side = "bids" if entry in data["bids"] else "asks"
            data[side].remove(entry)


def test_a_crossed_book_is_refused() -> None:
    book = LocalBook("book.x.raw")
    frame = {"type": "snapshot", "change_id": 1, "checksum": 0}
    with pytest.raises(BookBroken, match="crossed"):
        book.take({**frame, "bids": [["new", 5.0, 1.0]], "asks": [["new", 5.0, 1.0]]})


def test_a_snapshot_needs_the_subscription() -> None:
    rig = Rig().open()
    client = rig.client()
    for channel in (RAW, f"ticker.{OPTION}.raw"):
        if channel != RAW:
            client.call("private/subscribe", channels=[channel])
        with pytest.raises(CallFailed) as refused:
            client.call("public/strikebook_book_snapshot", channel=channel)
        assert refused.value.code == -32602
