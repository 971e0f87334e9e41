"""What the faucet has given is on disk before an account is made, and never misread."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.app.faucet import FileGiven, GivenFileError


def test_what_was_given_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "given.txt"
    assert FileGiven(path).load() == 0
    FileGiven(path).save(12)
    FileGiven(path).save(20_000_000_000_000)
    assert FileGiven(path).load() == 20_000_000_000_000
    assert [found.name for found in tmp_path.iterdir()] == ["given.txt"]


@pytest.mark.parametrize("content", [b"", b"-5", b"12 13", b"\xff\xfe", "١٢".encode(), b"1e9"])
def test_a_damaged_file_is_not_taken_for_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "given.txt"
    path.write_bytes(content)
    with pytest.raises(GivenFileError, match=r"given\.txt"):
        FileGiven(path).load()


def test_one_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(GivenFileError, match="cannot be read"):
        FileGiven(tmp_path).load()
