"""Snapshots: the canonical state after a command, as one file that is whole or not there."""

from __future__ import annotations

import re
import struct
from hashlib import sha256
from typing import Final, NamedTuple

from exchange.domain.limits import COUNTER_MASK, SHARD_SHIFT
from exchange.journal.errors import CorruptRecord, StorageError
from exchange.journal.frames import FORMAT_VERSION, wire_seq
from exchange.journal.storage import TEMPORARY_SUFFIX, Storage

_MAGIC: Final = b"SBJ1SNAP"
_LAYOUT: Final = struct.Struct("<8sIIQQQ32s32s")
_DIGEST_BYTES: Final = 32
HEADER_BYTES: Final = _LAYOUT.size + _DIGEST_BYTES
_NAME: Final = re.compile(r"snapshot-(\d{20})\.bin")


class Snapshot(NamedTuple):
    """State after command `seq` (a counter), with the chain head after it.

    `state` and `labels` (the label section) are opaque here.
    """

    seq: int
    head: bytes
    state: bytes
    labels: bytes

    @property
    def state_hash(self) -> bytes:
        return sha256(self.state).digest()


def snapshot_name(shard: int, seq: int) -> str:
    """`snapshot-00000000000000000042.bin`: the number is shard ‖ counter."""
    return f"snapshot-{wire_seq(shard, seq):020d}.bin"


def pack_snapshot(shard: int, snapshot: Snapshot) -> bytes:
    """The bytes of a snapshot file. Raises ValueError for a head that is not 32 bytes."""
    if len(snapshot.head) != 32:
        raise ValueError("a chain head has 32 bytes")
    start = _LAYOUT.pack(
        _MAGIC,
        FORMAT_VERSION,
        shard,
        wire_seq(shard, snapshot.seq),
        len(snapshot.state),
        len(snapshot.labels),
        snapshot.head,
        snapshot.state_hash,
    )
    digest = sha256(start)
    digest.update(snapshot.state)
    digest.update(snapshot.labels)
    return b"".join((start, digest.digest(), snapshot.state, snapshot.labels))


def unpack_snapshot(raw: bytes, shard: int, name: str) -> Snapshot:
    """The inverse of `pack_snapshot`.

    Raises:
        CorruptRecord: wrong length, checksum, state hash, kind, version or shard; `name` is named.
    """
    if len(raw) < HEADER_BYTES:
        raise CorruptRecord(name, 0, "the snapshot is cut short")
    magic, version, file_shard, seq, state_bytes, label_bytes, head, state_hash = _LAYOUT.unpack_from(raw)
    view = memoryview(raw)
    digest = sha256(view[: _LAYOUT.size])
    digest.update(view[HEADER_BYTES:])
    if digest.digest() != raw[_LAYOUT.size : HEADER_BYTES]:
        raise CorruptRecord(name, 0, "the snapshot's checksum is wrong")
    if magic != _MAGIC or version != FORMAT_VERSION:
        raise CorruptRecord(name, 0, f"unknown snapshot {magic!r} version {version}")
    if file_shard != shard or seq >> SHARD_SHIFT != shard or snapshot_name(shard, seq & COUNTER_MASK) != name:
        raise CorruptRecord(name, 0, "the snapshot belongs to another shard or sequence")
    if len(raw) != HEADER_BYTES + state_bytes + label_bytes:
        raise CorruptRecord(name, 0, "the snapshot's lengths do not add up")
    state = raw[HEADER_BYTES : HEADER_BYTES + state_bytes]
    if sha256(state).digest() != state_hash:
        raise CorruptRecord(name, HEADER_BYTES, "the state hash is wrong")
    return Snapshot(seq & COUNTER_MASK, head, state, raw[HEADER_BYTES + state_bytes :])


class SnapshotStore:
    """The snapshots of one shard in the journal's directory."""

    def __init__(self, storage: Storage, shard: int = 0) -> None:
        self._storage = storage
        self._shard = shard

    def write(self, snapshot: Snapshot) -> str:
        """Write a snapshot; durable, under the returned name, on return. Raises StorageError."""
        name = snapshot_name(self._shard, snapshot.seq)
        self._storage.replace(name, pack_snapshot(self._shard, snapshot))
        return name

    def sequences(self) -> list[int]:
        """The sequences of all snapshot files, oldest first."""
        found = []
        for name in self._storage.names():
            match = _NAME.fullmatch(name)
            if match is not None and int(match[1]) >> SHARD_SHIFT == self._shard:
                found.append(int(match[1]) & COUNTER_MASK)
        return sorted(found)

    def read(self, seq: int) -> Snapshot:
        """One snapshot, verified. Raises CorruptRecord, or StorageError if there is none."""
        name = snapshot_name(self._shard, seq)
        size = self._storage.size(name)
        if size is None:
            raise StorageError("read", name, "no such snapshot")
        return unpack_snapshot(self._storage.read(name, 0, size), self._shard, name)

    def newest(self, at_most_seq: int | None = None) -> tuple[Snapshot | None, list[CorruptRecord]]:
        """(the newest valid snapshot at or below a sequence, what was wrong with newer ones)."""
        damaged: list[CorruptRecord] = []
        for seq in reversed(self.sequences()):
            if at_most_seq is not None and seq > at_most_seq:
                continue
            try:
                return self.read(seq), damaged
            except CorruptRecord as error:
                damaged.append(error)
        return None, damaged

    def delete(self, seq: int) -> None:
        """Remove one snapshot. Raises StorageError."""
        self._storage.delete(snapshot_name(self._shard, seq))

    def keep_last(self, count: int, covered_seq: int | None = None) -> int:
        """Remove all but the newest `count` *valid* snapshots and what an interrupted write left.

        With `covered_seq`, more are kept until one of them stands below that sequence: the one that
        recovery can start from when everything from there on has to be derived again. Damaged files newer
        than the oldest kept one stay for inspection.

        Returns the oldest kept sequence; 0 if there is no such snapshot (then nothing is removed).

        Raises:
            ValueError: `count` below 1.
        """
        if count < 1:
            raise ValueError("keep at least one snapshot")
        sequences = self.sequences()
        kept = 0
        for position in range(len(sequences) - 1, -1, -1):
            seq = sequences[position]
            try:
                self.read(seq)
            except CorruptRecord:
                continue
            kept += 1
            if kept >= count and (covered_seq is None or seq < covered_seq):
                for older in sequences[:position]:
                    self.delete(older)
                self._remove_leftovers(seq)
                return seq
        return 0

    def _remove_leftovers(self, oldest: int) -> None:
        for name in self._storage.names():
            match = _NAME.fullmatch(name.removesuffix(TEMPORARY_SUFFIX))
            if match is None or not name.endswith(TEMPORARY_SUFFIX):
                continue
            number = int(match[1])
            if number >> SHARD_SHIFT == self._shard and number & COUNTER_MASK <= oldest:
                self._storage.delete(name)
