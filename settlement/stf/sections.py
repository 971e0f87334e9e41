"""The sections of the parameters (docs/protocol.md, State): their words, and back.

Each packs itself to whole words and reads them; an empty one has no words and the hash zero.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from settlement.hashing import keccak
from settlement.stf.errors import TransitionError

NO_CLASS: Final = 255
DICTIONARIES: Final = 3
_MONEY: Final = struct.Struct(">QQQQ")
_TIER: Final = struct.Struct(">qqqq")
_UNDERLYING: Final = struct.Struct(">I4xQQQ")
_SHARING: Final = struct.Struct(">III4xQQ")
_PASSAGE: Final = struct.Struct(">IIIIIQI")
_SLICE: Final = struct.Struct(">IIqQQ")
_U64: Final = (1 << 64) - 1


@dataclass(slots=True)
class Money:
    """Ids and totals that only grow; `withdrawals` counts all ever made and is the next slot."""

    last_deposit_id: int = 0
    last_withdrawal_id: int = 0
    forced_through: int = 0
    withdrawals: int = 0
    deposited_micro: int = 0
    withdrawn_micro: int = 0

    def words(self) -> bytes:
        """Two words."""
        ids = (self.last_deposit_id, self.last_withdrawal_id, self.forced_through, self.withdrawals)
        head = _MONEY.pack(*ids)
        return head + self.deposited_micro.to_bytes(16, "big") + self.withdrawn_micro.to_bytes(16, "big")

    @classmethod
    def read(cls, words: bytes) -> Money:
        """The inverse of `words`."""
        one = cls(*_MONEY.unpack(words[:32]))
        one.deposited_micro = int.from_bytes(words[32:48], "big")
        one.withdrawn_micro = int.from_bytes(words[48:], "big")
        return one


@dataclass(slots=True)
class Fees:
    """The discount on combos, and per tier (option maker, option taker, perpetual maker, perpetual taker)."""

    combo_discount_permille: int = 0
    tiers: list[tuple[int, int, int, int]] = field(default_factory=list)

    def words(self) -> bytes:
        """One word and one a tier; none without tiers and discount."""
        if not self.tiers and not self.combo_discount_permille:
            return b""
        head = self.combo_discount_permille.to_bytes(32, "big")
        return head + b"".join(_TIER.pack(*tier) for tier in self.tiers)

    @classmethod
    def read(cls, words: bytes) -> Fees:
        """The inverse of `words`."""
        return cls(int.from_bytes(words[:32], "big"), list(_TIER.iter_unpack(words[32:])))


class Underlying(NamedTuple):
    """An underlying: its symbol's word, index and liquidation fee (0: none yet)."""

    symbol: int
    index_micro: int
    liquidation_fee_ppm: int


@dataclass(slots=True)
class Underlyings:
    """All underlyings by id."""

    by_id: dict[int, Underlying] = field(default_factory=dict)

    def words(self) -> bytes:
        """One word each, in id order."""
        return b"".join(_UNDERLYING.pack(number, *one) for number, one in sorted(self.by_id.items()))

    @classmethod
    def read(cls, words: bytes) -> Underlyings:
        """The inverse of `words`."""
        return cls({number: Underlying(*one) for number, *one in _UNDERLYING.iter_unpack(words)})

    def of(self, number: int) -> Underlying:
        """The underlying. Raises TransitionError."""
        found = self.by_id.get(number)
        if found is None:
            raise TransitionError(f"underlying {number} is not listed")
        return found


@dataclass(slots=True)
class Sharing:
    """A loss being shared: phase 1 begun, 2 being collected; `account` 0: none is."""

    account: int = 0
    phase: int = 0
    last_payer: int = 0
    deficit_micro: int = 0
    remaining_micro: int = 0

    def words(self) -> bytes:
        """One word, none while no loss is shared."""
        if not self.account:
            return b""
        figures = (self.deficit_micro, self.remaining_micro)
        return _SHARING.pack(self.account, self.phase, self.last_payer, *figures)

    @classmethod
    def read(cls, words: bytes) -> Sharing:
        """The inverse of `words`."""
        return cls(*_SHARING.unpack(words)) if words else cls()


