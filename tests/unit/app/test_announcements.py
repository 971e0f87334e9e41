"""Announcements from the operator's file: read when it changes, kept when it is broken."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from exchange.app.announcements import FileAnnouncements


def write(path: Path, *numbers: int, at_ns: int) -> None:
    said = [{"id": n, "title": "t", "body": "b", "publication_timestamp": n} for n in numbers]
    path.write_text(json.dumps(said))
    os.utime(path, ns=(at_ns, at_ns))


def test_the_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "announcements.json"
    source = FileAnnouncements(path)
    assert list(source.read()) == []
    write(path, 1, at_ns=1)
    assert [item.id for item in source.read()] == [1]
    write(path, 1, 2, at_ns=2)
    assert [item.id for item in source.read()] == [1, 2]
    path.unlink()
    assert list(source.read()) == []


def test_a_broken_file_leaves_what_was_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "announcements.json"
    source = FileAnnouncements(path)
    write(path, 1, at_ns=1)
    source.read()
    path.write_text('[{"id": 2, "titel": "t"}]')
    assert [item.id for item in source.read()] == [1]
    assert [item.id for item in source.read()] == [1]
    assert len(caplog.records) == 1  # complained of once
    write(path, 3, 3, at_ns=3)
    assert [item.id for item in source.read()] == [1]
