"""What the commands tell that no event does: the marks of options, looked at once a second.

Events of marks carry the index alone. A block the core refused is not told apart from one it took; the
venue's own oracle sends them, and a refused one differs from its neighbours in nothing that matters here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import RECORD_VERSION
from exchange.history import bars as b
from exchange.history.volatility import Quote, index_percent

MARKS_EVERY_MS: Final = 1_000
_MICRO: Final = 1_000_000
_BLOCKS: Final = (r.MARKS, r.RISK_SNAPSHOT)
_FIRST_BYTES: Final = tuple(bytes((kind, RECORD_VERSION)) for kind in _BLOCKS)
_MARK: Final = struct.Struct("<Iiqqq")  # instrument, delta, mark, vega, forward


class _Option(NamedTuple):
    underlying: int
    expiry_ms: int
    strike_micro: int
    is_call: bool


class MarkSampler:
    """Reads frames of commands in order and turns their marks into bars."""

    def __init__(self) -> None:
        self._options: dict[int, _Option] = {}
        self._sampled: dict[int, int] = {}  # the last second looked at, by underlying
        self.time_ms = 0

    def list(self, event: ev.Instrument) -> None:
        """An instrument's terms."""
        terms = event.terms
        if terms.kind == r.KIND_OPTION:
            is_call = terms.option_type == r.OPTION_CALL
            self._options[event.head.instrument] = _Option(
                terms.underlying, terms.expiry_ms, terms.strike_micro, is_call
            )

    def add(self, commands: bytes, into: b.Bars) -> None:
        """The commands of one frame."""
        for kind, at, units in _records(commands):
            if kind == r.TIME:
                self.time_ms = int.from_bytes(commands[at + 32 : at + 40], "little", signed=True)
            elif kind in _BLOCKS:
                self._sample(commands, at, units, into)

    def _sample(self, commands: bytes, at: int, units: int, into: b.Bars) -> None:
        underlying = int.from_bytes(commands[at + 12 : at + 16], "little")
        second = self.time_ms // MARKS_EVERY_MS
        if self._sampled.get(underlying) == second:
            return
        self._sampled[underlying] = second
        count = units - 2
        if commands[at] == r.RISK_SNAPSHOT:
            count = int.from_bytes(commands[at + 48 : at + 52], "little")
        expiries: dict[int, list[Quote]] = {}
        place = at + 2 * r.UNIT_BYTES
        for _ in range(count):
            instrument, _, mark, _, forward = _MARK.unpack_from(commands, place)
            place += r.UNIT_BYTES
            option = self._options.get(instrument)
            if option is None:
                continue
            quote = Quote(option.strike_micro, option.is_call, mark, forward)
            expiries.setdefault(option.expiry_ms, []).append(quote)
            into.add(b.MARK, instrument, b.MARK_STEPS_S, self.time_ms, mark)
        index = index_percent(expiries, self.time_ms)
        if index is not None:
            value = round(index * _MICRO)
            into.add(b.VOLATILITY, underlying, b.VOLATILITY_STEPS_S, self.time_ms, value)


def _records(commands: bytes) -> Iterator[tuple[int, int, int]]:
    """(type, byte, units) of a frame's records; of a frame without marks none, most have none."""
    if not any(first in commands for first in _FIRST_BYTES):
        return
    words = memoryview(commands).cast("H")
    at = 0
    while at < len(words):
        units = words[at + 1]
        if units == 0:
            raise ValueError(f"record at byte {at * 2} has no units")
        yield words[at] & 0xFF, at * 2, units
        at += units * (r.UNIT_BYTES // 2)
