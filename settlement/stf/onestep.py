"""One step executed from its witness alone: what a dispute's contract does, slowly and obviously.

`execute` checks every opening against the roots before the step (else `WitnessError`: this proves nothing),
makes a state of just what is opened, applies the rule (`TransitionError`: the step is not allowed, the batch
is wrong) and hashes the changed leaves back up their proofs.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from exchange.domain.limits import ACCOUNT_FEES
from settlement.hashing import ZERO_HASH, keccak
from settlement.stf import leaves
from settlement.stf import sections as sc
from settlement.stf.errors import WitnessError
from settlement.stf.rules import apply
from settlement.stf.state import PAGE_SHIFT, Account, Instrument, Parameters, State, Withdrawal
from settlement.stf.steps import Step
from settlement.stf.touches import WITH_PAGES, sections_of
from settlement.stf.witness import AccountOpening, LeafOpening, Running, Witness
from settlement.trees import sparse
from settlement.trees.sparse import Change, Proof

_ENTRY_BYTES: Final = 64
_READ: Final[dict[int, tuple[str, Callable[[bytes], Any]]]] = {
    leaves.MONEY: ("money", sc.Money.read),
    leaves.FEES: ("fees", sc.Fees.read),
    leaves.UNDERLYINGS: ("underlyings", sc.Underlyings.read),
    leaves.SHARING: ("sharing", sc.Sharing.read),
    leaves.PASSAGE: ("passage", sc.Passage.read),
    leaves.SLICE: ("slice", sc.Slice.read),
    leaves.DICTIONARIES: ("dictionaries", lambda words: sc.Dictionaries.read(words[:-32])),
}


def must(condition: bool, text: str) -> None:
    """Raises WitnessError with the text unless the condition holds."""
    if not condition:
        raise WitnessError(text)


class Opened(State):
    """A state of which only what a witness opens is known."""

    def __init__(self, witness: Witness, step: Step | None) -> None:
        super().__init__()
        self._witness = witness
        self.fees_micro = witness.before.fees_micro
        page = step.instrument >> PAGE_SHIFT if step is not None and step.kind in WITH_PAGES else None
        self.page_hashes: dict[int, dict[int, bytes]] = {}
        self.positions_roots: dict[int, bytes] = {}
        for opening in witness.accounts:
            self._take_account(opening, page)
        self._numbers = {opening.number for opening in witness.accounts}
        self._take_leaves(witness)
        self.parameters = _read_parameters(witness)
        self.closed = closed_sections(witness)
        self.closed_page = page

    # --- opening --------------------------------------------------------------------------------------

    def _take_account(self, opening: AccountOpening, page: int | None) -> None:
        number, preimage = opening.number, opening.preimage
        leaf = leaves.account_leaf(number, preimage) if preimage else ZERO_HASH
        must_open(self._witness.before.accounts_root, number, leaf, opening.proof)
        if not preimage:
            must(not opening.page_list and not opening.page, f"pages of account {number}, which is absent")
            return
        must(len(preimage) == leaves.ACCOUNT_BYTES, f"{len(preimage)} bytes of account {number}")
        account = self.accounts[number] = leaves.read_account(preimage)
        root = self.positions_roots[number] = preimage[64:96]
        account.page_count = int(root != ZERO_HASH)
        if page is not None:
            self._take_pages(number, account, opening, page)

    def _take_pages(self, number: int, account: Account, opening: AccountOpening, page: int) -> None:
        packed, words = opening.page_list, opening.page
        must(len(packed) % _ENTRY_BYTES == 0, f"a page list of {len(packed)} bytes")
        found = keccak(packed) if packed else ZERO_HASH
        must(found == self.positions_roots[number], f"the pages of account {number} are others")
        hashes = {
            int.from_bytes(packed[at : at + 32], "big"): packed[at + 32 : at + _ENTRY_BYTES]
            for at in range(0, len(packed), _ENTRY_BYTES)
        }
        must((keccak(words) if words else None) == hashes.get(page), f"page {page} of account {number}")
        self.page_hashes[number] = hashes
        account.page_count = len(hashes)
        if words:
            account.pages[page] = leaves.read_page(words)

    def _take_leaves(self, witness: Witness) -> None:
        before, one = witness.before, witness.instrument
        if one is not None:
            must_open(before.instruments_root, one.place, leaf_of(one.preimage), one.proof)
            if one.preimage:
                must(len(one.preimage) == leaves.INSTRUMENT_BYTES, f"instrument {one.place}")
                self.instruments[one.place] = leaves.read_instrument(one.preimage)
        one = witness.withdrawal
        if one is not None:
            must_open(before.sections[leaves.WITHDRAWALS], one.place, leaf_of(one.preimage), one.proof)
            if one.preimage:
                self.withdrawals[one.place] = leaves.read_withdrawal(one.preimage)
        for entry in witness.entries:
            must_open(entries_root(witness), entry.place, entry.preimage, entry.proof)
            if entry.preimage != ZERO_HASH:
                self.entries[entry.place] = int.from_bytes(entry.preimage, "big") - 1

    # --- what rules lean on ---------------------------------------------------------------------------

    def find_account(self, number: int) -> Account | None:
        """The account, if it is opened. Raises WitnessError."""
        must(number == 0 or number in self._numbers, f"account {number} is not opened")
        return super().find_account(number)

    def find_instrument(self, number: int) -> Instrument | None:
        """The instrument, if it is opened. Raises WitnessError."""
        one = self._witness.instrument
        must(one is not None and one.place == number, f"instrument {number} is not opened")
        return super().find_instrument(number)

    def withdrawal(self, slot: int) -> Withdrawal | None:
        """The withdrawal at a slot, if it is opened. Raises WitnessError."""
        one = self._witness.withdrawal
        must(one is not None and one.place == slot, f"withdrawal {slot} is not opened")
        return super().withdrawal(slot)

    def set_withdrawal(self, slot: int, withdrawal: Withdrawal | None) -> None:
        """Change the leaf at a slot, if it is opened. Raises WitnessError."""
        self.withdrawal(slot)
        super().set_withdrawal(slot, withdrawal)

    def entry(self, place: int) -> int | None:
        """The entry at a place, if it is opened. Raises WitnessError."""
        must(any(one.place == place for one in self._witness.entries), f"entry {place} is not opened")
        return super().entry(place)

    def set_entry(self, place: int, ident: int | None) -> None:
        """Change the entry at a place, if it is opened. Raises WitnessError."""
        self.entry(place)
        super().set_entry(place, ident)

    # --- and back up ----------------------------------------------------------------------------------

    def account_leaf(self, number: int) -> bytes:
        """The leaf of an opened account as it is now."""
        account = self.accounts.get(number)
        if account is None:
            return ZERO_HASH
        root = self.positions_roots.get(number, ZERO_HASH)
        if number in self.page_hashes or account.pages:
            hashes = dict(self.page_hashes.get(number, {}))
            page = self.closed_page
            if page is not None:
                words = leaves.page_words(account.pages.get(page, {}))
                hashes[page] = keccak(words)
                if not words:
                    del hashes[page]
            root = leaves.positions_root(hashes)
        return leaves.account_leaf(number, leaves.account_preimage(account, root))


def must_open(root: bytes, index: int, leaf: bytes, proof: Proof) -> None:
    """Raises WitnessError unless the proof shows the leaf in the tree with this root."""
    try:
        must(sparse.root_of(index, leaf, proof) == root, f"the proof of leaf {index} leads to another root")
    except ValueError as error:
        raise WitnessError(f"no proof of leaf {index}: {error}") from error


def leaf_of(preimage: bytes) -> bytes:
    """The leaf of a preimage; zero of none."""
    return keccak(preimage) if preimage else ZERO_HASH


def entries_root(witness: Witness) -> bytes:
    """The root of the dictionaries' entries. Raises WitnessError."""
    words = dict(witness.sections).get(leaves.DICTIONARIES, b"")
    must(len(words) >= 32, "the dictionaries are not opened")
    return words[-32:]


