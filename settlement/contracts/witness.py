"""What a step's contract is given: the step, and what of the state it touches, opened against the roots.

Made from the state before the step (`settlement.stf`) and its trees. docs/contracts.md says how a witness is
packed; `settlement/contracts/machine.vy` reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from exchange.domain.limits import ACCOUNT_BRIDGE, ACCOUNT_FEES, ACCOUNT_INSURANCE, ACCOUNT_WITHDRAWALS
from settlement.hashing import ZERO_HASH, keccak
from settlement.stf import leaves
from settlement.stf import steps as s
from settlement.stf.commitment import Commitment
from settlement.stf.state import PAGE_SHIFT, State
from settlement.stf.steps import Step
from settlement.trees.sparse import prove

_ACCOUNT: Final = struct.Struct(">BHBI")
_INSTRUMENT: Final = struct.Struct(">BI")
_BLANK_ACCOUNT_WORDS: Final = bytes(96)


class Progress(NamedTuple):
    """Where the execution of a chunk stands, as the contracts have it: (steps done, code, chain, state)."""

    done: int
    code: int
    chain: bytes
    state: tuple[bytes, bytes, bytes, int]


class Witness(NamedTuple):
    """The arguments a step's contract takes beside the progress, in their order."""

    step: int
    more: int
    fields: bytes
    first_pages: bytes
    second_pages: bytes
    siblings: tuple[bytes, ...]


def start(commitment: Commitment) -> Progress:
    """The progress before a chunk's first step, the trees being up to date."""
    return Progress(0, 0, ZERO_HASH, roots(commitment, 0))


def roots(commitment: Commitment, fees_micro: int) -> tuple[bytes, bytes, bytes, int]:
    """The running state of a dispute."""
    parameters = keccak(b"".join(commitment.sections()))
    return commitment.accounts.root, commitment.instruments.root, parameters, fees_micro


def accounts_of(step: Step) -> tuple[int, ...]:
    """The accounts whose leaves a step's contract opens, in its order."""
    kind = step.kind
    if kind in _ONE_ACCOUNT:
        return (step.first,)
    if kind in _TWO_ACCOUNTS:
        return step.first, step.second
    if kind == s.DEPOSIT:
        return (step.first,) if step.flags else (step.first, ACCOUNT_BRIDGE)
    if kind == s.RESOLVED:
        return ACCOUNT_WITHDRAWALS, step.first if step.flags else ACCOUNT_BRIDGE
    with_system = _WITH_SYSTEM.get(kind)
    if with_system is None:
        return ()
    return (with_system,) if kind == s.TOPPED else (step.first, with_system)


