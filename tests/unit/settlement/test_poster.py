"""Posting: exactly once, with growing pauses, and an end where the L1 is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from settlement.l1.mock import KIND_POST, MockL1, read_blocks
from settlement.l1.port import L1Rejected, L1Unavailable, Progress
from settlement.poster import (
    FIRST_RETRY_MS,
    LAST_RETRY_MS,
    MAX_POSTS_PER_STEP,
    MAX_POSTS_WAITING,
    Poster,
    PostingHalted,
)
from settlement.store import Store
from tests.unit.settlement.rig import Clock
from tests.unit.settlement.test_store import filled


class World:
    def __init__(self, path: Path, fills: int = 15) -> None:
        self.path = path
        self.clock = Clock()
        self.built = len(filled(path / "s.sqlite", fills=fills)[1])
        self.store = Store(path / "s.sqlite")
        self.l1 = MockL1(path / "l1.sqlite", self.clock, block_ms=100)
        self.poster = Poster(self.store, self.l1, self.clock)

    def settle(self, steps: int = 30) -> None:
        for _ in range(steps):
            self.poster.step()
            self.clock.advance(100)
            self.l1.tick()

    def posted(self) -> list[str]:
        blocks = read_blocks(self.path / "l1.sqlite")
        return [tx.outcome for block in blocks for tx in block.transactions if tx.kind == KIND_POST]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.l1.close()
    made.store.close()


def test_everything_is_posted_once_and_confirmed(world: World) -> None:
    world.settle()
    assert world.posted() == [""] * world.built
    assert world.poster.progress is not None
    assert world.poster.progress.confirmed.batch_id == world.built


def test_a_step_posts_no_more_than_its_share(world: World) -> None:
    assert world.built > MAX_POSTS_PER_STEP
    assert world.poster.step() == MAX_POSTS_PER_STEP


def test_a_slow_l1_is_given_only_so_many(tmp_path: Path) -> None:
    many = World(tmp_path, fills=1)
    many.l1.set_switch("hold", 1)
    many.settle()
    assert many.built > MAX_POSTS_WAITING
    assert many.l1.progress().pending.batch_id == MAX_POSTS_WAITING
    many.l1.set_switch("hold", 0)
    many.settle(60)
    assert many.posted() == [""] * many.built
    many.l1.close()
    many.store.close()


def test_a_failing_l1_is_asked_again_after_growing_pauses(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.l1.set_switch("fail", 1)
    asked: list[int] = []
    progress = world.l1.progress

    def noted() -> Progress:
        asked.append(world.clock())
        return progress()

    monkeypatch.setattr(world.l1, "progress", noted)
    start = world.clock()
    for _ in range(6_000):
        assert world.poster.step() == 0
        world.clock.advance(10)
    pauses = [b - a for a, b in pairwise(asked)]
    assert asked[0] == start
    assert pauses[:3] == [FIRST_RETRY_MS, 2 * FIRST_RETRY_MS, 4 * FIRST_RETRY_MS]
    assert max(pauses) == LAST_RETRY_MS
    assert world.poster.error
    world.l1.set_switch("fail", 0)
    world.settle(200)
    assert world.poster.error == ""
    assert world.posted() == [""] * world.built


def test_lost_replies_do_not_post_twice(world: World) -> None:
    world.l1.set_switch("lose_replies", 1)
    for _ in range(2_000):
        world.poster.step()
        world.clock.advance(100)
    world.l1.set_switch("lose_replies", 0)
    world.settle()
    assert world.posted() == [""] * world.built


def test_a_chain_that_forgot_batches_gets_them_again(world: World) -> None:
    world.settle()
    world.l1.close()
    (world.path / "l1.sqlite").unlink()
    world.l1 = MockL1(world.path / "l1.sqlite", world.clock, block_ms=100)
    world.poster = Poster(world.store, world.l1, world.clock)
    world.settle()
    assert world.posted() == [""] * world.built


def test_an_l1_with_batches_of_others_halts(world: World, tmp_path: Path) -> None:
    world.settle()
    (tmp_path / "other").mkdir()
    filled(tmp_path / "other" / "s.sqlite", seed=1, fills=3)
    store = Store(tmp_path / "other" / "s.sqlite")
    with pytest.raises(PostingHalted, match="has root"):
        Poster(store, world.l1, world.clock).step()
    store.close()
    empty = Store(tmp_path / "empty.sqlite")
    with pytest.raises(PostingHalted, match="was not built here"):
        Poster(empty, world.l1, world.clock).step()
    empty.close()


@pytest.mark.parametrize(("code", "steps"), [("malformed", 1), ("duplicate", 2), ("wrong_previous_root", 2)])
def test_a_refusal_that_does_not_pass_halts(
    world: World, code: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(header: bytes, body: bytes) -> bytes:
        raise L1Rejected(code, "no")

    monkeypatch.setattr(world.l1, "post_batch", refuse)
    for _ in range(steps - 1):
        assert world.poster.step() == 0
    with pytest.raises(PostingHalted, match=code):
        world.poster.step()


def test_an_inbox_that_moved_meanwhile_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    post, taken = world.l1.post_batch, list[int]()

    def race(header: bytes, body: bytes) -> bytes:
        # Another life of this process had the same batch under way.
        if not taken:
            taken.append(1)
            post(header, body)
        return post(header, body)

    monkeypatch.setattr(world.l1, "post_batch", race)
    world.settle()
    assert world.posted() == [""] * world.built


def test_a_halted_poster_only_asks(world: World) -> None:
    assert world.poster.step(halted=True) == 0
    assert world.poster.progress is not None
    assert world.poster.progress.pending.batch_id == 0


def test_errors_name_their_severity() -> None:
    assert (L1Unavailable("x").severity, L1Rejected("c", "x").severity) == ("temporary", "critical")
