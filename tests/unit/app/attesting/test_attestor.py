"""The chain is kept and signed; each command has a receipt; no sequence number is signed twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.app.attesting import attestor as at
from exchange.app.attesting import finding
from exchange.app.attesting.attestor import Attestor
from exchange.app.attesting.finding import Finder
from exchange.app.attesting.guard import GuardError
from exchange.attest import chain, command_log, heads
from exchange.attest.secp256k1 import recover
from exchange.attest.signed_heads import verify_signed_head
from exchange.journal import ChainLog, Cursor, Kind, MemoryStorage, StorageError, scan
from exchange.journal.segments import list_segments
from tests.unit.app.attesting.journals import SIGNER, Written, proven


def finder(attestor: Attestor, written: Written, kept_bytes: int = 1 << 20) -> Finder:
    return Finder(written.storage, attestor, kept_bytes)


def test_one_signature_covers_all_that_came_meanwhile(tmp_path: Path) -> None:
    written = Written(tmp_path)
    attestor, _ = written.attestor()
    assert attestor.step() == 0
    sizes = (1, 3, 2)
    for size in sizes:
        written.batch(size)
    assert attestor.step() > 0
    assert len(attestor.signed) == 1
    assert attestor.signed_seq == 6
    assert verify_signed_head(attestor.signed[0], SIGNER.address, recover)
    found = finder(attestor, written)
    found.keep(attestor.recent, attestor.recent_signed)
    for seq in range(1, 7):
        assert proven(found.find(seq)) == seq
    assert found.find(7) is None


def test_the_chain_is_the_one_that_recovery_would_write(tmp_path: Path) -> None:
    written = Written(tmp_path)
    attestor, _ = written.attestor()
    for size in (2, 1, 5):
        written.batch(size)
        attestor.step()
    again = MemoryStorage()
    log = ChainLog(again, chain)
    told = b"".join(frame.payload for frame in scan(written.storage, Kind.EVENTS, 0))
    at_byte, command_root = 0, command_log.EMPTY_LOG
    for frame in scan(written.storage, Kind.COMMANDS, 0):
        size = frame.command_count * 5 * 32
        events = told[at_byte : at_byte + size]
        at_byte += size
        root = chain.batch_root(0, frame.first_seq, frame.payload, events)
        log.append(frame.first_seq, frame.command_count, root)
        command_root = command_log.next_log(command_root, 0, frame.first_seq, frame.payload)
    assert list(log.entries()) == list(attestor.heads.entries())
    assert attestor.log.head == command_root


def test_commands_whose_events_are_not_there_are_not_taken(tmp_path: Path) -> None:
    written = Written(tmp_path)
    attestor, _ = written.attestor()
    written.batch(2)
    late = written.commands(3)
    attestor.step()
    assert attestor.signed_seq == 2
    written.events(late, 2)  # as recovery writes them: in other pieces than the commands
    attestor.step()
    assert attestor.signed_seq == 2
    more = written.commands(1)
    written.events(late + 2, 2)
    attestor.step()
    assert attestor.signed_seq == more
    found = finder(attestor, written, 0)
    assert [proven(found.find(seq)) for seq in range(1, 7)] == [1, 2, 3, 4, 5, 6]


def test_many_batches_at_once_still_have_short_receipts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at, "LINKS", 3)
    written = Written(tmp_path)
    for _ in range(8):
        written.batch()
    attestor, _ = written.attestor()
    attestor.step()
    assert [attestor.signed[each].last_seq for each in range(len(attestor.signed))] == [3, 6, 8]


def test_what_the_chain_log_has_unsigned_is_signed_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Written(tmp_path)
    attestor, _ = written.attestor()
    written.batch()
    attestor.step()
    for _ in range(7):  # another keeper, as recovery is
        first = written.batch()
        frame = next(scan(written.storage, Kind.COMMANDS, 0, first))
        events = next(scan(written.storage, Kind.EVENTS, 0, first)).payload
        attestor.heads.append(first, 1, chain.batch_root(0, first, frame.payload, events))
    monkeypatch.setattr(at, "LINKS", 3)
    again, _ = written.attestor()
    again.step()
    assert [again.signed[each].last_seq for each in range(len(again.signed))] == [1, 4, 7, 8]
    assert again.log.next_seq == 9


def test_segments_change_and_old_batches_are_read_from_them(tmp_path: Path) -> None:
    written = Written(tmp_path, segment_bytes=2_000)
    attestor, _ = written.attestor()
    for size in range(1, 12):
        written.batch(size)
        attestor.step()
    assert len(list_segments(written.storage, Kind.EVENTS, 0)) > 3
    found = finder(attestor, written, 0)
    assert [proven(found.find(seq)) for seq in range(1, 67)] == list(range(1, 67))
    segments = list_segments(written.storage, Kind.EVENTS, 0)
    for segment in segments[:3]:
        written.storage.delete(segment.name)
    assert found.find(1) is None
    assert proven(found.find(66)) == 66


def test_blocks_follow_each_other_and_hold_all_heads(tmp_path: Path) -> None:
    written = Written(tmp_path)
    attestor, _ = written.attestor()
    assert attestor.close_block(1_000) is None
    written.batch(2)
    written.batch()
    attestor.step()
    first = attestor.close_block(1_000)
    written.batch()
    attestor.step()
    assert attestor.close_block(1_100) is None
    again, _ = written.attestor()
    again.step()
    second = again.close_block(1_250)
    assert first is not None
    assert second is not None
    assert (first.number, first.first_seq, first.batches) == (1, 1, 2)
    assert (second.number, second.first_seq, second.batches) == (2, 4, 1)
    entries = [(entry.next_seq - 1, entry.head) for entry in again.heads.entries()]
    assert heads.verify_block(first, entries[:2], SIGNER.address, recover)
    assert heads.verify_block(second, entries[2:], SIGNER.address, recover)
    assert again.blocks[0] == first


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    written = Written(tmp_path)
    attestor, _ = written.attestor()
    written.batch(2)
    attestor.step()
    again, _ = written.attestor()
    again.step()
    assert len(again.signed) == 1
    written.batch(2)
    again.step()
    assert again.signed_seq == 4
    again.sync()
    assert Cursor(written.storage, at.CONSUMER).read() == 5


def test_a_kill_between_guard_and_signature_signs_the_same_again(tmp_path: Path) -> None:
    class Dies:
        def sign(self, digest: bytes) -> bytes:
            raise KeyboardInterrupt

    written = Written(tmp_path)
    attestor, guard = written.attestor()
    attestor._signer = Dies()
    written.batch()
    with pytest.raises(KeyboardInterrupt):
        attestor.step()
    assert guard.last.last_seq == 1
    again, _ = written.attestor()
    again.step()
    assert again.signed_seq == 1
    assert again.signed[0].head == guard.last.head


@pytest.mark.parametrize("more", [0, 1])
def test_another_journal_is_not_signed(tmp_path: Path, more: int) -> None:
    written = Written(tmp_path)
    attestor, guard = written.attestor()
    written.batch(2)
    attestor.step()
    for name in ("commands", "events"):
        for file in written.folder.glob(f"{name}-*"):
            file.unlink()
    (written.folder / "chain.log").unlink()
    (written.folder / "log.chain").unlink()
    other = Written(tmp_path, salt=1)
    other.batch(2 + more)
    again, _ = other.attestor()
    with pytest.raises(GuardError, match="not the journal of that chain"):
        again.step()
    assert len(again.signed) == 1
    assert guard.last == attestor._guard.last


def test_a_shorter_journal_is_not_signed_before_it_has_come_to_what_was_signed(tmp_path: Path) -> None:
    written = Written(tmp_path)
    attestor, _ = written.attestor()
    for _ in range(3):
        written.batch()
    attestor.step()
    for file in written.folder.glob("*-*"):
        file.unlink()
    for name in ("chain.log", "log.chain"):
        (written.folder / name).unlink()
    other = Written(tmp_path, salt=1)
    other.batch()
    again, _ = other.attestor()
    again.step()
    assert len(again.signed) == 1
    other.batch(3)
    with pytest.raises(GuardError):
        again.step()


def test_a_disk_that_refuses_the_guard_lets_nothing_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Written(tmp_path)
    attestor, guard = written.attestor()
    written.batch()

    def refuse(fd: int) -> None:
        raise OSError(5, "input/output error")

    monkeypatch.setattr("os.fdatasync", refuse)
    with pytest.raises((OSError, StorageError)):
        attestor.step()
    assert len(attestor.signed) == 0
    assert guard.last.last_seq == 0


def test_files_are_trimmed_with_the_segments(tmp_path: Path) -> None:
    written = Written(tmp_path, segment_bytes=1_000)
    attestor, _ = written.attestor()
    for _ in range(20):
        written.batch(3)
        attestor.step()
    attestor.close_block(9_000)
    segments = list_segments(written.storage, Kind.COMMANDS, 0)
    for segment in segments[:4]:
        written.storage.delete(segment.name)
    attestor.sync()
    kept = segments[4].first_seq
    assert attestor.heads.first_seq < kept <= next(attestor.heads.entries(kept)).first_seq
    again, _ = written.attestor()
    written.batch(3)
    again.step()
    assert again.signed_seq == 63
    assert proven(finder(again, written, 0).find(kept)) == kept


def test_what_is_kept_in_memory_and_what_is_read_prove_the_same(tmp_path: Path) -> None:
    written = Written(tmp_path)
    attestor, _ = written.attestor()
    memory, disk = finder(attestor, written, 3_000), finder(attestor, written, 0)
    for size in (1, 4, 2, 7, 3):
        written.batch(size)
        written.batch(1)
        attestor.step()
        memory.keep(attestor.recent, attestor.recent_signed)
    for seq in range(1, 23):
        assert memory.find(seq) == disk.find(seq)
        assert proven(memory.find(seq)) == seq


def test_after_the_machine_stopped_later_heads_cover_what_may_have_been_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Written(tmp_path)
    attestor, _ = written.attestor()
    for size in (2, 3):
        written.batch(size)
        attestor.step()
    attestor._guard._boot = b"another boot".ljust(32)
    attestor._guard._reserve_to(9)  # and the machine stops: up to 9 may have been signed
    again, guard = written.attestor()
    assert guard.floor == 9
    memory, disk = finder(again, written), finder(again, written, 0)
    for size in (2, 2, 1):
        assert again.signed_seq == 5
        written.batch(size)
        again.step()
        memory.keep(again.recent, again.recent_signed)
    assert again.signed_seq == 10
    assert [proven(disk.find(seq)) for seq in range(1, 11)] == list(range(1, 11))
    monkeypatch.setattr(finding, "LINKS_MAX", 1)
    for found in (memory, disk):  # too long a receipt is none
        assert found.find(7) is None
        assert proven(found.find(9)) == 9
