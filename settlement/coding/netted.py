"""A batch netted: what its fills change, without the fills (docs/codec-5.md, Netted).

Per position the lots and their value in ticks · lots, per account what its cash changes beyond the premiums.
Both sides know the dictionaries (the order of accounts and instruments, and who is how busy), the anchors,
and by the state what a fill of a size and value would cost in fees; all else is learnt (`adaptive`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from settlement.coding.adaptive import BitReader, Bits, BitWriter, number, signed
from settlement.coding.anchors import Anchors
from settlement.coding.dictionary import ID_BOUND, INSTRUMENTS, MAKERS, TAKERS, Dictionaries
from settlement.coding.learner import INSTRUMENT_LEVELS, KIND_CLASSES, Kind
from settlement.coding.limits import DecodeError

CHANGES_MAX: Final = 1 << 18
_MANY: Final = 12
"""An account with so many positions changed tells of every instrument whether it is one of them."""
_MAKERS_MAX: Final = 128


class Change(NamedTuple):
    """What a batch does to one position. value: Σ price_ticks · lots, bought less sold."""

    account: int
    instrument: int
    lots: int
    value: int


class Net(NamedTuple):
    """A batch netted, in order of (account, instrument). Of an instrument lots and values add up to 0.

    cash: of every account with changes what its cash changes beyond their premiums, in micro-USDC.
    """

    changes: tuple[Change, ...]
    cash: tuple[tuple[int, int], ...]


class Known(NamedTuple):
    """What both sides know before the batch."""

    dictionaries: Dictionaries
    anchors: Anchors
    kind_of: Callable[[int], Kind]
    fee_of: Callable[[Change, bool], int]
    """What the change costs in fees if one fill made it; whether its account makes markets."""


def encode_net(net: Net, known: Known) -> bytes:
    """The bytes. Raises ValueError for what is no net of fills."""
    writer = BitWriter()
    coder = _Coder(writer, known, net)
    coder.run()
    data = writer.finish()
    if coder.net() != net:
        raise ValueError("changes that are not in order, add up to something, or are none")
    return data


def decode_net(data: bytes, known: Known) -> Net:
    """The inverse.

    Raises:
        DecodeError: bytes that `encode_net` does not write.
    """
    coder = _Coder(BitReader(data), known, None)
    coder.run()
    net = coder.net()
    try:
        same = encode_net(net, known) == data
    except ValueError as error:
        raise DecodeError(f"no net: {error}") from error
    if not same:
        raise DecodeError("a net that is written otherwise")
    return net


class _Coder:
    """Goes one way through a net, writing what is given or reading what is not."""

    def __init__(self, bits: Bits, known: Known, given: Net | None) -> None:
        self.bits, self.known = bits, known
        self.given = {(one.account, one.instrument): one for one in given.changes} if given else {}
        self.given_cash = dict(given.cash) if given else {}
        self.by_account: dict[int, set[int]] = {}
        for account, instrument in self.given:
            self.by_account.setdefault(account, set()).add(instrument)
        lists = known.dictionaries.lists
        self.level = {n: kind for kind, ids in enumerate(lists[INSTRUMENTS]) for n in ids}
        self.busy = {n: kind for kind, ids in enumerate(lists[TAKERS]) for n in ids}
        self.makers = [n for ids in lists[MAKERS] for n in ids][:_MAKERS_MAX]
        self.changes: dict[tuple[int, int], Change] = {}
        self.cash: dict[int, int] = {}
        self.active: list[int] = []
        self.place: dict[int, int] = {}
        self.reference: dict[int, int] = {}

    def net(self) -> Net:
        """What went through."""
        return Net(
            tuple(self.changes[key] for key in sorted(self.changes)),
            tuple(sorted(self.cash.items())),
        )

    def run(self) -> None:
        """All of it."""
        prices = self._prices()
        self.active = self._present("instrument", list(self.level), set(prices), self.level)
        self.place = {instrument: place for place, instrument in enumerate(self.active)}
        for instrument in self.active:
            self._refer(instrument, prices.get(instrument, []))
        others = [number for number in self.busy if number not in set(self.makers)]
        owners: dict[int, list[int]] = {}
        for maker in self.makers:
            self._many(owners, maker, maker)
        for account in others:
            self._few(owners, account)
        for account in self._strangers(set(self.makers) | set(others)):
            self._many(owners, account, "stranger")
        self._amounts(owners)

    def _present(self, name: str, among: list[int], given: set[int], contexts: dict[int, int]) -> list[int]:
        """Which of those are there; and any besides, in full."""
        found = [one for one in among if self.bits.bit((name, contexts[one]), int(one in given))]
        return found + self._in_full(name, given - set(among), set(among))

    def _in_full(self, name: str, given: set[int], known: set[int]) -> list[int]:
        ids = sorted(given)
        found: list[int] = []
        for place in range(number(self.bits, (name, "more"), len(ids))):
            before = found[-1] + 1 if found else 0
            found.append(before + number(self.bits, (name, "id"), ids[place] - before if ids else 0))
            if found[-1] >= ID_BOUND or found[-1] in known or len(found) > CHANGES_MAX:
                raise DecodeError("an id in full that has no need to be")
        return found

    def _strangers(self, known: set[int]) -> list[int]:
        return self._in_full("account", set(self.by_account) - known, known)

    def _prices(self) -> dict[int, list[int]]:
        """What positions were changed at, by instrument."""
        found: dict[int, list[int]] = {}
        for one in self.given.values():
            found.setdefault(one.instrument, []).extend([one.value // one.lots] if one.lots else [])
        return found

    def _refer(self, instrument: int, prices: list[int]) -> None:
        """The price that values of this instrument lean on: near the middle of what was traded."""
        step, anchor = self.known.kind_of(instrument).step_ticks, self.known.anchors.one(instrument)[0]
        move = (sorted(prices)[len(prices) // 2] - anchor) // step if prices else 0
        self.reference[instrument] = anchor + step * signed(self.bits, "reference", move)

    def _many(self, owners: dict[int, list[int]], account: int, context: object) -> None:
        """Of every instrument whether the account has a change in it."""
        has = self.by_account.get(account, set())
        for instrument in self.active:
            level = self.level.get(instrument, -1)
            kind, busy = level // KIND_CLASSES, level % INSTRUMENT_LEVELS
            if self.bits.bit((context, kind, busy), int(instrument in has)):
                self._own(owners, account, instrument)

    def _few(self, owners: dict[int, list[int]], account: int) -> None:
        """How many, then which."""
        has, busy = self.by_account.get(account, set()), self.busy[account]
        count = number(self.bits, ("changes", busy), len(has))
        if count >= _MANY:
            self._many(owners, account, ("many", count.bit_length()))
            return
        first = 0
        places = sorted(self.place[instrument] for instrument in has)
        for k in range(count):
            place = self._place(first, places[k] if places else 0)
            if not first <= place < len(self.active):
                raise DecodeError("a change in no instrument")
            self._own(owners, account, self.active[place])
            first = place + 1

    def _place(self, first: int, place: int) -> int:
        """Which instrument of those from `first` on: by halves."""
        low, high = first, len(self.active)
        low_edge, high_edge = 0, len(self.active)
        node = 1
        while high_edge - low_edge > 1:
            middle = (low_edge + high_edge) // 2
            if middle <= low:
                right = 1
            elif middle >= high:
                right = 0
            else:
                right = self.bits.bit(("place", node), int(place >= middle))
            low_edge, high_edge = (middle, high_edge) if right else (low_edge, middle)
            node = 2 * node + right
        return low_edge

    def _own(self, owners: dict[int, list[int]], account: int, instrument: int) -> None:
        owners.setdefault(instrument, []).append(account)
        self.changes[account, instrument] = Change(account, instrument, 0, 0)
        if len(self.changes) > CHANGES_MAX:
            raise DecodeError("too many changes")

    def _amounts(self, owners: dict[int, list[int]]) -> None:
        """Lots and values; of each instrument the first owner's follow from the others'."""
        makers = set(self.makers)
        for instrument, accounts in owners.items():
            lots = value = 0
            for account in accounts[1:]:
                change = self._amount(account, instrument, account in makers)
                lots, value = lots - change.lots, value - change.value
            self.changes[accounts[0], instrument] = Change(accounts[0], instrument, lots, value)
        fees: dict[int, int] = {}
        for (account, _), change in self.changes.items():
            fees[account] = fees.get(account, 0) + self.known.fee_of(change, account in makers)
        for account, fee in fees.items():
            off = self.given_cash.get(account, 0) + fee
            self.cash[account] = signed(self.bits, ("cash", account in makers), off) - fee

    def _amount(self, account: int, instrument: int, makes: bool) -> Change:
        kind, reference = self.known.kind_of(instrument), self.reference[instrument]
        given = self.given.get((account, instrument), Change(account, instrument, 0, 0))
        lots = signed(self.bits, ("lots", kind.underlying, makes), given.lots)
        off, unit = given.value - reference * lots, abs(lots) * kind.step_ticks
        alike = self.bits.bit(("one price", makes), int(unit > 0 and off % unit == 0))
        if alike and unit == 0:
            raise DecodeError("one price of no lots")
        side = (lots > 0) - (lots < 0)
        busy = self.level.get(instrument, -1) % KIND_CLASSES
        if alike:
            off = unit * signed(self.bits, ("price", makes, side, busy), off // unit if unit else 0)
        else:
            off = signed(self.bits, ("value", makes, kind.step_ticks, abs(lots).bit_length()), off)
        change = self.changes[account, instrument] = Change(account, instrument, lots, off + reference * lots)
        return change
