"""A line that says how far a run has come: on a terminal, a few times a second."""

from __future__ import annotations

from typing import Final, TextIO

from settlement.watch.patience import Clock

EVERY_MS: Final = 200
_WIDTH: Final = 24


class Progress:
    """Writes over its own line on a terminal; elsewhere it writes nothing but why it waits, once."""

    def __init__(self, clock: Clock, out: TextIO) -> None:
        self._clock = clock
        self._out = out
        self._shows = out.isatty()
        self._began_ms = self._last_ms = clock.now_ms()
        self._is_open = False
        self._waited = ""

    def at(self, batch: int, of: int, fills: int) -> None:
        """So many batches and fills are done."""
        self._waited = ""
        now_ms = self._clock.now_ms()
        if not self._shows or now_ms - self._last_ms < EVERY_MS:
            return
        self._last_ms = now_ms
        full = _WIDTH * min(batch, of) // max(of, 1)
        rate = fills * 1_000 // max(1, now_ms - self._began_ms)
        bar = "#" * full + "." * (_WIDTH - full)
        self._line(f"[{bar}] batch {batch:,} of {of:,}  {fills:,} fills  {rate:,} fills/s")

    def waiting(self, why: str, seconds: float) -> None:
        """The L1 is asked again so much later."""
        if self._shows:
            self._line(f"waiting {seconds:g} s: {why}"[:110])
        elif why != self._waited:
            print(f"waiting: {why}", file=self._out, flush=True)
        self._waited = why

    def end(self) -> None:
        """Nothing more comes: the line is taken away."""
        if self._is_open:
            self._out.write("\r\x1b[K")
            self._out.flush()
            self._is_open = False

    def _line(self, text: str) -> None:
        self._out.write(f"\r\x1b[K{text}")
        self._out.flush()
        self._is_open = True
