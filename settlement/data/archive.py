"""Blobs kept after the L1 has forgotten them, so that synchronising works at any time.

An archive is a folder of compressed blobs named by versioned hash. Nobody has to trust it: what is read is
committed to again (0.1 s a blob) and must have the hash it was asked for by.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import zstandard

from settlement.data.files import DataMissing, place, read, write
from settlement.l1.beacon import BlobsMissing
from settlement.l1.blobs import BlobError, Kzg, versioned_hash
from settlement.l1.ethereum import Head
from settlement.l1.transactions import BLOB_BYTES, Sidecar

MAX_STORED_BYTES: Final = BLOB_BYTES + 1_024
_LEVEL: Final = 3


class BlobSource(Protocol):
    """Where blobs can be had: a beacon node, an archive."""

    def blobs(self, head: Head, hashes: Sequence[bytes]) -> tuple[bytes, ...]:
        """The blobs with these versioned hashes, posted in that block. Raises BlobsMissing."""


class BlobArchive:
    """A folder of blobs."""

    def __init__(self, folder: Path, kzg: Kzg) -> None:
        self._folder = folder
        self._kzg = kzg

    def keep(self, sidecar: Sidecar) -> tuple[bytes, ...]:
        """Store blobs that were just made, with their commitments; their hashes. Raises OSError."""
        hashes = tuple(map(versioned_hash, sidecar.commitments))
        for digest, blob in zip(hashes, sidecar.blobs, strict=True):
            path = place(self._folder, digest)
            if not path.exists():
                write(path, zstandard.ZstdCompressor(level=_LEVEL).compress(blob))
        return hashes

    def take_over(self, source: BlobSource, head: Head, hashes: Sequence[bytes]) -> None:
        """Store a block's blobs while a source still has them. Raises BlobsMissing, OSError."""
        missing = [digest for digest in hashes if not place(self._folder, digest).exists()]
        if missing:
            blobs = source.blobs(head, missing)
            commitments = tuple(map(self._kzg.commit, blobs))
            self.keep(Sidecar(tuple(blobs), commitments, ()))

    def blobs(self, head: Head, hashes: Sequence[bytes]) -> tuple[bytes, ...]:
        """See `BlobSource`; where a blob was posted does not matter."""
        try:
            return tuple(map(self._blob, hashes))
        except BlobsMissing as error:
            raise BlobsMissing(f"of block {head.number}: {error}") from error

    def _blob(self, digest: bytes) -> bytes:
        try:
            stored = read(place(self._folder, digest), MAX_STORED_BYTES)
            blob = zstandard.ZstdDecompressor().decompress(stored, max_output_size=BLOB_BYTES)
            if len(blob) == BLOB_BYTES and versioned_hash(self._kzg.commit(blob)) == digest:
                return blob
        except (DataMissing, zstandard.ZstdError, BlobError) as error:
            raise BlobsMissing(f"blob {digest.hex()}: {error}") from error
        raise BlobsMissing(f"blob {digest.hex()}: the archive holds something else")


class Sources:
    """Several sources, asked in order until one has all that is asked for."""

    def __init__(self, *sources: BlobSource) -> None:
        self._sources = sources

    def blobs(self, head: Head, hashes: Sequence[bytes]) -> tuple[bytes, ...]:
        """See `BlobSource`."""
        said: list[str] = []
        for source in self._sources:
            try:
                return source.blobs(head, hashes)
            except BlobsMissing as error:
                said.append(str(error))
        raise BlobsMissing("; ".join(said) or "no source")
