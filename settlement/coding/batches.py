"""Whole batches: chunks of steps to a payload and back.

The RECLASS steps that a batch's coding asks for belong to the batch: `code_batch` adds them in chunks behind
all others. They take effect from the next batch on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat
from typing import NamedTuple

import numpy as np

from settlement.coding import payload as pl
from settlement.coding.anchors import Anchors
from settlement.coding.dictionary import Dictionaries, Reclass
from settlement.coding.fills import FILL, Fills, columns
from settlement.coding.fills import Step as Row
from settlement.coding.lanes import decode_chunks
from settlement.coding.limits import CHUNK_STEPS_MAX, DecodeError
from settlement.coding.other import decode_steps, encode_steps
from settlement.coding.plain import Extent, Setting, decode_chunk
from settlement.coding.sequencing import Sequencer
from settlement.coding.tables import Tables, parse
from settlement.stf.chunks import FILL_CHUNK, OTHER_CHUNK, Chunk
from settlement.stf.steps import RECLASS, Step


class Coded(NamedTuple):
    """A batch's payload, all its chunks (those of RECLASS steps too), and the tables in force behind it."""

    payload: bytes
    chunks: tuple[Chunk, ...]
    tables: Tables | None


class Prepared(NamedTuple):
    """A batch's fill chunks, coded; the RECLASS steps this asks for."""

    data: tuple[bytes, ...]
    extents: tuple[Extent, ...]
    tables: Tables | None
    reclassed: tuple[Reclass, ...]


class Decoded(NamedTuple):
    """A batch's chunks: fill chunks as columns, their steps behind each other; others as steps.

    `order` has of every chunk its kind and how many steps it has.
    """

    order: tuple[tuple[int, int], ...]
    fills: Fills
    others: tuple[tuple[Step, ...], ...]
    tables: Tables | None
    """The last there were, those of this batch's fills if it has any."""

    def chunks(self) -> Iterable[Chunk]:
        """The chunks, one after another."""
        others, fills = iter(self.others), iter(steps_of(self.fills))
        for kind, count in self.order:
            yield Chunk(kind, next(others) if kind == OTHER_CHUNK else tuple(islice(fills, count)))


def row_of(step: Step) -> Row:
    """A FILL or INDEX step of the protocol as a fill chunk's row."""
    if step.kind == FILL:
        sides, classes = step.flags >> 1, (step.classes >> 4, step.classes & 15)
        who = step.instrument, step.first, step.second, step.flags & 1
        return Row(FILL, *who, sides, *classes, step.p, step.q, step.ident)
    return Row(step.kind, step.instrument, 0, 0, 0, 0, 0, 0, step.p, 0, 0)


def step_of(row: Row) -> Step:
    """The inverse."""
    flags = row.combo_sides << 1 | row.taker_sells
    classes = row.maker_class << 4 | row.taker_class
    who = row.instrument, row.maker, row.taker
    return Step(row.kind, classes, flags, *who, row.trade_id, row.price_ticks, row.size_lots)


def steps_of(fills: Fills) -> Iterator[Step]:
    """The steps of all rows at once: `step_of` of columns."""
    flags = fills.combo_sides << 1 | fills.taker_sells
    classes = fills.maker_class << 4 | fills.taker_class
    who = fills.instrument, fills.maker, fills.taker
    columns = (fills.kind, classes, flags, *who, fills.trade_id, fills.price_ticks, fills.size_lots)
    lists = [column.tolist() for column in columns]
    return map(Step._make, zip(*lists, repeat(b""), repeat(b"")))


def reclass_step(step: Reclass) -> Step:
    """A RECLASS step of the protocol."""
    return Step(RECLASS, 0, step.dictionary, step.source << 8 | step.target, step.id, step.position)


def reclass_of(step: Step) -> Reclass:
    """The inverse."""
    return Reclass(step.flags, step.instrument >> 8, step.instrument & 255, step.first, step.second)


def in_chunks(steps: Sequence[Step]) -> tuple[Chunk, ...]:
    """Steps of any kind as chunks."""
    cuts = range(0, len(steps), CHUNK_STEPS_MAX)
    return tuple(Chunk(OTHER_CHUNK, tuple(steps[at : at + CHUNK_STEPS_MAX])) for at in cuts)


def code_batch(sequencer: Sequencer, chunks: Sequence[Chunk], anchors: Anchors) -> Coded:
    """Code a batch. `anchors`: before it.

    Raises:
        ValueError: a step there are no bytes for, or trade ids of a fill chunk that do not follow each other.
    """
    before = sequencer.tables
    prepared = prepare(sequencer, chunks, anchors)
    every = (*chunks, *in_chunks([reclass_step(step) for step in prepared.reclassed]))
    return Coded(pack_batch(prepared, every, before), every, sequencer.tables)


