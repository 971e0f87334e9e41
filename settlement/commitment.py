"""How state is committed to: leaf encodings and the state root. Big-endian, in 32-byte words.

    position word = instrument u32 ‖ zero u32 ‖ size_lots i64 ‖ entry_value_micro i128
    positions     = keccak(position words in instrument order), zero bytes if there are none
    account leaf  = keccak(owner 20 ‖ flags u32 ‖ nonce u64 ‖ cash_micro i256 ‖ positions)
    instrument leaf = keccak(state u64 ‖ terms as in LIST_INSTRUMENT, 192 bytes)
    underlyings   = keccak((underlying u32 ‖ zero ‖ symbol u64) words in id order), zero bytes if none
    parameters    = keccak(last_deposit_id u256 ‖ deposited_micro u256 ‖ withdrawn_micro u256)
                    of these three alone while all that follows is empty, else with
                    last_withdrawal_id u256 ‖ withdrawals ‖ fees ‖ risk ‖ sharing
    root = keccak(TAG ‖ accounts root ‖ instruments root ‖ underlyings ‖ parameters)

    an account of a family, with a tier or in liquidation: its leaf hashes one word more,
                    main u32 ‖ tier u8 ‖ in liquidation u8 ‖ zero
    withdrawals   = keccak((id u64 ‖ account u64 ‖ amount_micro u128) words in id order)
    fees          = keccak((option maker i64 ‖ option taker i64 ‖ perp maker i64 ‖ perp taker i64) words
                    ‖ discount on combos u256, where there is one)
    risk          = keccak((underlying u64 ‖ liquidation_fee_ppm u192) words in id order)
    sharing       = keccak(account u64 ‖ phase u64 ‖ at u64 ‖ shares u64 ‖ total ‖ deficit u256
                    ‖ remaining u256 ‖ (account u64 ‖ basis) words in id order ‖ share words in id order)
    total         = most less least u128 ‖ most u128
    basis         = most less least u96 ‖ most u96
    share word    = account u64 ‖ whole u64 ‖ paid_micro u128

Each of these four is zero bytes where there is nothing. The nonce is 0 in this version. A system account
that was never booked has the empty leaf.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from exchange.domain.commands import pack_terms
from exchange.domain.limits import FIRST_USER_ACCOUNT
from settlement.hashing import ZERO_HASH, keccak
from settlement.merkle import SparseMerkleTree
from settlement.state import NO_OWNER, Account, Instrument, Sharing, State

TAG: Final = b"strikebook.state.1".ljust(32, b"\0")
_POSITION: Final = struct.Struct(">IIqqq")
_OWNER: Final = struct.Struct(">20sIQ")
_FAMILY: Final = struct.Struct(">IBB26x")
_TIER: Final = struct.Struct(">qqqq")
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
    """What an account leaf is the hash of: 96 bytes, 128 with a family, a tier or a liquidation."""
    words = position_words(account)
    more = account.main or account.tier or account.in_liquidation
    return b"".join(
        (
            _OWNER.pack(account.owner, account.flags, 0),
            account.cash_micro.to_bytes(32, "big", signed=True),
            keccak(words) if words else ZERO_HASH,
            _FAMILY.pack(account.main, account.tier, account.in_liquidation) if more else b"",
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
    parts = b"".join(value.to_bytes(32, "big") for value in values)
    sharing = state.sharing if state.sharing.account else None
    discount = state.combo_discount_permille
    if state.last_withdrawal_id or state.tiers or discount or state.liquidation_fee_ppm or sharing:
        parts += state.last_withdrawal_id.to_bytes(32, "big")
        parts += _hash(_word((n, 8), (a, 8), (m, 16)) for n, (a, m) in sorted(state.withdrawals.items()))
        parts += _hash(_fee_words(state))
        parts += _hash(_word((n, 8), (p, 24)) for n, p in sorted(state.liquidation_fee_ppm.items()))
        parts += _hash(_sharing_words(sharing) if sharing else ())
    return keccak(parts)


def _fee_words(state: State) -> Iterator[bytes]:
    for tier in state.tiers:
        yield _TIER.pack(*tier)
    if state.combo_discount_permille:
        yield _word((state.combo_discount_permille, 32))


def _sharing_words(sharing: Sharing) -> Iterator[bytes]:
    yield _word((sharing.account, 8), (sharing.phase, 8), (sharing.at, 8), (len(sharing.shares), 8))
    total = sharing.total
    yield _word((total.most - total.least, 16), (total.most, 16))
    yield _word((sharing.deficit_micro, 32))
    yield _word((sharing.remaining_micro, 32))
    for number, basis in sorted(sharing.basis.items()):
        yield _word((number, 8), (basis.most - basis.least, 12), (basis.most, 12))
    for number, share in sorted(sharing.shares.items()):
        yield _word((number, 8), (share.is_whole, 8), (share.paid_micro, 16))


def _word(*fields: tuple[int, int]) -> bytes:
    """(value, bytes) fields that make up 32 bytes."""
    return b"".join(value.to_bytes(size, "big") for value, size in fields)


def _hash(words: Iterable[bytes]) -> bytes:
    found = b"".join(words)
    return keccak(found) if found else ZERO_HASH


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
