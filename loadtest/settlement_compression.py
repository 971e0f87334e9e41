"""The compression rows of the settlement benchmark: bytes a fill, beside peers and the entropy; speed.

A venue codes a stream from its first fill on, in batches of 10,000 (the accounts and instruments are
registered in the dictionaries before, as they are when they are made). What is measured is a warm venue: the
batches behind `Scale.warm_fills`, with everything their payloads hold, tables and RECLASS steps too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache, partial
from typing import Final, NamedTuple

from loadtest.settlement_peers import COLUMNAR_BROTLI, PEERS
from loadtest.settlement_rows import Row, Scale, measure
from loadtest.streams import options_v1, options_v2
from loadtest.streams.entropy import Cut, surprisals
from loadtest.streams.generator import FIRST_ACCOUNT, Stream, generate
from loadtest.streams.laws import Laws
from settlement.coding.anchors import Anchors
from settlement.coding.batches import Coded, code_batch, decode_batch, in_chunks, reclass_step, step_of
from settlement.coding.dictionary import INSTRUMENTS, MAKERS, TAKERS
from settlement.coding.fills import Fills
from settlement.coding.learner import Kind
from settlement.coding.limits import CHUNK_STEPS_MAX
from settlement.coding.sequencing import Sequencer
from settlement.stf.chunks import FILL_CHUNK, Chunk

LARGE: Final = 10_000
SMALL: Final = 1_000
MOST_BYTES: Final = {LARGE: 3.3, SMALL: 3.6}
ENTROPY_RATIO_MOST: Final = 1.05
OTHER_STREAM_MOST: Final = 1.10
"""The second stream's ratio is at most so many times the first's."""
BELOW_COLUMNAR_LEAST: Final = 15.0
ENCODE_MS_MOST: Final = 350.0
DECODE_US_MOST: Final = 4.0
RUNS: Final = 3


class Venue:
    """Codes a stream, batch after batch."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.sequencer = Sequencer(self.kind_of)
        self.anchors = Anchors.of(())
        self.at = 0

    def kind_of(self, instrument: int) -> Kind:
        """What instruments are, by the stream's world."""
        world = self.stream.world
        return Kind(int(world.underlying[instrument]), int(world.step_ticks[instrument]))

    def register(self) -> Coded:
        """The batch in which all instruments and accounts are made, without the steps that make them."""
        laws, learner = self.stream.laws, self.sequencer.learner
        makers = FIRST_ACCOUNT + laws.makers
        steps = [
            *learner.register(self.sequencer.dictionaries, INSTRUMENTS, list(range(laws.instruments))),
            *learner.register(self.sequencer.dictionaries, MAKERS, list(range(FIRST_ACCOUNT, makers))),
            *learner.register(self.sequencer.dictionaries, TAKERS, list(range(makers, makers + laws.takers))),
        ]
        return code_batch(self.sequencer, in_chunks(list(map(reclass_step, steps))), self.anchors)

    def next_fills(self, count: int) -> Fills:
        """The stream's next fills, without going on."""
        return self.stream.fills.part(self.at, self.at + count)

    def batch(self, count: int) -> Coded:
        """Code the next fills and go on."""
        fills = self.next_fills(count)
        coded = code_batch(self.sequencer, in_fill_chunks(fills), self.anchors)
        self.anchors = self.anchors.after(fills)
        self.at += count
        return coded


def in_fill_chunks(fills: Fills) -> list[Chunk]:
    """Consecutive fills as chunks."""
    steps = list(map(step_of, fills.rows()))
    cuts = range(0, len(steps), CHUNK_STEPS_MAX)
    return [Chunk(FILL_CHUNK, tuple(steps[at : at + CHUNK_STEPS_MAX])) for at in cuts]


class Last(NamedTuple):
    """A batch, and what stood before it."""

    fills: Fills
    coded: Coded
    sequencer: Sequencer
    anchors: Anchors


class Coding(NamedTuple):
    """What coding some batches of one size came to."""

    bytes_per_fill: float
    tables_per_fill: float
    """Of these bytes: the tables'."""
    first: int
    end: int
    """Which fills of the stream."""
    last: Last


def coded(venue: Venue, size: int, batches: int) -> Coding:
    """Code some batches and count their bytes."""
    first, total, tables = venue.at, 0, 0
    for _ in range(batches):
        before = deepcopy(venue.sequencer)
        fills, anchors = venue.next_fills(size), venue.anchors
        known = venue.sequencer.tables
        batch = venue.batch(size)
        last = Last(fills, batch, before, anchors)
        total += len(batch.payload)
        tables += len(batch.tables.data) if batch.tables and batch.tables is not known else 0
    count = batches * size
    return Coding(total / count, tables / count, first, venue.at, last)


class Measured(NamedTuple):
    """One stream's venue: new, then warm with batches of two sizes."""

    laws: Laws
    registering: Coded
    cold: Coding
    warm: dict[int, Coding]
    stream: Stream


