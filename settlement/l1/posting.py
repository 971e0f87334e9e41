"""Posts built batches to the inbox contract, each once and in order, whatever fails, whenever it is killed.

Every step asks the chain, as of its head, which batch is the newest and what its root is, and gives the
sender the batches behind it: the account's next nonces are theirs. Nothing is stored, so nothing can disagree
with the chain. A reorganisation shows as an older newest batch, and so does a voided one.

The next post is tried on the node before it is sent, so that one which the inbox refuses (a voided batch's,
for want of the bond it cost) is not paid for: refused three times it halts posting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from settlement.l1.ethereum import Head, Reverted, reason_of
from settlement.l1.port import L1Unavailable
from settlement.l1.rollup import InboxState, Rollup
from settlement.l1.sender import Call, Sender
from settlement.l1.transactions import Sidecar

FIRST_RETRY_MS: Final = 250
LAST_RETRY_MS: Final = 10_000
MAX_WANTED: Final = 8
REFUSALS_BELIEVED: Final = 3


class Ready(NamedTuple):
    """A batch to be posted, as the inbox takes it."""

    header: bytes
    payload: bytes = b""
    sidecar: Sidecar | None = None


class Built(Protocol):
    """What the store of batches tells."""

    def root_after(self, batch_id: int) -> bytes | None:
        """The root behind a batch (0: the genesis); None for one that was not built here."""

    def ready(self, batch_id: int) -> Ready | None:
        """A batch as it is to be posted; None if it is not built yet."""


class PostingHalted(Exception):
    """The L1 holds what settlement never built, refuses what it built, or is frozen (critical)."""


class Progress(NamedTuple):
    """Where posting stands: the inbox at the head, and `confirmations` blocks below it."""

    head: Head
    included: InboxState
    confirmed: InboxState


class Posting:
    """One step at a time; never waits. A failing L1 is asked again after a growing pause."""

    def __init__(
        self, rollup: Rollup, sender: Sender, built: Built, now_ms: Callable[[], int], confirmations: int = 3
    ) -> None:
        self._rollup = rollup
        self._sender = sender
        self._built = built
        self._now_ms = now_ms
        self._confirmations = max(1, confirmations)
        self._retry_ms = FIRST_RETRY_MS
        self._next_try_ms = 0
        self._refusals = 0
        self.progress: Progress | None = None
        self.waiting_for = ""

    def step(self) -> int:
        """Look where the chain is and send what comes next; how many transactions were handed in.

        Raises:
            PostingHalted: see there.
            L1Rejected: the node takes no such transaction (critical).
        """
        if self._now_ms() < self._next_try_ms:
            return 0
        try:
            sent = self._step()
        except L1Unavailable as error:
            return self._later(f"the L1: {error}")
        except Reverted as error:
            # The inbox may have moved between question and trial; it does not do so three times.
            self._refusals += 1
            if self._refusals >= REFUSALS_BELIEVED:
                raise PostingHalted(f"the inbox refuses the next batch: {reason_of(error.output)}") from error
            return self._later(f"the inbox: {reason_of(error.output)}")
        self._retry_ms, self._refusals = FIRST_RETRY_MS, 0
        return sent

    def look(self) -> Head:
        """See where the chain is, and send nothing. Raises L1Unavailable."""
        head = self._rollup.ethereum.head()
        included = self._rollup.inbox(head)
        self.progress = Progress(head, included, self._confirmed(head, included))
        return head

    def _later(self, why: str) -> int:
        self.waiting_for = why
        self._next_try_ms = self._now_ms() + self._retry_ms
        self._retry_ms = min(2 * self._retry_ms, LAST_RETRY_MS)
        return 0

    def _step(self) -> int:
        head = self.look()
        assert self.progress is not None
        included = self.progress.included
        self._must_know(included)
        wanted = self._wanted(included.batch_id)
        if not wanted:
            self.waiting_for = ""
            return 0
        sent = self._sender.step(wanted, head)
        self.waiting_for = sent.waiting_for
        return len(sent.new) + len(sent.replaced)

    def _confirmed(self, head: Head, included: InboxState) -> InboxState:
        if self._confirmations == 1:
            return included
        number = max(self._rollup.addresses.first_block, head.number - self._confirmations + 1)
        block = self._rollup.ethereum.block(number)
        if block is None:
            raise L1Unavailable(f"block {number} is gone")
        return self._rollup.inbox(block)

    def _wanted(self, batch_id: int) -> list[Call]:
        wanted: list[Call] = []
        while len(wanted) < MAX_WANTED:
            ready = self._built.ready(batch_id + 1 + len(wanted))
            if ready is None:
                break
            wanted.append(self._rollup.post(*ready))
        # Without a limit of gas the first is tried on the node; those behind it can not be yet.
        return [call._replace(gas=None) for call in wanted[:1]] + wanted[1:]

    def _must_know(self, inbox: InboxState) -> None:
        if inbox.is_frozen:
            raise PostingHalted("the inbox is frozen: the escape is open")
        ours = self._built.root_after(inbox.batch_id)
        if ours is None:
            raise PostingHalted(f"the L1 has batch {inbox.batch_id}, which was not built here")
        if ours != inbox.root:
            raise PostingHalted(
                f"batch {inbox.batch_id}: the L1 has root {inbox.root.hex()}, settlement {ours.hex()}"
            )
