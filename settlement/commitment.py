"""How state is committed to: leaf encodings and the state root. Big-endian, in 32-byte words.

    position word = instrument u32 ‖ zero u32 ‖ size_lots i64 ‖ entry_value_micro i128
    positions     = keccak(position words in instrument order), zero bytes if there are none
    account leaf  = keccak(owner 20 ‖ flags u32 ‖ nonce u64 ‖ cash_micro i256 ‖ positions)
    instrument leaf = keccak(state u64 ‖ terms as in LIST_INSTRUMENT, 192 bytes)
    underlyings   = keccak((underlying u32 ‖ zero ‖ symbol u64) words in id order), zero bytes if none
    parameters    = keccak(last_deposit_id u256 ‖ deposited_micro u256 ‖ withdrawn_micro u256)
    root = keccak(TAG ‖ accounts root ‖ instruments root ‖ underlyings ‖ parameters)

The nonce is 0 in this version. A system account that was never booked has the empty leaf.
"""

from __future__ import annotations

import struct
from typing import Final

from exchange.domain.commands import pack_terms
from exchange.domain.limits import FIRST_USER_ACCOUNT
from settlement.hashing import ZERO_HASH, keccak
from settlement.merkle import SparseMerkleTree
from settlement.state import NO_OWNER, Account, Instrument, State

TAG: Final = b"strikebook.state.1".ljust(32, b"\0")
_POSITION: Final = struct.Struct(">IIqqq")
_OWNER: Final = struct.Struct(">20sIQ")
_UNDERLYING: Final = struct.Struct(">I20xQ")


def position_words(account: Account) -> bytes:
    """The position words of an account, 32 bytes each, in instrument order.

    Raises:
        struct.error: a value outside 64 bits.
    """
    return b"".join(
        _POSITION.pack(instrument, 0, size, -1 if entry < 0 else 0, entry)
        for instrument, (size, entry) in sorted(account.positions.items())
    )


def read_position_words(words: bytes) -> dict[int, tuple[int, int]]:
    """The inverse of `position_words`."""
    return {instrument: (size, entry) for instrument, _, size, _, entry in _POSITION.iter_unpack(words)}


def account_preimage(account: Account) -> bytes:
    """The 96 bytes an account leaf is the hash of."""
    words = position_words(account)
    return b"".join(
        (
            _OWNER.pack(account.owner, account.flags, 0),
            account.cash_micro.to_bytes(32, "big", signed=True),
            keccak(words) if words else ZERO_HASH,
        )
    )


def account_leaf(number: int, account: Account) -> bytes:
    """The leaf hash of an account; zero bytes for a system account never booked."""
    blank = not (account.cash_micro or account.positions or account.flags or account.owner != NO_OWNER)
    if blank and number < FIRST_USER_ACCOUNT:
        return ZERO_HASH
    return keccak(account_preimage(account))


def instrument_leaf(instrument: Instrument) -> bytes:
    """The leaf hash of an instrument."""
    return keccak(instrument.state.to_bytes(8, "big") + pack_terms(instrument.terms))


def _underlyings_hash(state: State) -> bytes:
    if not state.underlyings:
        return ZERO_HASH
    return keccak(b"".join(_UNDERLYING.pack(*item) for item in sorted(state.underlyings.items())))


def _parameters_hash(state: State) -> bytes:
    values = (state.last_deposit_id, state.deposited_micro, state.withdrawn_micro)
    return keccak(b"".join(value.to_bytes(32, "big") for value in values))


class Commitment:
    """The trees over one state, kept up to date batch by batch."""

    def __init__(self, state: State) -> None:
        self.accounts = SparseMerkleTree()
        self.instruments = SparseMerkleTree()
        self._state = state
        self.accounts.update({n: account_leaf(n, a) for n, a in state.accounts.items()})
        self.instruments.update({n: instrument_leaf(i) for n, i in state.instruments.items()})

    def update(self) -> bytes:
        """Hash in what the state says was touched; returns the state root."""
        state = self._state
        self.accounts.update({n: account_leaf(n, state.accounts[n]) for n in state.touched_accounts})
        self.instruments.update(
            {n: instrument_leaf(state.instruments[n]) for n in state.touched_instruments}
        )
        return self.root

    @property
    def root(self) -> bytes:
        """The state root, 32 bytes."""
        return keccak(
            b"".join(
                (
                    TAG,
                    self.accounts.root,
                    self.instruments.root,
                    _underlyings_hash(self._state),
                    _parameters_hash(self._state),
                )
            )
        )


GENESIS_ROOT: Final = Commitment(State()).root
