"""The store of blocks: what is durable, in which order, and what a broken disk costs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from exchange.gateway.deals.block_store import (
    IDS_AHEAD,
    RFQS_STORED,
    BlockStore,
    BlockStoreError,
    Part,
    PartQuery,
)
from exchange.wire.session import RpcError
from tests.unit.gateway.fakes import ManualCommitter


def part(number: int, **more: Any) -> Part:
    usual = Part(number, number, 0, 5, 1, 64, 65, 2, 0, 0, "t", "m", " BTC ", 0, b"")
    return usual._replace(**more)


def done(part: Part, first_trade: int) -> Part:
    return part._replace(seq=9, first_trade=first_trade, trades=b"\x90")


def finished(committer: ManualCommitter) -> None:
    while committer.waiting:
        committer.finish()


def test_ids_are_never_given_twice(tmp_path: Path) -> None:
    given: list[int] = []
    for _ in range(3):
        committer = ManualCommitter()
        store = BlockStore(tmp_path / "b.sqlite", committer)
        series, other = store.ids("blocks"), store.ids("rfqs")
        for _ in range(IDS_AHEAD + 10):
            given.append(series.take())
            finished(committer)
        assert other.take() not in (0, given[-1])
        store.close()
    assert given == sorted(set(given))


def test_ids_wait_for_a_disk_that_is_far_behind() -> None:
    committer = ManualCommitter()
    series = BlockStore(None, committer).ids("blocks")
    for _ in range(IDS_AHEAD):
        series.take()
    with pytest.raises(RpcError) as refused:
        series.take()
    assert refused.value.code == 13028
    finished(committer)
    assert series.take() == IDS_AHEAD + 1
    series.pass_by(10**6)
    finished(committer)
    assert series.take() == 10**6 + 1


def test_a_part_is_found_by_each_of_its_trades(tmp_path: Path) -> None:
    for path in (None, tmp_path / "b.sqlite"):
        committer = ManualCommitter()
        store = BlockStore(path, committer)
        store.prepare([part(1), part(2, maker=66)], [b"d"], 99, lambda wrong: None)
        assert store.used == {b"d": 99}
        finished(committer)
        assert [each.id for each in store.pending()] == [1, 2]
        store.finish([done(part(1), 100), done(part(2, maker=66), 102)])
        for trade_id, number in ((100, 1), (101, 1), (102, 2), (103, 2)):
            found = store.part_of(trade_id)
            assert found is not None
            assert found.id == number
        assert store.part_of(99) is None
        assert store.part_of(104) is None
        finished(committer)
        assert store.pending() == []
        store.close()
    again = BlockStore(tmp_path / "b.sqlite", ManualCommitter())
    stored = again.part_of(103)
    assert stored is not None
    assert (stored.id, stored.counter) == (2, 9)
    assert again.used == {b"d": 99}
    again.close()


def test_what_was_refused_leaves_nothing() -> None:
    committer = ManualCommitter()
    store = BlockStore(None, committer)
    store.prepare([part(7)], [b"a", b"b"], 99, lambda wrong: None)
    finished(committer)
    assert store.digests_of(7) == [b"a", b"b"]
    store.drop(7, [b"a", b"b"])
    finished(committer)
    assert store.used == {}
    assert store.pending() == []
    assert store.digests_of(7) == []


def test_used_nonces_are_forgotten_when_their_time_is_over() -> None:
    committer = ManualCommitter()
    store = BlockStore(None, committer)
    store.use_up(b"a", 10, lambda wrong: None)
    store.use_up(b"b", 20, lambda wrong: None)
    store.save_rfq(1, b"old")
    store.save_rfq(1 + RFQS_STORED, b"new")
    store.purge(10)
    assert store.used == {b"b": 20}
    finished(committer)
    assert store.rfqs() == [b"new"]


def test_an_account_finds_its_blocks_on_either_side() -> None:
    committer = ManualCommitter()
    store = BlockStore(None, committer)
    rows = [part(1), part(2, taker=65, maker=64), part(3, taker=70), part(4, currencies=" ETH ", rfq=5)]
    store.prepare(rows, [], 0, lambda wrong: None)
    store.finish([done(each, 100 + 2 * each.id) for each in rows])
    usual = PartQuery(64, 0, 1 << 62, "", 0, "", 10)

    def asked(query: PartQuery) -> list[int]:
        found: list[Part] = []
        store.ask_parts(query, found.extend, lambda wrong: None)
        finished(committer)
        return [each.id for each in found]

    assert asked(usual) == [4, 2, 1]
    assert asked(usual._replace(currency="ETH")) == [4]
    assert asked(usual._replace(rfq=5)) == [4]
    assert asked(usual._replace(key="m")) == [2]
    assert asked(usual._replace(first=2, last=3)) == [2]
    assert asked(usual._replace(limit=1)) == [4]


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(BlockStoreError, match="holds no blocks"):
        BlockStore(tmp_path / "b.sqlite", ManualCommitter())


def test_a_disk_that_refuses_is_told_and_nothing_is_half_written() -> None:
    committer = ManualCommitter()
    store = BlockStore(None, committer)
    told: list[BaseException | None] = []
    store.prepare([part(1)], [], 0, told.append)
    store.prepare([part(2), part(1)], [b"d"], 9, told.append)
    finished(committer)
    assert told[0] is None
    assert isinstance(told[1], sqlite3.IntegrityError)
    assert [each.id for each in store.pending()] == [1]
    assert store.digests_of(1) == []
