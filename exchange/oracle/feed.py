"""The ports through which prices arrive: those of single sources, and the index made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class IndexTick(NamedTuple):
    """An index price: USDC per 1 of the underlying, and the moment it was true."""

    underlying: str
    price: float
    at_ms: int


class IndexFeed(Protocol):
    """A source of index prices that is asked, not awaited."""

    def advance(self, now_ms: int) -> Sequence[IndexTick]:
        """What is new up to `now_ms`: at most one tick per underlying, the latest; often none.

        Time that stands still or steps back brings nothing.
        """
        ...


class SourceTick(NamedTuple):
    """A price as one constituent of the index tells it."""

    source: str
    underlying: str
    price: float
    at_ms: int


class SourceFeed(Protocol):
    """The constituents of the index, asked together."""

    def advance(self, now_ms: int) -> Sequence[SourceTick]:
        """What is new up to `now_ms`: at most one tick per source and underlying, the latest."""
        ...
