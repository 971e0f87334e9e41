"""The guard: nothing that contradicts what was signed is admitted, whatever happened in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.app.attesting.guard import AHEAD, SLOT_BYTES, UNKNOWN_BOOT, Guard, GuardError, this_boot

HEAD, ROOT, OTHER = b"h" * 32, b"r" * 32, b"o" * 32


def test_numbers_only_grow(tmp_path: Path) -> None:
    guard = Guard(tmp_path / "guard", fresh=True)
    guard.admit(5, HEAD, ROOT)
    guard.admit(5, HEAD, ROOT)
    for seq, head, root in ((5, OTHER, ROOT), (5, HEAD, OTHER), (4, HEAD, ROOT), (4, OTHER, ROOT)):
        with pytest.raises(GuardError, match="5 was signed"):
            guard.admit(seq, head, root)
    guard.admit(6, OTHER, ROOT)
    again = Guard(tmp_path / "guard")
    assert again.last == (6, OTHER, ROOT)
    with pytest.raises(GuardError):
        again.admit(5, HEAD, ROOT)


def test_a_guard_that_is_gone_or_damaged_stops_it(tmp_path: Path) -> None:
    path = tmp_path / "guard"
    with pytest.raises(GuardError, match="gone"):
        Guard(path)
    Guard(path, fresh=True).admit(5, HEAD, ROOT)
    with pytest.raises(GuardError, match="guard of shard 0"):
        Guard(path, 1)
    raw = path.read_bytes()
    path.write_bytes(raw[: SLOT_BYTES + 40] + b"x" + raw[SLOT_BYTES + 41 :])
    with pytest.raises(GuardError, match="damaged"):
        Guard(path)
    path.write_bytes(b"")
    with pytest.raises(GuardError, match="damaged"):
        Guard(path, fresh=True)


def test_a_torn_write_leaves_the_slot_before(tmp_path: Path) -> None:
    path = tmp_path / "guard"
    guard = Guard(path, fresh=True)
    for seq in (5, 6, 7):
        guard.admit(seq, HEAD, ROOT)
    raw = bytearray(path.read_bytes())
    at = SLOT_BYTES if b"\x07" in raw[SLOT_BYTES : SLOT_BYTES + 16] else 0
    raw[at + 20 : at + 200] = bytes(180)
    path.write_bytes(bytes(raw))
    assert Guard(path).last.last_seq == 6


def admitted(guard: Guard, seq: int) -> bool:
    """Whether a head is admitted there."""
    try:
        guard.admit(seq, OTHER, ROOT)
    except GuardError:
        return False
    return True


def test_after_the_machine_stopped_nothing_reserved_is_signed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sync = tmp_path / "guard", os.fdatasync
    on_disk = []

    def synced(fd: int) -> None:
        sync(fd)
        on_disk.append(path.read_bytes())

    monkeypatch.setattr("os.fdatasync", synced)
    first = Guard(path, fresh=True, boot=b"1" * 32)
    for seq in (5, 6, 7):
        first.admit(seq, HEAD, ROOT)
    assert len(on_disk) == 1
    path.write_bytes(on_disk[0])
    second = Guard(path, fresh=True, boot=b"2" * 32)
    assert (second.last.last_seq, second.floor) == (0, 5 + AHEAD)
    assert not admitted(second, 7)
    assert not admitted(second, 5 + AHEAD)
    assert admitted(second, 6 + AHEAD)


def test_a_kill_does_not_lift_the_floor(tmp_path: Path) -> None:
    path = tmp_path / "guard"
    Guard(path, fresh=True, boot=b"1" * 32).admit(5, HEAD, ROOT)
    floor = Guard(path, boot=b"2" * 32).floor
    second = Guard(path, boot=b"2" * 32)
    second._reserve(floor + 1)  # killed before it wrote what it would sign
    third = Guard(path, boot=b"2" * 32)
    assert third.floor == floor == 5 + AHEAD
    assert not admitted(third, floor)
    assert admitted(third, floor + 1)
    fourth = Guard(path, boot=b"2" * 32)
    assert (fourth.floor, fourth.last.last_seq) == (0, floor + 1)
    assert Guard(path, boot=b"3" * 32).floor == floor + 1 + AHEAD


def test_where_the_machine_does_not_tell_every_start_is_another_boot(tmp_path: Path) -> None:
    path = tmp_path / "guard"
    Guard(path, fresh=True, boot=UNKNOWN_BOOT).admit(5, HEAD, ROOT)
    assert Guard(path, boot=UNKNOWN_BOOT).floor == 5 + AHEAD
    assert len(this_boot()) == 32


def test_an_orderly_end_gives_the_reserved_numbers_back(tmp_path: Path) -> None:
    path = tmp_path / "guard"
    first = Guard(path, fresh=True, boot=b"1" * 32)
    first.admit(5, HEAD, ROOT)
    first.close()
    second = Guard(path, boot=b"2" * 32)
    assert (second.floor, second.last.last_seq) == (0, 5)
    assert not admitted(second, 5)
    assert admitted(second, 6)


def test_the_disk_is_asked_for_ranges_and_not_for_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, sync = [], os.fdatasync

    def counted(fd: int) -> None:
        synced.append(fd)
        sync(fd)

    monkeypatch.setattr("os.fdatasync", counted)
    guard = Guard(tmp_path / "guard", fresh=True)
    for seq in range(1, 3 * AHEAD, 4):
        guard.admit(seq, HEAD, ROOT)
        assert guard._reserved >= seq
    guard.close()
    assert 4 <= len(synced) <= 9


def test_the_guard_of_before_is_taken_over(tmp_path: Path) -> None:
    """Two slots and no range: each number was synced by itself."""
    path = tmp_path / "guard"
    Guard(path, fresh=True).admit(5, HEAD, ROOT)
    path.write_bytes(path.read_bytes()[: 2 * SLOT_BYTES])
    guard = Guard(path, boot=b"2" * 32)
    assert (guard.floor, guard.last.last_seq) == (0, 5)
    assert admitted(guard, 6)
    guard.close()
    assert Guard(path, boot=b"3" * 32).floor == 0


_CHILD = """
import sys
from pathlib import Path
from exchange.app.attesting.guard import Guard
guard = Guard(Path(sys.argv[1]), fresh=True)
seq = guard.last.last_seq
while True:
    seq += 1
    guard.admit(seq, sys.argv[2].encode() * 32, bytes(32))
    print(seq, flush=True)
"""


def test_whatever_was_let_out_before_a_kill_is_known_after_it(tmp_path: Path) -> None:
    out = 0
    for head in ("a", "b"):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(tmp_path / "guard"), head], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        seen = [int(child.stdout.readline()) for _ in range(20)]
        os.kill(child.pid, signal.SIGKILL)
        seen += [int(line) for line in child.stdout if line.endswith(b"\n")]
        child.stdout.close()
        child.wait()
        assert seen[0] > out
        out = seen[-1]
        guard = Guard(tmp_path / "guard")
        assert guard.last.last_seq >= out
        with pytest.raises(GuardError):
            guard.admit(out, b"z" * 32, bytes(32))
        guard.close()