def prepare(sequencer: Sequencer, chunks: Sequence[Chunk], anchors: Anchors) -> Prepared:
    """Code the fill chunks of a batch. Raises ValueError as `code_batch`."""
    rows: list[Row] = []
    extents: list[Extent] = []
    for number, chunk in enumerate(chunks):
        if chunk.kind == FILL_CHUNK:
            of_chunk = list(map(row_of, chunk.steps))
            extents.append(_extent(number, of_chunk, extents))
            rows += of_chunk
    coded = sequencer.code(columns(rows), extents, anchors)
    return Prepared(tuple(coded.chunks), tuple(extents), coded.tables, tuple(coded.reclassed))


def pack_batch(prepared: Prepared, chunks: Iterable[Chunk], before: Tables | None) -> bytes:
    """The payload of all chunks of a batch. `before`: the tables of the fills before it."""
    data, places = iter(prepared.data), iter(prepared.extents)
    entries: list[pl.Entry] = []
    for chunk in chunks:
        if chunk.kind == FILL_CHUNK:
            entries.append(pl.Entry(FILL_CHUNK, len(chunk.steps), next(places).first_trade_id, next(data)))
        else:
            entries.append(pl.Entry(OTHER_CHUNK, len(chunk.steps), 0, encode_steps(chunk.steps)))
    tables = prepared.tables if prepared.data and prepared.tables != before else None
    return pl.pack(pl.Payload(tables.data if tables else b"", tuple(entries)))


def _extent(number: int, rows: Sequence[Row], before: Sequence[Extent]) -> Extent:
    ids = [row.trade_id for row in rows if row.kind == FILL]
    if ids != list(range(ids[0], ids[0] + len(ids))) if ids else False:
        raise ValueError(f"trade ids of chunk {number} do not follow each other")
    expected = before[-1].first_trade_id + before[-1].steps if before else 0
    return Extent(number, len(rows), ids[0] if ids else expected)


def decode_batch(
    data: bytes, before: Tables | None, dictionaries: Dictionaries, anchors: Anchors
) -> Decoded:
    """The chunks of a payload. `before`: the last batch's tables; dictionaries and anchors as behind it.

    Raises:
        DecodeError: not the payload of a batch with these.
    """
    payload = pl.unpack(data)
    extents = extents_of(payload)
    if payload.tables and not extents:
        raise DecodeError("tables without fills")
    tables = parse(payload.tables) if payload.tables else before
    fills = columns(())
    if extents:
        if tables is None:
            raise DecodeError("fills without tables")
        coded = [entry.data for entry in payload.entries if entry.kind == FILL_CHUNK]
        fills = decode_chunks(coded, extents, Setting(tables, dictionaries, anchors))
    others = [
        tuple(decode_steps(entry.data, entry.steps))
        for entry in payload.entries
        if entry.kind == OTHER_CHUNK
    ]
    order = tuple((entry.kind, entry.steps) for entry in payload.entries)
    return Decoded(order, fills, tuple(others), tables)


def extents_of(payload: pl.Payload) -> list[Extent]:
    """Those of the fill chunks."""
    return [
        Extent(number, entry.steps, entry.first_trade_id)
        for number, entry in enumerate(payload.entries)
        if entry.kind == FILL_CHUNK
    ]


def first_undecodable(
    data: bytes, before: Tables | None, dictionaries: Dictionaries, anchors: Anchors
) -> int | None:
    """The first chunk that can not be decoded; None if there is none, or directory or tables are wrong."""
    try:
        payload = pl.unpack(data)
        tables = parse(payload.tables) if payload.tables else before
    except DecodeError:
        return None
    if tables is None:
        return None
    setting = Setting(tables, dictionaries, anchors)
    for number, entry in enumerate(payload.entries):
        try:
            if entry.kind == FILL_CHUNK:
                decode_chunk(entry.data, Extent(number, entry.steps, entry.first_trade_id), setting)
            else:
                decode_steps(entry.data, entry.steps)
        except DecodeError:
            return number
    return None


def reclassed(decoded: Decoded) -> list[Reclass]:
    """The RECLASS steps of a batch, in order."""
    return [reclass_of(step) for steps in decoded.others for step in steps if step.kind == RECLASS]


def chunked(fills: Fills) -> list[int]:
    """How many steps each fill chunk has when a run is cut where it is full or trade ids have a gap."""
    cuts = [0]
    ids, kinds = fills.trade_id.tolist(), fills.kind.tolist()
    last = None
    for place, (kind, ident) in enumerate(zip(kinds, ids, strict=True)):
        gap = kind == FILL and last is not None and ident != last + 1
        if place - cuts[-1] == CHUNK_STEPS_MAX or gap:
            cuts.append(place)
        last = ident if kind == FILL else last
    return np.diff([*cuts, fills.total]).tolist() if fills.total else []
