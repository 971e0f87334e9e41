"""The speed rows of the settlement benchmark: a batch built and committed to, and a stranger's replay of it.

options_v1 as a venue's events (`settlement_venue`). What is timed are whole batches of 10,000 fills, warm
ones, on one core: both happen in processes of their own, which do nothing else meanwhile.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from loadtest.settlement_compression import LARGE
from loadtest.settlement_rows import Row, Scale, measure
from loadtest.settlement_venue import ATTESTED, TIME_MS, SettledVenue
from loadtest.streams import options_v1
from loadtest.streams.generator import generate
from settlement.batch import Frame
from settlement.l1 import blobs
from settlement.rollup.builder import Batch, BatchBuilder
from settlement.rollup.codec_5 import Codec5
from settlement.rollup.derive import Derivation
from settlement.rollup.store import RollupStore
from settlement.stf import is_compiled

BATCH_S_MOST: Final = 1.0
REPLAYED_LEAST: Final = 100_000.0
WARM: Final = 2
TIMED: Final = 4
BLOB_FILLS: Final = 28_000
"""About what three quarters of a blob hold: the batches that are replayed."""
REPLAYED: Final = 3


class Took(NamedTuple):
    """Processor seconds of a batch's parts: neighbours do not count."""

    apply_s: float
    """Events read and judged by the ledger, steps applied, a state root behind every chunk;"""
    encode_s: float
    """the payload, decoded once more, and the header;"""
    commit_s: float
    """the blob's commitment and proof;"""
    store_s: float
    """the batch and the state behind it on disk."""


class Settled(NamedTuple):
    """A stretch of a venue's life, settled."""

    batches: tuple[Batch, ...]
    took: tuple[Took, ...]


@cache
def settled() -> Settled:
    """Build batches of a venue and time those that are warm; the last ones are for who replays them."""
    sizes = [*[LARGE] * (WARM + TIMED), *[BLOB_FILLS] * REPLAYED]
    venue = SettledVenue(generate(options_v1.LAWS, sum(sizes)))
    builder = venue.builder(Codec5())
    builder.add(venue.opening(), 0)
    batches = [builder.close(ATTESTED, TIME_MS)]
    builder.begin()
    kzg = blobs.Kzg()
    kzg.commit(blobs.pack(b"\x01")[0])  # loads the setup
    took: list[Took] = []
    with tempfile.TemporaryDirectory() as folder:
        store = RollupStore(Path(folder, "rollup.sqlite"))
        for fills in sizes:
            batch, one = _batch(list(venue.frames(fills)), builder, kzg, store)
            batches.append(batch)
            took.append(one)
        store.close()
    return Settled(tuple(batches), tuple(took[WARM : WARM + TIMED]))


def _batch(
    frames: list[Frame], builder: BatchBuilder, kzg: blobs.Kzg, store: RollupStore
) -> tuple[Batch, Took]:
    marks = [time.process_time()]
    for frame in frames:
        builder.add(frame, 0)
    marks.append(time.process_time())
    batch = builder.close(ATTESTED, TIME_MS)
    marks.append(time.process_time())
    kzg.sidecar(blobs.pack(batch.payload), cells=False)
    marks.append(time.process_time())
    store.commit(batch, builder.commitment, builder.ledger_state, builder.lowering.looked_at)
    marks.append(time.process_time())
    builder.begin()
    return batch, Took(*(after - before for before, after in pairwise(marks)))


@measure("batch")
def batch_rows(_: Scale) -> Iterator[Row]:
    """The fastest batch."""
    took = min(settled().took, key=sum)
    name = "batch of 10,000 fills"
    yield Row(name, f"net and hash ({_form()})", took.apply_s, "s")
    yield Row(name, "encode, read back", took.encode_s, "s")
    yield Row(name, "commit: KZG commitment and proof", took.commit_s, "s")
    yield Row(name, "on disk", took.store_s, "s")
    yield Row(name, "all of it", sum(took), "s", BATCH_S_MOST)


@measure("replay")
def replay_rows(_: Scale) -> Iterator[Row]:
    """Headers and payloads to state and root, positions and all, as `verify` and `watch` do it."""
    batches = settled().batches
    derivation = Derivation(Codec5())
    derivation.take(batches[0].header, batches[0].payload)
    gc.collect()
    gc.freeze()
    took: list[float] = []
    try:
        for batch in batches[1:]:
            started_s = time.process_time()
            derivation.take(batch.header, batch.payload, with_trace=False)
            took.append(time.process_time() - started_s)
    finally:
        gc.unfreeze()
    speed = BLOB_FILLS / min(took[-REPLAYED:])
    name = f"batches of {BLOB_FILLS:,}: positions and root ({_form()})"
    yield Row("replay", name, speed, "fills/s", None, REPLAYED_LEAST)


def _form() -> str:
    return "compiled" if is_compiled() else "interpreted"