def closed_sections(witness: Witness) -> frozenset[int]:
    """The sections that are neither opened nor empty: nothing may lean on them."""
    opened = {section for section, words in witness.sections if words}
    hashes = enumerate(witness.before.sections)
    return frozenset(n for n, one in hashes if n in _READ and n not in opened and one != ZERO_HASH)


def _read_parameters(witness: Witness) -> Parameters:
    parameters, opened = Parameters(), dict(witness.sections)
    for section, (name, read) in _READ.items():
        wanted = witness.before.sections[section]
        words = opened.get(section, b"")
        if not words and wanted != ZERO_HASH:
            continue
        hashed = keccak(words[:-32]) + words[-32:] if section == leaves.DICTIONARIES else words
        must((keccak(hashed) if hashed else ZERO_HASH) == wanted, f"the section {name} is another")
        try:
            setattr(parameters, name, read(words) if words else read(b""))
        except struct.error as error:
            raise WitnessError(f"the section {name}: {error}") from error
    return parameters


def execute(witness: Witness, step: Step) -> Running:
    """The roots behind a step.

    Raises:
        WitnessError: the witness does not lead to its roots, or does not open what the step needs.
        TransitionError: the step is not allowed.
    """
    must(not step.payload or keccak(step.payload) == step.word, "terms that are not the step's")
    opened = _opened(witness, step)
    unopened = sections_of(step) & opened.closed
    must(not unopened, f"the sections {sorted(unopened)} are not opened")
    apply(opened, step)
    return _behind(witness, opened)


