"""An honest operator answers by himself: who asks for a head, and who demands that a chunk be opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.attest.eip712 import Domain
from exchange.attest.heads import Head, heads_root
from exchange.attest.signed_heads import SignedHead
from settlement.attested import AttestedRange
from settlement.devnet import accounts
from settlement.hashing import keccak
from settlement.l1.judging import Judges, Target
from settlement.l1.questioning import Questions
from settlement.node import wiring
from settlement.watch.contradicted import place_of
from settlement.watch.heads import argument
from tests.unit.settlement.node import rig as rigs
from tests.unit.settlement.node.rig import STRANGER, Rig, venue_of
from tests.unit.settlement.rig import head_of


class Known:
    """Every command is a commit batch; `has_forgotten`: the log was trimmed."""

    has_forgotten = False

    def __init__(self, *_: object) -> None:
        """As the attestor's log, wherever that is."""

    def heads(self, first_seq: int, last_seq: int) -> list[Head] | None:
        return None if self.has_forgotten else [(n, head_of(n)) for n in range(first_seq, last_seq + 1)]

    def of(self, first_seq: int, last_seq: int) -> AttestedRange:
        found = [(n, head_of(n)) for n in range(first_seq, last_seq + 1)]
        return AttestedRange(head_of(last_seq), heads_root(0, found), head_of(last_seq))


def test_who_asks_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rigs, "Attested", Known)
    monkeypatch.setattr(wiring, "AttestedLog", Known)
    venue, frames = venue_of(5, 60)
    rig = Rig(tmp_path, frames)
    rig.deposit(*((number, amount) for _, number, amount in venue.deposits))
    questions, judges = Questions(rig.rollup), Judges(rig.rollup)
    with rig.opened() as life:
        told = rig.until_settled(life)
        header = life.store.header(told.batch_id)
        assert header is not None
    where = rig.rollup.addresses
    part = header.ranges[0]

    def ask(seq: int, head: bytes) -> None:
        plain = SignedHead(Domain(where.chain_id, where.inbox), 0, seq, head, keccak(b"root"))
        parity, r, s = accounts.key(5).sign(plain.digest)
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])
        signed = plain._replace(signature=raw)
        place = place_of(signed, header)
        assert place is not None
        rig.chain.transact(STRANGER.address, where.token, rig.rollup.mint(STRANGER.address, 10**12).data)
        for call in questions.ask(argument(signed), place.target, place.range_index):
            rig.chain.transact(STRANGER.address, call.to, call.data)

    middle = (part.first_seq + part.last_seq) // 2
    ask(middle, head_of(middle))
    ask(part.last_seq, head_of(part.last_seq))
    ask(middle + 1, keccak(b"another"))  # his own signature contradicts him: nothing can be shown
    assert len(questions.standing(rig.ethereum.head())) == 3
    for chunk in {0, header.chunks // 2, header.chunks - 1}:
        for call in judges.demand(Target(header), chunk):
            rig.chain.transact(STRANGER.address, call.to, call.data)
    assert judges.demands(rig.ethereum.head())
    monkeypatch.setattr(Known, "has_forgotten", True)
    with rig.opened() as life:  # another life
        for _ in range(6):
            rig.turn(life)
    (left,) = questions.standing(rig.ethereum.head())
    assert left.last_seq == middle + 1
    assert not judges.demands(rig.ethereum.head())
