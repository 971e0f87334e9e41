"""Is the data there? Asked of a store without fetching it: random cells of each blob, each proven.

A blob can be rebuilt from any half of its cells. If fewer than half are served, each random cell is there
with a chance below a half, so k cells seen say "it can be rebuilt" with an error below 2^-k.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from settlement.data.external import Manifest, Reader, proven
from settlement.data.files import DataMissing
from settlement.l1.blobs import Kzg
from settlement.l1.transactions import CELLS_PER_BLOB

SAMPLES: Final = 20  # an error below one in a million

# n, k -> k different numbers below n, each as likely as any other: randomness is given, not taken.
Draw = Callable[[int, int], list[int]]


class Availability(NamedTuple):
    """What was seen: cells asked for and proven, and (blob, cell) of those that were not."""

    asked: int
    proven: int
    missing: tuple[tuple[int, int], ...]

    @property
    def is_available(self) -> bool:
        """Whether every cell asked for was there."""
        return not self.missing and self.asked > 0


def sample(
    reader: Reader, digest: bytes, kzg: Kzg, draw: Draw, samples: int = SAMPLES
) -> tuple[Availability, Manifest]:
    """Ask for some cells of each blob. Raises DataMissing without a manifest, ValueError for no samples."""
    if not 1 <= samples <= CELLS_PER_BLOB:
        raise ValueError(f"1 to {CELLS_PER_BLOB} samples, not {samples}")
    manifest = reader.manifest(digest)
    missing: list[tuple[int, int]] = []
    asked = 0
    for blob, commitment in enumerate(manifest.commitments):
        for index in draw(CELLS_PER_BLOB, samples):
            asked += 1
            if not _is_there(reader, digest, blob, index, commitment, kzg):
                missing.append((blob, index))
    return Availability(asked, asked - len(missing), tuple(missing)), manifest


def _is_there(reader: Reader, digest: bytes, blob: int, index: int, commitment: bytes, kzg: Kzg) -> bool:
    try:
        return proven(reader.cell(digest, blob, index), index, commitment, kzg)
    except DataMissing:
        return False
