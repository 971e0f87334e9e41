"""What the venue and the prover say to each other (`exchange.app.framing`)."""

from __future__ import annotations

from typing import Final

import msgspec

from exchange.gateway.fill_places import Settled


class Ask(msgspec.Struct, tag="ask", array_like=True, frozen=True):
    """Venue: where is the fill with this trade id?"""

    number: int
    trade_id: int


class Answer(msgspec.Struct, tag="answer", array_like=True, frozen=True):
    """Prover: there; None: in no batch yet."""

    number: int
    settled: Settled | None


class Broken(msgspec.Struct, tag="broken", array_like=True, frozen=True):
    """Prover: the database cannot be read now."""

    number: int


Said = Answer | Broken
ASKED: Final = msgspec.msgpack.Decoder(Ask)
SAID: Final = msgspec.msgpack.Decoder(Said)
