"""How far settlement has come, out of its process's status and, for old batches, its database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from exchange.app import settled
from exchange.app.settled import SettlementStatus
from exchange.gateway.settlement import BatchQuery, SettlementBusy
from settlement.node.batches import Reached
from settlement.status import STATUS_VERSION, BatchStatus, Status, write_status
from tests.conformance.schema.declared import wrong_result


def batch(number: int, state: str = "final", **more: Any) -> BatchStatus:
    first = 10 * number
    return BatchStatus(number, first, first + 9, 9, 8, 400, 1_000 * number, "ab", state, **more)


def status(*batches: BatchStatus) -> Status:
    return Status(
        version=STATUS_VERSION, updated_ms=1, shard=0, read_seq=70, built_seq=69, posted_seq=59,
        confirmed_seq=49, batch_id=6, posted_batch_id=5, confirmed_batch_id=4, root="ab", backlog_batches=1,
        waiting_operations=0, waiting_for="", l1_height=12, l1_error="", alarm_code="", alarm="",
        batches=list(batches), format=2, final_seq=39, final_batch_id=3,
    )  # fmt: skip


POSTED: dict[str, Any] = {
    "layer": "blobs", "l1_tx": "0x12", "l1_block": 9, "gas": 40, "blob_gas": 80, "wei": "7"
}  # fmt: skip


@pytest.fixture
def told(tmp_path: Path) -> SettlementStatus:
    write_status(tmp_path / "status.json", status(batch(6, "built"), batch(5, "posted", **POSTED)))
    found = SettlementStatus(tmp_path / "status.json", tmp_path / "rollup.sqlite")
    found.read()
    return found


def test_without_a_status_nothing_is_posted(tmp_path: Path) -> None:
    none = SettlementStatus(tmp_path / "status.json")
    none.read()
    assert (none.posted_seq(), none.confirmed_seq(), none.final_seq(), none.recent()) == (0, 0, 0, [])
    assert none.progress()["format"] == 0
    found: list[Any] = []
    none.ask(BatchQuery(seq=5), found.append)
    assert found == [[]]


def test_it_tells_how_far_each_state_has_come(told: SettlementStatus) -> None:
    said = told.progress()
    assert said["seq"] == {"posted": 59, "confirmed": 49, "final": 39}
    assert said["batch"] == {"posted": 5, "confirmed": 4, "final": 3}
    assert (said["format"], said["waiting_batches"], said["l1_height"], said["alarm"]) == (2, 1, 12, "")
    assert (told.posted_seq(), told.confirmed_seq(), told.final_seq()) == (59, 49, 39)


def test_a_batch_shows_bytes_and_gas_of_a_fill_once_it_is_posted(told: SettlementStatus) -> None:
    built, posted = told.recent()
    said = {**told.progress(), "batches": told.recent()}
    assert wrong_result("public/strikebook_get_batches", said) == []
    assert (built["id"], built["bytes_per_fill"]) == (6, 50.0)
    assert not {"l1_tx", "gas", "layer"} & set(built)
    assert (posted["gas_per_fill"], posted["blob_gas_per_fill"], posted["l1_cost_wei"]) == (5.0, 10.0, "7")
    assert (posted["layer"], posted["l1_tx"], posted["l1_block"]) == ("blobs", "0x12", 9)


def test_a_file_that_is_half_there_changes_nothing(told: SettlementStatus) -> None:
    told._path.write_text("{")
    told.read()
    assert told.posted_seq() == 59


@pytest.mark.asyncio
async def test_new_batches_are_at_hand_and_old_ones_are_read_on_a_thread(
    told: SettlementStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []

    def newest(path: Path, before: int, most: int, reached: Reached) -> list[BatchStatus]:
        asked.append((path.name, before, most, reached))
        return [batch(4, "confirmed")]

    def with_command(path: Path, seq: int, reached: Reached) -> BatchStatus | None:
        asked.append((path.name, seq, reached))
        return batch(2)

    monkeypatch.setattr(settled, "newest", newest)
    monkeypatch.setattr(settled, "with_command", with_command)
    loop = asyncio.get_running_loop()
    states: list[Any] = []
    told.start(loop, states.append)
    assert [(each["id"], each["state"]) for each in states] == [(6, "built"), (5, "posted")]
    found: list[Any] = []
    told.ask(BatchQuery(2), found.append)
    told.ask(BatchQuery(seq=55), found.append)
    told.ask(BatchQuery(seq=70), found.append)
    told.ask(BatchQuery(3), found.append)
    assert [[each["id"] for each in one] for one in found] == [[6, 5], [5], [], [6, 5]]  # no database yet
    told._database.touch() if told._database else None
    later: list[asyncio.Future[Any]] = [loop.create_future() for _ in range(2)]
    for query, future in zip((BatchQuery(3, before=5), BatchQuery(seq=25)), later, strict=True):
        told.ask(query, future.set_result)
    assert [[each["id"] for each in await future] for future in later] == [[4], [2]]
    reached = Reached(5, 4, 3)
    assert asked == [("rollup.sqlite", 5, 3, reached), ("rollup.sqlite", 25, reached)]
    told._asked = settled.ASKED_MAX
    with pytest.raises(SettlementBusy):
        told.ask(BatchQuery(seq=25), found.append)
    told.stop()


def test_a_database_that_cannot_be_read_has_no_batches(tmp_path: Path) -> None:
    (tmp_path / "rollup.sqlite").write_bytes(b"nothing of the kind" * 100)
    for query in (BatchQuery(3), BatchQuery(seq=3)):
        assert settled._stored(tmp_path / "rollup.sqlite", query, Reached()) == []
