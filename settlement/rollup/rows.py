"""A state as the preimages that its root hashes, and back: what stores of it keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from settlement.hashing import ZERO_HASH
from settlement.stf import leaves
from settlement.stf import sections as sc
from settlement.stf.commitment import Commitment
from settlement.stf.state import PAGE_SHIFT, Account, Instrument, Parameters, State, Withdrawal

AccountRow = tuple[int, bytes, bytes]
"""An account's id, its 128 bytes and the words of its positions, page after page."""


def account_row(number: int, commitment: Commitment) -> AccountRow:
    """The row of an account whose positions have been hashed in."""
    account = commitment.state.accounts.get(number, Account())
    words = b"".join(leaves.page_words(account.pages[page]) for page in sorted(account.pages))
    preimage = leaves.account_preimage(account, commitment.positions.root(number) if words else ZERO_HASH)
    return number, preimage, words


def instrument_row(instrument: Instrument) -> bytes:
    """An instrument's 288 bytes."""
    return leaves.instrument_preimage(instrument)


def withdrawal_row(withdrawal: Withdrawal | None) -> bytes | None:
    """A withdrawal's 64 bytes; None for one that is no more."""
    return None if withdrawal is None else leaves.withdrawal_preimage(withdrawal)


def section_rows(commitment: Commitment) -> dict[int, bytes]:
    """The words of the sections by number; of the dictionaries the packed sizes."""
    parameters = commitment.state.parameters
    words = leaves.section_words(parameters, commitment.entries.root)
    words[leaves.DICTIONARIES] = parameters.dictionaries.packed()
    return dict(enumerate(words))


def state_of(
    accounts: Iterable[AccountRow],
    instruments: Iterable[tuple[int, bytes]],
    withdrawals: Iterable[tuple[int, bytes]],
    entries: Mapping[int, int],
    sections: Mapping[int, bytes],
) -> State:
    """The state of these rows, which nothing has judged: whoever reads it compares its root.

    Raises struct.error, KeyError for rows that are none.
    """
    state = State()
    for number, preimage in instruments:
        state.instruments[number] = leaves.read_instrument(preimage)
    for number, preimage, words in accounts:
        account = state.accounts[number] = leaves.read_account(preimage)
        for instrument, position in leaves.read_page(words).items():
            account.pages.setdefault(instrument >> PAGE_SHIFT, {})[instrument] = position
            state.holders.setdefault(instrument, set()).add(number)
        account.page_count = len(account.pages)
    for slot, preimage in withdrawals:
        state.set_withdrawal(slot, leaves.read_withdrawal(preimage))
    state.entries = dict(entries)
    state.parameters = _parameters(sections)
    return state


def _parameters(words: Mapping[int, bytes]) -> Parameters:
    return Parameters(
        sc.Money.read(words[leaves.MONEY]),
        sc.Fees.read(words[leaves.FEES]),
        sc.Underlyings.read(words[leaves.UNDERLYINGS]),
        sc.Sharing.read(words[leaves.SHARING]),
        sc.Passage.read(words[leaves.PASSAGE]),
        sc.Slice.read(words[leaves.SLICE]),
        sc.Dictionaries.read(words[leaves.DICTIONARIES]),
    )
