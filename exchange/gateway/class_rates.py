"""How many fills came under which authorisation, since the start and lately (docs/authorisation.md)."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from exchange.edge import classes
from exchange.edge.classes import ClassCounts
from exchange.wire.instruments import usdc
from exchange.wire.objects import JsonObject

SECONDS: Final = 60
MINUTES: Final = 1_440
_MINUTE_MS: Final = 60_000
_NAMES: Final = {
    classes.SIGNED_ORDER: "signed_order",
    classes.GRANT: "grant",
    classes.API_KEY: "api_key",
    classes.LIQUIDATION: "liquidation",
    classes.EXPIRY: "expiry",
    classes.BLOCK: "block",
}
_IN_DATA: Final = {classes.API_KEY: classes.GRANT}
"""Numbers that settlement's data does not have: an API key's fills come under the venue's bounded grant."""


class _Sums(NamedTuple):
    """What has been counted by a moment, by class."""

    time_ms: int
    fills: tuple[int, ...]
    values: tuple[int, ...]
    fees: tuple[int, ...]


class ClassRates:
    """The counts of one venue; `sample` is called once a second."""

    def __init__(self, now_ms: int) -> None:
        self.counts = ClassCounts()
        self.since_ms = now_ms
        start = self._sums(now_ms)
        self._seconds = deque([start], SECONDS + 1)
        self._minutes = deque([start], MINUTES + 1)

    def on_batch(self, _first_seq: int, _count: int, events: bytes) -> None:
        """Take a released batch (a listener of the sequencer)."""
        self.counts.take(events)

    def sample(self, now_ms: int) -> None:
        """Remember what has been counted by now."""
        sums = self._sums(now_ms)
        self._seconds.append(sums)
        if now_ms - self._minutes[-1].time_ms >= _MINUTE_MS:
            self._minutes.append(sums)

    def figures(self, now_ms: int) -> JsonObject:
        """`exchange.wire.messages.settlement.Authorisation`."""
        now = self._sums(now_ms)
        minute, day = self._seconds[0], self._minutes[0]
        return {
            "since": self.since_ms,
            "timestamp": now_ms,
            "classes": [
                {
                    "name": name,
                    "number": _IN_DATA.get(number, number),
                    "total": _fills(now, number),
                    "minute": _fills(now, number, minute),
                    "day": _fills(now, number, day),
                }
                for number, name in _NAMES.items()
            ],
        }

    def _sums(self, now_ms: int) -> _Sums:
        counts = self.counts
        return _Sums(now_ms, tuple(counts.fills), tuple(counts.values), tuple(counts.fees))


def _fills(now: _Sums, number: int, before: _Sums | None = None) -> JsonObject:
    """What came between two moments; without the first since the start."""
    fills, value, fees = now.fills[number], now.values[number], now.fees[number]
    if before is not None:
        fills -= before.fills[number]
        value -= before.values[number]
        fees -= before.fees[number]
    return {"fills": fills, "volume": usdc(value), "fees": usdc(fees)}
