"""What the attestor needs of each commit batch, gathered as it passes: commands at the journal, events behind
them.

Nothing is read from the disk again, and nothing waits: a batch is handed over after its results have gone
out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from exchange.app.attesting.talk import Durable
from exchange.gateway.ports import JournalPort
from exchange.gateway.sequencer import Sequencer
from exchange.journal import Group


class HandingJournal:
    """A journal that hands over what was committed. `attach` it to the sequencer that writes to it."""

    def __init__(
        self, inner: JournalPort, hand_over: Callable[[Durable], None], now_us: Callable[[], int]
    ) -> None:
        """`now_us`: the clock that the attestor has as well."""
        self._inner = inner
        self._hand_over = hand_over
        self._now_us = now_us
        self._groups: deque[Group] = deque()  # sealed, not released
        self._told: list[bytes] = []  # the events of what is being released
        self.append_commands = inner.append_commands
        self.append_events = inner.append_events
        self.commit: Callable[[Any], object] = inner.commit

    def seal(self) -> object | None:
        """As the journal's."""
        group = self._inner.seal()
        if isinstance(group, Group):
            self._groups.append(group)
        return group

    def attach(self, sequencer: Sequencer) -> None:
        """Hear of events as they are released; the last to hear that a group is."""
        sequencer.add_listener(lambda _first_seq, _count, events: self._told.append(events))
        sequencer.add_after_release(self._released)

    def _released(self) -> None:
        """One group, the oldest that was sealed, is released."""
        group = self._groups.popleft()
        commands = group.chunks[0] if len(group.chunks) == 1 else b"".join(group.chunks)
        told, self._told = self._told, []
        events = told[0] if len(told) == 1 else b"".join(told)
        self._hand_over(Durable(group.first_seq, group.command_count, commands, events, self._now_us()))
