"""The port to whoever refits surfaces: a child process in production, the caller's own stack elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Fitter(Protocol):
    """Takes one encoded request at a time and has its reply ready some time later.

    It never raises and never blocks: what goes wrong is counted, and the request's reply does not come.
    """

    failures: int
    """Requests without a reply: a worker that died, was too slow or sent nonsense."""

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way."""

    def submit(self, request: bytes, now_ms: int) -> bool:
        """Take a request; False if one is under way or no worker is there."""

    def poll(self, now_ms: int) -> bytes | None:
        """The reply, once, when it is there. To be asked often: it also carries the work forward."""

    def stop(self) -> None:
        """End the worker."""


class InlineFitter:
    """Answers on the caller's stack, at the next poll (simulation, tests)."""

    def __init__(self, handle: Callable[[bytes], bytes]) -> None:
        """`handle` is that of a :class:`exchange.oracle.refit_worker.SurfaceWorker`."""
        self._handle = handle
        self._request: bytes | None = None
        self.failures = 0

    @property
    def is_busy(self) -> bool:
        """See :class:`Fitter`."""
        return self._request is not None

    def submit(self, request: bytes, now_ms: int) -> bool:
        """See :class:`Fitter`."""
        del now_ms
        if self._request is not None:
            return False
        self._request = request
        return True

    def poll(self, now_ms: int) -> bytes | None:
        """See :class:`Fitter`."""
        del now_ms
        request, self._request = self._request, None
        return None if request is None else self._handle(request)

    def stop(self) -> None:
        """Nothing runs."""


class NoFitter:
    """Nobody refits: the first surface stays."""

    def __init__(self) -> None:
        self.failures = 0

    @property
    def is_busy(self) -> bool:
        """Never."""
        return False

    def submit(self, request: bytes, now_ms: int) -> bool:
        """Never."""
        del request, now_ms
        return False

    def poll(self, now_ms: int) -> bytes | None:
        """Nothing."""
        del now_ms
        return None

    def stop(self) -> None:
        """Nothing runs."""
