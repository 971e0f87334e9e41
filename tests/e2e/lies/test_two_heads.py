"""A sequencer who signs two different things is seen by who keeps signed heads, and loses the bond."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exchange.attest.eip712 import Domain
from exchange.attest.heads import head_leaf
from exchange.attest.signed_heads import SignedHead, pack_signed_head
from settlement.hashing import keccak
from settlement.l1.keys import Key
from settlement.stf.header import Header
from settlement.watch.alarms import Alarms
from settlement.watch.challenge import Challenger, secret_of
from settlement.watch.heads import HeadFolder, HeadRule
from settlement.watch.store import WatchStore
from settlement.watch.tower import Rule
from tests.e2e.lies.operator import BOB, SEQUENCER, SETTINGS, WATCHER, Operator, Town
from tests.e2e.lies.watching import Watch
from tests.unit.settlement.stf import every_kind as day


def signed(town: Town, last_seq: int, head: bytes, key: Key = SEQUENCER) -> SignedHead:
    """A head of shard 1 under a signature."""
    where = town.rollup.addresses
    bare = SignedHead(Domain(where.chain_id, where.inbox), 1, last_seq, head, keccak(b"root"))
    parity, r, s = key.sign(bare.digest)
    return bare._replace(signature=r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity]))


def watching(town: Town, folder: Path) -> Watch:
    """A watchtower over a folder of heads."""
    folder.mkdir()

    def rules(alarms: Alarms, store: WatchStore) -> Sequence[Rule]:
        challenger = Challenger(town.judges, WATCHER.address, secret_of(WATCHER))
        return [HeadRule([HeadFolder(folder)], store, town.judges, alarms, challenger)]

    return Watch(town, folder.parent / "watch.sqlite", rules=rules)


def keep(folder: Path, name: str, head: SignedHead) -> None:
    (folder / name).write_bytes(pack_signed_head(head))


def lost(town: Town) -> bool:
    return town.rollup.inbox(town.rollup.ethereum.head()).bond_micro == 0


def test_two_receipts_for_one_number_cost_the_bond(town: Town, tmp_path: Path) -> None:
    operator = Operator(town)
    operator.open()
    watch, before = watching(town, tmp_path / "heads"), town.tokens(WATCHER.address)
    keep(tmp_path / "heads", "mine", signed(town, 7, keccak(b"one")))
    keep(tmp_path / "heads", "of a stranger", signed(town, 7, keccak(b"other"), BOB))
    (tmp_path / "heads" / "noise").write_bytes(b"\0" * 500)
    watch.tower.turn()
    assert "two_heads" not in watch.codes
    watch.restart()
    other = pack_signed_head(signed(town, 7, keccak(b"other")))
    (tmp_path / "heads" / "a friend's").write_text("0x" + other.hex())
    watch.turns(lambda: "punished" in watch.codes)
    assert "two_heads" in watch.codes
    assert lost(town)
    assert town.tokens(WATCHER.address) == before + SETTINGS.bond_least // 2


def test_a_head_that_a_batch_contradicts_costs_the_bond(town: Town, tmp_path: Path) -> None:
    operator = Operator(town)
    operator.open()

    def one_batch(header: Header, _: list[bytes]) -> Header:
        """The range is a single commit batch: its head is the tree."""
        part = header.ranges[0]
        root = head_leaf(1, (part.last_seq & 0xFFFFFFFF, part.chain_head))
        return header._replace(ranges=(part._replace(heads_root=root),))

    watch, before = watching(town, tmp_path / "heads"), town.tokens(WATCHER.address)
    operator.post(day.TRADING[:3], lie=one_batch)
    last = operator.posted[-1].header.ranges[0].last_seq & 0xFFFFFFFF
    keep(tmp_path / "heads", "told", signed(town, last, keccak(b"what was told")))
    watch.turns(lambda: "punished" in watch.codes)
    assert "head_contradicts_batch" in watch.codes
    assert lost(town)
    assert town.head == 2
    assert town.tokens(WATCHER.address) == before + SETTINGS.bond_least // 2
