"""File headers and frames as bytes (docs/formats.md, "Journal"). Pure: no storage, no state.

Sequence numbers here are *counters* (1, 2, 3 …) beside their shard; on disk they are
shard(8) ‖ counter(56).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import Final, NamedTuple

from exchange.domain.limits import COUNTER_MASK, FIRST_RULES, MAX_LABEL_BYTES, MAX_SHARD, SHARD_SHIFT
from exchange.domain.records import LABEL, UNIT_BYTES

FORMAT_VERSION: Final = 1
FILE_HEADER_BYTES: Final = 64
FRAME_HEADER_BYTES: Final = 64
CHECKSUM_BYTES: Final = 16
COMMANDS_MAGIC: Final = b"SBJ1CMDS"
EVENTS_MAGIC: Final = b"SBJ1EVTS"
FRAME_MAGIC: Final = 0x5342464D
FRAME_MAGIC_BYTES: Final = FRAME_MAGIC.to_bytes(4, "little")
NO_HEAD: Final = bytes(32)
MAX_PAYLOAD_BYTES: Final = (1 << 32) - UNIT_BYTES

_FILE: Final = struct.Struct("<8sIIQII32s")
_FRAME: Final = struct.Struct("<IIQIIQ")
_CRC_AT: Final = 28
_LABEL_FIRST: Final = LABEL | 1 << 8  # type and version, the first 16 bits of the record


class FileHeader(NamedTuple):
    """The first 64 bytes of a segment. `head` is the chain head before its first frame, or zeros."""

    magic: bytes
    shard: int
    first_seq: int
    rules_version: int = FIRST_RULES
    head: bytes = NO_HEAD


class FrameHeader(NamedTuple):
    """The first 64 bytes of a frame."""

    payload_bytes: int
    shard: int
    first_seq: int
    command_count: int
    event_count: int
    offset: int
    checksum: bytes

    @property
    def next_seq(self) -> int:
        return self.first_seq + self.command_count


class Frame(NamedTuple):
    """One frame read back: commands (or events of commands) `first_seq` … `first_seq + count - 1`.

    `event_count` is 0 in command frames. `segment` and `offset` say where it stands.
    """

    first_seq: int
    command_count: int
    event_count: int
    payload: bytes
    segment: str
    offset: int

    @property
    def next_seq(self) -> int:
        return self.first_seq + self.command_count


class LabelRecord(NamedTuple):
    """A journaled label: `text` is what `account` calls `label`."""

    account: int
    label: int
    text: str


def wire_seq(shard: int, counter: int) -> int:
    """shard(8) ‖ counter(56). Raises ValueError when either does not fit."""
    if not 0 <= shard <= MAX_SHARD or not 0 < counter <= COUNTER_MASK:
        raise ValueError(f"shard {shard}, counter {counter} out of range")
    return shard << SHARD_SHIFT | counter


def pack_file_header(header: FileHeader) -> bytes:
    """The 64 bytes of a file header; bytes 28–31 are the crc32 of the other 60."""
    if len(header.head) != len(NO_HEAD):
        raise ValueError("a chain head has 32 bytes")
    seq = wire_seq(header.shard, header.first_seq)
    plain = _FILE.pack(header.magic, FORMAT_VERSION, header.shard, seq, header.rules_version, 0, header.head)
    crc = zlib.crc32(plain[_CRC_AT + 4 :], zlib.crc32(plain[:_CRC_AT]))
    return plain[:_CRC_AT] + crc.to_bytes(4, "little") + plain[_CRC_AT + 4 :]


def unpack_file_header(raw: bytes) -> FileHeader | None:
    """The header, or None when the bytes are short or their checksum is wrong.

    Raises:
        ValueError: a whole header of a format version or kind that this code does not know.
    """
    if len(raw) < FILE_HEADER_BYTES:
        return None
    magic, version, shard, seq, rules_version, crc, head = _FILE.unpack_from(raw)
    rest = raw[_CRC_AT + 4 : FILE_HEADER_BYTES]
    if crc != zlib.crc32(rest, zlib.crc32(raw[:_CRC_AT])):
        return None
    if version != FORMAT_VERSION or magic not in (COMMANDS_MAGIC, EVENTS_MAGIC):
        raise ValueError(f"unknown file kind {magic!r} version {version}")
    if seq >> SHARD_SHIFT != shard:
        raise ValueError(f"file header of shard {shard} starts at a sequence of shard {seq >> SHARD_SHIFT}")
    return FileHeader(magic, shard, seq & COUNTER_MASK, rules_version, head)


def seed_checksum(file_header: bytes) -> bytes:
    """What stands for "the previous frame's checksum" in a segment's first frame."""
    return sha256(file_header).digest()[:CHECKSUM_BYTES]


