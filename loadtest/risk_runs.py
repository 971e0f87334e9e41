"""The engine under margin: throughput on the core benchmark's workload, and sweeps over many accounts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exchange.core.engine import Engine
from exchange.domain import commands_risk
from exchange.domain import records as r
from loadtest import risk_market, timing
from loadtest.canonical import EVENT_REJECTED, EVENT_TRADE
from loadtest.engine_runs import RESERVE_ORDERS, EngineRun, SetupRejected
from loadtest.packed import canonical_events, command_batches
from loadtest.workload import ACCOUNT_FIRST, ACCOUNTS_COUNT, Workload

SWEEP_ACCOUNTS: Final = 128
"""Accounts to a slice of a sweep."""
BATCH: Final = 100
_TRADES: Final = 1_000  # set-up commands to a batch
_WAVE_PPM: Final = (3_000, -2_000, 1_000, -3_000, 2_000, -1_000)


def apply_setup(engine: Engine, setup: Sequence[bytes], refused: str = "set-up") -> int:
    """Apply commands that only prepare; returns how many trades they made.

    Raises SetupRejected when the engine refuses one of them: the benchmark would measure nothing.
    """
    trades = 0
    edges = [*range(0, len(setup), _TRADES), len(setup)]
    for start, end in pairwise(edges):
        rows = canonical_events([engine.apply(b"".join(setup[start:end]))])
        if bool((rows[:, 0] == EVENT_REJECTED).any()):
            raise SetupRejected(f"{refused}: a command of {start}…{end} was refused")
        trades += int(np.count_nonzero(rows[:, 0] == EVENT_TRADE))
    return trades


def standard_engine() -> Engine:
    """The core benchmark's venue under rules 2, everybody under standard margin."""
    engine = Engine(reserve_orders=RESERVE_ORDERS)
    apply_setup(engine, risk_market.setup_commands(risk_market.Snapshots()))
    return engine


def portfolio_engine() -> Engine:
    """1,000 accounts under portfolio margin, 20 positions each, as :func:`risk_market.grouped` needs them."""
    engine = standard_engine()
    apply_setup(engine, risk_market.portfolio_accounts(ACCOUNTS_COUNT * risk_market.GROUPS_COUNT))
    trades = apply_setup(engine, risk_market.grouped_positions(), "positions")
    if trades != TRADES_BEFORE:
        raise SetupRejected(f"{trades} trades instead of {TRADES_BEFORE}")
    return engine


TRADES_BEFORE: Final = ACCOUNTS_COUNT * risk_market.GROUPS_COUNT * risk_market.POSITIONS_COUNT // 2
ORDERS_BEFORE: Final = 2 * TRADES_BEFORE


def shifted_back(rows: NDArray[np.int64], orders: int, trades: int) -> NDArray[np.int64]:
    """Canonical events as if no orders and trades had come before: comparable with the baseline's."""
    rows = rows.copy()
    is_trade = rows[:, 0] == EVENT_TRADE
    rows[:, 1] -= np.where(is_trade, trades, orders)
    rows[is_trade, 2:4] -= orders
    return rows


class MarginRun(EngineRun):
    """A contestant of :mod:`loadtest.timing`: the engine under margin, past its set-up."""

    def __init__(
        self,
        slices: Sequence[Sequence[bytes]],
        engine: Engine,
        orders_before: int = 0,
        trades_before: int = 0,
    ) -> None:
        super().__init__(slices, engine)
        self._before = orders_before, trades_before

    def _rows(self) -> NDArray[np.int64]:
        return shifted_back(super()._rows(), *self._before)


# --- sweeps ----------------------------------------------------------------------------------------


@dataclass
class SweepFigures:
    """Seconds of every slice of one sweep, and of what traded in between."""

    snapshot_seconds: float = 0.0
    slices: list[float] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)
    """Batches of 100 between the slices, the slice each had to wait for included."""
    elapsed_seconds: float = 0.0
    """From the snapshot to the end of the sweep, with the trading in between."""
    accounts_count: int = 0
    cpu_slices: list[float] = field(default_factory=list)
    """The slices by the processor's account."""

    @property
    def sum_seconds(self) -> float:
        """Of the slices alone."""
        return sum(self.slices)