_ONE_ACCOUNT: Final = frozenset((s.ACCOUNT, s.LIQUIDATION, s.HOLDER, s.LOSS, s.DEFICIT, s.LOSS_ENDED))
_TWO_ACCOUNTS: Final = frozenset(
    (s.FILL, s.TRANSFER, s.TAKEOVER, s.MOVED, s.TAKEN, s.SHARE, s.MOVING, s.MOVING_ENDED, s.FAMILY)
)
_WITH_SYSTEM: Final = {
    s.HELD: ACCOUNT_WITHDRAWALS,
    s.FORCED: ACCOUNT_BRIDGE,
    s.LIQUIDATION_FEE: ACCOUNT_INSURANCE,
    s.FUND_COVER: ACCOUNT_INSURANCE,
    s.TOPPED: ACCOUNT_INSURANCE,
}
_MOVES: Final = frozenset((s.FILL, s.HOLDER, s.MOVED))
_OF_INSTRUMENTS: Final = frozenset(
    (s.FILL, s.LISTING, s.STATE, s.LIQUIDATION_FEE, s.SETTLE, s.HOLDER, s.SETTLED, s.MOVED, s.MARK)
)
# Sections a kind opens, in the order in which its contract reads them.
_OPENED: Final[dict[int, tuple[int, ...]]] = {
    s.INDEX: (leaves.UNDERLYINGS,),
    s.FILL: (leaves.FEES, leaves.UNDERLYINGS),
    s.DEPOSIT: (leaves.MONEY,),
    s.HELD: (leaves.MONEY,),
    s.RESOLVED: (leaves.MONEY,),
    s.FORCED: (leaves.MONEY,),
    s.LISTING: (leaves.UNDERLYINGS,),
    s.UNDERLYING: (leaves.UNDERLYINGS,),
    s.FEES: (leaves.FEES,),
    s.RISK: (leaves.UNDERLYINGS,),
    s.DISCOUNT: (leaves.FEES,),
    s.LIQUIDATION_FEE: (leaves.UNDERLYINGS, leaves.SLICE),
    s.TAKEOVER: (leaves.PASSAGE,),
    s.MOVED: (leaves.PASSAGE,),
    s.TOPPED: (leaves.PASSAGE,),
    s.TAKEN: (leaves.PASSAGE,),
    s.MOVING: (leaves.PASSAGE,),
    s.MOVING_ENDED: (leaves.PASSAGE,),
    s.LOSS: (leaves.SHARING,),
    s.DEFICIT: (leaves.SHARING,),
    s.SHARE: (leaves.SHARING,),
    s.LOSS_ENDED: (leaves.SHARING,),
}
_LISTS: Final = frozenset((leaves.FEES, leaves.UNDERLYINGS))
_SECTION_BYTES: Final = {
    leaves.MONEY: 64,
    leaves.SHARING: 32,
    leaves.PASSAGE: 96,
    leaves.SLICE: 32,
}


def make(state: State, commitment: Commitment, step: Step) -> Witness:
    """The witness of a step against the state before it. The trees must be up to date."""
    return _Maker(state, commitment, step).make()


def closing(state: State, commitment: Commitment) -> tuple[tuple[int, ...], int, tuple[bytes, ...]]:
    """The fee account for what stands behind a chunk's last step, as `Dispute.finish` takes it."""
    words = _account_preimage(state, commitment, ACCOUNT_FEES)
    proof = prove(commitment.accounts, ACCOUNT_FEES)
    numbers = tuple(int.from_bytes(words[at : at + 32], "big") for at in range(0, 128, 32))
    return numbers, proof.bitmap, proof.siblings


def _account_preimage(state: State, commitment: Commitment, number: int) -> bytes:
    found = state.accounts.get(number)
    if found is None:
        return leaves.BLANK_ACCOUNT
    return leaves.account_preimage(found, leaves.positions_root(commitment.pages.get(number, {})))


