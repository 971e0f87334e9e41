"""Signed requests are on disk no later than the commands they brought."""

from __future__ import annotations

from collections.abc import Callable

from exchange.gateway.ports import Committer
from exchange.keys.replays import ReplayLog


class ReplayGuard:
    """A committer that makes the log durable in front of each commit."""

    def __init__(self, inner: Committer, log: ReplayLog) -> None:
        self._inner = inner
        self._log = log

    def commit(self, work: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
        """As the inner committer, the log first."""

        def guarded() -> None:
            self._log.sync()
            work()

        self._inner.commit(guarded, done)

    def close(self) -> None:
        """Finish what runs."""
        self._inner.close()
