"""Where fills are in settlement's batches, and the chain of commit batches, as the gateway sees who knows
it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from exchange.attest.inclusion import InclusionProof


class Posting(NamedTuple):
    """Where the L1 has a batch. `data`: what the inbox keeps of blobs; `final_at_s`: seconds since 1970."""

    transaction: bytes
    block: int
    block_hash: bytes
    data: bytes
    final_at_s: int


class Settled(NamedTuple):
    """A fill's step (64 bytes) and its place in a batch, and where that is on the L1, if it is there."""

    batch_id: int
    step: bytes
    place: InclusionProof
    posting: Posting | None


class ProverBusy(Exception):
    """Nobody knows now: no settlement that could prove it, or too many ask."""


PlaceDone = Callable[[Settled | ProverBusy | None], None]
"""Told the place; None while the fill is in no batch."""


class Link(NamedTuple):
    """A commit batch in the sequencer's chain: counters of its first and last command, root, head behind
    it."""

    first_seq: int
    last_seq: int
    root: bytes
    head: bytes


ChainDone = Callable[[list[Link] | ProverBusy], None]


class Prover(Protocol):
    """Who knows where fills are, and how the sequencer's chain goes."""

    def place_of(self, trade_id: int, done: PlaceDone) -> None:
        """The place of a fill; `done` on the loop. Raises ProverBusy: nobody can be asked."""

    def chain_from(self, seq: int, count: int, done: ChainDone) -> None:
        """At most `count` commit batches, from the one that holds `seq` (a counter), or the oldest that is
        kept, on.

        Raises:
            ProverBusy: nobody can be asked.
        """


class NoProver:
    """Nobody knows."""

    def place_of(self, trade_id: int, done: PlaceDone) -> None:
        """Nobody can be asked."""
        del trade_id, done
        raise ProverBusy

    def chain_from(self, seq: int, count: int, done: ChainDone) -> None:
        """Nobody can be asked."""
        del seq, count, done
        raise ProverBusy
