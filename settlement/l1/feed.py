"""Everything that was posted, in order, from the chain and its data layers alone: a stranger's source.

A batch whose data cannot be had arrives all the same, without payload and with the reason: whoever follows
decides whether to ask again, to wait, or to demand it on the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from settlement.data.archive import BlobSource
from settlement.data.external import Reader, fetch
from settlement.data.files import DataMissing
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1 import blobs as packing
from settlement.l1.beacon import BlobsMissing
from settlement.l1.blobs import BlobError, Kzg
from settlement.l1.ethereum import Head
from settlement.l1.follower import Follower, Mark
from settlement.l1.openings import BlobOpenings
from settlement.l1.port import L1Unavailable
from settlement.l1.rollup import Posted, Published, Rollup, Voided
from settlement.stf.header import BLOBS, EXTERNAL, NETTED, Header, HeaderError, unpack_header

_NO_PROOF = bytes(6)  # verifier version and proof length, which the inbox does not take


class Arrived(NamedTuple):
    """A batch. `header` is None where its bytes are none; `payload`, which decodes to its chunks, is None
    where `missing` says why. Of a netted batch it is what stands outside, and `net` what the blobs hold."""

    posted: Posted
    header: Header | None
    payload: bytes | None
    missing: str
    net: bytes | None = None


class Final(NamedTuple):
    """Batches up to this one are final."""

    batch_id: int


Item = Arrived | Voided | Final


class Feed:
    """Follows the inbox; `blobs` and `external` are where data may be had."""

    def __init__(
        self, rollup: Rollup, kzg: Kzg, *, blobs: BlobSource | None = None, external: Reader | None = None,
        confirmations: int = 1, marks: Sequence[Mark] = (),
    ) -> None:  # fmt: skip
        self._rollup = rollup
        self._kzg = kzg
        self._blobs = blobs
        self._external = external
        self._follower = Follower(
            rollup.ethereum, [rollup.addresses.inbox], marks=marks,
            first_block=rollup.addresses.first_block, confirmations=confirmations,
        )  # fmt: skip

    @property
    def marks(self) -> tuple[Mark, ...]:
        """How far it has read: to be kept with what was taken from it."""
        return self._follower.marks

    def poll(self) -> list[Item]:
        """What is new. Raises L1Reorganised (forget what came behind that block) or L1Unavailable."""
        found: list[Item] = []
        for log in self._follower.poll().logs:
            event = self._rollup.event(log)
            if isinstance(event, Posted):
                found.append(self.arrived(event))
            elif isinstance(event, Voided):
                found.append(event)
            elif event is not None:
                found.append(Final(event))
        return found

    def arrived(self, posted: Posted) -> Arrived:
        """A batch's header and data; asked again, it may find what was missing. Raises L1Unavailable."""
        try:
            published = self._rollup.published(posted)
            header = unpack_header(published.header + _NO_PROOF)
        except LookupError as error:
            return Arrived(posted, None, None, str(error))
        except HeaderError as error:
            return Arrived(posted, None, None, f"the header of batch {posted.batch_id}: {error}")
        try:
            payload = self._payload(posted, published, header)
        except (DataMissing, BlobsMissing, BlobError) as error:
            return Arrived(posted, header, None, str(error))
        # Of blobs the inbox keeps the commitments: what they hold is the payload, whatever data_hash says.
        is_hashed = header.layer & ~NETTED != BLOBS
        if len(payload) != header.payload_bytes or (is_hashed and keccak(payload) != header.data_hash):
            return Arrived(posted, header, None, f"the data of batch {posted.batch_id} is another's")
        if not header.layer & NETTED:
            return Arrived(posted, header, payload, "")
        try:
            return Arrived(posted, header, self._outside(header), "", payload)
        except DataMissing as error:
            return Arrived(posted, header, None, str(error), payload)

    def _payload(self, posted: Posted, published: Published, header: Header) -> bytes:
        layer = header.layer & ~NETTED
        if layer == BLOBS:
            return self._from_blobs(posted, published, header)
        return self._outside(header) if layer == EXTERNAL else published.payload

    def _outside(self, header: Header) -> bytes:
        """What the external store has of a batch."""
        if self._external is None:
            raise DataMissing("no external store is known")
        return fetch(self._external, header.data_hash, self._kzg)

    def openings(self, posted: Posted) -> BlobOpenings:
        """A batch's blobs, as proofs on the chain open them. Raises L1Unavailable where they are missing."""
        try:
            return BlobOpenings(self._kzg, self._blobs_of(posted, self._rollup.published(posted)))
        except LookupError as error:
            raise L1Unavailable(f"the blobs of batch {posted.batch_id}: {error}") from error

    def blobs(self, posted: Posted) -> tuple[bytes, ...] | None:
        """A batch's blobs; None where they can not be had. Raises L1Unavailable."""
        try:
            return self._blobs_of(posted, self._rollup.published(posted))
        except LookupError:
            return None

    def _from_blobs(self, posted: Posted, published: Published, header: Header) -> bytes:
        return packing.unpack(self._blobs_of(posted, published), header.payload_bytes)

    def _blobs_of(self, posted: Posted, published: Published) -> tuple[bytes, ...]:
        kept = ZERO_HASH
        for digest in published.blob_hashes:
            kept = keccak(kept + digest)
        if kept != posted.data:
            raise BlobsMissing(f"batch {posted.batch_id}: its transaction names other blobs")
        if self._blobs is None:
            raise BlobsMissing("no source of blobs is known")
        return self._blobs.blobs(self._block(posted), published.blob_hashes)

    def _block(self, posted: Posted) -> Head:
        head = self._rollup.ethereum.block(posted.block_hash)
        if head is None:
            raise L1Unavailable(f"block {posted.block} is gone")
        return head
