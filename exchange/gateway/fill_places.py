"""Where fills are in settlement's batches, as the gateway sees whoever knows it."""

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


class PlacesBusy(Exception):
    """Nobody knows now: no settlement that could prove it, or too many ask."""


PlaceDone = Callable[[Settled | PlacesBusy | None], None]
"""Told the place; None while the fill is in no batch."""


class FillPlaces(Protocol):
    """Who knows where fills are."""

    def ask(self, trade_id: int, done: PlaceDone) -> None:
        """The place of a fill; `done` on the loop. Raises PlacesBusy: nobody can be asked."""


class NoFillPlaces:
    """Nobody knows."""

    def ask(self, trade_id: int, done: PlaceDone) -> None:
        """Nobody can be asked."""
        del trade_id, done
        raise PlacesBusy
