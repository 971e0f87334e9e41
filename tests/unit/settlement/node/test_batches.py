"""Batches are read back from the database as the status would tell them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from settlement.node.batches import Reached, newest, with_command
from settlement.node.store import NodeStore, PostedRow
from settlement.stf.header import BLOBS, CALLDATA, Header, ShardRange

ZERO = bytes(32)
REACHED = Reached(posted=4, confirmed=3, final=1)


def header(number: int) -> Header:
    """Batch n has the commands 10 n … 10 n + 9."""
    of_shard = ShardRange(0, 10 * number, 10 * number + 9, ZERO, ZERO, ZERO)
    layer = BLOBS if number == 2 else CALLDATA
    return Header(
        5, number, 1_000 * number, ZERO, bytes([number]) * 32, ZERO, ZERO, ZERO, ZERO, 300, 1, 9, 8, layer,
        int(layer == BLOBS), 0, 0, (of_shard,),
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rollup.sqlite"
    store = NodeStore(path)
    store.heard([PostedRow(2, b"t" * 32, 77, ZERO, b"", 90_000, 131_072, 5, 0)], [], [])
    store.close()
    with sqlite3.connect(path) as db:
        rows = [(number, header(number).pack(), b"payload") for number in range(1, 6)]
        db.executemany("INSERT INTO batch VALUES (?, ?, ?)", rows)
    db.close()
    return path


def test_the_newest_come_first_with_their_states(path: Path) -> None:
    found = newest(path, 0, 10, REACHED)
    assert [(each.batch_id, each.state) for each in found] == [
        (5, "built"), (4, "posted"), (3, "confirmed"), (2, "confirmed"), (1, "final"),
    ]  # fmt: skip
    assert [each.batch_id for each in newest(path, 4, 2, REACHED)] == [3, 2]
    assert newest(path, 1, 10, REACHED) == []


def test_what_the_l1_says_of_a_batch_is_told_once_it_is_posted(path: Path) -> None:
    (two,) = newest(path, 3, 1, REACHED)
    assert (two.layer, two.l1_tx, two.l1_block) == ("blobs", "0x" + (b"t" * 32).hex(), 77)
    assert (two.gas, two.blob_gas, two.wei, two.fills) == (90_000, 131_072, "5", 8)
    (two,) = newest(path, 3, 1, Reached())
    assert (two.state, two.l1_tx, two.gas) == ("built", "", 0)


@pytest.mark.parametrize(("seq", "number"), [(1, 1), (10, 1), (19, 1), (20, 2), (39, 3), (59, 5), (60, 0)])
def test_the_batch_of_a_command_is_found(path: Path, seq: int, number: int) -> None:
    found = with_command(path, seq, REACHED)
    assert (found.batch_id if found else 0) == number


def test_no_database_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.Error):
        newest(tmp_path / "none.sqlite", 0, 1, REACHED)
    NodeStore(tmp_path / "rollup.sqlite").close()
    assert newest(tmp_path / "rollup.sqlite", 0, 9, REACHED) == []
    assert with_command(tmp_path / "rollup.sqlite", 1, REACHED) is None
