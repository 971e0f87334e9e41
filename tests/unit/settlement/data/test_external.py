"""The external store: found by hash, sampled without being read, rebuilt from half of its cells."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from settlement.data.external import ExternalStore, Manifest, fetch, unpack_manifest
from settlement.data.files import DataMissing, place
from settlement.data.sampling import sample
from settlement.hashing import keccak
from settlement.l1.blobs import shared_kzg

PAYLOAD = random.Random(1).randbytes(9_000)
ENTRY = 2_048 + 48


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("external")
    assert ExternalStore(folder, shared_kzg()).put(PAYLOAD) == keccak(PAYLOAD)
    return place(folder, keccak(PAYLOAD))


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    """A store of the test's own to damage."""
    copy = place(tmp_path, keccak(PAYLOAD))
    copy.mkdir(parents=True)
    for path in kept.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def store(folder: Path) -> ExternalStore:
    return ExternalStore(folder.parent.parent, shared_kzg())


def test_a_payload_is_found_by_its_hash(folder: Path) -> None:
    found = store(folder)
    assert fetch(found, keccak(PAYLOAD), shared_kzg()) == PAYLOAD
    assert found.manifest(keccak(PAYLOAD)).payload_bytes == len(PAYLOAD)
    assert found.put(PAYLOAD) == keccak(PAYLOAD)
    with pytest.raises(DataMissing):
        fetch(found, keccak(b"other"), shared_kzg())


def test_half_of_the_cells_give_the_payload_back(folder: Path) -> None:
    (folder / "payload").write_bytes(b"not the payload")
    cells = bytearray((folder / "cells-0").read_bytes())
    for index in range(0, 128, 2):
        cells[index * ENTRY + index] ^= 1
    (folder / "cells-0").write_bytes(bytes(cells))
    assert fetch(store(folder), keccak(PAYLOAD), shared_kzg()) == PAYLOAD


def test_fewer_than_half_do_not(folder: Path) -> None:
    (folder / "payload").unlink()
    (folder / "cells-0").write_bytes((folder / "cells-0").read_bytes()[: 63 * ENTRY])
    with pytest.raises(DataMissing, match="63 cells"):
        fetch(store(folder), keccak(PAYLOAD), shared_kzg())


def test_samples_of_a_whole_store_are_all_there(folder: Path) -> None:
    generator = random.Random(3)
    seen, manifest = sample(
        store(folder), keccak(PAYLOAD), shared_kzg(), lambda n, k: generator.sample(range(n), k), 5
    )
    assert (seen.asked, seen.proven, seen.is_available) == (5, 5, True)
    assert len(manifest.commitments) == 1


def test_samples_see_what_is_missing_or_false(folder: Path) -> None:
    cells = bytearray((folder / "cells-0").read_bytes()[: 64 * ENTRY])
    cells[3 * ENTRY] ^= 1
    (folder / "cells-0").write_bytes(bytes(cells))
    seen, _ = sample(store(folder), keccak(PAYLOAD), shared_kzg(), lambda n, k: [2, 3, 63, 64, 127][:k], 5)
    assert seen.missing == ((0, 3), (0, 64), (0, 127))
    assert not seen.is_available
    with pytest.raises(ValueError, match="samples"):
        sample(store(folder), keccak(PAYLOAD), shared_kzg(), lambda n, k: [], 0)


def test_a_manifest_of_another_payload_is_found_out(folder: Path) -> None:
    (folder / "payload").unlink()
    other = keccak(b"another hash")
    place(folder.parent.parent, other).parent.mkdir(exist_ok=True)
    folder.rename(place(folder.parent.parent, other))
    with pytest.raises(DataMissing, match="another payload"):
        fetch(store(folder), other, shared_kzg())


@pytest.mark.parametrize("data", [b"", bytes(8), bytes(56), b"\xff" * 56, (1).to_bytes(8, "big") + bytes(47)])
def test_what_is_no_manifest_says_so(data: bytes) -> None:
    with pytest.raises(DataMissing):
        unpack_manifest(data)


def test_manifests_come_back() -> None:
    manifest = Manifest(200_000, (b"\1" * 48, b"\2" * 48))
    assert unpack_manifest(manifest.packed()) == manifest


def test_an_empty_payload_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bytes"):
        ExternalStore(tmp_path, shared_kzg()).put(b"")
