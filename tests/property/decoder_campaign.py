"""The contracts that decode against codec 5: `python -m tests.property.decoder_campaign [--trials N]`.

Fill chunks under the tables they were coded with or changed ones, other chunks and directories: written ones,
changed ones and made-up bytes. Both must come to the same, whatever it is. Every trial has its own seed,
which is printed where they differ.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Final

from settlement.coding import payload as pl
from settlement.coding.batches import step_of
from settlement.coding.limits import DecodeError
from settlement.coding.other import decode_steps, encode_steps
from settlement.coding.plain import Setting
from settlement.coding.tables import parse
from settlement.contracts import decoding
from settlement.contracts.planning import Suspect
from settlement.contracts.revm import Revm
from settlement.contracts.telling import told_of
from settlement.contracts.walking import NO_CHUNK, walked
from settlement.hashing import ZERO_HASH, keccak
from settlement.stf import steps as s
from settlement.stf.chunks import Chunk, Executed
from tests.unit.settlement.coding.test_lanes import changed
from tests.unit.settlement.coding.worlds import Batch, batches, cut, steps
from tests.unit.settlement.contracts.test_decoders import OTHERS, Bench
from tests.unit.settlement.contracts.worlds import World, venue

_TABLES_HEAD: Final = 21


@cache
def bench() -> Bench:
    """The decoders."""
    return Bench()


@cache
def coded() -> list[Batch]:
    """Batches of fill chunks."""
    odd = batches(cut(steps(900, 7, indexes=0.15, odd=0.3), 300), 40)
    return odd + batches(cut(steps(900, 8), 300))


@cache
def world() -> tuple[Revm, World, tuple[list[Chunk], Executed]]:
    """An operator, and a batch's chunks."""
    evm = Revm()
    found = World(evm, [bytes([n]) * 20 for n in range(1, 9)], venue())
    return evm, found, found.batch([s.Step(s.INDEX, p=61_000 * 10**6)])


def some(data: bytes, rng: random.Random) -> bytes:
    """Written bytes, changed ones or made-up ones."""
    made_up = bytes([rng.randrange(1, 256)]) + rng.randbytes(rng.randrange(400))
    return rng.choice([data, changed(data, rng), made_up])


def with_changed_tables(setting: Setting, rng: random.Random) -> Setting:
    """With other tables, if the changed bytes are tables at all."""
    raw = bytearray(setting.tables.data)
    for _ in range(rng.randrange(1, 4)):
        in_head = rng.random() < 0.3
        at = rng.randrange(4, _TABLES_HEAD) if in_head else rng.randrange(_TABLES_HEAD, len(raw))
        raw[at] = rng.choice([0, 1, 255, raw[at] ^ 1 << rng.randrange(8), rng.randrange(256)])
    try:
        return replace(setting, tables=parse(bytes(raw)))
    except DecodeError:
        return setting


def fill_chunk(rng: random.Random) -> bool:
    """One fill chunk; whether it is one."""
    batch = rng.choice(coded())
    place, setting = rng.randrange(len(batch.chunks)), batch.setting
    if rng.random() < 0.6:
        setting = with_changed_tables(setting, rng)
    data, extent = some(batch.chunks[place], rng), batch.extents[place]
    number, count = rng.choice([extent.number, rng.randrange(1 << 16)]), rng.randrange(1, 65)
    extent = extent._replace(number=number, steps=rng.choice([extent.steps, count]))
    told = told_of(data, extent, setting)
    leaf = bench().fill_chunk(data, extent, setting, told)[0]
    wanted = ZERO_HASH if told.rows is None else Chunk(0, tuple(map(step_of, told.rows))).leaf
    assert leaf == wanted, "a fill chunk"
    return told.rows is not None


