"""The second verifier follows posted chains, and names what is not what it says."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from settlement.rollup.codec_5 import Codec5
from tests.golden.chain_2.make_vectors import VECTORS, vectors
from tests.second_verifier import step as s
from tests.second_verifier.chain import Verifier, read_header
from tests.second_verifier.state import Wrong
from tests.second_verifier.step import Step
from tests.unit.settlement.rollup.chains import chain_of

Posted = tuple[bytes, bytes]
KNOWN: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))
CHAIN = [(bytes.fromhex(one["header"]), bytes.fromhex(one["payload"])) for one in KNOWN["batches"]]
DEPOSITS = {int(n): tuple(one) for n, one in KNOWN["deposits"].items()}


def of_bridge(step: Step) -> bool:
    return step.kind == s.DEPOSIT and DEPOSITS.get(step.ident) == (step.first, step.p)


def follow(chain: Sequence[Posted]) -> Verifier:
    verifier = Verifier(of_bridge)
    for header, payload in chain:
        verifier.take(read_header(header), payload)
    return verifier


def test_the_vectors_are_what_the_code_posts() -> None:
    assert vectors() == KNOWN


def test_a_chain_from_genesis() -> None:
    verifier = follow(CHAIN)
    assert verifier.batch_id == len(CHAIN) > 3
    assert verifier.root == read_header(CHAIN[-1][0]).new_root == verifier.state.root()
    assert sum(account.cash for account in verifier.state.accounts.values()) == 0
    sizes = [held.size for account in verifier.state.accounts.values() for held in account.positions.values()]
    assert sizes
    assert sum(sizes) == 0


@pytest.mark.parametrize("seed", range(20, 23))
def test_random_chains(seed: int) -> None:
    chain = chain_of(seed, 90, coding=Codec5())
    verifier = Verifier(lambda step: step.kind == s.DEPOSIT)
    for batch in chain.batches:
        found = verifier.take(read_header(batch.header.pack()), batch.payload)
        packed = [[step.pack() for step in chunk.steps] for chunk in batch.chunks]
        assert [[step.pack() for step in chunk.steps] for chunk in found] == packed


@pytest.mark.parametrize(
    "field", ["previous_root", "new_root", "chunk_root", "trace_root", "tables_hash", "data_hash"]
)
def test_a_root_that_is_another_is_seen(field: str) -> None:
    verifier = follow(CHAIN[:2])
    header = read_header(CHAIN[2][0])
    setattr(header, field, bytes(32))
    with pytest.raises(Wrong):
        verifier.take(header, CHAIN[2][1])


@pytest.mark.parametrize(
    "field",
    [
        "batch_id",
        "closed_ms",
        "payload_bytes",
        "chunks",
        "steps",
        "fills",
        "deposits_through",
        "forced_through",
    ],
)
def test_a_figure_that_is_another_is_seen(field: str) -> None:
    verifier = follow(CHAIN[:2])
    header = read_header(CHAIN[2][0])
    setattr(header, field, getattr(header, field) - 1 if field != "forced_through" else 1)
    if field == "closed_ms":
        header.closed_ms = 0
    with pytest.raises(Wrong):
        verifier.take(header, CHAIN[2][1])


def test_what_the_bridge_does_not_know_is_seen() -> None:
    verifier = Verifier(lambda _: False)
    with pytest.raises(Wrong, match="bridge"):
        verifier.take(read_header(CHAIN[0][0]), CHAIN[0][1])


def test_changed_payloads_are_refused_and_nothing_else_happens() -> None:
    rng = random.Random(3)
    header, payload = read_header(CHAIN[0][0]), CHAIN[0][1]
    header.layer = 1  # in blobs the data's hash binds nobody: all that is left is what the bytes say
    for _ in range(60):
        changed = bytearray(payload)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        with pytest.raises(Wrong):
            Verifier(of_bridge).take(header, bytes(changed))
    with pytest.raises(Wrong):
        Verifier(of_bridge).take(header, payload[:-1])
