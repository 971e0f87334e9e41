"""Marks: index and surface in, one packed MARKS or RISK_SNAPSHOT command per underlying out.

:class:`UnderlyingMarks` reprices the listed instruments of one underlying; :class:`MarkLoop` asks the feed
and decides when. Both are plain objects: whoever owns the clock calls :meth:`MarkLoop.step`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms
from exchange.oracle.feed import IndexFeed, IndexTick
from exchange.oracle.greeks import Greeks
from exchange.oracle.marks_codec import MarksBlock
from exchange.oracle.perpetual import Premium
from exchange.oracle.table_feed import TableFeed
from pricing.chain import Chain
from pricing.european import Floats
from pricing.forward import ForwardCurve
from pricing.mark import AVERAGE_MS, DeliveryAverage
from pricing.quantize import (
    E9_PER_UNIT,
    MICRO_PER_UNIT,
    MarkQuantizer,
    QuantizeError,
    Row,
    micro_scalar,
)
from pricing.surface import BandRules, SviSurface, VolSurface

# The rows of Chain.quantised, in its order.
_ROWS: Final = (
    Row("delta_e9", E9_PER_UNIT, -limits.DELTA_ONE_E9, limits.DELTA_ONE_E9),
    Row("mark_micro", MICRO_PER_UNIT, 0, limits.MAX_PRICE_MICRO),
    Row("vega_micro", MICRO_PER_UNIT, 0, limits.MAX_VEGA_MICRO),
    Row("forward_micro", MICRO_PER_UNIT, 1, limits.MAX_PRICE_MICRO),
)


@dataclass(frozen=True, slots=True)
class MarkedInstrument:
    """What marking needs of a listing. `kind` is KIND_OPTION or KIND_PERPETUAL of the record layouts."""

    instrument_id: int
    kind: int
    strike_micro: int = 0
    expiry_ms: int = 0
    is_call: bool = False
    lot_e8: int = 100_000_000
    position_limit_lots: int = 1

    def __post_init__(self) -> None:
        if self.kind not in (r.KIND_OPTION, r.KIND_PERPETUAL):
            raise ValueError(f"instrument {self.instrument_id}: unknown kind {self.kind}")
        if self.kind == r.KIND_OPTION and (self.strike_micro <= 0 or self.expiry_ms <= 0):
            raise ValueError(f"option {self.instrument_id} needs a positive strike and expiry")

    @classmethod
    def from_terms(cls, instrument_id: int, terms: InstrumentTerms) -> MarkedInstrument:
        """The listing `terms` under `instrument_id`."""
        is_call = terms.option_type == r.OPTION_CALL
        return cls(
            instrument_id, terms.kind, terms.strike_micro, terms.expiry_ms, is_call,
            terms.lot_e8, terms.position_limit_lots,
        )  # fmt: skip


class UnderlyingMarks:
    """Marks and Greeks of the listed instruments of one underlying, recomputed when asked.

    An option past its expiry leaves the block: its delivery price decides from there, and a block that
    names a delivered instrument would be rejected whole. `feed_seq` must grow over the venue's whole life:
    after a restart pass the last one the core saw as `last_feed_seq`.
    """

    def __init__(
        self,
        underlying_id: int,
        symbol: str,
        surface: VolSurface,
        curve: ForwardCurve,
        premium: Premium,
        last_feed_seq: int = 0,
        tables: TableFeed | None = None,
    ) -> None:
        """`tables`: the scenario tables that go with the marks; None: marks alone."""
        self.underlying_id = underlying_id
        self.symbol = symbol
        self.feed_seq = last_feed_seq
        self._surface = surface
        self._curve = curve
        self._premium = premium
        self.average = DeliveryAverage()
        self.tables = tables
        self.tables_refused_count = 0
        """Times no tables were made because a price had no integer; the marks went alone."""
        self._quantize = MarkQuantizer(_ROWS)
        self._last: tuple[float, float, int] | None = None
        self.listing = 0
        """Grows with every :meth:`set_instruments`."""
        self._pulls: dict[int, float] = {}
        self._band: tuple[SviSurface, BandRules] | None = None
        self.set_instruments(())

    def set_instruments(self, instruments: Iterable[MarkedInstrument]) -> None:
        """List exactly these from now on. ValueError on a repeated id or more than a block holds.

        Makes a new `chain` and a new `greeks`, already priced as of the last block if there was one.
        """
        listed = sorted(instruments, key=lambda i: (i.kind, i.expiry_ms, i.strike_micro, not i.is_call))
        if len(listed) > limits.MAX_MARKS:
            raise ValueError(f"{self.symbol}: {len(listed)} instruments exceed a block of {limits.MAX_MARKS}")
        if len({i.instrument_id for i in listed}) != len(listed):
            raise ValueError(f"{self.symbol}: an instrument id is listed twice")
        options = [i for i in listed if i.kind == r.KIND_OPTION]
        self.chain = Chain(
            [i.strike_micro / MICRO_PER_UNIT for i in options],
            [i.expiry_ms for i in options],
            [i.is_call for i in options],
            self._surface,
            self._curve,
        )
        if self._band is not None:
            self.chain.set_band(*self._band)
        self._expiries_ms = [i.expiry_ms for i in options]
        self._block = MarksBlock(len(listed))
        units = self._block.units
        units["instrument"] = [i.instrument_id for i in listed]
        # Options come first (KIND_OPTION < KIND_PERPETUAL), the perpetuals after them.
        self._words_of_options = self._block.words[: len(options)]
        units["delta_e9"][len(options) :] = limits.DELTA_ONE_E9
        self._perpetual_marks = units["mark_micro"][len(options) :]
        self._perpetual_forwards = units["forward_micro"][len(options) :]
        self.greeks = Greeks(
            self.symbol,
            self.chain,
            [i.instrument_id for i in options],
            [i.instrument_id for i in listed[len(options) :]],
        )
        self.listing += 1
        if self.tables is not None:
            self.tables.list_instruments(
                self.chain,
                [i.instrument_id for i in listed],
                [i.lot_e8 for i in listed],
                [i.position_limit_lots for i in listed],
            )
        self.chain.set_pull([self._pulls.get(i.instrument_id, 0.0) for i in options])
        if self._last is not None:
            index, perpetual_mark, at_ms = self._last
            self.chain.refresh(index, at_ms, self._average(at_ms))
            self.greeks.update(index, perpetual_mark, at_ms)

    def set_surface(self, surface: VolSurface) -> None:
        """Price by another surface from the next block on."""
        self._surface = surface
        self.chain.set_surface(surface)

    def set_pull(self, pull: Floats) -> None:
        """Pull the marks by these amounts, in the order of the chain, from the next block on.

        See :meth:`pricing.chain.Chain.set_pull`. What stays listed keeps its pull through a new listing.
        """
        self.chain.set_pull(pull)
        self._pulls = dict(zip(self.greeks.option_ids.tolist(), pull.tolist(), strict=True))

    def set_band(self, outside: SviSurface, rules: BandRules) -> None:
        """No pull carries a mark out of the band around `outside`: :meth:`pricing.chain.Chain.set_band`."""
        self._band = (outside, rules)
        self.chain.set_band(outside, rules)

    @property
    def last_index(self) -> float | None:
        """The index price of the last block, in quote units; None before the first."""
        return None if self._last is None else self._last[0]

    def mark(self, index: float, now_ms: int) -> bytes:
        """Reprice everything and return the command, which takes the next `feed_seq`.

        It is RISK_SNAPSHOT where scenario tables are due, else MARKS.
        :class:`pricing.quantize.QuantizeError` if the index, or a price made from it, is outside the core's
        limits; then no command is made and no feed_seq taken.
        """
        index_micro = micro_scalar(index, low=1, high=limits.MAX_PRICE_MICRO, name="index_micro")
        premium = self._premium.at(now_ms)
        perpetual_micro = micro_scalar(
            index * (1.0 + premium), low=1, high=limits.MAX_PRICE_MICRO, name="perpetual_mark_micro"
        )
        self.average.add(now_ms, index_micro)
        chain = self.chain
        chain.refresh(index, now_ms, self._average(now_ms))
        self._quantize(chain.quantised, self._words_of_options)
        self._perpetual_marks.fill(perpetual_micro)
        self._perpetual_forwards.fill(index_micro)
        self._last = (index, index * (1.0 + premium), now_ms)
        self.greeks.update(*self._last)
        self.feed_seq += 1
        expired = bisect_right(self._expiries_ms, now_ms)
        sent = self._tables_due(index, index * (1.0 + premium), now_ms, expired)
        if sent is None:
            return self._block.encode(self.underlying_id, index_micro, self.feed_seq, expired)
        return self._block.encode_snapshot(self.underlying_id, index_micro, self.feed_seq, expired, *sent)

    def _tables_due(
        self, index: float, perpetual_mark: float, now_ms: int, expired: int
    ) -> tuple[int, bytes] | None:
        if self.tables is None:
            return None
        try:
            return self.tables.stream(index, perpetual_mark, now_ms, expired)
        except ValueError:  # a price no scenario value can be made of: the core keeps the tables it has
            self.tables_refused_count += 1
            return None

    def _average(self, now_ms: int) -> float | None:
        """The mean index so far of the first expiry's averaging window; None before it, or empty."""
        if not self._expiries_ms:
            return None
        start_ms = self._expiries_ms[0] - AVERAGE_MS
        return self.average.since(start_ms) if now_ms >= start_ms else None


