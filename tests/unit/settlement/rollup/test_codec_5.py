"""Batches of a venue in codec 5, built and derived."""

from __future__ import annotations

import pytest

from settlement.hashing import keccak
from settlement.rollup.codec_5 import Codec5, kind_of
from settlement.rollup.coding import Undecodable
from settlement.rollup.derive import Derivation, Fault, Wrong
from settlement.stf.state import State
from settlement.stf.steps import RECLASS
from settlement.stf.terms import terms_words
from tests.unit.settlement.rollup.chains import Chain, chain_of
from tests.unit.settlement.streams import OPTION


def told(seed: int) -> Chain:
    return chain_of(seed, coding=Codec5())


@pytest.fixture(scope="module")
def chain() -> Chain:
    return told(5)


@pytest.mark.parametrize("seed", range(3))
def test_a_derivation_comes_to_the_same_chunks_and_roots(seed: int) -> None:
    chain = told(seed)
    found = Derivation(Codec5(), chain.bridge)
    for batch in chain.batches:
        assert found.take(batch.header, batch.payload) == list(batch.chunks)
    assert len(chain.batches) > 2


def test_new_instruments_and_accounts_are_registered_with_the_batch(chain: Chain) -> None:
    steps = [step for chunk in chain.batches[0].chunks for step in chunk.steps]
    assert any(step.kind == RECLASS for step in steps)


def test_bytes_that_were_changed_name_their_chunk(chain: Chain) -> None:
    found = Derivation(Codec5(), chain.bridge)
    found.take(chain.batches[0].header, chain.batches[0].payload)
    batch = chain.batches[1]
    payload = batch.payload[:-1] + bytes((batch.payload[-1] ^ 255,))
    header = batch.header._replace(data_hash=keccak(payload))
    with pytest.raises(Fault) as caught:
        found.take(header, payload)
    assert caught.value.finding.wrong in (Wrong.UNDECODABLE, Wrong.CHUNK_ROOT)


def test_other_tables_than_the_header_s_are_refused(chain: Chain) -> None:
    coding = Codec5()
    coding.begin(State())
    with pytest.raises(Undecodable, match="tables"):
        coding.decode(chain.batches[0].header._replace(tables_hash=bytes(32)), chain.batches[0].payload)


def test_a_header_names_the_tables_in_force_behind_its_batch() -> None:
    codec = Codec5()
    hashes = [batch.header.tables_hash for batch in chain_of(5, coding=codec).batches]
    codec.begin(State())
    assert codec.encode(()).tables_hash == hashes[-1] == keccak(codec.tables_data)


def test_a_chain_is_taken_up_in_its_middle_with_the_last_tables(chain: Chain) -> None:
    first = Derivation(Codec5(), chain.bridge)
    for batch in chain.batches[:2]:
        first.take(batch.header, batch.payload)
    assert isinstance(first.coding, Codec5)
    coding = Codec5(first.coding.tables_data)
    coding.begin(first.state)
    batch = chain.batches[2]
    assert coding.decode(batch.header, batch.payload) == list(batch.chunks)


def test_a_kind_has_the_step_its_price_stands_in() -> None:
    terms = OPTION._replace(underlying=3, tick_steps=((0, 1), (500, 5)))
    assert kind_of(terms_words(terms), 0) == (3, 1)
    assert kind_of(terms_words(terms), 500) == (3, 5)


def test_what_was_listed_and_not_traded_yet_has_no_contexts_of_its_own() -> None:
    # In this chain the second underlying has instruments long before its first fill.
    assert len(chain_of(7, 40, 40, Codec5()).batches) == 2
