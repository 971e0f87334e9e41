"""Receipts out of the attestor's files and the journal's segments."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from typing import Final, NamedTuple

from exchange.app.attesting.attestor import Attestor
from exchange.app.attesting.batches import Batch, Chained, events_until
from exchange.attest import chain
from exchange.attest.receipts import receipt_of, tree_levels
from exchange.attest.signed_heads import SignedHead
from exchange.attest.signed_receipts import LINKS_MAX, Link, SignedReceipt, pack_signed_receipt
from exchange.edge.batch_root import RootError, batch_leaves, leaves_root
from exchange.gateway.receipts import Proof
from exchange.journal import ChainEntry, CorruptRecord, Frame, Kind, Storage
from exchange.journal import frames as f
from exchange.journal.segments import Segment, list_segments

KEPT_BYTES: Final = 32 << 20
"""How many bytes of the newest batches are kept in memory."""
TREES_KEPT: Final = 64


class _Tree(NamedTuple):
    """What of a batch its receipts are made of: the levels of its tree, where each command and the events of
    each begin, and where they end."""

    levels: list[list[bytes]]
    commands: list[int]
    events: list[int]


class Finder:
    """Builds receipts. `keep` gives it batches as they come; others it reads from the segments."""

    def __init__(self, storage: Storage, attestor: Attestor, kept_bytes: int = KEPT_BYTES) -> None:
        self._storage = storage
        self._attestor = attestor
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._kept: list[Chained] = []  # ascending, without a gap
        self._firsts: list[int] = []
        self._signed: list[SignedHead] = []
        self._signed_seqs: list[int] = []
        self._trees: OrderedDict[int, _Tree] = OrderedDict()  # of the batches asked for last

    def keep(self, batches: list[Chained], signed: list[SignedHead]) -> None:
        """Remember batches just taken, and heads just signed."""
        self._kept += batches
        self._firsts += [each.batch.first_seq for each in batches]
        self._signed += signed
        self._signed_seqs += [head.last_seq for head in signed]
        self._bytes += sum(_bytes(each) for each in batches)
        gone = 0
        while self._bytes > self._kept_bytes and gone < len(self._kept):
            self._bytes -= _bytes(self._kept[gone])
            gone += 1
        if gone:
            del self._kept[:gone], self._firsts[:gone]
            over = bisect_left(self._signed_seqs, self._firsts[0] if self._firsts else 1 << 62)
            del self._signed[:over], self._signed_seqs[:over]

    def find(self, seq: int) -> Proof | None:
        """The receipt of the command with the counter `seq`, which a signature covers; None if what it is
        made of is kept no more.

        Raises:
            JournalError: the files cannot be read.
        """
        place = bisect_right(self._firsts, seq) - 1
        if place >= 0 and seq < self._kept[place].batch.next_seq:
            return self._remembered(place, seq)
        attestor = self._attestor
        entry = next(attestor.heads.entries(seq), None)
        if entry is None or entry.first_seq > seq:
            return None
        before = attestor.heads.head_before(entry.first_seq)
        chained = None if before is None else self._read(entry, before)
        position = attestor.signed.position_from(entry.next_seq - 1)
        if chained is None or position == len(attestor.signed):
            return None
        signed = attestor.signed[position]
        links = self._links(entry.next_seq, signed.last_seq)
        return None if links is None else self._proof(chained, seq, links, signed)

    def _remembered(self, place: int, seq: int) -> Proof | None:
        chained = self._kept[place]
        at = bisect_left(self._signed_seqs, chained.batch.next_seq - 1)
        if at == len(self._signed):
            return None
        signed = self._signed[at]
        last = bisect_right(self._firsts, signed.last_seq)
        if last - place - 1 > LINKS_MAX:
            return None
        links = [Link(each.batch.first_seq, each.root) for each in self._kept[place + 1 : last]]
        return self._proof(chained, seq, tuple(links), signed)

    def _proof(self, chained: Chained, seq: int, links: tuple[Link, ...], signed: SignedHead) -> Proof:
        shard, batch = self._attestor.shard, chained.batch
        at, tree = seq - batch.first_seq, self._tree(chained)
        inner = receipt_of(shard, batch.first_seq, tree.levels, at, chained.head_before)
        packed = pack_signed_receipt(SignedReceipt(inner, links, signed))
        command = batch.commands[tree.commands[at] : tree.commands[at + 1]]
        return Proof(packed, command, batch.events[tree.events[at] : tree.events[at + 1]])

    def _tree(self, chained: Chained) -> _Tree:
        batch = chained.batch
        found = self._trees.get(batch.first_seq)
        if found is None:
            seq = chain.shard_seq(self._attestor.shard, batch.first_seq)
            starts = chain.command_starts(batch.commands)
            cuts = chain.event_cuts(batch.events, seq, batch.command_count)
            found = self._trees[batch.first_seq] = _Tree(tree_levels(chained.leaves), starts, cuts)
            if len(self._trees) > TREES_KEPT:
                self._trees.popitem(last=False)
        return found

    def _links(self, from_seq: int, last_seq: int) -> tuple[Link, ...] | None:
        links: list[Link] = []
        if from_seq <= last_seq:
            for entry in self._attestor.heads.entries(from_seq):
                if entry.first_seq > last_seq:
                    break
                if len(links) == LINKS_MAX:
                    return None
                links.append(Link(entry.first_seq, entry.root))
        return tuple(links)

    def _read(self, entry: ChainEntry, before: bytes) -> Chained | None:
        """A batch from the segments; its root says whether it is the right one."""
        shard = self._attestor.shard
        commands = self._frames(Kind.COMMANDS, entry)
        told = self._frames(Kind.EVENTS, entry)
        if len(commands) != 1 or not told:
            return None
        events = b"".join(frame.payload for frame in told)
        start = events_until(events, chain.shard_seq(shard, entry.first_seq))
        end = events_until(events, chain.shard_seq(shard, entry.next_seq))
        batch = Batch(entry.first_seq, entry.command_count, commands[0].payload, events[start:end])
        seq = chain.shard_seq(shard, batch.first_seq)
        try:
            leaves = batch_leaves(batch.commands, batch.events, seq)
        except RootError:
            return None
        if leaves_root(leaves) != entry.root:
            raise CorruptRecord(commands[0].segment, commands[0].offset, "the chain has another root of it")
        return Chained(batch, leaves, entry.root, before)

    def _frames(self, kind: Kind, entry: ChainEntry) -> list[Frame]:
        """The frames that hold part of a batch; only headers are read of those before."""
        segments = list_segments(self._storage, kind, self._attestor.shard)
        found: list[Frame] = []
        for segment in segments[_holder(segments, entry.first_seq) :]:
            if segment.first_seq >= entry.next_seq:
                break
            offset = f.FILE_HEADER_BYTES
            while True:
                raw = self._storage.read(segment.name, offset, f.FRAME_HEADER_BYTES)
                header = f.unpack_frame_header(raw, 0, offset)
                if header is None or header.first_seq >= entry.next_seq:
                    break
                start = offset + f.FRAME_HEADER_BYTES
                if header.next_seq > entry.first_seq:
                    payload = self._storage.read(segment.name, start, header.payload_bytes)
                    count = header.command_count
                    found.append(Frame(header.first_seq, count, 0, payload, segment.name, offset))
                offset = start + header.payload_bytes
        return found


def _bytes(chained: Chained) -> int:
    return len(chained.batch.commands) + len(chained.batch.events) + 64 * len(chained.leaves)


def _holder(segments: list[Segment], seq: int) -> int:
    at = [position for position, segment in enumerate(segments) if segment.first_seq <= seq]
    return at[-1] if at else len(segments)
