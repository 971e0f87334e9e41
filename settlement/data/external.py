"""The external store: payloads as files named by their keccak, with coded cells that can be sampled.

A payload is packed into blobs (settlement/l1/blobs.py, any number here) and each blob is extended, as
Ethereum does since Osaka, to 128 cells of 2,048 bytes of which any 64 give the blob back: a Reed-Solomon code
over BLS12-381's scalar field, each cell provable against the blob's KZG commitment. So
- a sampler (settlement/data/sampling.py) that has seen k random cells of a blob knows that the blob can be
  rebuilt, but for a chance below 2^-k, provided that who serves it does not know whom it answers;
- a store that lost any half of its cells, and the payload itself, still gives the payload.
What sampling does not show: that the manifest's commitments are those of the payload with this keccak, which
only rebuilding shows. A store whose manifest lies is found out by the first who rebuilds; the L1 then has
forced publication.

Layout: HH/HASH/payload · manifest (per blob 48 bytes of commitment, behind the payload's length u64) ·
cells-N (128 times cell and proof).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple, Protocol

from settlement.data.files import DataMissing, place, read, write
from settlement.hashing import keccak
from settlement.l1 import blobs as packing
from settlement.l1.blobs import CELL_BYTES, CELLS_TO_RECOVER, PAYLOAD_BYTES, BlobError, Kzg
from settlement.l1.transactions import CELLS_PER_BLOB, COMMITMENT_BYTES, PROOF_BYTES

MAX_BLOBS: Final = 128
MAX_BYTES: Final = MAX_BLOBS * PAYLOAD_BYTES
_ENTRY: Final = CELL_BYTES + PROOF_BYTES


class Manifest(NamedTuple):
    """What a payload's cells are proven against."""

    payload_bytes: int
    commitments: tuple[bytes, ...]

    def packed(self) -> bytes:
        """As it is stored."""
        return self.payload_bytes.to_bytes(8, "big") + b"".join(self.commitments)


def unpack_manifest(data: bytes) -> Manifest:
    """Read a manifest. Raises DataMissing for bytes that are none."""
    body = data[8:]
    size = int.from_bytes(data[:8], "big")
    blobs = -(-size // PAYLOAD_BYTES)
    if len(data) < 8 or not 0 < blobs <= MAX_BLOBS or len(body) != blobs * COMMITMENT_BYTES:
        raise DataMissing(f"a manifest of {len(data)} bytes for {size} bytes of payload")
    found = (body[at : at + COMMITMENT_BYTES] for at in range(0, len(body), COMMITMENT_BYTES))
    return Manifest(size, tuple(found))


class Cell(NamedTuple):
    """A cell and its proof."""

    data: bytes
    proof: bytes


class Reader(Protocol):
    """What a store, near or far, answers. All raise DataMissing."""

    def manifest(self, digest: bytes) -> Manifest: ...

    def payload(self, digest: bytes) -> bytes: ...

    def cell(self, digest: bytes, blob: int, index: int) -> Cell: ...


class ExternalStore:
    """A folder that is a store."""

    def __init__(self, folder: Path, kzg: Kzg) -> None:
        self._folder = folder
        self._kzg = kzg

    def put(self, payload: bytes) -> bytes:
        """Store a payload with its cells (about 0.5 s a blob); its keccak. Raises ValueError, OSError."""
        if not 0 < len(payload) <= MAX_BYTES:
            raise ValueError(f"{len(payload)} bytes are not within 1…{MAX_BYTES}")
        digest = keccak(payload)
        folder = place(self._folder, digest)
        if (folder / "manifest").exists():
            return digest
        commitments: list[bytes] = []
        for number, at in enumerate(range(0, len(payload), PAYLOAD_BYTES)):
            (blob,) = packing.pack(payload[at : at + PAYLOAD_BYTES])
            commitments.append(self._kzg.commit(blob))
            cells, proofs = self._kzg.cells(blob)
            pairs = zip(cells, proofs, strict=True)
            write(folder / f"cells-{number}", b"".join(cell + proof for cell, proof in pairs))
        write(folder / "payload", payload)
        # Last: what has a manifest is whole.
        write(folder / "manifest", Manifest(len(payload), tuple(commitments)).packed())
        return digest

    def manifest(self, digest: bytes) -> Manifest:
        """See `Reader`."""
        most = 8 + MAX_BLOBS * COMMITMENT_BYTES
        return unpack_manifest(read(place(self._folder, digest) / "manifest", most))

    def payload(self, digest: bytes) -> bytes:
        """See `Reader`."""
        return read(place(self._folder, digest) / "payload", MAX_BYTES)

    def cell(self, digest: bytes, blob: int, index: int) -> Cell:
        """See `Reader`."""
        path = place(self._folder, digest) / f"cells-{blob}"
        entry = read(path, _ENTRY, index * _ENTRY, _ENTRY)
        return Cell(entry[:CELL_BYTES], entry[CELL_BYTES:])


def fetch(reader: Reader, digest: bytes, kzg: Kzg) -> bytes:
    """The payload with this keccak, from the store's file or, where that fails, rebuilt from its cells.

    Raises DataMissing.
    """
    try:
        payload = reader.payload(digest)
        if keccak(payload) == digest:
            return payload
    except DataMissing:
        pass
    manifest = reader.manifest(digest)
    blobs = [_rebuilt(reader, digest, number, manifest, kzg) for number in range(len(manifest.commitments))]
    try:
        payload = packing.unpack(blobs, manifest.payload_bytes)
    except BlobError as error:
        raise DataMissing(f"{digest.hex()}: {error}") from error
    if keccak(payload) != digest:
        raise DataMissing(f"{digest.hex()}: the manifest is another payload's")
    return payload


def _rebuilt(reader: Reader, digest: bytes, blob: int, manifest: Manifest, kzg: Kzg) -> bytes:
    """A blob from the first 64 cells that prove themselves."""
    good: dict[int, bytes] = {}
    for index in range(CELLS_PER_BLOB):
        try:
            cell = reader.cell(digest, blob, index)
        except DataMissing:
            continue
        if proven(cell, index, manifest.commitments[blob], kzg):
            good[index] = cell.data
        if len(good) == CELLS_TO_RECOVER:
            break
    try:
        return kzg.recover(good)
    except BlobError as error:
        raise DataMissing(f"{digest.hex()}: blob {blob} cannot be rebuilt: {error}") from error


def proven(cell: Cell, index: int, commitment: bytes, kzg: Kzg) -> bool:
    """Whether a cell is the one of its index under a commitment."""
    try:
        return kzg.verify_cells([commitment], [index], [cell.data], [cell.proof])
    except BlobError:
        return False
