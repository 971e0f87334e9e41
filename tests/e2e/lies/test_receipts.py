"""Who holds a receipt that a posted batch contradicts takes the bond, also where nobody shows the heads."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from exchange.attest.heads import Head, heads_root
from exchange.attest.signed_heads import pack_signed_head
from settlement.hashing import keccak
from settlement.l1.judging import LeafArgument
from settlement.l1.port import L1Unavailable
from settlement.l1.questioning import Questions
from settlement.l1.sender import Call
from settlement.stf.header import Header, ShardRange
from settlement.watch.challenge import Challenger, secret_of
from settlement.watch.contradicted import compare
from settlement.watch.evidence import signed_in
from settlement.watch.receipts import AGREES, CONTRADICTED, NOT_BEGUN, UNDECIDED, Case, Decided
from tests.e2e.lies.operator import BOB, OPERATOR, SETTINGS, WATCHER, Operator, Town
from tests.e2e.lies.test_two_heads import lost, signed
from tests.unit.settlement.stf import every_kind as day

SHARD = 1


def head_of(seq: int) -> Head:
    return seq, keccak(seq.to_bytes(8, "big"))


class Story:
    """A batch whose range has heads at some of its numbers, and a watcher with a receipt."""

    def __init__(self, town: Town) -> None:
        self.town = town
        operator = Operator(town)
        operator.open()

        def with_heads(header: Header, _: list[bytes]) -> Header:
            part = header.ranges[0]
            first, last = (seq & 0xFFFFFFFF for seq in (part.first_seq, part.last_seq))
            # Neither the first number nor the last one ends a commit batch: both sides have an outside.
            self.heads = [head_of(seq) for seq in range(first + 1, last, 2)]
            return header._replace(ranges=(part._replace(heads_root=heads_root(SHARD, self.heads)),))

        operator.post(day.TRADING[:3], lie=with_heads)
        self.part: ShardRange = operator.posted[-1].header.ranges[0]
        self.shown: list[Head] = self.heads

    def leaves(self, part: ShardRange) -> list[Head]:
        if not self.shown:
            raise L1Unavailable("nobody shows them")
        return self.shown

    def case(
        self, seq: int, head: bytes, *others: bytes, armed: bool = True, may_ask: bool = False
    ) -> Case:
        """A watcher who holds these heads of one number."""
        heads = [signed(self.town, seq, each) for each in (head, *others)]
        challenger = Challenger(self.town.judges, WATCHER.address, secret_of(WATCHER)) if armed else None
        return Case(self.town.rollup, heads, [self.leaves], challenger, may_ask=may_ask)

    def sent(self, calls: Sequence[Call]) -> None:
        for call in calls:
            self.town.do(WATCHER.address, call)

    def bonded(self) -> None:
        """There is a bond to be lost again."""
        for call in self.town.rollup.add_bond(SETTINGS.bond_least):
            self.town.do(OPERATOR.address, call)

    def status(self, case: Case, moves: int = 8) -> int:
        """What a case comes to when its moves are made."""
        for _ in range(moves):
            try:
                move = case.move(self.town.rollup.ethereum.head())
            except Decided as decided:
                return decided.status
            self.sent(move.calls)
            if not move.calls:
                self.town.later(SETTINGS.response_s + 1)
        raise AssertionError("it comes to nothing")


LIE = keccak(b"what was told")


def test_what_a_batch_contradicts_costs_the_bond(town: Town) -> None:
    """Another head under the number, none between two, none on either side; the same head costs nothing."""
    story = Story(town)
    must_be_refused(town)
    first, last = (seq & 0xFFFFFFFF for seq in (story.part.first_seq, story.part.last_seq))
    assert story.status(story.case(*story.heads[2])) == AGREES
    assert story.status(story.case(last + 1, LIE)) == UNDECIDED  # not posted yet
    assert story.status(story.case(*story.heads[2], LIE, armed=False)) == CONTRADICTED
    wrong = [(story.heads[1][0], LIE), (story.heads[1][0] + 1, LIE), (first, LIE), (last, LIE)]
    for seq, head in (*wrong, (story.heads[3][0], story.heads[3][1])):
        before = town.tokens(WATCHER.address)
        others = [LIE] if head != LIE else []  # the last: two heads under one number, no batch needed
        assert story.status(story.case(seq, head, *others)) == CONTRADICTED
        assert lost(town)
        assert town.tokens(WATCHER.address) > before
        assert story.status(story.case(seq, head)) == CONTRADICTED  # once
        story.bonded()


def test_where_nobody_shows_the_heads_the_operator_is_asked(town: Town) -> None:
    """He shows the leaf and keeps the stake, or is silent and loses the bond."""
    story = Story(town)
    (seq, head), questions = story.heads[1], Questions(town.rollup)
    story.shown = []
    assert story.status(story.case(seq, head)) == UNDECIDED
    story.shown = story.heads[:-1]  # not those of the batch
    before = town.tokens(WATCHER.address)
    case = story.case(seq, head, may_ask=True)
    story.sent(case.move(town.rollup.ethereum.head()).calls)
    assert town.tokens(WATCHER.address) == before - SETTINGS.stake
    (asked,) = questions.standing(town.rollup.ethereum.head())
    assert (asked.last_seq, asked.head, asked.root) == (1 << 56 | seq, head, story.part.heads_root)
    town.do(BOB.address, questions.show(asked.number, leaf_of(story, 1)))
    assert story.status(case) == AGREES
    case = story.case(seq + 1, LIE, may_ask=True)  # a number that has no head: nothing can be shown
    assert story.status(case) == CONTRADICTED
    assert lost(town)
    assert not questions.standing(town.rollup.ethereum.head())


def must_be_refused(town: Town) -> None:
    """What is not the sequencer's, or of another shard than was signed, begins nothing."""
    good = signed(town, 7, LIE)
    Case(town.rollup, [good], [], None).check()
    for head in (signed(town, 7, LIE, BOB), good._replace(shard=2)):
        with pytest.raises(Decided) as decided:
            Case(town.rollup, [head], [], None).check()
        assert decided.value.status == NOT_BEGUN
    packed = pack_signed_head(good)
    told = f'"0x{packed.hex()}"'
    nested = f'{{"receipt": {{"receipt": {told}}}}}'
    for raw in (packed, told[1:-1].encode(), f'{{"receipt": {told}}}'.encode(), nested.encode()):
        assert signed_in(raw) == good
    for raw in (b"", b"{}", b"0xzz", packed[:-1]):
        assert not is_receipt(raw)


def is_receipt(raw: bytes) -> bool:
    try:
        signed_in(raw)
    except ValueError:
        return False
    return True


def leaf_of(story: Story, index: int) -> LeafArgument:
    """What shows one of the batch's heads."""
    changed = signed(story.town, story.heads[index][0], LIE)
    found = compare(changed, story.part, story.heads)
    assert found is not None
    return found.leaf
