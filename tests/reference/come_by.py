"""What a stream comes by, in words: refusals, liquidation steps, movements of cash, branches taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference.engine import ReferenceEngine
from tests.reference.walking import of_types

CASH = {
    r.CASH_DEPOSIT: "deposit",
    r.CASH_WITHDRAWAL: "withdrawal",
    r.CASH_WITHDRAWAL_PAID: "withdrawal paid",
    r.CASH_WITHDRAWAL_CANCELLED: "withdrawal cancelled",
    r.CASH_TRANSFER: "transfer",
    r.CASH_TAKEOVER: "takeover",
    r.CASH_MOVED: "positions moved",
    r.CASH_FORCED: "forced withdrawal",
}
TOLD = frozenset({r.EV_REJECTED, r.EV_LIQUIDATION, r.EV_CASH})


def come_by(batches: Iterable[bytes]) -> Counter[str]:
    """How often a stream brings what about, applied to a new exchange."""
    engine, found = ReferenceEngine(), Counter[str]()
    for batch in batches:
        found.update(told(engine.apply(batch)))
    return found + engine.world.taken


def told(events: bytes) -> Iterator[str]:
    """What packed events tell, in words."""
    return (_words(event) for event in of_types(events, TOLD))


def _words(event: e.Event) -> str:
    if isinstance(event, e.Rejected):
        return f"{r.COMMAND_NAMES[event.command]}: {why.REJECT_NAMES[event.reason]}"
    if isinstance(event, e.Liquidation):
        return f"liquidation: {r.LIQUIDATION_NAMES[event.kind]}"
    assert isinstance(event, e.Cash)
    return f"cash: {CASH[event.kind]}"
