"""Answers for whoever asks on the L1 for the head that a receipt was signed over.

An operator who does not answer in time loses the bond, so that this needs nobody: every batch's heads are
kept beside it, since the attestor's log is trimmed with the segments, until nobody can ask for them any more.
"""

from __future__ import annotations

import logging
import struct
from bisect import bisect_left
from typing import Final, Protocol

from exchange.attest.chain import shard_seq
from exchange.attest.heads import Head, heads_proof
from exchange.domain.limits import COUNTER_MASK, SHARD_SHIFT
from settlement.l1.ethereum import Head as Block
from settlement.l1.judging import LeafArgument
from settlement.l1.questioning import Question, Questions
from settlement.l1.rollup import InboxState, Rollup
from settlement.l1.sender import Call
from settlement.node.over import Over
from settlement.node.store import NodeStore

KEPT_BATCHES: Final = 100
"""Behind final ones, should blocks be taken back."""
MOST_AT_ONCE: Final = 64
_HEAD: Final = struct.Struct(">Q32s")
_log: Final = logging.getLogger(__name__)


class Heads(Protocol):
    """What `settlement.attested.AttestedLog` has of heads."""

    def heads(self, first_seq: int, last_seq: int) -> list[Head] | None:
        """Of the commit batches of a range; None where not all are there. Raises StorageError."""


class Answering:
    """One step a block; never waits, and sends nothing itself."""

    def __init__(self, rollup: Rollup, store: NodeStore, attested: Heads, shard: int = 0) -> None:
        self._questions = Questions(rollup) if rollup.addresses.evidence else None
        self._store = store
        self._attested = attested
        self._shard = shard
        self._through = store.heads_through()
        self._over = Over()
        self._hopeless: set[int] = set()

    def calls(self, head: Block, inbox: InboxState) -> list[Call]:
        """The answers that are due behind this block.

        Raises:
            L1Unavailable: ask again.
            sqlite3.Error, StorageError: the disk.
        """
        self._keep(inbox.final_id)
        if self._questions is None:
            return []
        standing = self._questions.standing(head, self._over.through)
        self._over.look(head, standing[0].number - 1 if standing else self._questions.count(head))
        answers = [(each, self._leaf(each)) for each in standing]
        return [self._questions.show(each.number, leaf) for each, leaf in answers if leaf is not None]

    def _keep(self, final_id: int) -> None:
        newest = self._store.last_batch_id()
        for batch_id in range(self._through + 1, min(newest, self._through + MOST_AT_ONCE) + 1):
            header = self._store.header(batch_id)
            if header is None:
                return
            part = next(one for one in header.ranges if one.shard == self._shard)
            first, last = part.first_seq & COUNTER_MASK, part.last_seq & COUNTER_MASK
            heads = self._attested.heads(first, last)
            if heads is None:
                _log.error("batch %d: the attestor's log has its heads no more", batch_id)
            self._store.set_heads(batch_id, first, last, b"".join(_HEAD.pack(*one) for one in heads or ()))
            self._through = batch_id
            if final_id > KEPT_BATCHES:
                self._store.drop_heads(final_id - KEPT_BATCHES)

    def _leaf(self, asked: Question) -> LeafArgument | None:
        """What shows it; None where the batch has no such head: it was not signed over this chain."""
        counter = asked.last_seq & COUNTER_MASK
        heads = [_HEAD.unpack(one) for one in _pieces(self._store.heads_of(counter))]
        at = bisect_left([seq for seq, _ in heads], counter)
        if asked.last_seq >> SHARD_SHIFT == self._shard and heads[at : at + 1] == [(counter, asked.head)]:
            proof = heads_proof(self._shard, heads, at)
            return LeafArgument(at, shard_seq(self._shard, counter), proof.head, proof.path)
        if asked.number not in self._hopeless:
            self._hopeless.add(asked.number)
            _log.critical("question %d: no batch here has that head under %d", asked.number, counter)
        return None


def _pieces(raw: bytes) -> list[bytes]:
    return [raw[at : at + _HEAD.size] for at in range(0, len(raw), _HEAD.size)]
