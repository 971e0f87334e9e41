"""Posts built batches to the L1, each exactly once, whatever fails and whenever it is killed.

The L1 itself says how far posting has come: the next batch to post is the one after the inbox's head,
posts waiting for a block included. Nothing about posting is stored here, so there is nothing that could
disagree with the chain: a reply that got lost, a kill between the post and anything else, or a chain that
forgot some batches all end in the same question. The inbox refuses what does not follow its head.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from settlement.l1.port import Inbox, InboxHead, L1Error, L1Rejected, L1Unavailable, Progress
from settlement.store import Store

FIRST_RETRY_MS: Final = 250
LAST_RETRY_MS: Final = 10_000
MAX_POSTS_PER_STEP: Final = 8
MAX_POSTS_WAITING: Final = 32  # for a block: what a slow L1 has not taken yet stays here
# Refusals that say only that the inbox moved since it was asked: ask again. Anything else is final.
_MOVED: Final = frozenset(("duplicate", "wrong_batch_id", "wrong_previous_root"))


class PostingHalted(Exception):
    """The L1 holds or demands what settlement never built (critical)."""


class Poster:
    """One step at a time; never waits. A failing L1 is asked again after a growing pause."""

    def __init__(self, store: Store, inbox: Inbox, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._inbox = inbox
        self._now_ms = now_ms
        self._retry_ms = FIRST_RETRY_MS
        self._next_try_ms = 0
        self._refused_batch = 0
        self.progress: Progress | None = None
        self.error = ""

    def step(self, *, halted: bool = False) -> int:
        """Ask the L1 where it stands and post what comes next; returns how many posts were taken.

        With `halted` it only asks.

        Raises:
            PostingHalted: the inbox's root is not ours, or it refuses a batch that follows its head.
        """
        if self._now_ms() < self._next_try_ms:
            return 0
        posted = 0
        try:
            self.progress = self._inbox.progress()
            if not halted:
                posted = self._post(self.progress)
        except L1Unavailable as error:
            self.error = str(error)
            self._next_try_ms = self._now_ms() + self._retry_ms
            self._retry_ms = min(2 * self._retry_ms, LAST_RETRY_MS)
            return 0
        self.error = ""
        self._retry_ms = FIRST_RETRY_MS
        return posted

    def _post(self, progress: Progress) -> int:
        self._must_know(progress.pending)
        posted = 0
        batch_id = progress.pending.batch_id + 1
        last_id = progress.included.batch_id + MAX_POSTS_WAITING
        while posted < MAX_POSTS_PER_STEP and batch_id <= last_id:
            packed = self._store.packed_batch(batch_id)
            if packed is None:
                break
            try:
                self._inbox.post_batch(*packed)
            except L1Rejected as error:
                self._judge(batch_id, error)
                return posted
            posted += 1
            batch_id += 1
        if posted:
            self.progress = self._inbox.progress()
        return posted

    def _must_know(self, head: InboxHead) -> None:
        ours = self._store.root_after(head.batch_id)
        if ours is None:
            raise PostingHalted(f"the L1 has batch {head.batch_id}, which was not built here")
        if ours != head.root:
            raise PostingHalted(
                f"batch {head.batch_id}: the L1 has root {head.root.hex()}, settlement {ours.hex()}"
            )

    def _judge(self, batch_id: int, error: L1Error) -> None:
        """A refusal: the inbox may have moved between question and post, once; twice it is final."""
        code = error.code if isinstance(error, L1Rejected) else ""
        if code not in _MOVED or self._refused_batch == batch_id:
            raise PostingHalted(f"the L1 refuses batch {batch_id}: {error}") from error
        self._refused_batch = batch_id
