"""What the venue owes to whom, and its root (protocol.md: State)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from tests.second_verifier.hashing import ZERO, hashed_list, keccak, sparse_root, word

FEES, FUND, BRIDGE, WITHDRAWALS = 1, 2, 3, 4
FIRST_USER = 64
OPTION, PERPETUAL, COMBO = 1, 2, 3
NO_CLASS = 255
PAGE = 16
MAX_PAGES = 2_048
DOMAIN = b"strikebook.state.2".ljust(32, b"\0")


class Wrong(Exception):
    """What was posted is not what it says."""


def need(condition: bool, what: str) -> None:
    if not condition:
        raise Wrong(what)


def fits(value: int, bits: int, *, signed: bool = False) -> bool:
    return -(1 << bits - 1) <= value < 1 << bits - 1 if signed else 0 <= value < 1 << bits


def signed_bytes(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big", signed=True)


@dataclass
class Position:
    size: int = 0
    entry: int = 0


@dataclass
class Account:
    owner: bytes = bytes(20)
    flags: int = 0
    nonce: int = 0
    cash: int = 0
    main: int = 0
    tier: int = 0
    in_liquidation: bool = False
    positions: dict[int, Position] = field(default_factory=dict)


@dataclass
class Instrument:
    state: int
    terms: tuple[int, ...]
    last_price: int = 0
    last_taker_sells: int = 0
    last_trade_id: int = 0
    mark: int = 0
    mark_at: int = 0
    settlement: int = 0  # its kind, 0: none under way
    left: int = 0
    last_holder: int = 0
    settlement_price: int = 0

    @property
    def kind(self) -> int:
        return self.terms[0] & 255

    @property
    def is_put(self) -> bool:
        return self.terms[0] >> 8 & 255 == 2

    @property
    def underlying(self) -> int:
        return self.terms[0] >> 32 & 0xFFFFFFFF

    @property
    def lot_e8(self) -> int:
        return self.terms[4]

    @property
    def multiplier(self) -> int:
        return self.terms[3] * self.terms[4] // 10**8

    @property
    def price_limit(self) -> int:
        return self.terms[6]

    @property
    def fee_cap(self) -> int:
        return self.terms[9] & 0xFFFFFFFF

    @property
    def has_ended(self) -> bool:
        return self.state in (3, 4)


@dataclass
class Underlying:
    symbol: int
    index: int = 0
    liquidation_fee: int = 0


@dataclass
class Withdrawal:
    ident: int
    account: int
    status: int
    amount: int
    owner: bytes


@dataclass
class Sharing:
    account: int = 0
    phase: int = 0
    last_payer: int = 0
    deficit: int = 0
    remaining: int = 0


@dataclass
class Passage:
    kind: int = 0
    source: int = 0
    destination: int = 0
    fraction: int = 0
    left: int = 0
    next_instrument: int = 0
    flags: int = 0
    worth: int = 0
    most: int = 0
    topped: int = 0


@dataclass
class Slice:
    account: int = 0
    instrument: int = 0
    lots: int = 0
    value: int = 0


@dataclass
class State:
    accounts: dict[int, Account] = field(default_factory=lambda: {n: Account() for n in range(1, FIRST_USER)})
    instruments: dict[int, Instrument] = field(default_factory=dict)
    underlyings: dict[int, Underlying] = field(default_factory=dict)
    withdrawals: dict[int, Withdrawal] = field(default_factory=dict)
    slots: int = 0
    tiers: list[tuple[int, int, int, int]] = field(default_factory=list)
    discount: int = 0
    last_deposit: int = 0
    last_withdrawal: int = 0
    forced_through: int = 0
    deposited: int = 0
    withdrawn: int = 0
    sharing: Sharing = field(default_factory=Sharing)
    passage: Passage = field(default_factory=Passage)
    slice: Slice = field(default_factory=Slice)
    dictionaries: list[dict[int, list[int]]] = field(default_factory=lambda: [{}, {}, {}])
    chunk_fees: int = 0

    # --- what steps ask and do -----------------------------------------------------------------------

    def user(self, number: int) -> Account:
        need(number >= FIRST_USER and number in self.accounts, "not a user's account")
        return self.accounts[number]

    def open(self, number: int) -> Instrument:
        found = self.instruments.get(number)
        need(found is not None and not found.has_ended and not found.settlement, "instrument not open")
        assert found is not None
        return found

    def family(self, number: int) -> int:
        return self.accounts[number].main or number

    def pay(self, number: int, amount: int) -> None:
        self.accounts[number].cash += amount

    def move(self, number: int, instrument: int, size: int, entry: int) -> None:
        positions = self.accounts[number].positions
        held = positions.setdefault(instrument, Position())
        held.size += size
        held.entry += entry
        need(fits(held.size, 64, signed=True) and fits(held.entry, 128, signed=True), "a position's figure")
        if held.size == held.entry == 0:
            del positions[instrument]

    def open_positions(self, account: Account) -> int:
        return sum(held.size != 0 for held in account.positions.values())

    def perpetual_entry(self, account: Account) -> int:
        held = account.positions.items()
        return sum(one.entry for n, one in held if self.instruments[n].kind == PERPETUAL)

    def holders(self, instrument: int) -> int:
        return sum(instrument in account.positions for account in self.accounts.values())

    def withdrawal(self, ident: int, account: int, status: int, amount: int, owner: bytes) -> None:
        """A leaf at the next slot."""
        need(fits(ident, 64) and self.slots < 1 << 32, "a withdrawal's figure")
        self.withdrawals[self.slots] = Withdrawal(ident, account, status, amount, owner)
        self.slots += 1

    # --- hashes --------------------------------------------------------------------------------------

    def root(self) -> bytes:
        accounts = sparse_root({n: self._account(n, one) for n, one in self.accounts.items()})
        instruments = sparse_root(
            {n: keccak(self._instrument(n, one)) for n, one in self.instruments.items()}
        )
        return keccak(DOMAIN + accounts + instruments + keccak(b"".join(self._sections())))

    def _account(self, number: int, account: Account) -> bytes:
        pages: dict[int, list[bytes]] = {}
        for n, held in sorted(account.positions.items()):
            packed = struct.pack(">IIq", n, 0, held.size) + signed_bytes(held.entry, 16)
            pages.setdefault(n // PAGE, []).append(packed)
        need(len(pages) <= MAX_PAGES, "too many pages")
        listed = [part for page, words in pages.items() for part in (word(page), keccak(b"".join(words)))]
        preimage = (
            account.owner + struct.pack(">IQ", account.flags, account.nonce)
            + signed_bytes(account.cash, 32) + hashed_list(listed)
            + struct.pack(">IBB", account.main, account.tier, account.in_liquidation)
            + struct.pack(">HQ", self.open_positions(account), 0)
            + signed_bytes(self.perpetual_entry(account), 16)
        )  # fmt: skip
        return ZERO if number < FIRST_USER and not any(preimage) else keccak(preimage)

    def _instrument(self, number: int, one: Instrument) -> bytes:
        return (
            struct.pack(">QqQQ", one.state, one.last_price, self.holders(number), one.last_taker_sells)
            + struct.pack(">QQQQ", one.mark, one.mark_at, one.last_trade_id, 0)
            + struct.pack(">QQQq", one.settlement, one.left, one.last_holder, one.settlement_price)
            + b"".join(signed_bytes(term, 8) for term in one.terms)
        )

    def _sections(self) -> list[bytes]:
        money = struct.pack(">QQQQ", self.last_deposit, self.last_withdrawal, self.forced_through, self.slots)
        money += self.deposited.to_bytes(16, "big") + self.withdrawn.to_bytes(16, "big")
        slots = {
            slot: keccak(
                struct.pack(">QII", one.ident, one.account, one.status)
                + one.amount.to_bytes(16, "big") + one.owner + bytes(12)
            )
            for slot, one in self.withdrawals.items()
        }  # fmt: skip
        fees = [word(self.discount)] if self.tiers or self.discount else []
        fees += [struct.pack(">4q", *tier) for tier in self.tiers]
        underlyings = [
            struct.pack(">IIQQQ", n, 0, one.symbol, one.index, one.liquidation_fee)
            for n, one in sorted(self.underlyings.items())
        ]
        return [
            keccak(money), sparse_root(slots), hashed_list(fees), hashed_list(underlyings),
            self._sharing(), self._passage(), self._slice(), self._dictionaries(),
        ]  # fmt: skip

    def _sharing(self) -> bytes:
        one = self.sharing
        if not one.account:
            return ZERO
        return keccak(
            struct.pack(">IIIIQQ", one.account, one.phase, one.last_payer, 0, one.deficit, one.remaining)
        )

    def _passage(self) -> bytes:
        one = self.passage
        if not one.kind:
            return ZERO
        head = struct.pack(">5I", one.kind, one.source, one.destination, one.fraction, one.left)
        head += struct.pack(">QI", one.next_instrument, one.flags)
        return keccak(head + signed_bytes(one.worth, 16) + one.most.to_bytes(16, "big") + word(one.topped))

    def _slice(self) -> bytes:
        one = self.slice
        if not one.account:
            return ZERO
        return keccak(
            struct.pack(">IIq", one.account, one.instrument, one.lots) + one.value.to_bytes(16, "big")
        )

    def _dictionaries(self) -> bytes:
        sizes, leaves = b"", {}
        for number, classes in enumerate(self.dictionaries):
            used = [n for n, ids in classes.items() if ids]
            count = max(used) + 1 if used else 0
            sizes += bytes([count])
            for n in range(count):
                ids = classes.get(n, [])
                sizes += len(ids).to_bytes(2, "big")
                for position, ident in enumerate(ids):
                    leaves[number << 24 | n << 16 | position] = word(ident + 1)
        return keccak(keccak(sizes) + sparse_root(leaves))
