"""The answers to runs of orders, once their events are durable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from exchange.edge.caller import Caller, queue
from exchange.edge.pending import OnEvents, Waiter
from exchange.edge.replies import ReplyWriter
from exchange.edge.requests import Run

BUY: Final = "private/buy"

Rest = Callable[["Answers", bytes, int], None]
"""Answers the orders of a run from a place on, the first of which is not usual; with the run's events, which
are empty after a halt."""


@final
class Answers:
    """What waits for the events of a run."""

    def __init__(
        self,
        caller: Caller,
        run: Run,
        received_us: int,
        writer: ReplyWriter,
        rest: Rest,
        failed: Callable[[], None],
    ) -> None:
        self.caller = caller
        self.run = run
        self.received_us = received_us
        self._writer = writer
        self._rest = rest
        self.failed = failed

    def __call__(self, events: bytes) -> None:
        """Reply to the orders of the run, whose events these are."""
        self.tell(events, 0, len(events))

    def tell(self, events: bytes, at: int, end: int) -> None:
        """Likewise; theirs are the bytes from `at` up to `end`."""
        caller = self.caller
        if caller.closed or caller.close_code != 0:
            return
        done = self.write(events, 0, at) if end > at else 0
        if done < len(self.run.ids):
            self._rest(self, events[at:end], done)

    def write(self, events: bytes, first: int, at: int) -> int:
        """Write replies from the `first` order on, whose events begin at byte `at`, up to one that is not
        usual; how many are written. Their trades are soft: nothing is posted before it is out."""
        caller = self.caller
        credits, now_us = caller.order_credits, caller.now_us()
        budget = -1 if credits is None else credits.budget()
        replies: list[bytes] = []
        try:
            self._writer.write(
                events, self.run, first, at, budget, self.received_us, now_us, caller.testnet, replies
            )
        except Exception:  # one broken reply must not cost the others theirs
            self.failed()
        count = len(replies)
        if count:
            if caller.on_reply is not None:
                caller.on_reply(BUY, now_us - self.received_us, count)
            queue(caller, replies)
        return count


def hand_out(
    events: bytes, starts: list[int], waiters: list[Waiter], answer: Callable[[OnEvents, bytes], None]
) -> None:
    """Give each waiter the events its commands caused; those of a command begin at its place in `starts`.
    All but runs of orders are called by `answer`."""
    for first, count, done in waiters:
        at = starts[first]
        end = starts[first + count]
        if isinstance(done, Answers):
            try:
                done.tell(events, at, end)
            except Exception:
                done.failed()
        else:
            answer(done, events[at:end])
