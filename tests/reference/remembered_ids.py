"""Client order ids that were seen, and what became of their commands (rules 3)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from exchange.domain import limits

Stream = tuple[int, int]  # account, grant


class Outcome(NamedTuple):
    """What became of a command: its order_id (0: rejected), the reject reason (0: accepted), its seq."""

    order_id: int
    reason: int
    seq: int


@dataclass(slots=True, eq=False)
class RememberedIds:
    """`last` id of each stream, never forgotten; outcomes by (account, grant, id) in order of arrival."""

    window: int = limits.MAX_ID_WINDOW
    last: dict[Stream, int] = field(default_factory=dict)
    outcomes: dict[tuple[int, int, int], Outcome] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)  # of outcomes, by account

    def keep(self, stream: Stream, client_order_id: int, outcome: Outcome) -> tuple[int, int]:
        """Remember an outcome; how many were forgotten for it: of the account, of the shard."""
        account = stream[0]
        self.outcomes[*stream, client_order_id] = outcome
        self.counts[account] += 1
        too_many = min(self.counts[account] - self.window, limits.FORGET_MOST)
        if too_many > 0:
            mine = [key for key in self.outcomes if key[0] == account]
            for key in mine[:too_many]:
                self._forget(key)
        of_shard = len(self.outcomes) > limits.MAX_REMEMBERED
        if of_shard:
            self._forget(next(iter(self.outcomes)))
        return max(0, too_many), int(of_shard)

    def _forget(self, key: tuple[int, int, int]) -> None:
        del self.outcomes[key]
        self.counts[key[0]] -= 1