class _Maker:
    """Packs one witness."""

    def __init__(self, state: State, commitment: Commitment, step: Step) -> None:
        self._state = state
        self._trees = commitment
        self._step = step
        self._fields: list[bytes] = []
        self._pages: list[bytes] = []
        self._siblings: list[bytes] = []

    def make(self) -> Witness:
        step = self._step
        record = step.pack()
        self._put_accounts(accounts_of(step))
        if step.kind in _OF_INSTRUMENTS:
            self._put_instrument(step.instrument)
        self._put_sections()
        self._put_more()
        pages = [*self._pages, b"", b""]
        first, second = int.from_bytes(record[:32], "big"), int.from_bytes(record[32:], "big")
        return Witness(first, second, b"".join(self._fields), *pages[:2], tuple(self._siblings))

    # --- accounts -------------------------------------------------------------------------------------

    def _put_accounts(self, numbers: tuple[int, ...]) -> None:
        bitmaps = self._prove_accounts(numbers)
        for number, bitmap in zip(numbers, bitmaps, strict=True):
            exists = number in self._state.accounts
            at, words = self._put_pages(number)
            image = _account_preimage(self._state, self._trees, number)
            self._fields += [_ACCOUNT.pack(exists, at, len(words) // 32, bitmap), image[:64], image[96:], words]

    def _prove_accounts(self, numbers: tuple[int, ...]) -> list[int]:
        """Bitmaps; of two accounts each up to where their paths meet, the first one's beyond it too."""
        tree = self._trees.accounts
        if len(numbers) != 2 or numbers[0] == numbers[1]:
            proofs = [prove(tree, number) for number in numbers]
            for one in proofs:
                self._siblings += one.siblings
            return [one.bitmap for one in proofs]
        meet = (numbers[0] ^ numbers[1]).bit_length() - 1
        below = (1 << meet) - 1
        first, second = (prove(tree, number) for number in numbers)
        low = (first.bitmap & below).bit_count()
        above = (first.bitmap & (below | 1 << meet)).bit_count()
        self._siblings += first.siblings[:low]
        self._siblings += second.siblings[: (second.bitmap & below).bit_count()]
        self._siblings += first.siblings[above:]
        return [first.bitmap & ~(1 << meet), second.bitmap & below]

    def _put_pages(self, number: int) -> tuple[int, bytes]:
        """The account's page list, the place of the step's page in it, and the page's words."""
        known = self._trees.pages.get(number, {})
        if self._step.kind not in _MOVES:
            root = leaves.positions_root(known)
            self._pages.append(b"" if root == ZERO_HASH else root)
            return 0, b""
        which = self._step.instrument >> PAGE_SHIFT
        self._pages.append(b"".join(leaves.page_entry(page, known[page]) for page in sorted(known)))
        at = sum(page < which for page in known)
        if which not in known:
            return at, b""
        return at, leaves.page_words(self._state.accounts[number].pages[which])

    # --- the rest -------------------------------------------------------------------------------------

    def _put_instrument(self, number: int) -> None:
        proof = prove(self._trees.instruments, number)
        found = self._state.instruments.get(number)
        words = bytes(leaves.INSTRUMENT_BYTES) if found is None else leaves.instrument_preimage(found)
        self._fields += [_INSTRUMENT.pack(found is not None, proof.bitmap), words]
        self._siblings += proof.siblings

    def _put_sections(self) -> None:
        opened = _OPENED.get(self._step.kind, ())
        if self._step.kind == s.FILL and self._step.classes & 15 == s.CLASS_LIQUIDATION:
            opened = (*opened, leaves.SLICE)
        hashes = self._trees.sections()
        told = [n for n, one in enumerate(hashes) if n not in opened and one != ZERO_HASH]
        self._fields.append(bytes([sum(1 << n for n in told)]))
        self._fields += [hashes[n] for n in told]
        words = leaves.section_words(self._state.parameters, self._trees.entries.root)
        for n in opened:
            if n in _LISTS:
                self._fields.append((len(words[n]) // 32).to_bytes(2, "big"))
                self._fields.append(words[n])
            else:
                self._fields.append(words[n].ljust(_SECTION_BYTES[n], b"\0"))

    def _put_more(self) -> None:
        """What one kind alone needs."""
        put: Callable[[], None] | None = {s.RESOLVED: self._put_resolved, s.LISTING: self._put_terms}.get(
            self._step.kind
        )
        if put is not None:
            put()
        elif self._makes_withdrawal():
            self._put_slot(self._state.parameters.money.withdrawals)

    def _makes_withdrawal(self) -> bool:
        step = self._step
        return step.kind in (s.HELD, s.FORCED) or (step.kind == s.DEPOSIT and step.flags != 0)

    def _put_slot(self, slot: int) -> None:
        proof = prove(self._trees.withdrawals, slot)
        self._fields.append(proof.bitmap.to_bytes(4, "big"))
        self._siblings += proof.siblings

    def _put_resolved(self) -> None:
        found = self._state.withdrawals.get(self._step.second)
        self._put_slot(self._step.second)
        self._fields.append(bytes(64) if found is None else leaves.withdrawal_preimage(found))

    def _put_terms(self) -> None:
        self._fields.append(self._step.payload)
