"""An operator keeps back what he has committed to: it is demanded on the chain, shown or void."""

from __future__ import annotations

from pathlib import Path

from settlement.hashing import keccak
from settlement.l1.judging import ChunkOpening, chunk_opening
from settlement.stf.header import EXTERNAL, Header
from settlement.stf.steps import step_hashes
from settlement.trees import binary
from tests.e2e.lies.operator import OPERATOR, SETTINGS, WATCHER, Operator, Posted, Town
from tests.e2e.lies.watching import Watch
from tests.unit.settlement.stf import every_kind as day


def begun(town: Town) -> Operator:
    operator = Operator(town)
    operator.open()
    return operator


def unknown_trace(header: Header, trace: list[bytes]) -> Header:
    """From the third chunk on states that nobody can guess."""
    trace[2:] = [keccak(b"secret" + bytes([n])) for n in range(2, len(trace))]
    return header._replace(new_root=trace[-1], trace_root=binary.root(trace))


STEPS = [
    day.TRADING[0], day.account(70), day.TRADING[1], day.account(71), day.TRADING[2], day.account(72),
    day.TRADING[3], day.account(73),
]  # fmt: skip


def opened(posted: Posted, index: int) -> ChunkOpening:
    chunk, leaves = posted.chunks[index], [one.leaf for one in posted.chunks]
    hashes = step_hashes(chunk.steps)
    return chunk_opening(chunk.kind, hashes, leaves, posted.trace, index, posted.header.previous_root)


def test_states_that_nobody_shows_are_void(town: Town) -> None:
    operator = begun(town)
    watch, before = Watch(town), town.tokens(WATCHER.address)
    operator.post(STEPS, lie=unknown_trace)
    watch.turns(lambda: bool(town.judges.demands(town.rollup.ethereum.head())))
    assert town.tokens(WATCHER.address) == before - SETTINGS.stake
    town.later(SETTINGS.response_s + 1)
    watch.until_void(2)
    assert town.tokens(WATCHER.address) == before + SETTINGS.bond_least // 2


def test_states_that_are_shown_are_disputed(town: Town) -> None:
    """With each answer half of the chunks fall away; then the wrong one is executed."""
    operator = begun(town)
    watch, before = Watch(town), town.tokens(WATCHER.address)
    posted = operator.post(STEPS, lie=unknown_trace)

    def answered() -> bool:
        head = town.rollup.ethereum.head()
        for demand in town.judges.demands(head):
            opening = opened(posted, demand.what)
            hashes = step_hashes(posted.chunks[demand.what].steps)
            call = town.judges.answer_chunk(demand.number, posted.header, opening, hashes)
            town.do(OPERATOR.address, call)
        return town.head < 2 and "batch_voided" in watch.codes

    watch.turns(answered, most=40)
    demands = watch.codes.count("challenge")
    assert demands >= 4
    paid = town.tokens(WATCHER.address) - before
    assert paid == SETTINGS.bond_least // 2 - 3 * SETTINGS.stake


def test_data_that_nobody_shows_is_void(town: Town) -> None:
    operator = begun(town)
    watch, before = Watch(town), town.tokens(WATCHER.address)
    operator.post(day.TRADING[:5], layer=EXTERNAL)
    watch.turns(lambda: bool(town.judges.demands(town.rollup.ethereum.head())))
    assert "data_unavailable" in watch.codes
    town.later(SETTINGS.response_s + 1)
    watch.until_void(2)
    assert town.tokens(WATCHER.address) == before + SETTINGS.bond_least // 2


def test_data_that_is_shown_on_the_chain_is_taken(town: Town, tmp_path: Path) -> None:
    operator = begun(town)
    watch = Watch(town, tmp_path / "watch.sqlite")
    posted = operator.post(day.TRADING[:5], layer=EXTERNAL)
    watch.turns(lambda: "challenge" in watch.codes and len(asked(town)) == 1)
    call = town.judges.answer_data(asked(town)[0], posted.header, posted.payload)
    town.do(OPERATOR.address, call)
    watch.turns(lambda: watch.tower.replica.batch_id == 2)
    assert ("data_unavailable", 2) not in watch.alarms.standing
    watch.restart()
    assert watch.tower.replica.following.derivation.root == operator.root


def asked(town: Town) -> list[int]:
    return [demand.number for demand in town.judges.demands(town.rollup.ethereum.head())]
