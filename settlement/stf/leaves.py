"""The preimages of leaves, pages and parameters, and back (docs/protocol.md, State)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from exchange.domain.limits import FIRST_USER_ACCOUNT
from settlement.hashing import ZERO_HASH, keccak
from settlement.stf.errors import TransitionError
from settlement.stf.state import Account, Instrument, Page, Parameters, Withdrawal
from settlement.stf.terms import Terms

TAG: Final = b"strikebook.state.2".ljust(32, b"\0")
ACCOUNT_BYTES: Final = 128
INSTRUMENT_BYTES: Final = 288
BLANK_ACCOUNT: Final = bytes(ACCOUNT_BYTES)
SECTIONS: Final = 8
MONEY, WITHDRAWALS, FEES, UNDERLYINGS, SHARING, PASSAGE, SLICE, DICTIONARIES = range(SECTIONS)

_POSITION: Final = struct.Struct(">I4xqqQ")
_PAGE: Final = struct.Struct(">28xI32s")
_OWNER: Final = struct.Struct(">20sIQ")
_COUNTS: Final = struct.Struct(">IBBH8xqQ")
_INSTRUMENT: Final = struct.Struct(">QqQQQQQ8xQQQq")
_WITHDRAWAL: Final = struct.Struct(">QIIQQ20s12x")
_U64: Final = (1 << 64) - 1


def position_word(instrument: int, size_lots: int, entry_micro: int) -> bytes:
    """A position's word.

    Raises:
        TransitionError: a figure that does not fit its field.
    """
    try:
        return _POSITION.pack(instrument, size_lots, entry_micro >> 64, entry_micro & _U64)
    except struct.error as error:
        raise TransitionError(f"a position that does not fit: {error}") from error


def page_words(page: Page) -> bytes:
    """A page's position words, in instrument order. Raises TransitionError as `position_word`."""
    return b"".join([position_word(number, *page[number]) for number in sorted(page)])


def read_page(words: bytes) -> Page:
    """The inverse of `page_words`. Raises struct.error for bytes that are no words."""
    return {number: (size, high << 64 | low) for number, size, high, low in _POSITION.iter_unpack(words)}


def page_entry(number: int, words_hash: bytes) -> bytes:
    """What the positions root hashes of one page: 64 bytes."""
    return _PAGE.pack(number, words_hash)


def positions_root(pages: Mapping[int, bytes]) -> bytes:
    """The positions root over page hashes by page number."""
    if not pages:
        return ZERO_HASH
    return keccak(b"".join([_PAGE.pack(number, pages[number]) for number in sorted(pages)]))


def account_preimage(account: Account, root: bytes) -> bytes:
    """The 128 bytes of an account whose positions have the given root.

    Raises:
        TransitionError: a figure that does not fit its field.
    """
    entry = account.perpetual_entry_micro
    try:
        family = (account.main, account.tier, account.in_liquidation)
        counts = _COUNTS.pack(*family, account.open_positions, entry >> 64, entry & _U64)
        head = _OWNER.pack(account.owner, account.flags, account.nonce)
        return head + account.cash_micro.to_bytes(32, "big", signed=True) + root + counts
    except (struct.error, OverflowError) as error:
        raise TransitionError(f"an account's figure does not fit: {error}") from error


def read_account(preimage: bytes) -> Account:
    """The account of 128 bytes, without its pages. Raises struct.error."""
    owner, flags, nonce = _OWNER.unpack_from(preimage, 0)
    main, tier, under, positions, high, low = _COUNTS.unpack_from(preimage, 96)
    cash = int.from_bytes(preimage[32:64], "big", signed=True)
    return Account(owner, flags, nonce, cash, main, tier, under, positions, high << 64 | low)


def account_leaf(number: int, preimage: bytes) -> bytes:
    """The leaf of an account: zero for a system account of which nothing is known."""
    if number < FIRST_USER_ACCOUNT and preimage == BLANK_ACCOUNT:
        return ZERO_HASH
    return keccak(preimage)


def instrument_preimage(instrument: Instrument) -> bytes:
    """The 288 bytes of an instrument.

    Raises:
        TransitionError: a figure that does not fit its field.
    """
    try:
        head = _INSTRUMENT.pack(
            instrument.state,
            instrument.last_price_ticks,
            instrument.holders,
            instrument.last_taker_sells,
            instrument.mark_micro,
            instrument.mark_at_ms,
            instrument.last_trade_id,
            instrument.settling,
            instrument.holders_left,
            instrument.last_holder,
            instrument.settlement_price,
        )
    except struct.error as error:
        raise TransitionError(f"an instrument's figure does not fit: {error}") from error
    return head + instrument.terms.words


def read_instrument(preimage: bytes) -> Instrument:
    """The instrument of 288 bytes. Raises struct.error."""
    state, *figures = _INSTRUMENT.unpack_from(preimage, 0)
    return Instrument(Terms(preimage[96:INSTRUMENT_BYTES]), state, *figures)


def withdrawal_preimage(one: Withdrawal) -> bytes:
    """The 64 bytes of a withdrawal."""
    amount = one.amount_micro
    return _WITHDRAWAL.pack(one.ident, one.account, one.status, amount >> 64, amount & _U64, one.owner)


def read_withdrawal(preimage: bytes) -> Withdrawal:
    """The inverse of `withdrawal_preimage`. Raises struct.error."""
    ident, account, status, high, low, owner = _WITHDRAWAL.unpack(preimage)
    return Withdrawal(ident, account, status, high << 64 | low, owner)


def entry_leaf(ident: int | None) -> bytes:
    """The leaf of a dictionary entry."""
    return ZERO_HASH if ident is None else (ident + 1).to_bytes(32, "big")


def section_words(parameters: Parameters, entries_root: bytes) -> list[bytes]:
    """The words of every section, of withdrawals none: its hash is the tree's root.

    Raises:
        TransitionError: a figure that does not fit its field.
    """
    p = parameters
    try:
        return [
            p.money.words(),
            b"",
            p.fees.words(),
            p.underlyings.words(),
            p.sharing.words(),
            p.passage.words(),
            p.slice.words(),
            p.dictionaries.words(entries_root),
        ]
    except (struct.error, OverflowError) as error:
        raise TransitionError(f"a parameter does not fit: {error}") from error


def section_hashes(words: list[bytes], withdrawals_root: bytes) -> list[bytes]:
    """The hash of every section."""
    hashes = [keccak(one) if one else ZERO_HASH for one in words]
    hashes[WITHDRAWALS] = withdrawals_root
    return hashes


def state_root(accounts: bytes, instruments: bytes, sections: list[bytes]) -> bytes:
    """The state root of two trees' roots and the sections' hashes."""
    return keccak(TAG + accounts + instruments + keccak(b"".join(sections)))
