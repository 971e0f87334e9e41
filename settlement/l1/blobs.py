"""EIP-4844 blobs: bytes into field elements and back, commitments, proofs and openings (KZG).

A blob is 4,096 elements of 32 bytes, each below the order of BLS12-381's scalar field. Payload byte
`31·i + j` is byte `j + 1` of element i, whose first byte is zero: a contract that opens element i by the
point evaluation precompile has 31 payload bytes by shifting one word. (Packing 254 bits would hold 2.4 %
more and cost every reader on the chain shifts across elements.) Behind the payload stand zeros, and only
zeros. Element i is the polynomial's value at ω^bitreverse(i), ω the 4,096th root of unity.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import ckzg

from settlement.l1.transactions import BLOB_BYTES, CELLS_PER_BLOB, MAX_BLOBS, Sidecar

ELEMENTS_PER_BLOB: Final = 4_096
ELEMENT_BYTES: Final = 31
PAYLOAD_BYTES: Final = ELEMENTS_PER_BLOB * ELEMENT_BYTES  # of one blob: 126,976
MAX_PAYLOAD_BYTES: Final = MAX_BLOBS * PAYLOAD_BYTES
BLS_MODULUS: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
ROOT_OF_UNITY: Final = pow(7, (BLS_MODULUS - 1) // ELEMENTS_PER_BLOB, BLS_MODULUS)
VERSIONED_HASH_VERSION: Final = b"\x01"
CELL_BYTES: Final = 2_048  # 64 elements
CELLS_TO_RECOVER: Final = CELLS_PER_BLOB // 2
_SETUP: Final = ("eth_account", "typed_transactions", "blob_transactions", "kzg_trusted_setup.txt")


class BlobError(ValueError):
    """Bytes that are no blob of ours, or a proof that does not hold."""


class Opening(NamedTuple):
    """One element of a blob shown on chain: 32 bytes each, commitment and proof 48."""

    versioned_hash: bytes
    z: bytes
    y: bytes
    commitment: bytes
    proof: bytes

    def packed(self) -> bytes:
        """The 192 bytes that the point evaluation precompile (0x0a) takes."""
        return b"".join(self)


def pack(payload: bytes) -> tuple[bytes, ...]:
    """A payload's blobs, as few as hold it. Raises BlobError for none or more than six blobs' worth."""
    if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
        raise BlobError(f"{len(payload)} bytes do not fit into 1 to {MAX_BLOBS} blobs")
    return tuple(_blob(payload[at : at + PAYLOAD_BYTES]) for at in range(0, len(payload), PAYLOAD_BYTES))


def _blob(part: bytes) -> bytes:
    elements = (part[at : at + ELEMENT_BYTES] for at in range(0, len(part), ELEMENT_BYTES))
    packed = b"".join(b"\0" + element.ljust(ELEMENT_BYTES, b"\0") for element in elements)
    return packed.ljust(BLOB_BYTES, b"\0")


def unpack(blobs: Sequence[bytes], payload_bytes: int) -> bytes:
    """The payload of a known length. Raises BlobError where `pack` would not have made these blobs."""
    if len(blobs) != -(-payload_bytes // PAYLOAD_BYTES) or not blobs:
        raise BlobError(f"{payload_bytes} bytes are not in {len(blobs)} blobs")
    for blob in blobs:
        if len(blob) != BLOB_BYTES or any(blob[::32]):
            raise BlobError("a blob has 4,096 elements whose first byte is zero")
    raw = b"".join(blob[at + 1 : at + 32] for blob in blobs for at in range(0, BLOB_BYTES, 32))
    if any(raw[payload_bytes:]):
        raise BlobError("bytes behind the payload are not zero")
    return raw[:payload_bytes]


def elements_of(first_byte: int, end_byte: int) -> range:
    """The elements (counted through all blobs) that hold payload bytes [first_byte, end_byte)."""
    return range(first_byte // ELEMENT_BYTES, -(-end_byte // ELEMENT_BYTES))


def point_of(element: int) -> int:
    """Where the polynomial's value is element i of its blob."""
    reversed_bits = int(f"{element:012b}"[::-1], 2)
    return pow(ROOT_OF_UNITY, reversed_bits, BLS_MODULUS)


def versioned_hash(commitment: bytes) -> bytes:
    """How a transaction and BLOBHASH name a blob: 0x01 and the commitment's sha256 from its second byte."""
    return VERSIONED_HASH_VERSION + hashlib.sha256(commitment).digest()[1:]


def trusted_setup_path() -> Path:
    """The ceremony's points, a file of eth-account; the package itself is not imported.

    Raises BlobError when it is not installed.
    """
    spec = importlib.util.find_spec(_SETUP[0])
    if spec is None or not spec.submodule_search_locations:
        raise BlobError("eth-account, which brings the trusted setup, is not installed")
    return Path(spec.submodule_search_locations[0], *_SETUP[1:])