TAKEOVER: Final = 1
MOVING: Final = 2
PART_MOVED: Final = 1
PART_OTHER: Final = 2


@dataclass(slots=True)
class Passage:
    """Positions passing from one account to another: a takeover (1) or a move in a family (2); kind 0: none.

    `left` are the positions with lots still to be told, `worth_micro` what the options cost, `most_micro`
    half of what those held long do, `flags` PART_MOVED and PART_OTHER.
    """

    kind: int = 0
    source: int = 0
    destination: int = 0
    fraction_ppm: int = 0
    left: int = 0
    next_instrument: int = 0
    flags: int = 0
    worth_micro: int = 0
    most_micro: int = 0
    topped_micro: int = 0

    def words(self) -> bytes:
        """Three words, none while nothing passes."""
        if not self.kind:
            return b""
        ends = (self.kind, self.source, self.destination, self.fraction_ppm, self.left)
        head = _PASSAGE.pack(*ends, self.next_instrument, self.flags)
        sums = self.worth_micro.to_bytes(16, "big", signed=True) + self.most_micro.to_bytes(16, "big")
        return head + sums + self.topped_micro.to_bytes(32, "big")

    @classmethod
    def read(cls, words: bytes) -> Passage:
        """The inverse of `words`."""
        if not words:
            return cls()
        one = cls(*_PASSAGE.unpack(words[:32]))
        one.worth_micro = int.from_bytes(words[32:48], "big", signed=True)
        one.most_micro = int.from_bytes(words[48:64], "big")
        one.topped_micro = int.from_bytes(words[64:], "big")
        return one


@dataclass(slots=True)
class Slice:
    """Fills of a liquidation whose fee is still to come; `account` 0: none. `lots` are negative when sold."""

    account: int = 0
    instrument: int = 0
    lots: int = 0
    value_micro: int = 0

    def words(self) -> bytes:
        """One word, none while no fee is awaited."""
        if not self.account:
            return b""
        value = self.value_micro
        return _SLICE.pack(self.account, self.instrument, self.lots, value >> 64, value & _U64)

    @classmethod
    def read(cls, words: bytes) -> Slice:
        """The inverse of `words`."""
        if not words:
            return cls()
        account, instrument, lots, high, low = _SLICE.unpack(words)
        return cls(account, instrument, lots, high << 64 | low)


@dataclass(slots=True)
class Dictionaries:
    """How many entries each class of each dictionary has; the entries themselves stand in a tree."""

    sizes: tuple[list[int], ...] = field(default_factory=lambda: tuple([] for _ in range(DICTIONARIES)))

    def packed(self) -> bytes:
        """Per dictionary the number of its classes, then their sizes; empty ones at the end are left out."""
        return b"".join(struct.pack(f">B{len(one)}H", len(one), *one) for one in self.sizes)

    def words(self, entries_root: bytes) -> bytes:
        """Two words."""
        return keccak(self.packed()) + entries_root

    @classmethod
    def read(cls, packed: bytes) -> Dictionaries:
        """The inverse of `packed`. Raises struct.error."""
        found: list[list[int]] = []
        at = 0
        for _ in range(DICTIONARIES):
            (count,) = struct.unpack_from(">B", packed, at)
            found.append(list(struct.unpack_from(f">{count}H", packed, at + 1)))
            at += 1 + 2 * count
        return cls(tuple(found))

    def size(self, dictionary: int, which: int) -> int:
        """The number of entries in a class."""
        sizes = self.sizes[dictionary]
        return sizes[which] if which < len(sizes) else 0

    def resize(self, dictionary: int, which: int, size: int) -> None:
        """Set the number of entries in a class."""
        sizes = self.sizes[dictionary]
        sizes.extend([0] * (which + 1 - len(sizes)))
        sizes[which] = size
        while sizes and not sizes[-1]:
            sizes.pop()
