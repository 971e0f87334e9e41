"""What the clients were told, written down as they were told it, for the audit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

LOST = "lost"
ACKNOWLEDGED = "acknowledged"
REFUSED = "refused"


@dataclass
class Sent:
    """One request that changes state, and what came of it."""

    account: int
    method: str
    params: dict[str, Any]
    label: str = ""
    outcome: str = LOST
    seq: int = 0
    result: Any = None
    halted: bool = False


@dataclass
class Stream:
    """What one private connection was pushed, in order, and whether it was up to the end."""

    account: int
    orders: list[dict[str, Any]] = field(default_factory=list)
    trades: list[dict[str, Any]] = field(default_factory=list)
    balances: list[float] = field(default_factory=list)
    complete: bool = False


@dataclass
class BookSeen:
    """One instrument's book as a follower of its channel knew it at `change_id`."""

    change_id: int
    instrument: str
    bids: dict[float, float]
    asks: dict[float, float]


@dataclass
class Ledger:
    """Everything the clients know."""

    sent: list[Sent] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    books: list[BookSeen] = field(default_factory=list)
    labels_seen: dict[str, tuple[int, str]] = field(default_factory=dict)  # order_id: (account, label)
    broken: list[str] = field(default_factory=list)
    """What a client itself could tell to be wrong."""
    resyncs: int = 0

    def saw_order(self, account: int, order: dict[str, Any]) -> None:
        """An order was shown to its owner, in a reply, a read or a push."""
        if order.get("quote"):
            return  # its label is that of its newest mass quote
        known = self.labels_seen.setdefault(order["order_id"], (account, order["label"]))
        if known != (account, order["label"]):
            self.broken.append(f"order {order['order_id']} was {known}, now {account}, {order['label']}")

    def count(self, outcome: str) -> int:
        """How many requests ended so."""
        return sum(sent.outcome == outcome for sent in self.sent)
