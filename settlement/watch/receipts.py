"""Receipts against a rollup, move by move: what a receipt and a posted batch that contradict each other cost.

Every move is worked out anew from the chain as of a block: it makes no difference how often, or in how many
runs, it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from exchange.attest.eip712 import Domain
from exchange.attest.secp256k1 import recover
from exchange.attest.signed_heads import SignedHead, verify_signed_head
from settlement.l1.ethereum import Head
from settlement.l1.follower import Follower
from settlement.l1.judging import Judges, Proof
from settlement.l1.port import L1Unavailable
from settlement.l1.questioning import Question, Questions
from settlement.l1.rollup import Posted, Rollup, Voided
from settlement.stf.header import HeaderError, unpack_header
from settlement.watch.challenge import Challenger, Move
from settlement.watch.contradicted import NotItsHeads, Place, compare, own_heads, place_of, proof_of
from settlement.watch.heads import argument
from settlement.watch.leaves import Leaves

AGREES, CONTRADICTED, NOT_BEGUN, UNDECIDED, L1_SILENT = range(5)
_NO_PROOF: Final = bytes(6)


class Decided(Exception):
    """There is nothing more to do now; `status` is one of the above."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Case:
    """One receipt, or more. `challenger`: who proves what is wrong; None: it is only told. `may_ask`: the
    operator is asked, at a stake, where no source has the batch's heads."""

    def __init__(
        self, rollup: Rollup, heads: Sequence[SignedHead], sources: Sequence[Leaves],
        challenger: Challenger | None, *, may_ask: bool = False,
    ) -> None:  # fmt: skip
        self._rollup = rollup
        self._judges = Judges(rollup)
        self._questions = Questions(rollup)
        self._heads = heads
        self._sources = sources
        self._challenger = challenger
        self._may_ask = may_ask
        self._has_asked = False

    def check(self) -> None:
        """Whether the receipts are the sequencer's, for this inbox. Raises Decided, L1Error."""
        where = self._rollup.addresses
        (signer,) = self._rollup.ask(where.inbox, None, "SEQUENCER()", "address")
        for head in self._heads:
            if head.domain != Domain(where.chain_id, where.inbox):
                raise Decided(NOT_BEGUN, "the receipt was signed for another chain or inbox")
            if not verify_signed_head(head, signer, recover):
                raise Decided(NOT_BEGUN, "the receipt is not under the sequencer's signature")

    def move(self, at: Head) -> Move:
        """What comes next (no calls: wait). Raises Decided, L1Error."""
        one, *others = self._heads
        if self._judges.is_punished(argument(one).last_seq, at):
            raise Decided(CONTRADICTED, f"what was signed for {one.last_seq} has cost the bond")
        for other in others:
            if is_contradiction(one, other):
                proof = self._judges.two_heads(argument(one), argument(other))
                return self._prove(f"two heads are signed for {one.last_seq}", proof, at)
        place = self._place(one)
        batch = place.target.header.batch_id
        for source in self._sources:
            try:
                found = compare(one, place.part, own_heads(source(place.part), place.part))
            except (NotItsHeads, L1Unavailable):
                continue
            if found is None:
                raise Decided(AGREES, f"batch {batch} has the head that was signed for {one.last_seq}")
            proof = proof_of(found, one, place, self._judges, self._questions)
            return self._prove(f"batch {batch}: {found.text} {one.last_seq}", proof, at)
        return self._ask(one, place, at)

    def _prove(self, text: str, proof: Proof, at: Head) -> Move:
        if self._challenger is None:
            raise Decided(CONTRADICTED, f"{text}; nothing is sent without a key")
        if self._rollup.inbox(at).bond_micro == 0:
            raise Decided(CONTRADICTED, f"{text}; there is no bond to be lost")
        return self._challenger.proving(proof, at)

    def _ask(self, signed: SignedHead, place: Place, at: Head) -> Move:
        """Nobody shows the batch's heads: the operator is asked, and answers or loses the bond."""
        standing = self._standing(signed, place, at)
        if standing is not None:
            self._has_asked = True
            if at.time_s <= standing.until_s:
                return Move((), f"the operator can answer until {standing.until_s} (it is {at.time_s})")
            expire = self._questions.expire(standing.number)
            return Move((expire,), f"question {standing.number} was not answered in time")
        if self._has_asked:
            raise Decided(AGREES, "the operator has shown the head that was signed among the batch's")
        batch = place.target.header.batch_id
        if not self._may_ask or self._challenger is None:
            raise Decided(UNDECIDED, f"nobody shows the heads of batch {batch}: --ask asks the operator")
        self._has_asked = True
        calls = tuple(self._questions.ask(argument(signed), place.target, place.range_index))
        return Move(calls, f"asking the operator for the head of batch {batch} under {signed.last_seq}")

    def _standing(self, signed: SignedHead, place: Place, at: Head) -> Question | None:
        wanted = (place.part.heads_root, argument(signed).last_seq, signed.head)
        for each in self._questions.standing(at):
            if (each.root, each.last_seq, each.head) == wanted:
                return each
        return None

    def _place(self, signed: SignedHead) -> Place:
        """The range of the posted batch that has the number. Raises Decided, L1Error."""
        posted = self._posted()
        low, high = 0, len(posted)
        while low < high:
            middle = (low + high) // 2
            found, is_behind = self._looked(signed, posted[middle])
            if found is not None:
                return found
            low, high = (middle + 1, high) if is_behind else (low, middle)
        raise Decided(UNDECIDED, f"no posted batch has the number {signed.last_seq} yet")

    def _posted(self) -> list[Posted]:
        """All batches that stand, in order."""
        where = self._rollup.addresses
        follower = Follower(self._rollup.ethereum, [where.inbox], first_block=where.first_block)
        found: list[Posted] = []
        while (passage := follower.poll()).last >= passage.first:
            for log in passage.logs:
                event = self._rollup.event(log)
                if isinstance(event, Posted):
                    found.append(event)
                elif isinstance(event, Voided):
                    found = [one for one in found if one.batch_id < event.batch_id]
        return found

    def _looked(self, signed: SignedHead, posted: Posted) -> tuple[Place | None, bool]:
        """The place in this batch, and if there is none whether it is in a later one."""
        try:
            header = unpack_header(self._rollup.published(posted).header + _NO_PROOF)
        except (LookupError, HeaderError) as error:
            raise Decided(UNDECIDED, str(error)) from error
        ends = [part.last_seq for part in header.ranges if part.shard == signed.shard]
        return place_of(signed, header, posted.data), bool(ends) and argument(signed).last_seq > max(ends)


def is_contradiction(one: SignedHead, other: SignedHead) -> bool:
    """Whether two heads that are both signed say different things of one number."""
    is_same = (one.domain, one.shard, one.last_seq) == (other.domain, other.shard, other.last_seq)
    return is_same and (one.head, one.root) != (other.head, other.root)
