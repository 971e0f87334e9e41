"""Calls of the ways out: withdrawals and forced requests of the bridge, the escape (docs/contracts.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from settlement.contracts import abi
from settlement.hashing import ZERO_HASH
from settlement.l1.ethereum import Head
from settlement.l1.rollup import Rollup
from settlement.l1.sender import Call
from settlement.stf import leaves
from settlement.stf.commitment import Commitment
from settlement.stf.header import Header
from settlement.trees.sparse import prove

OPENING: Final = "(uint256,bytes32,bytes32,bytes32,bytes32,bytes32[8])"
PROOF: Final = "(uint256,bytes32[])"
WITHDRAWAL: Final = "(uint256,uint256,uint256,uint256,uint256,address)"
WITHDRAW: Final = f"withdraw({OPENING},{WITHDRAWAL},{PROOF})"
REQUEST: Final = f"request(uint256,uint256,{OPENING},uint256[4],{PROOF})"
OPEN: Final = f"open({OPENING},uint256[2])"
MARK: Final = "mark(uint256,uint256[9],uint256,bytes32[])"
COUNT: Final = "count(uint256,uint256[4],uint256,bytes32[],bytes[],bytes)"
CLOSE: Final = "close()"
PAY: Final = "pay(address)"
REFUND: Final = "refund(uint256)"
PAGES_AT_ONCE: Final = 16


class FinalState(NamedTuple):
    """A batch (None: the beginning), what the inbox keeps of its blobs, and the state behind it."""

    header: Header | None
    commitment: Commitment
    data: bytes = ZERO_HASH

    def opening(self) -> tuple[Any, ...]:
        """As the contracts take it."""
        trees = self.commitment
        roots = (trees.accounts.root, trees.instruments.root, trees.sections())
        if self.header is None:
            return (0, ZERO_HASH, ZERO_HASH, *roots)
        return (self.header.batch_id, self.header.hash, self.data, *roots)


class EscapeState(NamedTuple):
    """The escape as of a block; seconds. `claims_until_s` 0: it is not open."""

    silence_s: int
    last_final_s: int
    claims_until_s: int
    is_closed: bool
    funds_micro: int
    claims_micro: int


class Leaving:
    """The ways out of a rollup. Calls are only made, to be sent by a `Sender`."""

    def __init__(self, rollup: Rollup) -> None:
        self.rollup = rollup

    # --- the bridge --------------------------------------------------------------------------------

    def withdraw(self, final: FinalState, slot: int) -> Call:
        """Pay the withdrawal at a slot to its owner. Raises KeyError where there is none."""
        found = final.commitment.state.withdrawals[slot]
        told = (slot, found.ident, found.account, found.status, found.amount_micro, found.owner)
        proof = tuple(prove(final.commitment.withdrawals, slot))
        calldata = abi.encode_call(WITHDRAW, (final.opening(), told, proof))
        return Call(self.rollup.addresses.bridge, calldata)

    def request(self, final: FinalState, account: int, amount_micro: int) -> Call:
        """Ask for a withdrawal past the operator. Raises KeyError for an account that is not there."""
        words = words_of(final.commitment.account_preimage(account))
        proof = tuple(prove(final.commitment.accounts, account))
        calldata = abi.encode_call(REQUEST, (account, amount_micro, final.opening(), words, proof))
        return Call(self.rollup.addresses.bridge, calldata)

    def is_paid(self, slot: int, at: Head) -> bool:
        """Whether the withdrawal at a slot was paid."""
        return bool(self._ask("bridge", at, "is_paid(uint256)", "bool", slot))

    def paused_until_s(self, at: Head) -> int:
        """Until when withdrawals are paused."""
        return int(self._ask("bridge", at, "paused_until(uint256)", "uint256", 1))

    def forced_s(self) -> int:
        """Within how many seconds a request must be taken in."""
        return int(self._ask("bridge", None, "FORCED_S()", "uint256"))

    # --- the escape --------------------------------------------------------------------------------

    def escape(self, at: Head) -> EscapeState:
        """Where the escape stands."""
        asked = (("SILENCE_S()", "uint256"), ("claims_until()", "uint256"), ("is_closed()", "bool"),
                 ("funds()", "uint256"), ("total()", "uint256"))  # fmt: skip
        silence, until, closed, funds, total = (self._ask("escape", at, *one) for one in asked)
        last = self._ask("inbox", at, "last_final_at()", "uint256")
        return EscapeState(silence, last, until, closed, funds, total)

    def claim_micro(self, owner: bytes, at: Head) -> int:
        """What was counted of an owner so far; negative: he owes."""
        return int(self._ask("escape", at, "claims(address)", "int256", owner))

    def is_counted(self, account: int, at: Head) -> bool:
        """Whether all of an account is counted."""
        return bool(self._ask("escape", at, "is_counted(uint256)", "bool", account))

    def is_claim_paid(self, owner: bytes, at: Head) -> bool:
        """Whether an owner was paid out."""
        return bool(self._ask("escape", at, "is_paid(address)", "bool", owner))

    def is_refunded(self, deposit_id: int, at: Head) -> bool:
        """Whether a deposit that no final batch took in was given back."""
        return bool(self._ask("escape", at, "is_refunded(uint256)", "bool", deposit_id))

    def open(self, final: FinalState) -> Call:
        """Freeze the venue at its last final batch."""
        money = words_of(final.commitment.state.parameters.money.words())
        return self._escape(OPEN, final.opening(), money)

    def mark(self, final: FinalState, instrument: int) -> Call:
        """Show an instrument's committed mark."""
        found = final.commitment.state.instruments[instrument]
        proof = prove(final.commitment.instruments, instrument)
        return self._escape(MARK, instrument, words_of(leaves.instrument_preimage(found)), *proof)

    def count(self, final: FinalState, account: int) -> list[Call]:
        """Count an account, sixteen pages at a time in order."""
        trees, state = final.commitment, final.commitment.state
        pages = [leaves.page_words(page) for _, page in sorted(state.accounts[account].pages.items())]
        words, proof = words_of(trees.account_preimage(account)), prove(trees.accounts, account)
        listed = trees.positions.page_list(account)
        parts = [pages[at : at + PAGES_AT_ONCE] for at in range(0, len(pages), PAGES_AT_ONCE)] or [[]]
        return [self._escape(COUNT, account, words, *proof, part, listed) for part in parts]

    def close(self) -> Call:
        """Take the funds over when claims are taken no more."""
        return self._escape(CLOSE)

    def pay(self, owner: bytes) -> Call:
        """Pay an owner what is his."""
        return self._escape(PAY, owner)

    def refund(self, deposit_id: int) -> Call:
        """Give a deposit back that no final batch took in."""
        return self._escape(REFUND, deposit_id)

    def _escape(self, signature: str, *values: Any) -> Call:
        return Call(self.rollup.addresses.escape, abi.encode_call(signature, values))

    def _ask(self, which: str, at: Head | None, signature: str, kind: str, *values: Any) -> Any:
        return self.rollup.ask(getattr(self.rollup.addresses, which), at, signature, kind, *values)[0]


def words_of(preimage: bytes) -> Sequence[int]:
    """A preimage as words."""
    return [int.from_bytes(preimage[at : at + 32], "big") for at in range(0, len(preimage), 32)]
