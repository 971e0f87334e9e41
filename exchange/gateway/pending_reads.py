"""Reads of the engine's state that wait until what they saw is durable."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

_log = logging.getLogger(__name__)


class Read:
    """A read of the engine's state that waits for durability."""

    __slots__ = ("_compute", "_deliver", "_result")

    def __init__(self, compute: Callable[[], Any], deliver: Callable[[Any], None]) -> None:
        self._compute = compute
        self._result: object = None
        self._deliver = deliver

    def fill(self) -> None:
        """Take the result at this point of the sequence."""
        try:
            self._result = self._compute()
        except Exception:  # one broken read must not stop the others
            _log.exception("a read failed")

    def finish(self) -> None:
        """Deliver what was taken."""
        try:
            self._deliver(self._result)
        except Exception:
            _log.exception("the delivery of a read failed")

    def give_up(self) -> None:
        """Deliver None: what was taken may not be durable."""
        self._result = None
        self.finish()
