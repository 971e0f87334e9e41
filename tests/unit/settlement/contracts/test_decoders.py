"""What the contracts decode is what codec 5 decodes, and they refuse what it refuses."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from settlement.coding.batches import step_of
from settlement.coding.dictionary import Dictionaries
from settlement.coding.limits import DecodeError
from settlement.coding.other import decode_steps, encode_steps
from settlement.coding.plain import Extent, Setting
from settlement.contracts.compiler import compiled
from settlement.contracts.evm import Contract, Reverted, deploy
from settlement.contracts.revm import Revm
from settlement.contracts.telling import Told, told_of
from settlement.hashing import ZERO_HASH, keccak
from settlement.stf import leaves
from settlement.stf.chunks import Chunk
from settlement.stf.header import Header
from tests.unit.settlement.coding.test_lanes import changed
from tests.unit.settlement.coding.worlds import Batch, batches, cut, steps
from tests.unit.settlement.stf.every_kind import BATCHES

WHO = b"\x01" * 20
OTHERS = [step for batch in BATCHES for step in batch]


def packed_sizes(dictionaries: Dictionaries) -> bytes:
    """How many ids the classes of each dictionary hold, as the state hashes it."""
    found: list[bytes] = []
    for lists in dictionaries.lists:
        sizes = [len(ids) for ids in lists]
        while sizes and sizes[-1] == 0:
            sizes.pop()
        found += [bytes((len(sizes),)), *(size.to_bytes(2, "big") for size in sizes)]
    return b"".join(found)


class Bench:
    """The decoders, in front of a contract that says that everything was shown."""

    def __init__(self) -> None:
        evm = Revm()
        self.shown = deploy(evm, WHO, compiled("Shown", directory=Path(__file__).parent))
        told = [self.shown.address] * 3
        self.fills = deploy(evm, WHO, compiled("FillDecoder"), *told)
        self.others = deploy(evm, WHO, compiled("OtherDecoder"), *told)

    def decode(self, contract: Contract, data: bytes, *arguments: Any) -> tuple[Any, ...]:
        """The result; less than 10 M gas."""
        self.shown.transact(WHO, "show", keccak(data))
        receipt = contract.transact(WHO, "decode", *arguments)
        assert receipt.gas_used < 10_000_000
        found: tuple[Any, ...] = contract.returned("decode", receipt.output)
        return found

    def fill_chunk(self, data: bytes, extent: Extent, setting: Setting, told: Told) -> tuple[Any, ...]:
        """What a fill chunk decodes to in a state with these dictionaries."""
        sizes, entries = packed_sizes(setting.dictionaries), keccak(b"entries")
        sections = [*(keccak(bytes([n])) for n in range(7)), keccak(keccak(sizes) + entries)]
        root = leaves.state_root(keccak(b"a"), keccak(b"i"), sections)
        tables = setting.tables.data
        counts = 1, 1, 1, 1, 0, 0, 0, 0
        header = Header(5, 1, 1, root, root, root, root, keccak(tables), ZERO_HASH, *counts, ())
        state = keccak(b"a"), keccak(b"i"), sections, entries
        entry = 0, extent.steps, extent.first_trade_id, 0, len(data)
        asked = told.pairs, told.order, told.anchors
        arguments = header.bound(), ZERO_HASH, extent.number, entry, state, sizes, tables, data, *asked
        return self.decode(self.fills, data, *arguments)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


@pytest.fixture(scope="module")
def worlds() -> list[Batch]:
    usual, odd = cut(steps(400, 1), 200), cut(steps(450, 2, indexes=0.2, odd=0.3), 150)
    return [*batches(usual)[-1:], *batches(odd, 50)[-2:]]


def test_fill_chunks_and_what_is_none(bench: Bench, worlds: list[Batch]) -> None:
    rng, refused, others = random.Random(3), 0, 0
    for batch in worlds:
        for data, extent in zip(batch.chunks, batch.extents, strict=True):
            for tried in (data, changed(data, rng), changed(data, rng), changed(data, rng)):
                told = told_of(tried, extent, batch.setting)
                leaf, chain, *_ = bench.fill_chunk(tried, extent, batch.setting, told)
                wanted, links = ZERO_HASH, ZERO_HASH
                if told.rows is not None:
                    wanted = Chunk(0, tuple(map(step_of, told.rows))).leaf
                for one in told.all:
                    links = keccak(links + one.to_bytes(32, "big"))
                assert (leaf, chain) == (wanted, links)
                refused += told.rows is None
                others += told.rows is not None and tried != data
    assert refused > 5
    assert others > 5


def test_what_is_not_told_is_asked_for(bench: Bench, worlds: list[Batch]) -> None:
    batch = worlds[0]
    data, extent = batch.chunks[0], batch.extents[0]
    told = told_of(data, extent, batch.setting)
    lies = told._replace(pairs=(told.pairs[0] ^ 1 << 32, *told.pairs[1:]))
    for wrong in (told._replace(order=told.order[:-1]), told._replace(anchors=told.anchors[:-1]), lies):
        with pytest.raises(Reverted, match="TOLD"):
            bench.fill_chunk(data, extent, batch.setting, wrong)


def test_other_chunks_and_what_is_none(bench: Bench) -> None:
    rng, refused = random.Random(1), 0
    for at in range(0, len(OTHERS), 46):
        part = OTHERS[at : at + 46]
        data = encode_steps(part)
        for tried, count in [(data, len(part)), (data, 45)] + [(changed(data, rng), len(part))] * 12:
            try:
                wanted = Chunk(1, tuple(decode_steps(tried, count))).leaf
            except DecodeError:
                wanted, refused = ZERO_HASH, refused + 1
            entry = 1, count, 0, 0, len(tried)
            assert bench.decode(bench.others, tried, ZERO_HASH, ZERO_HASH, 0, entry, tried)[0] == wanted
    assert refused > 5
