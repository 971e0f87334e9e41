"""Who has the L1's data alone comes to the venue's books, and finds whatever is wrong with a batch."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from settlement.hashing import keccak
from settlement.rollup.builder import Batch
from settlement.rollup.challenge import prove_chunk
from settlement.rollup.coding import RawCoding, Undecodable
from settlement.rollup.derive import Derivation, Fault, QueuedDeposit, QueuedRequest, Wrong
from settlement.stf import onestep
from settlement.stf import steps as s
from settlement.stf.chunks import Chunk, ChunkBuilder
from settlement.stf.commitment import Commitment
from settlement.stf.errors import TransitionError
from settlement.stf.header import BLOBS, Header
from settlement.stf.steps import Step
from settlement.stf.terms import terms_words
from settlement.trees import binary
from tests.unit.settlement.rollup.chains import Chain, Queues, chain_of
from tests.unit.settlement.streams import PERPETUAL

CHAIN = chain_of(5)
SECOND = CHAIN.batches[1]


def derivation(batches: int, chain: Chain = CHAIN) -> Derivation:
    """A derivation that has taken the first batches."""
    found = Derivation(RawCoding(), chain.bridge)
    for batch in chain.batches[:batches]:
        found.take(batch.header, batch.payload)
    return found


@pytest.mark.parametrize("with_trace", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_batches_alone_come_to_the_venue_s_books(seed: int, with_trace: bool) -> None:
    chain = chain_of(seed)
    found = Derivation(RawCoding(), chain.bridge)
    for batch in chain.batches:
        assert found.take(batch.header, batch.payload, with_trace=with_trace) == list(batch.chunks)
    books = {
        number: (account.cash_micro, {n: at for page in account.pages.values() for n, at in page.items()})
        for number, account in found.state.accounts.items()
    }
    empty: tuple[int, dict[int, tuple[int, int]]] = (0, {})
    theirs = {number: book for number, book in chain.venue.books().items() if book != empty}
    assert {number: book for number, book in books.items() if book != empty} == theirs
    assert len(chain.batches) > 2


def remade(batch: Batch, change: Callable[[list[Chunk]], list[Chunk]]) -> Batch:
    """The batch an operator posts who commits to other chunks and to whatever they come to.

    Where they can not be executed the old roots stay.
    """
    state = derivation(batch.header.batch_id - 1).state
    chunks = change(list(batch.chunks))
    builder = ChunkBuilder(state, Commitment(state))
    header = batch.header
    try:
        for chunk in chunks:
            for step in chunk.steps:
                builder.add(step)
        executed = builder.close()
        header = header._replace(new_root=executed.new_root, trace_root=executed.trace_root)
        chunks = builder.chunks
    except TransitionError:
        pass
    payload = RawCoding().encode(chunks).payload
    kinds = [step.kind for chunk in chunks for step in chunk.steps]
    money = state.parameters.money
    header = header._replace(
        chunk_root=binary.root([chunk.leaf for chunk in chunks]),
        data_hash=keccak(payload),
        payload_bytes=len(payload),
        chunks=len(chunks),
        steps=len(kinds),
        fills=kinds.count(s.FILL),
        deposits_through=money.last_deposit_id,
        forced_through=money.forced_through,
    )
    return Batch(header, payload, tuple(chunks))


def finding_of(batch: Batch, payload: bytes | None = b"") -> tuple[Wrong, int | None, int | None]:
    before = derivation(batch.header.batch_id - 1)
    with pytest.raises(Fault) as caught:
        before.take(batch.header, batch.payload if payload == b"" else payload)
    assert caught.value.finding.batch_id == batch.header.batch_id
    return caught.value.finding.wrong, caught.value.finding.chunk, caught.value.finding.step


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        (SECOND.header._replace(batch_id=3), Wrong.SEQUENCE),
        (SECOND.header._replace(previous_root=bytes(32)), Wrong.SEQUENCE),
        (SECOND.header._replace(closed_ms=0), Wrong.SEQUENCE),
        (SECOND.header._replace(codec=9), Wrong.SEQUENCE),
        (SECOND.header._replace(ranges=SECOND.header.ranges * 2), Wrong.SEQUENCE),
        (SECOND.header._replace(ranges=(SECOND.header.ranges[0]._replace(first_seq=1),)), Wrong.SEQUENCE),
        (SECOND.header._replace(ranges=(SECOND.header.ranges[0]._replace(shard=1),)), Wrong.SEQUENCE),
        (SECOND.header._replace(data_hash=bytes(32)), Wrong.MISSING_DATA),
        (SECOND.header._replace(payload_bytes=1), Wrong.MISSING_DATA),
        (SECOND.header._replace(tables_hash=bytes(32)), Wrong.UNDECODABLE),
        (SECOND.header._replace(chunk_root=bytes(32)), Wrong.CHUNK_ROOT),
        (SECOND.header._replace(chunks=99), Wrong.CHUNK_ROOT),
        (SECOND.header._replace(trace_root=bytes(32)), Wrong.TRACE),
        (SECOND.header._replace(new_root=bytes(32)), Wrong.NEW_ROOT),
        (SECOND.header._replace(steps=1), Wrong.COUNTS),
        (SECOND.header._replace(fills=1), Wrong.COUNTS),
        (SECOND.header._replace(deposits_through=999), Wrong.COUNTS),
        (SECOND.header._replace(forced_through=1), Wrong.COUNTS),
    ],
)
def test_a_header_that_says_something_else(changed: Header, wrong: Wrong) -> None:
    batch = SECOND._replace(header=changed)
    before = derivation(1)
    with pytest.raises(Fault) as caught:
        before.take(batch.header, batch.payload)
    assert caught.value.finding.wrong is wrong
    assert wrong.name.lower() in str(caught.value)


def test_data_that_is_not_there() -> None:
    assert finding_of(SECOND, None)[0] is Wrong.MISSING_DATA
    assert finding_of(SECOND, SECOND.payload[:-1])[0] is Wrong.MISSING_DATA


def test_what_blobs_hold_is_the_payload_whatever_hash_the_header_says() -> None:
    header = SECOND.header._replace(layer=BLOBS, blobs=1, data_hash=bytes(32))
    assert derivation(1).take(header, SECOND.payload) == list(SECOND.chunks)


def test_bytes_that_are_no_chunks() -> None:
    payload = SECOND.payload + b"\0\7"
    header = SECOND.header._replace(payload_bytes=len(payload), data_hash=keccak(payload))
    wrong, chunk, _ = finding_of(Batch(header, payload, SECOND.chunks))
    assert (wrong, chunk) == (Wrong.UNDECODABLE, len(SECOND.chunks))


def extended(step: Step) -> Callable[[list[Chunk]], list[Chunk]]:
    return lambda chunks: [*chunks, Chunk(1, (step,))]


LAST = max(CHAIN.bridge.deposits)


@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        (Step(s.DEPOSIT, first=64, ident=LAST + 9, p=10**9), Wrong.DEPOSIT),
        (Step(s.FORCED, first=64, ident=1, p=10**6, q=0), Wrong.REQUEST),
        (Step(s.TRANSFER, first=64, second=65, ident=1, p=1), Wrong.NOT_ALLOWED),
        (Step(s.HELD, first=64, ident=1, p=1 << 60), Wrong.NOT_ALLOWED),
        (Step(s.LISTING, instrument=0, word=keccak(b"")), Wrong.UNDECODABLE),
    ],
)
def test_a_step_that_must_not_be(step: Step, wrong: Wrong) -> None:
    batch = remade(SECOND, extended(step))
    found = finding_of(batch)
    assert found[0] is wrong
    if wrong is not Wrong.UNDECODABLE:
        assert found[1:] == (len(batch.chunks) - 1, 0)


def test_a_deposit_credited_to_somebody_else() -> None:
    def stolen(chunks: list[Chunk]) -> list[Chunk]:
        def to_64(step: Step) -> Step:
            return step._replace(first=64) if step.kind == s.DEPOSIT else step

        return [chunk._replace(steps=tuple(map(to_64, chunk.steps))) for chunk in chunks]

    assert finding_of(remade(CHAIN.batches[0], stolen))[0] is Wrong.DEPOSIT


def test_a_chunk_with_a_step_that_is_not_allowed_is_proven() -> None:
    batch = remade(SECOND, extended(Step(s.TRANSFER, first=64, second=65, ident=1, p=1)))
    proof = prove_chunk(derivation(1).state, batch.chunks, len(batch.chunks) - 1)
    assert proof.after is None
    step, witness = proof.steps[-1]
    with pytest.raises(TransitionError):
        onestep.execute(witness, step)


def test_a_wrong_root_in_the_trace_is_proven() -> None:
    """Every step of the chunk leads on from the one before, and the end to the root it should have had."""
    state = derivation(1).state
    number = len(SECOND.chunks) // 2
    proof = prove_chunk(state, SECOND.chunks, number)
    at = proof.before
    for step, witness in proof.steps:
        assert witness.before == at
        at = onestep.execute(witness, step)
    assert proof.end is not None
    assert proof.after == onestep.end_chunk(proof.end)
    honest = derivation(1)
    builder = ChunkBuilder(honest.state, honest.commitment)
    for chunk in SECOND.chunks:
        for step in chunk.steps:
            builder.add(step)
    assert builder.close().trace[number] == proof.after.root


def test_requests_of_the_queue_are_taken_in_order() -> None:
    bridge = Queues(CHAIN.bridge.deposits, {1: QueuedRequest(64, 10**6)})
    batch = remade(SECOND, extended(Step(s.FORCED, first=64, ident=1, p=10**6, q=0)))
    found = Derivation(RawCoding(), bridge)
    found.take(CHAIN.batches[0].header, CHAIN.batches[0].payload)
    found.take(batch.header, batch.payload)
    assert found.state.parameters.money.forced_through == 1


def test_a_deposit_for_nobody_goes_back() -> None:
    depositor = b"d" * 20
    bridge = Queues({**CHAIN.bridge.deposits}, {})
    last = derivation(1).state.parameters.money.last_deposit_id
    bridge.deposits[last + 1] = QueuedDeposit(4_000, 77, depositor)
    word = depositor.ljust(32, b"\0")
    batch = remade(
        SECOND._replace(chunks=()), extended(Step(s.DEPOSIT, 0, 1, 0, 4_000, ident=last + 1, p=77, word=word))
    )
    found = Derivation(RawCoding(), bridge)
    found.take(CHAIN.batches[0].header, CHAIN.batches[0].payload)
    found.take(batch.header, batch.payload)
    assert [(w.account, w.amount_micro, w.owner) for w in found.state.withdrawals.values()][-1] == (
        4_000,
        77,
        depositor,
    )


def test_terms_of_a_listing_travel_beside_it() -> None:
    words = terms_words(PERPETUAL)
    listing = Step(s.LISTING, instrument=7, word=keccak(words), payload=words)
    chunks = [Chunk(1, (Step(s.DISCOUNT, p=1), listing, Step(s.DISCOUNT, p=2)))]
    encoded = RawCoding().encode(chunks)
    header = SECOND.header
    assert RawCoding().decode(header, encoded.payload) == chunks
    for broken in (encoded.payload[:-1], encoded.payload[:-1] + b"\xff", encoded.payload + b"\1"):
        with pytest.raises(Undecodable):
            RawCoding().decode(header, broken)