def pack_frame(
    shard: int, first_seq: int, count: int, event_count: int, offset: int, payload: bytes, previous: bytes
) -> tuple[bytes, bytes]:
    """(the frame's header, its checksum). `previous` is the checksum of the frame before.

    Raises:
        ValueError: an empty frame, or a payload that is not whole units or too long.
    """
    size = len(payload)
    if count <= 0 or size == 0 or size % UNIT_BYTES or size > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a frame of {count} commands cannot hold {size} bytes")
    start = _FRAME.pack(FRAME_MAGIC, size, wire_seq(shard, first_seq), count, event_count, offset)
    digest = sha256(start + previous)
    digest.update(payload)
    checksum = digest.digest()[:CHECKSUM_BYTES]
    covered = start + checksum
    return covered + sha256(covered).digest()[:CHECKSUM_BYTES], checksum


def unpack_frame_header(raw: bytes | memoryview, at: int, offset: int) -> FrameHeader | None:
    """The frame header at byte `at` of a buffer that stands at `offset` of its file.

    None when the bytes are no whole, undamaged header written for this offset.
    """
    if len(raw) < at + FRAME_HEADER_BYTES:
        return None
    magic, size, seq, count, event_count, written_at = _FRAME.unpack_from(raw, at)
    if magic != FRAME_MAGIC or written_at != offset:
        return None
    covered = bytes(raw[at : at + 48])
    if sha256(covered).digest()[:CHECKSUM_BYTES] != raw[at + 48 : at + FRAME_HEADER_BYTES]:
        return None
    return FrameHeader(
        size, seq >> SHARD_SHIFT, seq & COUNTER_MASK, count, event_count, written_at, covered[32:48]
    )


def frame_checksum(header: bytes | memoryview, previous: bytes, payload: bytes | memoryview) -> bytes:
    """The checksum that a frame with this header and payload must carry."""
    digest = sha256(bytes(header[:32]) + previous)
    digest.update(payload)
    return digest.digest()[:CHECKSUM_BYTES]


def count_records(records: bytes) -> int:
    """How many records (commands or events) a buffer holds.

    Raises:
        ValueError: unit counts that do not add up to the buffer's length.
    """
    words = memoryview(records).cast("H")
    at = found = 0
    end = len(words)
    while at < end:
        units = words[at + 1]
        if units == 0:
            raise ValueError(f"record at byte {at * 2} has no units")
        at += units * 16
        found += 1
    if at != end:
        raise ValueError("the last record is cut short")
    return found


def label_records(commands: bytes) -> Iterator[LabelRecord]:
    """The well-formed LABEL records among a frame's commands, in order (others the core rejects).

    Raises:
        ValueError: unit counts that do not add up to the buffer's length.
    """
    if _LABEL_FIRST.to_bytes(2, "little") not in commands:  # most frames have none: no walk
        return
    words = memoryview(commands).cast("H")
    at = 0
    end = len(words)
    while at < end:
        units = words[at + 1]
        if units == 0 or at + units * 16 > end:
            raise ValueError(f"record at byte {at * 2} has a wrong unit count")
        if words[at] == _LABEL_FIRST:
            record = _read_label(commands[at * 2 : (at + units * 16) * 2])
            if record is not None:
                yield record
        at += units * 16


def _read_label(raw: bytes) -> LabelRecord | None:
    length = int.from_bytes(raw[16:24], "little")
    if not 1 <= length <= min(MAX_LABEL_BYTES, len(raw) - UNIT_BYTES):
        return None
    account = int.from_bytes(raw[8:12], "little")
    label = int.from_bytes(raw[28:32], "little")
    try:
        return LabelRecord(account, label, raw[UNIT_BYTES : UNIT_BYTES + length].decode())
    except UnicodeDecodeError:
        return None
