"""The journal's reading end: one segment, all segments, and the judgement of a tail.

Reading costs per frame, not per command: a frame's payload is handed on as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from exchange.domain.limits import SHARD_SHIFT
from exchange.domain.records import UNIT_BYTES
from exchange.journal import frames as f
from exchange.journal.errors import CorruptRecord, SequenceGap
from exchange.journal.segments import EMPTY_TAIL, Kind, Segment, Tail, list_segments
from exchange.journal.storage import Storage

_WINDOW_BYTES: Final = 1 << 20


class Cut(NamedTuple):
    """A torn tail: `size` bytes from `offset` of `name` are no whole frame (offset 0: not even a header).

    `followed` says whether frames stand behind the damage (possible in event segments only).
    """

    name: str
    offset: int
    size: int
    why: str
    followed: bool = False


class SegmentReader:
    """Reads one segment's frames forward, each verified, and stops before the first that is not whole.

    `offset`, `checksum` and `next_seq` are those behind the last whole frame; a segment that grows, or is
    cut and grows again, is read on from there.
    """

    def __init__(self, storage: Storage, kind: Kind, shard: int, segment: Segment) -> None:
        self._storage = storage
        self._kind = kind
        self._shard = shard
        self.name = segment.name
        self.first_seq = segment.first_seq
        self.next_seq = segment.first_seq
        self.offset = 0
        self.checksum = b""
        self.frames = 0
        self.last_offset = 0
        self.header: f.FileHeader | None = None
        self.why = ""

    def read(self) -> list[f.Frame]:
        """The next whole frames, about a megabyte of them; none at the end or before damage.

        Raises:
            CorruptRecord: a whole header or frame that belongs elsewhere.
            SequenceGap: a whole frame that does not continue the sequence.
        """
        if self.header is None and not self._read_header():
            return []
        window = self._storage.read(self.name, self.offset, _WINDOW_BYTES)
        found = self._parse(window)
        if not found:
            header = f.unpack_frame_header(window, 0, self.offset)
            if header is not None and f.FRAME_HEADER_BYTES + header.payload_bytes > len(window):
                size = f.FRAME_HEADER_BYTES + header.payload_bytes
                if size > _WINDOW_BYTES:
                    found = self._parse(self._storage.read(self.name, self.offset, size))
        return found

    def read_all(self) -> Iterator[f.Frame]:
        """All whole frames from here on. Raises as `read` does."""
        while True:
            found = self.read()
            if not found:
                return
            yield from found

    def rest_bytes(self) -> int:
        """How many bytes stand behind the last whole frame."""
        return (self._storage.size(self.name) or 0) - self.offset

    def tail(self) -> Tail:
        """Where the next frame goes, if nothing stands behind the last whole one."""
        return Tail(
            self.name, self.offset, self.checksum, self.next_seq, self.frames, self.last_offset
        )

    def frame_behind(self) -> bool:
        """Whether a frame's undamaged header stands behind the place where reading stopped."""
        start = self.offset
        rest = self._storage.read(self.name, start, max(self.rest_bytes(), 0))
        at = rest.find(f.FRAME_MAGIC_BYTES, UNIT_BYTES)
        while at >= 0:
            header = f.unpack_frame_header(rest, at, start + at)
            if header is not None and header.shard == self._shard and header.first_seq >= self.next_seq:
                return True
            at = rest.find(f.FRAME_MAGIC_BYTES, at + 1)
        return False

    def _read_header(self) -> bool:
        raw = self._storage.read(self.name, 0, f.FILE_HEADER_BYTES)
        try:
            header = f.unpack_file_header(raw)
        except ValueError as error:
            raise CorruptRecord(self.name, 0, str(error)) from error
        if header is None:
            self.why = "the file header is incomplete or damaged"
            return False
        if (header.magic, header.shard, header.first_seq) != (self._kind.magic, self._shard, self.first_seq):
            raise CorruptRecord(self.name, 0, "the file header belongs to another file")
        self.header = header
        self.offset = f.FILE_HEADER_BYTES
        self.checksum = f.seed_checksum(raw)
        return True

    def _parse(self, window: bytes) -> list[f.Frame]:
        found: list[f.Frame] = []
        view = memoryview(window)
        at = 0
        size = len(window)
        while at < size:
            header = f.unpack_frame_header(window, at, self.offset)
            if header is None:
                self.why = "no whole frame header"
                break
            start = at + f.FRAME_HEADER_BYTES
            end = start + header.payload_bytes
            if end > size:
                self.why = "the frame is cut short"
                break
            if f.frame_checksum(view[at:start], self.checksum, view[start:end]) != header.checksum:
                self.why = "the frame's checksum is wrong"
                break
            self._check_place(header)
            found.append(
                f.Frame(
                    header.first_seq,
                    header.command_count,
                    header.event_count,
                    window[start:end],
                    self.name,
                    self.offset,
                )
            )
            self.next_seq = header.next_seq
            self.checksum = header.checksum
            self.last_offset = self.offset
            self.offset += end - at
            self.frames += 1
            at = end
        return found

    def _check_place(self, header: f.FrameHeader) -> None:
        if header.shard != self._shard:
            raise CorruptRecord(self.name, self.offset, f"a frame of shard {header.shard}")
        if header.first_seq != self.next_seq:
            raise SequenceGap(self.name, self.offset, self.next_seq, header.first_seq)


