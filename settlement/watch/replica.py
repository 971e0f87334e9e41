"""Follows the L1 and rebuilds the state batch by batch, through reorganisations, voided batches, missing data
and restarts (docs/watchtower.md).

`poll` reads what is new and says what came of it. The state is always that behind the last batch that was
right; behind a wrong batch nothing is taken until the L1 has voided it (or replaced it in a reorganisation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from settlement.contracts.planning import Openings
from settlement.hashing import keccak
from settlement.l1.ethereum import L1Reorganised
from settlement.l1.feed import Arrived, Feed
from settlement.l1.feed import Final as BatchesFinal
from settlement.l1.follower import Mark
from settlement.l1.port import L1Error, L1Unavailable
from settlement.l1.rollup import Posted, Queues, Rollup, Voided
from settlement.rollup.derive import Derivation, Fault, Finding
from settlement.stf.chunks import Chunk
from settlement.stf.header import BLOBS, NETTED, Header, unpack_header
from settlement.watch.snapshots import Following, SnapshotError
from settlement.watch.store import Kept, WatchStore, WatchStoreError

SNAPSHOT_BATCHES: Final = 64
_NO_PROOF: Final = bytes(6)
_FINAL: Final = "final"
_TAKEN: Final = "taken"


class Taken(NamedTuple):
    """A batch was right and is in the state now."""

    posted: Posted
    header: Header
    chunks: Sequence[Chunk]


class WrongBatch(NamedTuple):
    """A batch is wrong. The replica stands in front of it."""

    posted: Posted
    header: Header | None
    finding: Finding


class MissingData(NamedTuple):
    """A batch can not be taken for want of its data; it is asked for again with each poll."""

    posted: Posted
    header: Header | None
    why: str


class TakenBack(NamedTuple):
    """The L1 has taken blocks back, or voided batches: the state stands behind `batch_id` again."""

    batch_id: int
    why: str


class NowFinal(NamedTuple):
    """Batches up to this one are final."""

    batch_id: int


Happening = Taken | WrongBatch | MissingData | TakenBack | NowFinal


class Replica:
    """The state by the L1's data alone."""

    def __init__(
        self, rollup: Rollup, store: WatchStore, feed_from: Callable[[Sequence[Mark]], Feed],
        with_trace: Callable[[int], bool] = lambda _: False,
    ) -> None:  # fmt: skip
        """`feed_from` begins a feed behind marks; `with_trace` says for which batches every root is compared.

        Raises WatchStoreError.
        """
        self.rollup = rollup
        self._store = store
        self._feed = feed_from(store.marks())
        self._with_trace = with_trace
        self.following = Following.from_nothing()
        self.wrong: WrongBatch | None = None
        self.missing: MissingData | None = None
        self.final_id = int.from_bytes(store.meta(_FINAL), "big")
        self._queues: Queues | None = None
        self.stop_at: int | None = None
        """No batch behind this one is taken; None: all are."""
        self._since_snapshot = 0
        self._restore(min(store.last_batch(), int.from_bytes(store.meta(_TAKEN), "big")))

    @property
    def batch_id(self) -> int:
        """The last batch in the state."""
        return self.following.derivation.batch_id

    @property
    def last_known(self) -> int:
        """The newest batch posted, as far as was read."""
        return self._store.last_batch()

    @property
    def read_to(self) -> int:
        """The block the L1 was read to."""
        marks = self._feed.marks
        return marks[-1].number if marks else self.rollup.addresses.first_block - 1

    def kept(self, batch_id: int) -> Kept | None:
        """A batch as it arrived."""
        return self._store.batch(batch_id)

    def headers(self) -> Iterator[bytes]:
        """The headers of the batches in the state, without proofs."""
        return self._store.headers(self.batch_id)

    def poll(self) -> Iterator[Happening]:
        """What is new, one after another; the state moves as they are drawn.

        Raises:
            L1Unavailable: nothing is lost, poll again. WatchStoreError.
        """
        self._queues = None
        try:
            items = self._feed.poll()
        except L1Reorganised as error:
            yield from self._reorganised(error.block)
            return
        with self._store.writing():
            for item in items:
                self._keep(item)
            self._store.set_marks(self._feed.marks)
        yield from self._forgotten(items)
        yield from (NowFinal(item.batch_id) for item in items if isinstance(item, BatchesFinal))
        yield from self.advance()

    def _keep(self, item: object) -> None:
        if isinstance(item, Arrived):
            self._store.add(item)
        elif isinstance(item, Voided):
            self._store.forget_from(item.batch_id)
        elif isinstance(item, BatchesFinal):
            self.final_id = item.batch_id
            self._store.set_meta(_FINAL, item.batch_id.to_bytes(8, "big"))

    def _forgotten(self, items: Sequence[object]) -> Iterator[TakenBack]:
        voided = [item.batch_id for item in items if isinstance(item, Voided)]
        if voided:
            yield from self._back_to(min(voided) - 1, f"batch {min(voided)} was voided")

    def _reorganised(self, block: int) -> Iterator[TakenBack]:
        first = self._store.first_behind_block(block)
        with self._store.writing():
            if first is not None:
                self._store.forget_from(first)
            self._store.set_marks(self._feed.marks)
        last = (first or self._store.last_batch() + 1) - 1
        yield from self._back_to(last, f"the L1 was reorganised behind block {block}")

    def _back_to(self, last: int, why: str) -> Iterator[TakenBack]:
        """Batches behind `last` are no more. What was known to be wrong or missing is looked at again."""
        self.wrong = self.missing = None
        if self.batch_id > last:
            self._restore(last)
        yield TakenBack(last, why)

    def advance(self) -> Iterator[Happening]:
        """Take the batches that are there."""
        while self.wrong is None and self.batch_id != self.stop_at:
            kept = self._store.batch(self.batch_id + 1)
            if kept is None:
                return
            happened = self._next(kept)
            yield happened
            if not isinstance(happened, Taken):
                return

    def _next(self, kept: Kept) -> Happening:
        header = None if kept.header is None else unpack_header(kept.header + _NO_PROOF)
        payload, net = kept.payload, kept.net
        if payload is None:
            again = self._feed.arrived(kept.posted)
            if again.payload is None:
                self.missing = MissingData(kept.posted, again.header, again.missing)
                return self.missing
            with self._store.writing():
                self._store.add(again)
            header, payload, net = again.header, again.payload, again.net
        self.missing = None
        assert header is not None  # what has a payload has a header
        try:
            chunks = self._take(header, payload, net, self._with_trace(header.batch_id))
        except Fault as error:
            finding = self._exactly(header, payload, net, error.finding)
            self._restore(header.batch_id - 1)
            self.wrong = WrongBatch(kept.posted, header, finding)
            return self.wrong
        with self._store.writing():
            self._store.set_meta(_TAKEN, header.batch_id.to_bytes(8, "big"))
        self._since_snapshot += 1
        if self._since_snapshot >= SNAPSHOT_BATCHES:
            self.snapshot()
        return Taken(kept.posted, header, chunks)

    def go_back(self, batch_id: int) -> None:
        """Stand behind an earlier batch. Raises L1Unavailable while data for it can not be had."""
        self.wrong = self.missing = None
        self._restore(batch_id)
        self.stop_at = batch_id
        for _ in self.advance():
            pass
        if self.batch_id != batch_id:
            raise L1Unavailable(f"the state behind batch {batch_id} can not be rebuilt: data is missing")

    def openings(self, posted: Posted, header: Header) -> Openings | None:
        """Proofs over a batch's blobs; None where its data is elsewhere. Raises L1Unavailable."""
        return self._feed.openings(posted) if header.layer & ~NETTED == BLOBS else None

    def blobs(self, posted: Posted) -> tuple[bytes, ...] | None:
        """A batch's blobs; None where they can not be had. Raises L1Unavailable."""
        return self._feed.blobs(posted)

    def supply(self, batch_id: int, payload: bytes) -> None:
        """Data of a batch that was published in another way; what is not the header's is not taken."""
        kept = self._store.batch(batch_id)
        if kept is None or kept.header is None or kept.payload is not None:
            return
        header = unpack_header(kept.header + _NO_PROOF)
        if keccak(payload) == header.data_hash:
            with self._store.writing():
                self._store.add(Arrived(kept.posted, header, payload, "", kept.net))

    def _take(
        self, header: Header, payload: bytes, net: bytes | None, with_trace: bool
    ) -> Sequence[Chunk]:  # fmt: skip
        """Apply a batch. Raises Fault; what the L1 says of its queues is asked as of its head."""
        one = self.following
        if self._queues is None:
            self._queues = Queues(self.rollup, self.rollup.ethereum.head())
        one.ask(self._queues)
        before = one.derivation.batch_id
        try:
            return _taken(one.derivation, header, payload, net, with_trace)
        except L1Error:
            # The state stands somewhere in the batch: back in front of it, and the same again later.
            self._queues = None
            self._restore(before)
            raise

    def _exactly(self, header: Header, payload: bytes, net: bytes | None, found: Finding) -> Finding:
        """What is wrong, with every root compared: where it is, and what a challenge needs."""
        self._restore(header.batch_id - 1)
        try:
            self._take(header, payload, net, with_trace=True)
        except Fault as error:
            return error.finding
        return found

    def snapshot(self) -> None:
        """Keep the state of now."""
        kept = self._store.batch(self.batch_id)
        if kept is None:
            return
        with self._store.writing():
            self._store.add_snapshot(self.batch_id, kept.posted.header_hash, self.following.pack())
        self._since_snapshot = 0

    def _restore(self, last: int) -> None:
        """The state behind batch `last`: from the newest snapshot, and the batches behind it once more.

        Where the data of one of them is gone it stays in front of that batch.
        """
        self._since_snapshot = 0
        self.following = self._newest(last)
        while self.batch_id < last:
            kept = self._store.batch(self.batch_id + 1)
            if kept is None or kept.header is None or kept.payload is None:
                return
            header, one = unpack_header(kept.header + _NO_PROOF), self.following.derivation
            one.bridge = None  # it was asked when the batch was taken first
            try:
                _taken(one, header, kept.payload, kept.net, with_trace=False)
            except Fault as error:
                raise WatchStoreError(f"the file is damaged, begin another: {error}") from error

    def _newest(self, last: int) -> Following:
        while (found := self._store.snapshot(last)) is not None:
            batch_id, header_hash, packed = found
            kept = self._store.batch(batch_id)
            try:
                if kept is not None and kept.posted.header_hash == header_hash:
                    return Following.unpack(packed)
            except SnapshotError:
                pass
            with self._store.writing():
                self._store.drop_snapshot(batch_id)
        return Following.from_nothing()


def _taken(
    derivation: Derivation, header: Header, payload: bytes, net: bytes | None, with_trace: bool
) -> Sequence[Chunk]:
    """Take a batch whose data decodes to its chunks; `net` is what a netted one posted in their place."""
    if not header.layer & NETTED:
        return derivation.take(header, payload, with_trace=with_trace)
    return derivation.take(header, net, payload, with_trace=with_trace)