class Kzg:
    """Commitments and proofs. Loading the setup takes about two seconds and waits until it is needed."""

    def __init__(self, setup: Path | None = None) -> None:
        self._path = setup
        self._lock = threading.Lock()
        self._loaded: Any = None

    @property
    def _setup(self) -> Any:
        with self._lock:
            if self._loaded is None:
                self._loaded = ckzg.load_trusted_setup(str(self._path or trusted_setup_path()), 0)
            return self._loaded

    def commit(self, blob: bytes) -> bytes:
        """The blob's commitment (about 0.1 s). Raises BlobError for elements not below the modulus."""
        return _bytes(_checked(ckzg.blob_to_kzg_commitment, blob, self._setup))

    def sidecar(self, blobs: Iterable[bytes], *, cells: bool = True) -> Sidecar:
        """Blobs with commitments and the proofs a node asks for: of cells, or (before Osaka) of blobs."""
        whole = tuple(blobs)
        commitments = tuple(map(self.commit, whole))
        if cells:
            proofs = tuple(_bytes(p) for blob in whole for p in self.cells(blob)[1])
        else:
            pairs = zip(whole, commitments, strict=True)
            proofs = tuple(
                _bytes(_checked(ckzg.compute_blob_kzg_proof, b, c, self._setup)) for b, c in pairs
            )
        return Sidecar(whole, commitments, proofs)

    def verify_sidecar(self, sidecar: Sidecar, hashes: Sequence[bytes]) -> None:
        """Raises BlobError unless blobs, commitments, proofs and versioned hashes belong together."""
        if tuple(map(versioned_hash, sidecar.commitments)) != tuple(hashes):
            raise BlobError("the commitments are not those of the versioned hashes")
        if sidecar.has_cell_proofs:
            self._verify_cells(sidecar)
        elif not _checked(ckzg.verify_blob_kzg_proof_batch, *map(b"".join, sidecar), self._setup):
            raise BlobError("a proof does not hold")

    def _verify_cells(self, sidecar: Sidecar) -> None:
        cells = [cell for blob in sidecar.blobs for cell in self.extend(blob)]
        commitments = [c for c in sidecar.commitments for _ in range(CELLS_PER_BLOB)]
        indices = list(range(CELLS_PER_BLOB)) * len(sidecar.blobs)
        if not self.verify_cells(commitments, indices, cells, list(sidecar.proofs)):
            raise BlobError("a cell proof does not hold")

    def open_element(self, blob: bytes, element: int, commitment: bytes | None = None) -> Opening:
        """Prove one element of a blob (about 0.07 s; 0.1 more without its commitment)."""
        if not 0 <= element < ELEMENTS_PER_BLOB:
            raise BlobError(f"a blob has no element {element}")
        z = point_of(element).to_bytes(32, "big")
        proof, y = _checked(ckzg.compute_kzg_proof, blob, z, self._setup)
        commitment = commitment or self.commit(blob)
        return Opening(versioned_hash(commitment), z, _bytes(y), commitment, _bytes(proof))

    def verify_opening(self, opening: Opening) -> bool:
        """What the precompile checks."""
        if versioned_hash(opening.commitment) != opening.versioned_hash:
            return False
        parts = (opening.commitment, opening.z, opening.y, opening.proof)
        try:
            return bool(_checked(ckzg.verify_kzg_proof, *parts, self._setup))
        except BlobError:
            return False

    def extend(self, blob: bytes) -> list[bytes]:
        """The blob extended to twice its size (Reed-Solomon), as 128 cells; any 64 tell the others."""
        return list(_checked(ckzg.compute_cells, blob, self._setup))

    def cells(self, blob: bytes) -> tuple[list[bytes], list[bytes]]:
        """The same with a proof of each (about 0.5 s)."""
        cells, proofs = _checked(ckzg.compute_cells_and_kzg_proofs, blob, self._setup)
        return list(cells), list(proofs)

    def verify_cells(
        self, commitments: list[bytes], indices: list[int], cells: list[bytes], proofs: list[bytes]
    ) -> bool:
        """Whether each cell is the one of its index under its commitment. Raises BlobError for no cells."""
        return bool(
            _checked(ckzg.verify_cell_kzg_proof_batch, commitments, indices, cells, proofs, self._setup)
        )

    def recover(self, cells: dict[int, bytes]) -> bytes:
        """The blob of any 64 of its cells; the first 64 are it, others take about 0.5 s. Raises BlobError."""
        if len(cells) < CELLS_TO_RECOVER:
            raise BlobError(f"{len(cells)} cells; {CELLS_TO_RECOVER} are needed")
        known = sorted(cells)
        if known[:CELLS_TO_RECOVER] == list(range(CELLS_TO_RECOVER)):
            return b"".join(bytes(cells[index]) for index in known[:CELLS_TO_RECOVER])  # they are the blob
        found, _ = _checked(
            ckzg.recover_cells_and_kzg_proofs, known, [cells[index] for index in known], self._setup
        )
        return b"".join(map(bytes, found[:CELLS_TO_RECOVER]))


@cache
def shared_kzg() -> Kzg:
    """The process's one instance, so that the setup is loaded once."""
    return Kzg()


def _checked(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise BlobError(f"{function.__name__}: {error}") from error


def _bytes(value: Any) -> bytes:
    return bytes(value)