class Sweeps:
    """10,000 accounts of 20 positions under portfolio margin, swept again and again while others trade."""

    def __init__(self, workload: Workload, accounts_count: int, sweep_accounts: int = SWEEP_ACCOUNTS) -> None:
        """ValueError unless the accounts are an even number and enough for the workload's."""
        least = ACCOUNTS_COUNT * risk_market.GROUPS_COUNT
        if accounts_count < least or accounts_count % 2:
            raise ValueError(f"sweeps need an even number of accounts, {least} or more, not {accounts_count}")
        self._accounts_count = accounts_count
        self._sweep_accounts = sweep_accounts
        self._snapshots = risk_market.Snapshots()
        self.engine = Engine(reserve_orders=RESERVE_ORDERS)
        apply_setup(self.engine, risk_market.setup_commands(self._snapshots))
        small = risk_market.SMALL_DEPOSIT_MICRO
        apply_setup(self.engine, risk_market.portfolio_accounts(accounts_count, small))
        positions = risk_market.scattered_positions(accounts_count)
        trades = apply_setup(self.engine, positions, "positions")
        if trades * 2 != accounts_count * risk_market.POSITIONS_COUNT:
            raise SetupRejected(f"{trades} trades for {accounts_count} accounts")
        shifted = risk_market.grouped(workload, 2 * trades)
        self._batches = iter(command_batches(shifted, BATCH))
        self._moves = 0

    def undisturbed(self, count: int) -> list[float]:
        """Seconds of the next `count` batches of 100 with nothing in between."""
        return [timed(self.engine.apply, next(self._batches)).seconds for _ in range(count)]

    def run(self) -> SweepFigures:
        """A snapshot that moves everything, then the whole sweep, a batch of the workload behind each slice.

        Raises SetupRejected where a slice was not answered as it must be: the figures would mean nothing.
        """
        found = SweepFigures()
        move_ppm = _WAVE_PPM[self._moves % len(_WAVE_PPM)]
        self._moves += 1
        blocks = self._snapshots.commands(move_ppm)
        with timing.quiet_heap():
            start = time.perf_counter()
            for block in blocks:
                took = timed(self.engine.apply, block)
                must_be(took.events, r.EV_MARKED)
                found.snapshot_seconds += took.seconds
            end = ACCOUNT_FIRST + self._accounts_count
            for first in range(ACCOUNT_FIRST, end, self._sweep_accounts):
                count = min(self._sweep_accounts, end - first)
                swept = timed(self.engine.apply, commands_risk.risk_sweep(first, count))
                must_be(swept.events, r.EV_DONE)  # and nobody is below maintenance
                traded = timed(self.engine.apply, next(self._batches))
                found.slices.append(swept.seconds)
                found.cpu_slices.append(swept.cpu_seconds)
                found.batches.append(swept.seconds + traded.seconds)
                found.accounts_count += count
            found.elapsed_seconds = time.perf_counter() - start
        return found


class Took(NamedTuple):
    """One call: by the clock, by the processor's own account, and the events it gave."""

    seconds: float
    cpu_seconds: float
    events: bytes


def timed(apply: Callable[[bytes], bytes], batch: bytes) -> Took:
    """Time one call. Where neighbours interrupt it, the processor's account says what it took itself."""
    clock, processor = time.perf_counter_ns, time.thread_time_ns
    started = processor()
    start = clock()
    events = apply(batch)
    end = clock()
    return Took((end - start) / 1e9, (processor() - started) / 1e9, events)


def must_be(events: bytes, kind: int) -> None:
    """Raises SetupRejected unless the first event is of this kind."""
    if events[0] != kind:
        got = r.EVENT_NAMES[events[0]]
        raise SetupRejected(f"{got} instead of {r.EVENT_NAMES[kind]}: {events[:64].hex()}")
