"""The place of a fill in its batch, out of the settlement process's database, for whoever proves it.

Read only, beside the process that writes. A batch's tree is made once and kept for the next that ask of it.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Final, NamedTuple

from exchange.attest.inclusion import InclusionProof
from settlement.hashing import keccak
from settlement.node.store import PostedRow, posted_of, read_records, reader
from settlement.stf.chunks import chunk_leaf
from settlement.stf.header import unpack_header
from settlement.stf.steps import FILL
from settlement.trees import binary

KEPT: Final = 8
"""Batches whose trees are kept."""
_IDENT: Final = slice(16, 24)  # of a step's bytes


class FillProof(NamedTuple):
    """A fill's step, its place, and where the L1 has its batch, if it has it."""

    batch_id: int
    step: bytes
    place: InclusionProof
    posted: PostedRow | None


class _Tree(NamedTuple):
    """A batch: its header without a proof, its chunks (kind, steps), their leaves, where each trade is."""

    header: bytes
    chunks: list[tuple[int, list[bytes]]]
    leaves: list[bytes]
    places: dict[int, tuple[int, int]]


class FillProofs:
    """All fills of a database of format 2 that are in a batch. Raises sqlite3.Error where there is none."""

    def __init__(self, path: Path) -> None:
        self._db = reader(path)
        self._trees: OrderedDict[int, _Tree] = OrderedDict()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def of(self, trade_id: int) -> FillProof | None:
        """The proof of a fill; None while it is in no batch. Raises sqlite3.Error."""
        query = "SELECT batch_id FROM chunks WHERE trade_first <= ? AND trade_last >= ?"
        asked = (trade_id, trade_id)
        row = self._db.execute(f"{query} ORDER BY batch_id DESC LIMIT 1", asked).fetchone()
        if row is None:
            return None
        tree = self._tree(row[0])
        place = tree.places.get(trade_id)
        return None if place is None else self._proof(row[0], tree, *place)

    def _proof(self, batch_id: int, tree: _Tree, chunk: int, position: int) -> FillProof:
        kind, steps = tree.chunks[chunk]
        hashes = [keccak(step) for step in steps]
        place = InclusionProof(
            tree.header, chunk, kind, len(steps), position,
            binary.prove(hashes, position), binary.prove(tree.leaves, chunk),
        )  # fmt: skip
        return FillProof(batch_id, steps[position], place, posted_of(self._db, batch_id))

    def _tree(self, batch_id: int) -> _Tree:
        found = self._trees.get(batch_id)
        if found is None:
            found = self._trees[batch_id] = self._read(batch_id)
            if len(self._trees) > KEPT:
                self._trees.popitem(last=False)
        self._trees.move_to_end(batch_id)
        return found

    def _read(self, batch_id: int) -> _Tree:
        header, records = self._db.execute(
            "SELECT header, records FROM batch JOIN chunks ON batch_id = id WHERE id = ?", (batch_id,)
        ).fetchone()
        chunks = read_records(records)
        places = {
            int.from_bytes(step[_IDENT], "big"): (number, position)
            for number, (_, steps) in enumerate(chunks)
            for position, step in enumerate(steps)
            if step[0] == FILL
        }
        leaves = [chunk_leaf(kind, [keccak(step) for step in steps]) for kind, steps in chunks]
        return _Tree(unpack_header(header).bound(), chunks, leaves, places)

