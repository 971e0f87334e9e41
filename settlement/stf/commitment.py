"""The trees over one state, brought up to date with just what was touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import sha3

from settlement.hashing import ZERO_HASH, keccak
from settlement.merkle import SparseMerkleTree
from settlement.stf import leaves
from settlement.stf.state import PAGE_SHIFT, State

_LOW: Final = (1 << 32) - 1
_PAGE_BITS: Final = 32 - PAGE_SHIFT
_PAGE_MASK: Final = (1 << _PAGE_BITS) - 1


class Positions:
    """The words of all positions, page by page, and every account's list of page hashes.

    Both are kept in order and as bytes, so that a touched position costs its own word, one hash over its page
    and one over the account's list.
    """

    def __init__(self) -> None:
        self._words: dict[int, dict[int, bytes]] = {}
        self._lists: dict[int, dict[int, bytes]] = {}

    def update(self, state: State) -> None:
        """Take in the touched positions; their accounts become touched ones."""
        pages: set[int] = set()
        accounts, touched = state.accounts, state.touched_accounts
        for key in state.touched_positions:
            number, instrument, page = key >> 32, key & _LOW, key >> PAGE_SHIFT
            touched.add(number)
            pages.add(page)
            words = self._words.get(page)
            if words is None:
                words = self._words[page] = {}
            positions = accounts[number].pages.get(instrument >> PAGE_SHIFT)
            position = None if positions is None else positions.get(instrument)
            if position is None:
                words.pop(instrument, None)
                continue
            is_new = instrument not in words
            words[instrument] = leaves.position_word(instrument, *position)
            if is_new and len(words) > 1:
                self._words[page] = dict(sorted(words.items()))
        for page in pages:
            self._hash(page)
        state.touched_positions.clear()

    def _hash(self, key: int) -> None:
        number, page, words = key >> _PAGE_BITS, key & _PAGE_MASK, self._words[key]
        entries = self._lists.get(number)
        if entries is None:
            entries = self._lists[number] = {}
        if not words:
            del self._words[key]
            entries.pop(page, None)
            return
        is_new = page not in entries
        entries[page] = leaves.page_entry(page, sha3.keccak_256(b"".join(words.values())).digest())
        if is_new and len(entries) > 1:
            self._lists[number] = dict(sorted(entries.items()))

    def root(self, number: int) -> bytes:
        """The positions root of an account."""
        entries = self._lists.get(number)
        return keccak(b"".join(entries.values())) if entries else ZERO_HASH

    def page_list(self, number: int) -> bytes:
        """What the positions root of an account is the hash of: 64 bytes a page."""
        return b"".join(self._lists.get(number, {}).values())

    def page(self, number: int, instrument: int) -> bytes:
        """The words of the page an instrument belongs to; no bytes without the page."""
        return b"".join(self._words.get((number << 32 | instrument) >> PAGE_SHIFT, {}).values())


@dataclass(slots=True)
class Changed:
    """What was hashed in since it was last cleared, for whoever stores the state."""

    accounts: set[int] = field(default_factory=set)
    instruments: set[int] = field(default_factory=set)
    withdrawals: set[int] = field(default_factory=set)
    entries: set[int] = field(default_factory=set)

    def clear(self) -> None:
        """Begin anew."""
        self.accounts.clear()
        self.instruments.clear()
        self.withdrawals.clear()
        self.entries.clear()


class Commitment:
    """Accounts, instruments, withdrawals and dictionary entries of one state as trees."""

    def __init__(self, state: State) -> None:
        self.accounts = SparseMerkleTree()
        self.instruments = SparseMerkleTree()
        self.withdrawals = SparseMerkleTree()
        self.entries = SparseMerkleTree()
        self.positions = Positions()
        self.changed = Changed()
        self.state = state
        state.touched_accounts.update(state.accounts)
        state.touched_positions.update(
            number << 32 | instrument
            for number, account in state.accounts.items()
            for page in account.pages.values()
            for instrument in page
        )
        state.touched_instruments.update(state.instruments)
        state.touched_withdrawals.update(state.withdrawals)
        state.touched_entries.update(state.entries)
        self.update()
        self.changed.clear()

    def update(self) -> bytes:
        """Hash in what was touched; returns the state root.

        Raises:
            TransitionError: a figure does not fit its field.
        """
        state = self.state
        self.positions.update(state)
        if state.touched_accounts:
            self.accounts.update({number: self._account_leaf(number) for number in state.touched_accounts})
            self.changed.accounts |= state.touched_accounts
            state.touched_accounts.clear()
        if state.touched_instruments:
            instruments = state.instruments
            preimage = leaves.instrument_preimage
            self.instruments.update(
                {number: keccak(preimage(instruments[number])) for number in state.touched_instruments}
            )
            self.changed.instruments |= state.touched_instruments
            state.touched_instruments.clear()
        if state.touched_withdrawals:
            self.withdrawals.update({slot: self._withdrawal_leaf(slot) for slot in state.touched_withdrawals})
            self.changed.withdrawals |= state.touched_withdrawals
            state.touched_withdrawals.clear()
        if state.touched_entries:
            entries = state.entries
            self.entries.update({at: leaves.entry_leaf(entries.get(at)) for at in state.touched_entries})
            self.changed.entries |= state.touched_entries
            state.touched_entries.clear()
        return self.root

    @property
    def root(self) -> bytes:
        """The state root of what has been hashed in."""
        return leaves.state_root(self.accounts.root, self.instruments.root, self.sections())

    def sections(self) -> list[bytes]:
        """The hashes of the parameters' sections."""
        words = leaves.section_words(self.state.parameters, self.entries.root)
        return leaves.section_hashes(words, self.withdrawals.root)

    def account_preimage(self, number: int) -> bytes:
        """The 128 bytes of an account of the state, whose positions have been hashed in."""
        return leaves.account_preimage(self.state.accounts[number], self.positions.root(number))

    def _account_leaf(self, number: int) -> bytes:
        return leaves.account_leaf(number, self.account_preimage(number))

    def _withdrawal_leaf(self, slot: int) -> bytes:
        found = self.state.withdrawals.get(slot)
        return ZERO_HASH if found is None else keccak(leaves.withdrawal_preimage(found))
