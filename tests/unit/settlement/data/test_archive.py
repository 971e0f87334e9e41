"""Blobs outlive the L1's memory, and an archive is believed only where KZG agrees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import zstandard

from settlement.data.archive import BlobArchive, Sources
from settlement.data.files import place
from settlement.l1.beacon import BlobsMissing
from settlement.l1.blobs import pack, shared_kzg
from settlement.l1.ethereum import Head
from settlement.l1.transactions import Sidecar

HEAD = Head(1, bytes(32), bytes(32), 0, 0, 0, 1)
BLOBS = pack(b"payload" * 30_000)


@pytest.fixture(scope="module")
def sidecar() -> Sidecar:
    return Sidecar(BLOBS, tuple(map(shared_kzg().commit, BLOBS)), ())


def test_blobs_are_kept_and_found(tmp_path: Path, sidecar: Sidecar) -> None:
    archive = BlobArchive(tmp_path, shared_kzg())
    hashes = archive.keep(sidecar)
    assert archive.keep(sidecar) == hashes
    assert archive.blobs(HEAD, hashes[::-1]) == BLOBS[::-1]


def test_what_is_not_the_blob_is_missing(tmp_path: Path, sidecar: Sidecar) -> None:
    archive = BlobArchive(tmp_path, shared_kzg())
    hashes = archive.keep(sidecar)
    path = place(tmp_path, hashes[0])
    other = zstandard.ZstdCompressor().compress(BLOBS[1])
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 24))
    for stored in (other, bomb, b"", b"junk", path.read_bytes()[:-9], bytes(1 << 18)):
        path.write_bytes(stored)
        with pytest.raises(BlobsMissing):
            archive.blobs(HEAD, hashes)
    path.unlink()
    with pytest.raises(BlobsMissing):
        archive.blobs(HEAD, hashes)


def test_an_archive_fills_itself_and_stands_in_when_the_node_has_pruned(
    tmp_path: Path, sidecar: Sidecar
) -> None:
    class NodeOfToday:
        pruned = False

        def blobs(self, head: Head, hashes: Sequence[bytes]) -> tuple[bytes, ...]:
            if self.pruned:
                raise BlobsMissing("pruned")
            return BLOBS

    node, archive = NodeOfToday(), BlobArchive(tmp_path, shared_kzg())
    hashes = BlobArchive(tmp_path / "other", shared_kzg()).keep(sidecar)
    archive.take_over(node, HEAD, hashes)
    node.pruned = True
    archive.take_over(node, HEAD, hashes)
    assert Sources(node, archive).blobs(HEAD, hashes) == BLOBS
    with pytest.raises(BlobsMissing, match="pruned"):
        Sources(node, BlobArchive(tmp_path / "empty", shared_kzg())).blobs(HEAD, hashes)
