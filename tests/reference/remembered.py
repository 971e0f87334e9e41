"""What a client order id decides about a new order before any other check (rules 3: Client order ids)."""

from __future__ import annotations

from collections.abc import Callable

from exchange.domain import limits
from exchange.domain import rejects as why
from tests.reference.accounts import Account
from tests.reference.branches import note
from tests.reference.outcome import Reject, require
from tests.reference.remembered_ids import Outcome
from tests.reference.world import Head, World


def once(world: World, head: Head, account: Account, place: Callable[[], int]) -> None:
    """Do what `place` does (it gives the order_id) unless the command's id came before.

    Under a remembered id event REPEATED tells what became of the command that had it; of a forgotten one
    nobody knows, and it is refused as expired.
    """
    client_id = head.client_order_id
    if not world.has_order_rules or not client_id:
        place()
        return
    stream, ids = (account.id, head.grant), world.ids
    last = ids.last.get(stream, 0)
    if client_id <= last:
        known = ids.outcomes.get((*stream, client_id))
        if known is None:
            note(world, "ids: expired")
            raise Reject(why.ID_EXPIRED, _signed(last))
        note(world, "ids: repeated, accepted before" if known.order_id else "ids: repeated, rejected before")
        world.events.repeated(head, known.order_id, known.reason, known.seq, world.now_ms)
        return
    require(stream in ids.last or len(ids.last) < limits.MAX_ID_STREAMS, why.LIMIT_REACHED)
    ids.last[stream] = client_id
    try:
        outcome = Outcome(place(), 0, world.seq)
    except Reject as rejected:
        _keep(world, stream, client_id, Outcome(0, rejected.reason, world.seq))
        raise
    _keep(world, stream, client_id, outcome)


def _signed(value: int) -> int:
    """The same 64 bits, signed."""
    return value - (1 << 64) if value > limits.I64_MAX else value


def _keep(world: World, stream: tuple[int, int], client_id: int, outcome: Outcome) -> None:
    of_account, of_shard = world.ids.keep(stream, client_id, outcome)
    if of_account:
        many = "as many as one command may" if of_account == limits.FORGET_MOST else "several"
        note(world, f"ids: an account forgets {'one' if of_account == 1 else many}")
    if of_shard:
        note(world, "ids: the shard forgets one")


def set_id_window(world: World, head: Head, words: tuple[int, ...]) -> None:
    """SET_ID_WINDOW."""
    require(1 <= words[0] <= limits.MAX_ID_WINDOW, why.BAD_VALUE)
    world.ids.window = words[0]
    world.events.done(head, 0, world.now_ms)
