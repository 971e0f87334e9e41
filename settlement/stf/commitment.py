"""The trees over one state, brought up to date with just what was touched."""

from __future__ import annotations

import sha3

from settlement.hashing import ZERO_HASH, keccak
from settlement.merkle import SparseMerkleTree
from settlement.stf import leaves
from settlement.stf.state import State


class Commitment:
    """Accounts, instruments, withdrawals and dictionary entries of one state as trees.

    `pages` keeps the hash of every page of every account, so that a touched account costs its touched pages
    and one hash over its list.
    """

    def __init__(self, state: State) -> None:
        self.accounts = SparseMerkleTree()
        self.instruments = SparseMerkleTree()
        self.withdrawals = SparseMerkleTree()
        self.entries = SparseMerkleTree()
        self.pages: dict[int, dict[int, bytes]] = {}
        self._state = state
        state.touched_accounts.update(state.accounts)
        state.touched_pages.update(
            number << 32 | page for number, account in state.accounts.items() for page in account.pages
        )
        state.touched_instruments.update(state.instruments)
        state.touched_withdrawals.update(state.withdrawals)
        state.touched_entries.update(state.entries)
        self.update()

    def update(self) -> bytes:
        """Hash in what was touched; returns the state root.

        Raises:
            TransitionError: a figure does not fit its field.
        """
        state = self._state
        self._update_accounts()
        if state.touched_instruments:
            self.instruments.update(
                {
                    number: keccak(leaves.instrument_preimage(state.instruments[number]))
                    for number in state.touched_instruments
                }
            )
            state.touched_instruments.clear()
        if state.touched_withdrawals:
            self.withdrawals.update({slot: self._withdrawal_leaf(slot) for slot in state.touched_withdrawals})
            state.touched_withdrawals.clear()
        if state.touched_entries:
            entries = state.entries
            self.entries.update({at: leaves.entry_leaf(entries.get(at)) for at in state.touched_entries})
            state.touched_entries.clear()
        return self.root

    @property
    def root(self) -> bytes:
        """The state root of what has been hashed in."""
        return leaves.state_root(self.accounts.root, self.instruments.root, self.sections())

    def sections(self) -> list[bytes]:
        """The hashes of the parameters' sections."""
        words = leaves.section_words(self._state.parameters, self.entries.root)
        return leaves.section_hashes(words, self.withdrawals.root)

    def _update_accounts(self) -> None:
        state, pages = self._state, self.pages
        accounts, touched = state.accounts, state.touched_accounts
        for key in state.touched_pages:
            number, which = key >> 32, key & 0xFFFFFFFF
            touched.add(number)
            page = accounts[number].pages.get(which)
            known = pages.get(number)
            if known is None:
                known = pages[number] = {}
            if page:
                known[which] = sha3.keccak_256(leaves.page_words(page)).digest()
            else:
                known.pop(which, None)
        changed: dict[int, bytes] = {}
        for number in touched:
            root = leaves.positions_root(pages.get(number, {}))
            changed[number] = leaves.account_leaf(number, leaves.account_preimage(accounts[number], root))
        if changed:
            self.accounts.update(changed)
        state.touched_pages.clear()
        touched.clear()

    def _withdrawal_leaf(self, slot: int) -> bytes:
        found = self._state.withdrawals.get(slot)
        return ZERO_HASH if found is None else keccak(leaves.withdrawal_preimage(found))
