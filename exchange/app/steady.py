"""A clock that never steps back: prices go on when somebody sets the machine's clock."""

from __future__ import annotations

from exchange.gateway.ports import Clock


class SteadyClock:
    """Goes on from where it was when the clock behind it steps back, at that clock's pace.

    What it has gained that way it keeps until the process ends. Sequenced time needs none of this: it stands
    until the clock has caught up (`exchange.gateway.sequencer`).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_us = clock.now_us()
        self._ahead_us = 0
        self.steps_back = 0
        """How often the clock behind has stepped back."""

    def now_us(self) -> int:
        """Microseconds since the Unix epoch, or later."""
        raw_us = self._clock.now_us()
        if raw_us < self._last_us:
            self._ahead_us += self._last_us - raw_us
            self.steps_back += 1
        self._last_us = raw_us
        return raw_us + self._ahead_us

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, or later."""
        return self.now_us() // 1_000