@dataclass(slots=True)
class _State:
    marks: UnderlyingMarks
    tick: IndexTick | None = None
    next_due_ms: int = 0


class MarkLoop:
    """Makes a MARKS command on every index move and at least every `interval_ms`.

    An underlying whose last tick is older than `stale_ms` gets no marks, rather than fresh ones from an old
    price: see :meth:`stale`.
    """

    def __init__(
        self,
        feed: IndexFeed,
        underlyings: Sequence[UnderlyingMarks],
        interval_ms: int = 100,
        stale_ms: int = 5_000,
    ) -> None:
        if interval_ms < 1 or stale_ms < 1:
            raise ValueError("interval_ms and stale_ms must be at least 1")
        self._feed = feed
        self._states = {marks.symbol: _State(marks) for marks in underlyings}
        if len(self._states) != len(underlyings):
            raise ValueError("an underlying is given twice")
        self._interval_ms = interval_ms
        self._stale_ms = stale_ms
        self.refused_count = 0
        """Blocks not made because a price passed the core's limits; the price before stays."""

    def step(self, now_ms: int) -> list[bytes]:
        """The MARKS commands due at `now_ms`, at most one per underlying, in the order given."""
        moved: dict[str, IndexTick] = {}
        for tick in self._feed.advance(now_ms):
            state = self._states.get(tick.underlying)
            if state is None:
                continue
            if state.tick is None or tick.price != state.tick.price:
                moved[tick.underlying] = tick
            else:
                state.tick = tick
        due = []
        for symbol, state in self._states.items():
            command = self._command(state, moved.get(symbol), now_ms)
            if command is not None:
                due.append(command)
        return due

    def _command(self, state: _State, moved: IndexTick | None, now_ms: int) -> bytes | None:
        if moved is not None:
            command = self._mark(state, moved, now_ms)
            if command is not None:
                state.tick = moved
                return command
        tick = state.tick
        if tick is None or now_ms < state.next_due_ms or now_ms - tick.at_ms > self._stale_ms:
            return None
        return self._mark(state, tick, now_ms)

    def _mark(self, state: _State, tick: IndexTick, now_ms: int) -> bytes | None:
        try:
            command = state.marks.mark(tick.price, now_ms)
        except QuantizeError:
            self.refused_count += 1
            return None
        state.next_due_ms = now_ms + self._interval_ms
        return command

    def marks_of(self, symbol: str) -> UnderlyingMarks:
        """The marks of one underlying; KeyError if unknown."""
        return self._states[symbol].marks

    def greeks_of(self, underlying_id: int) -> Greeks | None:
        """The live Greeks of one underlying. Ask anew each time: relisting makes new ones."""
        for state in self._states.values():
            if state.marks.underlying_id == underlying_id:
                return state.marks.greeks
        return None

    def stale(self, now_ms: int) -> list[str]:
        """Symbols without a fresh index: those to be kept cancel-only."""
        return [
            symbol
            for symbol, state in self._states.items()
            if state.tick is None or now_ms - state.tick.at_ms > self._stale_ms
        ]
