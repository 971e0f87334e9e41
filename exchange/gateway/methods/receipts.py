"""Receipts and signed heads: what the venue has put its signature to (docs/receipts.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from exchange.domain.limits import FIRST_USER_ACCOUNT
from exchange.gateway.dispatch import Handler, account_of
from exchange.gateway.methods.public import COUNT_MAX
from exchange.gateway.receipts import Proof, ReceiptsBusy, block_object, hex_text
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.objects import JsonObject
from exchange.wire.params import integer
from exchange.wire.session import Request, Session


def get_receipt(venue: Venue, session: Session, request: Request) -> None:
    """`private/strikebook_get_receipt {seq}`: the signed receipt of a command of the account's own, or of
    the venue's, with the command and all its events; answered as soon as a signature covers the command.

    Raises:
        RpcError: -32602 no such command yet; 13021 another account's command; 13020 what the receipt is made
            of is kept no more; 13503 nobody signs here now.
    """
    account = account_of(session)
    seq = integer(request.params, "seq", minimum=1)
    if seq > venue.released_seq:
        raise invalid_param("seq", "no such command yet")

    def done(proof: Proof | None) -> None:
        if session.closed:
            return
        if proof is None:
            session.fail(request, error(errors.NOT_FOUND, param="seq", reason="is kept no more"))
            return
        owner = int.from_bytes(proof.command[8:12], "little")
        if owner != account and owner >= FIRST_USER_ACCOUNT:
            session.fail(request, error(errors.FORBIDDEN, param="seq", reason="is another account's command"))
            return
        session.reply(request, _receipt(seq, proof, venue.receipts.signer))

    try:
        venue.receipts.ask(seq, done)
    except ReceiptsBusy:
        raise error(errors.UNAVAILABLE, reason="nobody signs receipts now") from None


def get_signed_heads(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_get_signed_heads {count?}`: the newest blocks of signed heads, newest first, who
    signed them, for which chain and contract, and how soon."""
    count = integer(request.params, "count", 20, minimum=1, maximum=COUNT_MAX)
    receipts = venue.receipts
    domain = receipts.domain
    if domain is None:
        raise error(errors.UNAVAILABLE, reason="nobody signs receipts now")
    blocks = list(receipts.blocks)[: -count - 1 : -1]
    session.reply(
        request,
        {
            "signer": hex_text(receipts.signer),
            "chain_id": domain.chain_id,
            "contract": hex_text(domain.contract),
            "blocks": [block_object(block) for block in blocks],
            "signed_after_us": _quantiles(receipts.signed_after_us),
        },
    )


def _receipt(seq: int, proof: Proof, signer: bytes) -> JsonObject:
    return {
        "seq": seq,
        "signer": hex_text(signer),
        "receipt": hex_text(proof.receipt),
        "command": hex_text(proof.command),
        "events": hex_text(proof.events),
    }


def _quantiles(measured: Sequence[int]) -> JsonObject:
    """How many, the median, the 99th of a hundred and the largest; zeros for none."""
    order = sorted(measured) or [0]
    at = {"p50": len(order) // 2, "p99": len(order) * 99 // 100, "max": len(order) - 1}
    return {"batches": len(measured), **{name: order[place] for name, place in at.items()}}


METHODS: Final[dict[str, Handler]] = {
    "private/strikebook_get_receipt": get_receipt,
    "public/strikebook_get_signed_heads": get_signed_heads,
}
