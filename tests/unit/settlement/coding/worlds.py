"""Small seeded streams of steps, and batches coded from them."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import NamedTuple

from settlement.coding.anchors import Anchors
from settlement.coding.fills import FILL, INDEX, Fills, Step, columns
from settlement.coding.learner import Kind
from settlement.coding.plain import Extent, Setting
from settlement.coding.sequencing import Sequencer

INSTRUMENTS, MAKERS, TAKERS = 30, 6, 200


def kind_of(instrument: int) -> Kind:
    return Kind(instrument % 3, 5 if instrument % 7 == 0 else 1)


def steps(count: int, seed: int, *, indexes: float = 0.0, odd: float = 0.0) -> list[Step]:
    """Fills in a random walk; some INDEX steps between them; some odd ones that need every escape."""
    rng = random.Random(seed)
    prices = [200 * kind_of(number).step_ticks for number in range(INSTRUMENTS)]
    found: list[Step] = []
    trade_id = rng.randrange(1 << 40)
    while len(found) < count:
        if rng.random() < indexes:
            index = rng.choice((rng.randrange(1 << 48), 10**10 + rng.randrange(1000)))
            found.append(Step(INDEX, rng.randrange(1024), 0, 0, 0, 0, 0, 0, index, 0, 0))
            continue
        number = int(INSTRUMENTS * rng.random() ** 2)
        who = 64 + MAKERS + int(TAKERS * rng.random() ** 3)
        sells, how = rng.randrange(2), (0, 1, rng.choice((1, 2)))
        for _ in range(rng.choice((1, 1, 1, 3))):
            prices[number] += rng.choice((-2, -1, 0, 0, 1, 2)) * kind_of(number).step_ticks
            price, size = prices[number], rng.choice((1, 5, 10, 37, 100))
            instrument, maker = number, 64 + rng.randrange(MAKERS)
            if rng.random() < odd:
                instrument, maker = rng.choice((number, rng.randrange(500))), rng.randrange(70_000)
                price = rng.choice((price + 3, -(1 << 61), (1 << 62) - 1, price + 100_000))
                size = rng.choice((0, 1_000, 123_456, (1 << 63) - 1))
                how = rng.randrange(8), rng.randrange(8), rng.choice((5, 7))
            sides, maker_class, taker_class = how
            accounts = instrument, maker, who
            found.append(Step(FILL, *accounts, sells, sides, maker_class, taker_class, price, size, trade_id))
            trade_id += 1
    return found[:count]


def extents_of(rows: list[Step], each: int = 64) -> list[Extent]:
    """Chunks of so many steps."""
    found = []
    for number, at in enumerate(range(0, len(rows), each)):
        part = rows[at : at + each]
        ids = [row.trade_id for row in part if row.kind == FILL]
        found.append(Extent(number, len(part), ids[0] if ids else 0))
    return found


class Batch(NamedTuple):
    """A coded batch and what it is decoded with."""

    rows: list[Step]
    fills: Fills
    extents: list[Extent]
    chunks: list[bytes]
    setting: Setting


def batches(parts: list[list[Step]], each: int = 64) -> list[Batch]:
    """Batches coded one after another."""
    sequencer, anchors = Sequencer(kind_of), Anchors.of(())
    found = []
    for rows in parts:
        fills, extents = columns(rows), extents_of(rows, each)
        dictionaries = deepcopy(sequencer.dictionaries)
        coded = sequencer.code(fills, extents, anchors)
        assert coded.tables is not None
        setting = Setting(coded.tables, dictionaries, anchors)
        found.append(Batch(rows, fills, extents, coded.chunks, setting))
        anchors = anchors.after(fills)
    return found


def cut(rows: list[Step], each: int) -> list[list[Step]]:
    """Rows as batches."""
    return [rows[at : at + each] for at in range(0, len(rows), each)]
