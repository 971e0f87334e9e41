"""How triggers ended lately, by account; what is older is in the store."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final, NamedTuple

from exchange.gateway.history_ring import NotRemembered, counter_of
from exchange.wire.extended import OrderExtra

ENDS_PER_ACCOUNT: Final = 1_000


class TriggerEnd(NamedTuple):
    """The ORDER that ended a trigger: fired, refused, or cancelled with its order; and what it was."""

    record: bytes
    extra: OrderExtra


class TriggerRing:
    """Bounded memory of ended triggers."""

    def __init__(self) -> None:
        self._ends: dict[int, deque[TriggerEnd]] = {}

    def add(self, account: int, record: bytes, extra: OrderExtra) -> None:
        """A trigger has ended."""
        ring = self._ends.get(account)
        if ring is None:
            ring = self._ends[account] = deque(maxlen=ENDS_PER_ACCOUNT)
        ring.append(TriggerEnd(record, replace(extra)))

    def since(self, account: int, counter: int, known_from: int) -> list[TriggerEnd]:
        """The account's, of commands from `counter` on, the last first; memory reaches to `known_from`.

        Raises:
            NotRemembered: there may have been more than are remembered.
        """
        ring = self._ends.get(account, ())
        found = [end for end in reversed(ring) if counter_of(end.record) >= counter]
        is_cut = len(found) == ENDS_PER_ACCOUNT and counter_of(found[-1].record) > counter
        if counter and (is_cut or known_from > counter):
            raise NotRemembered
        return found