def scan(storage: Storage, kind: Kind, shard: int, from_seq: int = 1) -> Iterator[f.Frame]:
    """All whole frames that hold `from_seq` or later, in order, across segments; verified on the way.

    Ends quietly before an unfinished frame of the newest segment: `find_tail` judges that one.

    Raises:
        CorruptRecord: damage anywhere else.
        SequenceGap: `from_seq` stands before the oldest segment, or a segment is missing.
    """
    segments = list_segments(storage, kind, shard)
    start = _segment_of(segments, kind, from_seq)
    for position in range(start, len(segments)):
        reader = SegmentReader(storage, kind, shard, segments[position])
        for frame in reader.read_all():
            if frame.next_seq > from_seq:
                yield frame
        if position + 1 < len(segments):
            check_sealed(reader, segments[position + 1])


def check_sealed(reader: SegmentReader, following: Segment) -> None:
    """A segment that has a successor must end with a whole frame, and the successor must continue it."""
    if reader.header is None or reader.rest_bytes():
        raise CorruptRecord(reader.name, reader.offset, reader.why or "bytes behind the last frame")
    if following.first_seq != reader.next_seq:
        raise SequenceGap(following.name, 0, reader.next_seq, following.first_seq)


def _segment_of(segments: list[Segment], kind: Kind, seq: int) -> int:
    """The position of the segment that holds `seq`, or would."""
    if not segments:
        if seq > 1:
            raise SequenceGap(kind.value, 0, seq, 1)
        return 0
    if segments[0].first_seq > seq:
        raise SequenceGap(segments[0].name, 0, seq, segments[0].first_seq)
    return max(i for i, segment in enumerate(segments) if segment.first_seq <= seq)


def find_tail(storage: Storage, kind: Kind, shard: int) -> tuple[Tail, Cut | None]:
    """Where the next frame goes, and what must be cut before. Changes nothing.

    Raises:
        CorruptRecord: damage that is no torn tail.
        SequenceGap: frames of the newest segment out of order.
    """
    segments = list_segments(storage, kind, shard)
    if not segments:
        return EMPTY_TAIL, None
    reader = SegmentReader(storage, kind, shard, segments[-1])
    for _ in reader.read_all():
        pass
    rest = reader.rest_bytes()
    if reader.header is not None and rest == 0:
        return reader.tail(), None
    followed = reader.frame_behind()
    if followed and (kind is Kind.COMMANDS or reader.header is None):
        raise CorruptRecord(reader.name, reader.offset, f"{reader.why}, and whole frames follow")
    cut = Cut(reader.name, reader.offset, rest, reader.why, followed)
    if reader.header is not None:
        return reader.tail(), cut
    return _tail_before(storage, kind, shard, segments), cut


def _tail_before(storage: Storage, kind: Kind, shard: int, segments: list[Segment]) -> Tail:
    """The tail when the newest segment never got its header: its predecessor, whole to the end."""
    if len(segments) == 1:
        if segments[0].first_seq > 1:  # its predecessors were deleted only after its header was durable
            raise CorruptRecord(segments[0].name, 0, "the only segment has no file header")
        return EMPTY_TAIL
    reader = SegmentReader(storage, kind, shard, segments[-2])
    for _ in reader.read_all():
        pass
    check_sealed(reader, segments[-1])
    return reader.tail()


def apply_cut(storage: Storage, cut: Cut) -> None:
    """Cut a torn tail; durable on return. A file without a header is removed."""
    if cut.offset == 0:
        storage.delete(cut.name)
    else:
        storage.truncate(cut.name, cut.offset)


def rewrite(storage: Storage, name: str, start: int, end: int) -> None:
    """Write the bytes of a range once more and sync them (see the fault model, 4). Raises StorageError."""
    if start >= end:
        return
    for at in range(start, end, _WINDOW_BYTES):
        storage.rewrite(name, at, storage.read(name, at, min(_WINDOW_BYTES, end - at)))
    storage.fdatasync(name)


def skip_commands(payload: bytes, count: int) -> int:
    """The byte at which command number `count` of a payload starts."""
    words = memoryview(payload).cast("H")
    at = 0
    for _ in range(count):
        at += words[at + 1] * 16
    return at * 2


def trim_events(frame: f.Frame, shard: int, from_seq: int) -> f.Frame:
    """The part of an event frame that belongs to `from_seq` and later."""
    words = memoryview(frame.payload).cast("Q")
    wanted = shard << SHARD_SHIFT | from_seq
    at = skipped = 0
    while at < len(words) and words[at + 1] < wanted:
        at += (words[at] >> 16 & 0xFFFF) * 4
        skipped += 1
    return frame._replace(
        first_seq=from_seq,
        command_count=frame.next_seq - from_seq,
        event_count=frame.event_count - skipped,
        payload=frame.payload[at * 8 :],
    )
