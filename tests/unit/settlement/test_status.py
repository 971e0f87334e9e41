"""The status file: whole at every moment."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from settlement.status import STATUS_VERSION, BatchStatus, Status, read_status, write_status

STATUS = Status(
    STATUS_VERSION, 5, 0, 90, 80, 70, 60, 9, 8, 7, "ab", 1, 2, "", 44, "", "", "",
    [BatchStatus(9, 71, 80, 5, 4, 300, 5, "ab", "built")],
)  # fmt: skip


def test_it_reads_back_and_replaces_the_old(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    assert read_status(path) is None
    write_status(path, STATUS)
    assert read_status(path) == STATUS
    write_status(path, msgspec.structs.replace(STATUS, posted_seq=75))
    told = read_status(path)
    assert told is not None
    assert told.posted_seq == 75
    assert [child.name for child in tmp_path.iterdir()] == ["status.json"]


def test_what_is_no_status_says_so(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text('{"version": 1')
    with pytest.raises(msgspec.DecodeError):
        read_status(tmp_path / "status.json")
