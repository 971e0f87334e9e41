"""Netted batches: built, derived with the fills, read without them."""

from __future__ import annotations

from copy import deepcopy

import pytest

from settlement.coding.limits import DecodeError
from settlement.coding.netted import Net
from settlement.hashing import keccak
from settlement.rollup import netting
from settlement.rollup.builder import Batch
from settlement.rollup.codec_5 import Codec5
from settlement.rollup.derive import Derivation, Fault, Wrong
from settlement.stf.header import BLOBS, NETTED
from settlement.stf.rules import apply
from settlement.stf.steps import RECLASS
from tests.unit.settlement.rollup.chains import chain_of as plain_chain_of
from tests.unit.settlement.rollup.netted_chains import chain_of

SEED = 3


@pytest.fixture(scope="module")
def chain() -> list[Batch]:
    return chain_of(SEED)


def derived(batches: list[Batch]) -> Derivation:
    found = Derivation(Codec5())
    for batch in batches:
        found.take(batch.header, batch.payload, batch.outside)
    return found


def fault_of(front: Derivation, batch: Batch, outside: bytes | None = b"") -> Wrong:
    with pytest.raises(Fault) as caught:
        front.take(batch.header, batch.payload, batch.outside if outside == b"" else outside)
    return caught.value.finding.wrong


def test_with_its_fills_a_netted_batch_is_derived_as_any_other(chain: list[Batch]) -> None:
    found = derived(chain)
    plain = plain_chain_of(SEED, 60, 20, Codec5())
    assert found.root == plain.batches[-1].header.new_root
    assert [b.header.layer for b in chain] == [BLOBS | NETTED] * len(chain)
    assert [keccak(b.outside) for b in chain] == [b.header.data_hash for b in chain]
    assert [b.chunks for b in chain] == [b.chunks for b in plain.batches]


def test_what_was_posted_applied_gives_every_balance_the_fills_give(chain: list[Batch]) -> None:
    front = Derivation(Codec5())
    for batch in chain:
        front.coding.begin(front.state)
        read, books = netting.decode(batch.payload, front.coding.known()), deepcopy(front.state)
        for part in read:
            if part.net is not None:
                netting.apply_net(books, part.net)
            for step in part.steps:
                if step.kind != RECLASS:
                    apply(books, step)
            books.end_chunk()
        front.take(batch.header, batch.payload, batch.outside)
        assert {n: (a.cash_micro, a.pages, a.open_positions) for n, a in books.accounts.items()} == {
            n: (a.cash_micro, a.pages, a.open_positions) for n, a in front.state.accounts.items()
        }
        assert sum(part.chunks for part in read) == batch.header.chunks


def test_a_net_that_is_not_the_fills_is_found_and_the_state_stands(chain: list[Batch]) -> None:
    front = derived(chain[:1])
    lying = bytes((*chain[1].payload[:-1], chain[1].payload[-1] ^ 1))
    assert fault_of(front, chain[1]._replace(payload=lying)) == Wrong.NET
    assert front.root == chain[1].header.new_root
    front.take(chain[2].header, chain[2].payload, chain[2].outside)


def test_fills_that_are_withheld_or_others_are_missing_data(chain: list[Batch]) -> None:
    assert fault_of(derived(chain[:1]), chain[1], None) == Wrong.MISSING_DATA
    assert fault_of(derived(chain[:1]), chain[1], chain[0].outside) == Wrong.MISSING_DATA


def test_bytes_that_are_no_parts_are_refused(chain: list[Batch]) -> None:
    front = derived(chain[:1])
    front.coding.begin(front.state)
    known, posted = front.coding.known(), chain[1].payload
    for broken in (posted[:-1], posted + b"\0", b"", b"\x01\x00\x00", b"\xff" * 12):
        with pytest.raises(DecodeError):
            netting.decode(broken, known)


def test_runs_and_nets_belong_together(chain: list[Batch]) -> None:
    empty = Net((), ())
    for nets in ([], [empty] * 99):
        with pytest.raises(ValueError, match="net"):
            netting.runs_of(chain[1].chunks, nets)
