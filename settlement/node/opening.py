"""Answers for whoever demands on the L1 that a chunk be opened, or data published: else the batch is void."""

from __future__ import annotations

import logging
from typing import Final

from settlement.hashing import keccak
from settlement.l1.ethereum import Head
from settlement.l1.judging import DATA, Demand, Judges, chunk_opening
from settlement.l1.rollup import Rollup
from settlement.l1.sender import Call
from settlement.node.over import Over
from settlement.node.store import NodeStore
from settlement.stf.chunks import chunk_leaf
from settlement.stf.header import Header

LOOKED_BACK: Final = 100_000
"""So many batches are looked through for the one that is meant."""
_log: Final = logging.getLogger(__name__)


class Opening:
    """One step a block; never waits, and sends nothing itself."""

    def __init__(self, rollup: Rollup, store: NodeStore) -> None:
        self._judges = Judges(rollup) if rollup.addresses.demands else None
        self._store = store
        self._over = Over()
        self._batches: dict[bytes, int] = {}  # header hash → batch
        self._known = 0
        self._answers: dict[int, Call | None] = {}

    def calls(self, head: Head) -> list[Call]:
        """The answers that are due behind this block.

        Raises:
            L1Unavailable: ask again.
            sqlite3.Error: the disk.
        """
        if self._judges is None:
            return []
        standing = self._judges.demands(head, self._over.through)
        self._over.look(head, standing[0].number - 1 if standing else self._judges.demand_count(head))
        known, self._answers = self._answers, {}
        for one in standing:
            self._answers[one.number] = known[one.number] if one.number in known else self._found(one)
        return [call for call in self._answers.values() if call is not None]

    def _found(self, one: Demand) -> Call | None:
        answer = self._answer(one)
        if answer is None:
            _log.critical("demand %d: nothing here answers it", one.number)
        return answer

    def _answer(self, one: Demand) -> Call | None:
        batch_id = self._batch_of(one.header_hash)
        header = self._store.header(batch_id) if batch_id else None
        if header is None or self._judges is None:
            return None
        if one.what != DATA:
            return self._chunk(self._judges, one, header)
        packed = self._store.packed_batch(batch_id)
        for data in (packed[1] if packed else b"", self._store.outside(batch_id) or b""):
            if keccak(data) == header.data_hash:
                return self._judges.answer_data(one.number, header, data)
        return None

    def _chunk(self, judges: Judges, one: Demand, header: Header) -> Call | None:
        chunks, trace = self._store.records(header.batch_id), self._store.trace(header.batch_id)
        if one.what >= len(chunks) or len(trace) != len(chunks):
            return None
        hashes = [[keccak(step) for step in steps] for _, steps in chunks]
        leaves = [chunk_leaf(kind, each) for (kind, _), each in zip(chunks, hashes, strict=True)]
        kind, own = chunks[one.what][0], hashes[one.what]
        opened = chunk_opening(kind, own, leaves, trace, one.what, header.previous_root)
        return judges.answer_chunk(one.number, header, opened, own)

    def _batch_of(self, header_hash: bytes) -> int:
        """Which batch has this header; 0: none."""
        newest = self._store.last_batch_id()
        for batch_id in range(max(self._known, newest - LOOKED_BACK) + 1, newest + 1):
            header = self._store.header(batch_id)
            if header is not None:
                self._batches[header.hash] = batch_id
        self._known = newest
        return self._batches.get(header_hash, 0)