@cache
def measured(laws: Laws, scale: Scale) -> Measured:
    """Run a stream through a venue; the same for every measure."""
    large_fills = scale.batches * LARGE
    stream = generate(laws, scale.warm_fills + large_fills)
    venue = Venue(stream)
    registering = venue.register()
    cold = coded(venue, LARGE, 1)
    while venue.at < scale.warm_fills:
        venue.batch(LARGE)
    small = deepcopy(venue)
    warm = {LARGE: coded(venue, LARGE, scale.batches), SMALL: coded(small, SMALL, 5 * scale.batches)}
    return Measured(laws, registering, cold, warm, stream)


@measure("compression")
def compression(scale: Scale) -> Iterator[Row]:
    """Both streams, then the speed on the first."""
    first = measured(options_v1.LAWS, scale)
    entropy = {size: bits_of(first, size) for size in (LARGE, SMALL)}
    yield from stream_rows(first, entropy, dict.fromkeys(entropy, ENTROPY_RATIO_MOST))
    ratios = {size: OTHER_STREAM_MOST * ratio(first, entropy, size) for size in entropy}
    second = measured(options_v2.LAWS, scale)
    yield from stream_rows(second, {size: bits_of(second, size) for size in entropy}, ratios)
    yield from speed_rows(first)


class Entropy(NamedTuple):
    """Bytes a fill: a decoder of a chunk alone, and one of all fills in order, need as many."""

    chunk: float
    in_order: float


def bits_of(found: Measured, size: int) -> Entropy:
    """The stream's conditional entropy over the measured fills."""
    coding = found.warm[size]
    bits = surprisals(found.stream, coding.first, coding.end, Cut(size))
    return Entropy(bits.bytes_per_fill(), bits.bytes_per_fill(in_order=True))


def ratio(found: Measured, entropy: dict[int, Entropy], size: int) -> float:
    """Bytes a fill over the entropy."""
    return found.warm[size].bytes_per_fill / entropy[size].chunk


def stream_rows(
    found: Measured, entropy: dict[int, Entropy], ratio_most: dict[int, float]
) -> Iterator[Row]:
    """One stream's rows."""
    name = found.laws.name
    accounts = found.laws.makers + found.laws.takers + found.laws.instruments
    yield Row(name, "registering an account or instrument", len(found.registering.payload) / accounts, "B")
    yield Row(name, "first batch of 10,000, nothing learnt", found.cold.bytes_per_fill, "B/fill")
    for size, coding in found.warm.items():
        title = f"batches of {size:,}"
        yield Row(name, f"{title}: codec 5", coding.bytes_per_fill, "B/fill", MOST_BYTES[size])
        yield Row(name, f"{title}: of these, tables", coding.tables_per_fill, "B/fill")
        yield Row(name, f"{title}: entropy, a chunk alone", entropy[size].chunk, "B/fill")
        yield Row(name, f"{title}: entropy, all fills in order", entropy[size].in_order, "B/fill")
        over, most = ratio(found, entropy, size), ratio_most[size]
        yield Row(name, f"{title}: codec 5 over the entropy", over, "", most)
        over = coding.bytes_per_fill / entropy[size].in_order
        yield Row(name, f"{title}: over that of all fills in order", over, "")
        fills = coding.last.fills
        for peer, length in PEERS.items():
            each = length(fills) / size
            yield Row(name, f"{title}: {peer}", each, "B/fill")
            if peer == COLUMNAR_BROTLI:
                below = 100 * (1 - coding.bytes_per_fill / each)
                yield Row(name, f"{title}: codec 5 below it", below, "%", None, BELOW_COLUMNAR_LEAST)


def speed_rows(found: Measured) -> Iterator[Row]:
    """Coding and decoding one warm batch."""
    for size, coding in found.warm.items():
        last, judged = coding.last, size == LARGE
        known, payload = last.sequencer, last.coded.payload
        decode_s = _least_s(partial(decode_batch, payload, known.tables, known.dictionaries, last.anchors))
        decode_us = decode_s * 1e6 / size
        title = f"batches of {size:,}"
        yield Row("speed", f"{title}: decode", decode_us, "µs/fill", DECODE_US_MOST if judged else None)
        copies = iter([deepcopy(known) for _ in range(RUNS)])
        chunks = in_fill_chunks(last.fills)
        encode_s = _least_s(partial(_code_next, copies, chunks, last.anchors))
        yield Row("speed", f"{title}: encode", encode_s * 1e3, "ms/batch", ENCODE_MS_MOST if judged else None)


def _code_next(copies: Iterator[Sequencer], chunks: list[Chunk], anchors: Anchors) -> None:
    code_batch(next(copies), chunks, anchors)


def _least_s(work: Callable[[], object]) -> float:
    """Processor seconds of the fastest of some runs: neighbours do not count."""
    took: list[float] = []
    for _ in range(RUNS):
        started_s = time.process_time()
        work()
        took.append(time.process_time() - started_s)
    return min(took)