def end_chunk(witness: Witness) -> Running:
    """The roots behind a chunk's end: its fees are booked. Raises WitnessError."""
    opened = _opened(witness, None)
    must(not opened.fees_micro or ACCOUNT_FEES in {one.number for one in witness.accounts}, "no fee account")
    opened.end_chunk()
    return _behind(witness, opened)


def _opened(witness: Witness, step: Step | None) -> Opened:
    try:
        return Opened(witness, step)
    except struct.error as error:
        raise WitnessError(f"a preimage that is none: {error}") from error


def _behind(witness: Witness, opened: Opened) -> Running:
    before = witness.before
    accounts = {
        one.number: Change(
            leaves.account_leaf(one.number, one.preimage) if one.preimage else ZERO_HASH,
            opened.account_leaf(one.number),
            one.proof,
        )
        for one in witness.accounts
    }
    instruments = _changes(witness.instrument, opened.instruments, leaves.instrument_preimage)
    withdrawals = _changes(witness.withdrawal, opened.withdrawals, leaves.withdrawal_preimage)
    entries = {
        one.place: Change(one.preimage, leaves.entry_leaf(opened.entries.get(one.place)), one.proof)
        for one in witness.entries
    }
    sections = list(before.sections)
    sections[leaves.WITHDRAWALS] = sparse.change(sections[leaves.WITHDRAWALS], withdrawals)
    for section, (name, _) in _READ.items():
        if section in opened.closed:
            continue
        value = getattr(opened.parameters, name)
        if section == leaves.DICTIONARIES:
            words = value.words(sparse.change(entries_root(witness), entries))
        else:
            words = value.words()
        sections[section] = keccak(words) if words else ZERO_HASH
    return Running(
        sparse.change(before.accounts_root, accounts),
        sparse.change(before.instruments_root, instruments),
        tuple(sections),
        opened.fees_micro,
    )


def _changes(one: LeafOpening | None, now: dict[int, Any], pack: Callable[[Any], bytes]) -> dict[int, Change]:
    if one is None:
        return {}
    found = now.get(one.place)
    after = keccak(pack(found)) if found is not None else ZERO_HASH
    return {one.place: Change(leaf_of(one.preimage), after, one.proof)}
