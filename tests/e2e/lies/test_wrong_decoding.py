"""An operator commits to one thing and publishes another: the decoders on the chain decide."""

from __future__ import annotations

from settlement.l1.blobs import pack, shared_kzg
from settlement.l1.judging import chunk_opening
from settlement.stf.chunks import Chunk
from settlement.stf.header import BLOBS, Header
from settlement.stf.steps import step_hashes
from settlement.trees import binary
from tests.e2e.lies.operator import OPERATOR, SETTINGS, WATCHER, Operator, Town
from tests.e2e.lies.test_withheld import STEPS, begun
from tests.e2e.lies.test_wrong_batches import must_be_punished
from tests.e2e.lies.watching import Watch
from tests.unit.settlement.l1.backends import Devnet
from tests.unit.settlement.l1.test_feed import source
from tests.unit.settlement.stf import every_kind as day


def decoded_wrong(town: Town, operator: Operator, code: str) -> None:
    watch, before = Watch(town), town.tokens(WATCHER.address)
    watch.until_void(operator.batch_id)
    assert code in watch.codes
    must_be_punished(town, watch, before)


def test_bytes_that_are_no_chunks_cost_the_bond(town: Town) -> None:
    operator = begun(town)
    operator.post(day.TRADING[:4], spoil=lambda payload: payload[: len(payload) // 2])
    decoded_wrong(town, operator, "undecodable")


def test_bytes_of_another_codec_cost_the_bond(town: Town) -> None:
    operator = begun(town)
    operator.post([day.account(70)], codec=7)
    decoded_wrong(town, operator, "sequence")


def test_bytes_of_other_fills_cost_the_bond(town: Town) -> None:
    """He commits to fills of his own making and does not show them; he has published others."""
    operator = begun(town)

    def others(header: Header, _: list[bytes]) -> Header:
        fills = [day.fill(day.CALL, day.ALICE, day.BOB, 9_999, 50, n) for n in (1, 2)]
        return header._replace(chunk_root=Chunk(0, tuple(fills)).leaf)

    operator.post([day.account(70)], lie=others)
    watch, before = Watch(town), town.tokens(WATCHER.address)
    watch.turns(lambda: bool(town.judges.demands(town.rollup.ethereum.head())))
    town.later(SETTINGS.response_s + 1)
    watch.until_void(2)
    assert "chunk_root" in watch.codes
    must_be_punished(town, watch, before)


def test_a_chunk_among_many_is_found_by_what_the_operator_shows(town: Town) -> None:
    operator = begun(town)
    stolen = Chunk(1, (day.account(99),))
    posted = operator.post(STEPS, lie=lambda header, _: with_chunk(header, operator, stolen))
    watch, before = Watch(town), town.tokens(WATCHER.address)
    chunks = [*posted.chunks]
    chunks[3] = stolen

    def answered() -> bool:
        for demand in town.judges.demands(town.rollup.ethereum.head()):
            chunk = chunks[demand.what]
            hashes, leaves = step_hashes(chunk.steps), [one.leaf for one in chunks]
            previous = posted.header.previous_root
            opening = chunk_opening(chunk.kind, hashes, leaves, posted.trace, demand.what, previous)
            call = town.judges.answer_chunk(demand.number, posted.header, opening, hashes)
            town.do(OPERATOR.address, call)
        return town.head < 2 and "batch_voided" in watch.codes

    watch.turns(answered, most=40)
    assert "chunk_root" in watch.codes
    stakes = before + SETTINGS.bond_least // 2 - town.tokens(WATCHER.address)
    assert stakes in (SETTINGS.stake, 2 * SETTINGS.stake, 3 * SETTINGS.stake)


def with_chunk(header: Header, operator: Operator, stolen: Chunk) -> Header:
    """The header of a batch whose fourth chunk is another."""
    leaves = [chunk.leaf for chunk in operator.building]
    leaves[3] = stolen.leaf
    return header._replace(chunk_root=binary.root(leaves))


def test_blobs_that_hold_what_no_payload_has_cost_the_bond() -> None:
    """Nobody could read the batch, and the data is on the chain, so that it can not be demanded."""
    backend = Devnet()
    town = Town(backend)
    operator = begun(town)
    chunks, done, payload, tables = operator.build(day.TRADING[:4])
    (blob,) = pack(payload)
    sidecar = shared_kzg().sidecar([blob[:-1] + b"\1"], cells=False)
    header = operator.header(chunks, done, payload, tables)._replace(layer=BLOBS, blobs=1)
    call = town.rollup.post(header.bound(), sidecar=sidecar)
    hashes = town.chain.carry(sidecar)
    town.chain.transact(OPERATOR.address, call.to, call.data, blobs=hashes)
    watch, before = Watch(town, blobs=source(backend)), town.tokens(WATCHER.address)
    watch.until_void(2)
    assert "data_unavailable" in watch.codes
    must_be_punished(town, watch, before)
