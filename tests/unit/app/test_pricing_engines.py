"""Which pricing engine ran is nothing a journal knows: it replays to the same state under either."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from exchange.app.snapshots import machine
from exchange.attest import chain
from exchange.core.engine import Engine
from exchange.domain import records as r
from exchange.journal import MemoryStorage, recover
from exchange.oracle.index import CombinedFeed
from exchange.oracle.marks import MarkedInstrument, MarkLoop, UnderlyingMarks
from exchange.oracle.marks_codec import MARK_UNIT
from exchange.oracle.premium import PerpetualPremium
from exchange.oracle.simulated import SimulatedFeed
from exchange.oracle.sources import SimulatedSources
from pricing import engines
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface
from tests.simulation.client import Client
from tests.simulation.ledger import Ledger
from tests.simulation.loop import World
from tests.simulation.node import RESERVE_ORDERS, SEGMENT_BYTES, Node

NOW_MS = 1_795_000_000_000
MINUTE_MS = 60_000
NAMES = ("numpy", "numba")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    if not engines.numba_installed():
        pytest.skip("numba is not installed")
    before = engines.current()
    yield
    engines.select(before)


def trade(seconds: float) -> tuple[MemoryStorage, bytes]:
    """Some traders on a venue of the simulation; what is on its disk, and the engine's state."""
    world, engine = World(Random(5)), list[Engine]()
    node = Node(world, 5, engine.append, lambda _what, _data: None)
    node.boot()
    ledger = Ledger()
    for number in range(2):
        Client(world, node, ledger, f"c{number}", Random(f"client {number}"))
    while world.now_us < seconds * 1e6 and world.step():
        pass
    assert node.process is not None
    node.process.venue.stop()
    while not node.process.venue.sequencer.idle and world.step():
        pass
    assert len(ledger.sent) > 20
    return node.storage, engine[0].state_hash()


def replayed(storage: MemoryStorage) -> bytes:
    storage.kill()
    found = recover(storage, machine(RESERVE_ORDERS), chain=chain, segment_bytes=SEGMENT_BYTES)
    return found.engine.state_hash()


def test_a_journal_recorded_under_either_engine_replays_to_its_state_under_either() -> None:
    for recorded in NAMES:
        engines.select(recorded)
        storage, state_hash = trade(2.5)
        for name in NAMES:
            engines.select(name)
            assert replayed(storage) == state_hash, (recorded, name)


def blocks(name: str, minutes: int) -> list[bytes]:
    """An hour before delivery to after it: MARKS commands of a venue that runs on the engine `name`."""
    engines.select(name)
    start_ms = NOW_MS
    marks = UnderlyingMarks(
        0, "BTC", simulated_surface("BTC"), FlatCarry(0.05), PerpetualPremium(1, start_ms)
    )
    listed = [MarkedInstrument(0, r.KIND_PERPETUAL)]
    for minutes_left in (50, 1_500, 60_000, 500_000):
        spread = 2.5 * 0.5 * (minutes_left / 525_600) ** 0.5
        for k in np.linspace(-spread, spread, 15):
            strike = round(98_000 * float(np.exp(k))) * 1_000_000
            for is_call in (True, False):
                expiry_ms = start_ms + minutes_left * MINUTE_MS
                listed.append(MarkedInstrument(len(listed), r.KIND_OPTION, strike, expiry_ms, is_call))
    marks.set_instruments(listed)
    sources = SimulatedSources(SimulatedFeed(3, start_ms), 3, start_ms)
    loop = MarkLoop(CombinedFeed(sources, sources.weights), [marks])
    made = []
    for ms in range(0, minutes * MINUTE_MS, 7_300):
        made += loop.step(start_ms + ms)
    return made


def test_the_marks_of_both_engines_are_the_same_but_for_a_unit_next_to_a_tie() -> None:
    """Not one in ten thousand differs, and by a single unit: micro-USDC, or a delta's billionth."""
    ours, theirs = (blocks(name, 55) for name in NAMES)
    assert len(ours) == len(theirs) > 400
    compared = different = 0
    for one, other in zip(ours, theirs, strict=True):
        assert one[:64] == other[:64]
        units, others = (np.frombuffer(block, MARK_UNIT, offset=64) for block in (one, other))
        assert (units["instrument"] == others["instrument"]).all()
        for column in ("mark_micro", "delta_e9", "vega_micro", "forward_micro"):
            apart = np.abs(units[column].astype(np.int64) - others[column])
            assert apart.max() <= 1
            compared += apart.size
            different += int(apart.sum())
    assert compared > 100_000
    assert different <= compared / 10_000
    assert struct.unpack_from("<q", ours[0], 32)[0] > 0
