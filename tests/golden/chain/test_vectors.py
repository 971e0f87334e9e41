"""Journal files, chain heads, receipts, cursors and snapshots, byte for byte as docs/formats.md has them.

The vectors come from `make_vectors.py`, which knows nothing of the exchange's code.
"""

from __future__ import annotations

import json
from pathlib import Path

from exchange.attest import chain, receipts
from exchange.domain import commands as c
from exchange.domain.events import split_by_seq
from exchange.journal import (
    ChainLog,
    CommandReader,
    EventReader,
    JournalWriter,
    MemoryStorage,
    Snapshot,
    SnapshotStore,
    pack_cursor,
)
from exchange.journal.chainlog import CHAIN_LOG

VECTORS = {
    name: bytes.fromhex(value) if isinstance(value, str) else [bytes.fromhex(part) for part in value]
    for name, value in json.loads(Path(__file__).with_name("vectors.json").read_text()).items()
}
SHARD = 1
FIRST_NAME = f"{(1 << 56) + 1:020d}.log"
BATCHES = [(1, 3), (4, 1), (5, 2)]


def _written() -> tuple[MemoryStorage, ChainLog]:
    """The vectors' journal, written by the exchange. Its events are read from the vectors' event file."""
    events = dict(split_by_seq(b"".join(x.payload for x in EventReader(_given(), SHARD))))
    storage = MemoryStorage()
    writer = JournalWriter(storage, SHARD)
    log = ChainLog(storage, chain, SHARD)
    for first, count in BATCHES:
        numbers = range(first, first + count)
        commands = b"".join(c.cancel(64, n, client_order_id=7) for n in numbers)
        happened = b"".join(events[(SHARD << 56) + n] for n in numbers)
        writer.append_commands(first, commands, count)
        writer.sync()
        writer.append_events(first, count, len(happened) // 64, happened)
        log.append(first, count, chain.batch_root(SHARD, first, commands, happened))
    return storage, log


def _given() -> MemoryStorage:
    storage = MemoryStorage()
    for name, key in ((f"commands-{FIRST_NAME}", "commands_file"), (f"events-{FIRST_NAME}", "events_file")):
        content = VECTORS[key]
        assert isinstance(content, bytes)
        storage.create(name, content)
    return storage


def test_segments_are_written_byte_for_byte() -> None:
    storage, _ = _written()
    assert storage.content(f"commands-{FIRST_NAME}") == VECTORS["commands_file"]
    assert storage.content(f"events-{FIRST_NAME}") == VECTORS["events_file"]


def test_segments_are_read() -> None:
    frames = list(EventReader(_given(), SHARD))
    assert [(x.first_seq, x.command_count) for x in frames] == BATCHES
    assert [x.event_count for x in frames] == [5, 1, 3]
    commands = list(CommandReader(_given(), SHARD))  # the last frame is held back
    assert [(x.first_seq, x.command_count) for x in commands] == BATCHES[:2]


def test_roots_heads_and_their_log() -> None:
    storage, log = _written()
    assert [entry.root for entry in log.entries()] == VECTORS["roots"]
    assert [entry.head for entry in log.entries()] == VECTORS["heads"]
    assert storage.content(CHAIN_LOG) == VECTORS["chain_log"]


def test_receipt() -> None:
    raw, heads = VECTORS["receipt"], VECTORS["heads"]
    assert isinstance(raw, bytes)
    assert isinstance(heads, list)
    receipt = receipts.unpack_receipt(raw)
    assert receipts.pack_receipt(receipt) == raw
    events = dict(split_by_seq(b"".join(x.payload for x in EventReader(_given(), SHARD))))
    command = c.cancel(64, 5, client_order_id=7)
    assert receipts.verify_receipt(receipt, command, events[(SHARD << 56) + 5], heads[-1])
    assert not receipts.verify_receipt(receipt, command, events[(SHARD << 56) + 5], heads[-2])


def test_cursor_and_snapshot() -> None:
    assert pack_cursor(SHARD, 7) == VECTORS["cursor"]
    storage, log = _written()
    name = SnapshotStore(storage, SHARD).write(Snapshot(6, log.head, b"the state", b"\x80"))
    assert storage.content(name) == VECTORS["snapshot"]
