"""The blobs of a batch as a proof on the chain opens them (`settlement.contracts.planning.Openings`)."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from settlement.hashing import ZERO_HASH, keccak
from settlement.l1.blobs import ELEMENTS_PER_BLOB, Kzg, versioned_hash


class BlobOpenings:
    """Commitments and proofs over blobs at hand; proofs take 0.07 s each."""

    def __init__(self, kzg: Kzg, blobs: tuple[bytes, ...]) -> None:
        self._kzg: Final = kzg
        self._blobs: Final = blobs

    @cached_property
    def _commitments(self) -> tuple[bytes, ...]:
        return tuple(map(self._kzg.commit, self._blobs))

    @cached_property
    def hashes(self) -> tuple[bytes, ...]:
        """Their versioned hashes."""
        return tuple(map(versioned_hash, self._commitments))

    @property
    def data(self) -> bytes:
        """What the inbox keeps of them."""
        kept = ZERO_HASH
        for one in self.hashes:
            kept = keccak(kept + one)
        return kept

    def commitment(self, blob: int) -> bytes:
        """Of one blob, 48 bytes."""
        return self._commitments[blob]

    def proof(self, element: int) -> bytes:
        """Of an element counted through all blobs, 48 bytes. Raises BlobError."""
        blob, place = divmod(element, ELEMENTS_PER_BLOB)
        return self._kzg.open_element(self._blobs[blob], place, self._commitments[blob]).proof
