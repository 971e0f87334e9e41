"""Settlement's batches and what authorised the fills in them, for everybody."""

from __future__ import annotations

from typing import Final

from exchange.domain.limits import COUNTER_MASK
from exchange.gateway.dispatch import Handler
from exchange.gateway.methods.public import COUNT_MAX
from exchange.gateway.settlement import BatchesFound, BatchQuery, SettlementBusy, finality_of
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.objects import JsonObject
from exchange.wire.params import integer
from exchange.wire.session import Request, Session


def get_batches(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_get_batches {count?, before?}`: how far settlement has come, and its batches, newest
    first, those with ids below `before`.

    Raises:
        RpcError: -32602; 10028 too many ask for old ones now.
    """
    count = integer(request.params, "count", 8, minimum=1, maximum=COUNT_MAX)
    before = integer(request.params, "before", 0, minimum=0)
    progress = venue.settlement.progress()

    def done(found: list[JsonObject]) -> None:
        session.reply(request, {**progress, "batches": found})

    _ask(venue, BatchQuery(count, before), done)


def get_batch(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_get_batch {seq}`: the batch that has the command with this counter, which stands in
    every trade and order; null while there is none.

    Raises:
        RpcError: -32602 no such command yet; 10028 as `get_batches`.
    """
    seq = integer(request.params, "seq", minimum=1, maximum=COUNTER_MASK)
    if seq > venue.released_seq:
        raise invalid_param("seq", "no such command yet")

    def done(found: list[JsonObject]) -> None:
        finality = finality_of(venue.settlement, seq)
        session.reply(request, {"seq": seq, "finality": finality, "batch": found[0] if found else None})

    _ask(venue, BatchQuery(seq=seq), done)


def _ask(venue: Venue, query: BatchQuery, done: BatchesFound) -> None:
    try:
        venue.settlement.ask(query, done)
    except SettlementBusy:
        raise error(errors.TOO_MANY_REQUESTS, reason="too many ask for old batches") from None


def get_authorisation(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_get_authorisation`: fills, their value and fees by what authorised them."""
    session.reply(request, venue.settlement_feeds.rates.figures(venue.clock.now_ms()))


METHODS: Final[dict[str, Handler]] = {
    "public/strikebook_get_batches": get_batches,
    "public/strikebook_get_batch": get_batch,
    "public/strikebook_get_authorisation": get_authorisation,
}