def other_chunk(rng: random.Random) -> bool:
    """One other chunk; whether it is one."""
    part = [rng.choice(OTHERS) for _ in range(rng.randrange(1, 30))]
    data, count = some(encode_steps(part), rng), rng.choice([len(part), rng.randrange(1, 65)])
    try:
        wanted = Chunk(1, tuple(decode_steps(data, count))).leaf
    except DecodeError:
        wanted = ZERO_HASH
    entry = 1, count, 0, 0, len(data)
    found = bench().decode(bench().others, data, ZERO_HASH, ZERO_HASH, 0, entry, data)[0]
    assert found == wanted, "an other chunk"
    return wanted != ZERO_HASH


def written(rng: random.Random) -> bytes:
    """A payload of made-up chunks."""
    entries: list[pl.Entry] = []
    expected = 0
    for _ in range(rng.choice([1, 2, 5, 30, 200, 200, 3_000])):
        kind, count, first = int(rng.random() < 0.3), rng.choice([64, 64, rng.randrange(1, 65)]), 0
        if kind == pl.FILL_CHUNK:
            first = expected + rng.choice([0, 0, rng.randrange(100)])
            expected = first + count
        entries.append(pl.Entry(kind, count, first, bytes(rng.randrange(rng.choice([1, 5, 30])))))
    has_fills = any(entry.kind == pl.FILL_CHUNK for entry in entries)
    return pl.pack(pl.Payload(bytes(rng.choice([0, 3]) * has_fills), tuple(entries)))


def directory(rng: random.Random) -> bool:
    """One payload's directory; whether it is one."""
    evm, town, (chunks, done) = world()
    raw = written(rng)
    for _ in range(rng.choice([0, 1, 2])):
        at = rng.randrange(min(len(raw), rng.choice([3, 10, len(raw)])))
        byte = bytes((rng.choice([0, 128, 255, raw[at] ^ 1, raw[at] ^ 2, rng.randrange(256)]),))
        put, behind = rng.choice([(byte, at + 1), (byte, at), (b"", at + 1)])
        raw = raw[:at] + put + raw[behind:]
    header = town.header(chunks, done)._replace(data_hash=keccak(raw), payload_bytes=len(raw))
    try:
        entries = pl.unpack(raw).entries
    except DecodeError:
        entries = ()
    if entries:
        header = header._replace(chunks=len(entries), steps=sum(entry.steps for entry in entries))
    suspect = Suspect(header, raw, prover=town.challenger)
    is_one = decoding.entries_of(suspect) is not None
    point = evm.snapshot()
    town.contracts.inbox.transact(town.operator, "post", header.bound(), raw)
    target = rng.randrange(len(entries)) if is_one else NO_CHUNK
    stages, entry, _ = walked(raw, target)
    for call in decoding.walk(suspect, target, stages, voids=not is_one):
        getattr(town.contracts, call.contract).transact(town.challenger, call.function, *call.arguments)
        asked = getattr(town.contracts, call.done.contract)
        assert call.done.holds(asked.call(call.done.function, *call.done.arguments)), call.function
    if entry is not None:
        assert raw[entry.start : entry.start + entry.length] == entries[target].data
        told = header.hash, ZERO_HASH, target, entry
        assert town.contracts.directory.call("is_entry", *told), "an entry"
    assert (town.contracts.inbox.call("head") == 1) == is_one, "a directory"
    evm.revert(point)
    return is_one


TRIALS: Final = {"fill chunks": fill_chunk, "other chunks": other_chunk, "directories": directory}


def main(arguments: list[str]) -> int:
    """The exit status: 1 where both differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.property.decoder_campaign")
    parser.add_argument("--trials", type=int, default=3_000)
    parser.add_argument("--first-seed", type=int, default=1)
    options = parser.parse_args(arguments)
    found: Counter[tuple[str, bool]] = Counter()
    for seed in range(options.first_seed, options.first_seed + options.trials // len(TRIALS)):
        for name, trial in TRIALS.items():
            try:
                found[name, trial(random.Random(f"{name} {seed}"))] += 1
            except AssertionError as error:
                print(f"{name}, seed {seed}: they differ: {error}", file=sys.stderr)
                return 1
    for name in TRIALS:
        print(f"{name}: {found[name, True]:,} taken by both, {found[name, False]:,} refused by both")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
