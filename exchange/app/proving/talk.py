"""What the venue and the prover say to each other (`exchange.app.framing`)."""

from __future__ import annotations

from typing import Final

import msgspec

from exchange.gateway.prover import Link, Settled


class Place(msgspec.Struct, tag="place", array_like=True, frozen=True):
    """Venue: where is the fill with this trade id?"""

    number: int
    trade_id: int


class Chain(msgspec.Struct, tag="chain", array_like=True, frozen=True):
    """Venue: how does the chain go from this counter on?"""

    number: int
    seq: int
    count: int


class Found(msgspec.Struct, tag="found", array_like=True, frozen=True):
    """Prover: there; None: in no batch yet."""

    number: int
    answer: Settled | None


class Links(msgspec.Struct, tag="links", array_like=True, frozen=True):
    """Prover: so."""

    number: int
    answer: list[Link]


class Broken(msgspec.Struct, tag="broken", array_like=True, frozen=True):
    """Prover: the files cannot be read now."""

    number: int


Asked = Place | Chain
Said = Found | Links | Broken
ASKED: Final = msgspec.msgpack.Decoder(Asked)
SAID: Final = msgspec.msgpack.Decoder(Said)
