"""Payloads in blobs, commitments and openings, judged by the precompile of an EVM as well."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.l1 import blobs
from settlement.l1.blobs import BlobError, shared_kzg
from settlement.l1.transactions import BLOB_BYTES, Sidecar

PAYLOAD = random.Random(5).randbytes(10_000)


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 2 * blobs.PAYLOAD_BYTES + 50), st.integers(0, 99))
def test_payloads_come_back(size: int, seed: int) -> None:
    payload = random.Random(seed).randbytes(size)
    packed = blobs.pack(payload)
    assert len(packed) == -(-size // blobs.PAYLOAD_BYTES)
    assert blobs.unpack(packed, size) == payload


@pytest.mark.parametrize("size", [0, blobs.MAX_PAYLOAD_BYTES + 1])
def test_what_does_not_fit_is_refused(size: int) -> None:
    with pytest.raises(BlobError):
        blobs.pack(bytes(size))


def test_only_what_pack_makes_is_unpacked() -> None:
    (blob,) = blobs.pack(PAYLOAD)
    high = b"\1" + blob[1:]
    tail = blob[:-1] + b"\1"
    for wrong, size in (((high,), 10_000), ((tail,), 10_000), ((blob, blob), 10_000), ((blob[:-1],), 10_000)):
        with pytest.raises(BlobError):
            blobs.unpack(wrong, size)
    with pytest.raises(BlobError):
        blobs.unpack((blob,), 9_999 if PAYLOAD[-1] else 9_990)


def test_an_element_is_opened_alone() -> None:
    kzg = shared_kzg()
    (blob,) = blobs.pack(PAYLOAD)
    element = blobs.elements_of(100, 132)[1]
    opening = kzg.open_element(blob, element)
    assert opening.y == b"\0" + PAYLOAD[31 * element : 31 * element + 31]
    assert len(opening.packed()) == 192
    assert kzg.verify_opening(opening)
    assert not kzg.verify_opening(opening._replace(y=b"\0" * 31 + b"\1"))
    assert not kzg.verify_opening(opening._replace(y=b"\xff" * 32))
    assert not kzg.verify_opening(opening._replace(versioned_hash=b"\1" + bytes(31)))


def test_elements_of_a_span() -> None:
    assert list(blobs.elements_of(0, 31)) == [0]
    assert list(blobs.elements_of(30, 32)) == [0, 1]
    assert list(blobs.elements_of(62, 62)) == []


def test_a_sidecar_of_other_blobs_is_refused() -> None:
    kzg = shared_kzg()
    sidecar = kzg.sidecar(blobs.pack(PAYLOAD), cells=False)
    hashes = [blobs.versioned_hash(one) for one in sidecar.commitments]
    kzg.verify_sidecar(sidecar, hashes)
    other = blobs.pack(PAYLOAD[::-1])
    for wrong, named in (
        (Sidecar(other, sidecar.commitments, sidecar.proofs), hashes),
        (sidecar, [b"\1" + bytes(31)]),
        (Sidecar(sidecar.blobs, sidecar.commitments, (b"\xc0" + bytes(47),)), hashes),
        (Sidecar((b"\xff" * BLOB_BYTES,), sidecar.commitments, sidecar.proofs), hashes),
    ):
        with pytest.raises(BlobError):
            kzg.verify_sidecar(wrong, named)


def test_half_the_cells_are_the_blob() -> None:
    kzg = shared_kzg()
    (blob,) = blobs.pack(PAYLOAD)
    sidecar = kzg.sidecar([blob])
    kzg.verify_sidecar(sidecar, [blobs.versioned_hash(sidecar.commitments[0])])
    cells, proofs = kzg.extend(blob), sidecar.proofs
    assert kzg.recover({index: cells[index] for index in range(1, 128, 2)}) == blob
    with pytest.raises(BlobError, match="63 cells"):
        kzg.recover({index: cells[index] for index in range(63)})
    three = [5, 64, 127]
    chosen, shown = [cells[i] for i in three], [proofs[i] for i in three]
    assert kzg.verify_cells(list(sidecar.commitments) * 3, three, chosen, shown)
    assert not kzg.verify_cells(list(sidecar.commitments) * 3, [5, 64, 126], chosen, shown)
