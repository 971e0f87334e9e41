"""What proofs are made of: a fill's place in a batch, and the sequencer's chain (docs/receipts.md)."""

from __future__ import annotations

from typing import Final

from exchange.attest.inclusion import read_fill
from exchange.gateway.dispatch import Handler, account_of
from exchange.gateway.prover import Link, ProverBusy, Settled
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.objects import JsonObject
from exchange.wire.params import integer
from exchange.wire.session import Request, RpcError, Session

LINKS_MAX: Final = 1_000
_BUSY: Final = "nobody proves this here now"


def get_fill_proof(venue: Venue, session: Session, request: Request) -> None:
    """`private/strikebook_get_fill_proof {trade_id}`: the place of a fill of the account's own in its batch,
    and where the L1 has that, if it has it.

    Raises:
        RpcError: 13020 it is in no batch yet; 13021 it is none of the account's; 13503 nobody proves fills.
    """
    account = account_of(session)
    trade_id = integer(request.params, "trade_id", minimum=1)

    def done(found: Settled | ProverBusy | None) -> None:
        if session.closed:
            return
        try:
            session.reply(request, _reply(venue, account, trade_id, found))
        except RpcError as refused:
            session.fail(request, refused)

    try:
        venue.prover.place_of(trade_id, done)
    except ProverBusy:
        raise error(errors.UNAVAILABLE, reason=_BUSY) from None


def get_commit_batches(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_get_commit_batches {from_seq, count?}`: commit batches of the sequencer's chain from
    the one that holds `from_seq` on, or from the oldest that is kept: what the heads root of a posted header
    is made of.

    Raises:
        RpcError: 13503 nobody knows now.
    """
    seq = integer(request.params, "from_seq", minimum=1)
    count = integer(request.params, "count", LINKS_MAX, minimum=1, maximum=LINKS_MAX)

    def done(found: list[Link] | ProverBusy) -> None:
        if session.closed:
            return
        if isinstance(found, ProverBusy):
            session.fail(request, error(errors.UNAVAILABLE, reason=_BUSY))
        else:
            session.reply(request, {"batches": [_link(each) for each in found]})

    try:
        venue.prover.chain_from(seq, count, done)
    except ProverBusy:
        raise error(errors.UNAVAILABLE, reason=_BUSY) from None


def _link(link: Link) -> JsonObject:
    return {
        "first_seq": link.first_seq,
        "last_seq": link.last_seq,
        "root": _hex(link.root),
        "head": _hex(link.head),
    }


def _reply(venue: Venue, account: int, trade_id: int, found: Settled | ProverBusy | None) -> JsonObject:
    if isinstance(found, ProverBusy):
        raise error(errors.UNAVAILABLE, reason=_BUSY)
    if found is None:
        raise error(errors.NOT_FOUND, param="trade_id", reason="is in no batch yet")
    fill = read_fill(found.step)
    if fill is None or account not in (fill.maker, fill.taker):
        raise error(errors.FORBIDDEN, param="trade_id", reason="is another account's fill")
    return {"trade_id": str(trade_id), "batch": _batch(found), "l1": _l1(venue, found)}


def _batch(found: Settled) -> JsonObject:
    place = found.place
    return {
        "batch_id": found.batch_id,
        "header": _hex(place.header),
        "step": _hex(found.step),
        "chunk": place.chunk,
        "kind": place.kind,
        "steps": place.steps,
        "position": place.step,
        "step_path": [_hex(node) for node in place.step_path],
        "chunk_path": [_hex(node) for node in place.chunk_path],
    }


def _l1(venue: Venue, found: Settled) -> JsonObject | None:
    posting, domain = found.posting, venue.receipts.domain
    if posting is None or domain is None:
        return None
    return {
        "chain_id": domain.chain_id,
        "inbox": _hex(domain.contract),
        "transaction": _hex(posting.transaction),
        "block": posting.block,
        "block_hash": _hex(posting.block_hash),
        "data": _hex(posting.data),
        "final_at": posting.final_at_s,
    }


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


METHODS: Final[dict[str, Handler]] = {
    "private/strikebook_get_fill_proof": get_fill_proof,
    "public/strikebook_get_commit_batches": get_commit_batches,
}
