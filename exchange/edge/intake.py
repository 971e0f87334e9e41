"""The usual orders among a connection's messages: read into one run, paid, and put before the sequencer."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Final, final

from exchange.edge.answers import Answers, Rest
from exchange.edge.caller import Caller
from exchange.edge.credit_pool import CreditPool
from exchange.edge.pending import OnEvents, Pending
from exchange.edge.replies import ReplyWriter
from exchange.edge.requests import OrderReader, Run

RUN_MAX: Final = 128
"""Orders of one run: what a connection may do before others have their turn."""
_SCOPES_MAX: Final = 1_024


@final
class Intake:
    """The way of usual orders into one venue.

    `restricted` are the accounts that may not use it; `may_trade` says whether scopes let trade; `watched`
    wraps what waits for a run of a caller that cancels on disconnect; `refused` is given what waits for a run
    that found no room; `rest` answers what is not usual after all.
    """

    def __init__(
        self,
        reader: OrderReader,
        writer: ReplyWriter,
        pending: Pending,
        restricted: Container[int],
        may_trade: Callable[[frozenset[str]], bool],
        watched: Callable[[Answers], OnEvents],
        refused: Callable[[Answers], None],
        rest: Rest,
        failed: Callable[[], None],
    ) -> None:
        self.reader = reader
        self._writer = writer
        self._pending = pending
        self._restricted = restricted
        self._may_trade = may_trade
        self._watched = watched
        self._refused = refused
        self._rest = rest
        self._failed = failed
        self._cleared: dict[frozenset[str], bool] = {}

    def is_open_to(self, caller: Caller) -> bool:
        """Whether a caller may use this way at all."""
        account = caller.account
        if account is None or account in self._restricted:
            return False
        known = self._cleared.get(caller.scopes)
        if known is None:
            if len(self._cleared) >= _SCOPES_MAX:
                self._cleared.clear()
            known = self._cleared[caller.scopes] = self._may_trade(caller.scopes)
        return known

    def take(
        self,
        caller: Caller,
        messages: list[bytes | None],
        start: int,
        received_us: int,
        credits: CreditPool | None,
    ) -> int:
        """Place the orders of a caller's messages from `start` on, paid from `credits`; how many messages
        that were. With the next one nothing has happened: the general way is to have it."""
        account = caller.account
        if account is None or credits is None or not self.is_open_to(caller):
            return 0
        run = Run(account)
        admitted = credits.admitted(received_us)
        count = self.reader.read_many(messages, start, min(RUN_MAX, admitted), run)
        if count:
            credits.spend(count)
            self.submit(caller, run, received_us)
        return count

    def submit(self, caller: Caller, run: Run, received_us: int) -> None:
        """Put a run before the sequencer."""
        sent = Answers(caller, run, received_us, self._writer, self._rest, self._failed)
        done: OnEvents = self._watched(sent) if caller.cancel_on_disconnect else sent
        if not self._pending.add(run.commands(), len(run.ids), done, False):
            self._refused(sent)
