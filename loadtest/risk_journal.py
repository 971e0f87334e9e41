"""What risk snapshots cost the journal: the venue's oracle on its simulated market, for some minutes.

Two underlyings, their indices combined from noisy sources as in the venue; every command the mark loop makes
is applied to an engine, which must take it, and its frame is counted as the journal would write it if
nothing else were committed with it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from exchange.app import parameters
from exchange.core.engine import Engine
from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from exchange.oracle.index import CombinedFeed
from exchange.oracle.marks import MarkLoop
from exchange.oracle.simulated import BTC, ETH, SimulatedFeed
from exchange.oracle.sources import SimulatedSources
from loadtest.risk_listing import NOW_MS, oracle, terms_of
from loadtest.risk_runs import apply_setup, must_be, timed

STEP_MS: Final = 20
INTERVAL_MS: Final = 100
"""As exchange.app.oracle.STEP_S and exchange.app.config.Config.mark_interval_ms."""
_SEED: Final = 7
_FRAME_BYTES: Final = 64
_HOUR_S: Final = 3_600


@dataclass
class JournalFigures:
    """Commands and bytes of a simulated time."""

    seconds: int
    instruments_count: int
    marks_count: int = 0
    marks_bytes: int = 0
    snapshots_count: int = 0
    snapshots_bytes: int = 0
    stream_bytes: int = 0
    """Of the snapshots: the scenario tables."""
    apply_seconds: list[float] = field(default_factory=list)
    made_seconds: float = 0.0
    """What making all commands took the oracle."""

    @property
    def bytes_per_hour(self) -> float:
        """Of marks and snapshots, each in a frame of its own."""
        frames = _FRAME_BYTES * (self.marks_count + self.snapshots_count)
        return (self.marks_bytes + self.snapshots_bytes + frames) * _HOUR_S / self.seconds


def measure(seconds: int, instruments_count: int) -> JournalFigures:
    """Run the market for a simulated time. Raises SetupRejected when the engine refuses a block."""
    found = JournalFigures(seconds, instruments_count)
    engine = Engine()
    setup = [commands.set_rules(2), commands.time(NOW_MS)]
    listed: list[bytes] = []
    oracles = []
    for underlying, (simulated, risk) in enumerate(((BTC, parameters.BTC), (ETH, parameters.ETH))):
        terms = terms_of(underlying, simulated.spot, instruments_count // 2)
        oracles.append(oracle(underlying, terms, len(listed), _SEED + underlying))
        setup.append(commands.list_underlying(underlying, simulated.symbol))
        setup.append(commands_risk.risk(underlying, risk))
        listed += [commands.list_instrument(len(listed) + n, each) for n, each in enumerate(terms)]
    apply_setup(engine, setup + listed)
    feeds = [feed for _, feed in oracles]
    sources = SimulatedSources(SimulatedFeed(_SEED, NOW_MS, (BTC, ETH)), _SEED, NOW_MS)
    loop = MarkLoop(CombinedFeed(sources, sources.weights), [marks for marks, _ in oracles], INTERVAL_MS)
    for now_ms in range(NOW_MS, NOW_MS + seconds * 1_000, STEP_MS):
        start = time.perf_counter()
        made = loop.step(now_ms)
        found.made_seconds += time.perf_counter() - start
        for command in made:
            took = timed(engine.apply, command)
            must_be(took.events, r.EV_MARKED)
            found.apply_seconds.append(took.seconds)
            _count(found, command)
        for feed in feeds:
            feed.confirm()
    return found


def _count(found: JournalFigures, command: bytes) -> None:
    if command[0] == r.MARKS:
        found.marks_count += 1
        found.marks_bytes += len(command)
        return
    found.snapshots_count += 1
    found.snapshots_bytes += len(command)
    found.stream_bytes += int.from_bytes(command[60:64], "little")
