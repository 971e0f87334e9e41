"""Questions to the operator about signed heads, as Evidence takes them.

Who holds a receipt and no leaf of a posted batch's heads asks for it, at a stake; what is not shown in time
is as good as contradicted.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from settlement.contracts import abi
from settlement.l1.ethereum import Head
from settlement.l1.judging import HEAD_LEAF, SIGNED_HEAD, LeafArgument, Proof, SignedHeadArgument, Target
from settlement.l1.rollup import Rollup
from settlement.l1.sender import Call

ASK: Final = f"ask({SIGNED_HEAD},bytes,bytes32,uint256)"
SHOW: Final = f"show(uint256,{HEAD_LEAF})"
EXPIRE: Final = "expire(uint256)"
HEAD_OUTSIDE: Final = f"head_outside(bytes32,{SIGNED_HEAD},bytes,bytes32,uint256,{HEAD_LEAF},bytes32[])"
_GAS: Final = 600_000
_SHOW_GAS: Final = 300_000


class Question(NamedTuple):
    """A question that stands: the heads root, the number (shard ‖ counter) and head that were signed, who
    asks, the second it can be answered to."""

    number: int
    root: bytes
    last_seq: int
    head: bytes
    asker: bytes
    until_s: int


class Questions:
    """Evidence's questions. Calls are only made, to be sent by a `Sender`."""

    def __init__(self, rollup: Rollup) -> None:
        self._rollup = rollup
        self._to = rollup.addresses.evidence

    def ask(self, signed: SignedHeadArgument, target: Target, range_index: int) -> list[Call]:
        """Ask for the leaf of a signed head in a posted batch's range; the token is told first."""
        stake = int(self._rollup.ask(self._to, None, "STAKE()", "uint256")[0])
        values = (tuple(signed), target.header.bound(), target.data, range_index)
        call = Call(self._to, abi.encode_call(ASK, values), gas=_GAS)
        return [self._rollup.approve(self._to, stake), call]

    def show(self, number: int, leaf: LeafArgument) -> Call:
        """The answer: the leaf, with the head that was signed."""
        return Call(self._to, abi.encode_call(SHOW, (number, tuple(leaf))), gas=_SHOW_GAS)

    def expire(self, number: int) -> Call:
        """Nobody has shown it in time."""
        return Call(self._to, abi.encode_call(EXPIRE, (number,)), gas=_GAS)

    def outside(
        self, signed: SignedHeadArgument, target: Target, range_index: int, leaf: LeafArgument,
        behind: tuple[bytes, ...],
    ) -> Proof:  # fmt: skip
        """A signed head, and a posted batch whose heads begin behind it or end before it."""
        values = (
            tuple(signed), target.header.bound(), target.data, range_index, tuple(leaf), list(behind)
        )  # fmt: skip
        return Proof(self._to, HEAD_OUTSIDE, values, "a head outside those of a posted batch")

    def count(self, at: Head) -> int:
        """How many were ever asked. Raises L1Unavailable."""
        return int(self._rollup.ask(self._to, at, "question_count()", "uint256")[0])

    def standing(self, at: Head, after: int = 0) -> list[Question]:
        """All that stand as of a block, behind the question `after`. Raises L1Unavailable."""
        found = []
        for number in range(after + 1, self.count(at) + 1):
            kinds = "(bytes32,uint256,bytes32,address,uint256)"
            (told,) = self._rollup.ask(self._to, at, "questions(uint256)", kinds, number)
            if told[4]:
                found.append(Question(number, *told))
        return found
