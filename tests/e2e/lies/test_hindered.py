"""A challenge ends, whatever the L1 does and whenever the watchtower is killed."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.lies.operator import WATCHER, Operator, Town
from tests.e2e.lies.test_wrong_batches import begun, must_be_punished, wrong_root
from tests.e2e.lies.watching import Watch
from tests.unit.settlement.l1.backends import Devnet
from tests.unit.settlement.stf import every_kind as day


def lied(town: Town) -> Operator:
    operator = begun(town)
    operator.post([*day.TRADING[5:9], day.account(70)], lie=wrong_root)
    return operator


def test_it_is_killed_between_any_two_moves(town: Town, tmp_path: Path) -> None:
    lied(town)
    watch, before = Watch(town, tmp_path / "watch.sqlite"), town.tokens(WATCHER.address)
    for _ in range(24):
        watch.tower.turn()
        if "batch_voided" in watch.codes:
            break
        watch.restart()
        town.backend.mine()
    assert town.head == 2
    must_be_punished(town, watch, before)


def test_the_chain_takes_the_dispute_back(town: Town) -> None:
    lied(town)
    watch, before = Watch(town), town.tokens(WATCHER.address)
    for turn in range(8):
        watch.tower.turn()
        town.backend.mine()
        if turn in (1, 3):
            town.backend.reorganise(2)
    watch.until_void(3)
    must_be_punished(town, watch, before)


def test_the_wrong_batch_itself_is_taken_back_and_comes_again() -> None:
    town = Town(Devnet())
    lied(town)
    watch, before = Watch(town), town.tokens(WATCHER.address)
    watch.tower.turn()
    assert "trace" in watch.codes
    town.backend.reorganise(1)
    watch.until_void(3)
    assert "reorganised" in watch.codes
    must_be_punished(town, watch, before)


def test_the_l1_is_away_for_a_while() -> None:
    backend = Devnet()
    town = Town(backend)
    lied(town)
    watch, before = Watch(town), town.tokens(WATCHER.address)
    for turn in range(12):
        backend.rig.chain.faults.set({"fail": turn % 3 == 1, "lose_replies": int(turn % 4 == 2)})
        watch.tower.turn()
        backend.rig.chain.faults.set({"fail": False})
        backend.mine()
    backend.rig.chain.faults.set({"lose_replies": 0})
    watch.until_void(3)
    assert "l1_unavailable" in watch.codes
    assert ("l1_unavailable", 0) not in watch.alarms.standing
    must_be_punished(town, watch, before)


def test_without_a_key_it_says_so_and_does_nothing(town: Town) -> None:
    lied(town)
    watch = Watch(town, armed=False)
    for _ in range(3):
        watch.tower.turn()
        town.backend.mine()
    assert watch.codes.count("trace") == watch.codes.count("no_key") == 1
    assert town.head == 3
