"""Released events, kept as they came, and one pass over them that keeps every board up to date.

Buffers of events stay in memory as they were released. Beside them a **trail** says where the records stand
that somebody may ask for: an entry for each closed order and for each side of a match, one behind the other,
and each with the entry before it of the same account (of a trade: of the same instrument). Who asks gets
records cut out of the buffers then, so that an event nobody reads costs a few words. A **place** is
buffer number (36 bits) ‖ offset in units (24 bits) ‖ tick direction of a trade (2 bits): later is greater.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, final

from librt.strings import read_i64_le
from librt.vecs import append, vec
from mypy_extensions import i64

from exchange.domain import limits
from exchange.domain import records as r
from exchange.edge.boards import Board

NUMBER_SHIFT: Final = 26
UNIT_SHIFT: Final = 2
UNIT_MASK: Final = 0xFFFFFF
DIRECTION_MASK: Final = 3

FILLS: Final = 0
FILLED: Final = 1
UNFILLED: Final = 2
_CHAINS: Final = 3
_ENTRY_WORDS: Final = 3
_BLOCK_SHIFT: Final = 13
_BLOCK_MASK: Final = (1 << _BLOCK_SHIFT) - 1
"""Entries of a block: one array of all would be copied as it grows, and everybody would wait."""


class ReleasedError(ValueError):
    """A buffer that is no run of whole events."""


@final
class Counts:
    """How many events each account has had."""

    def __init__(self) -> None:
        self.words = vec[i64](capacity=0)

    def load(self, counts: list[int], accounts: i64) -> None:
        """Begin with these counts, for at least so many accounts."""
        self.words = vec[i64](counts)
        if accounts > 0:
            self.grow(accounts - 1)

    def grow(self, account: i64) -> None:
        """Make room for an account."""
        while account >= len(self.words):
            self.words = append(self.words, 0)

    def add(self, account: i64) -> i64:
        """One more of an account; how many that makes."""
        if account >= len(self.words):
            self.grow(account)
        told = self.words[account] + 1
        self.words[account] = told
        return told

    def of(self, account: i64) -> int:
        """How many an account has had."""
        return int(self.words[account]) if account < len(self.words) else 0

    def listed(self) -> list[int]:
        """All of them, by account."""
        return [int(count) for count in self.words]


@final
class Past:
    """Released buffers and the trail through them, both bounded."""

    def __init__(self, entries_max: i64) -> None:
        self.entries_max: i64 = entries_max
        self.buffers: dict[int, bytes] = {}
        """By number, the oldest first."""
        self.next_number: int = 0
        self.fees: dict[int, int] = {}
        """What the fills of each order have paid that is open and has fills."""
        self.count: i64 = 0
        """Entries so far, which are counted from 1: the last `entries_max` are kept."""
        self._blocks: list[vec[i64]] = []
        """Place, entry before, fees paid of each."""
        self._block = vec[i64](capacity=0)
        """The block of the next entry."""
        self.last = vec[i64](capacity=0)
        """The last entry of each chain (FILLS, FILLED, UNFILLED) of each account."""

    def keep(self, events: bytes) -> int:
        """Keep a buffer; its number."""
        number = self.next_number
        self.buffers[number] = events
        self.next_number = number + 1
        return number

    def add(self, place: i64, before: i64, fee: i64) -> i64:
        """The next entry of the trail; its number."""
        at = self.count % self.entries_max
        if at & _BLOCK_MASK == 0:
            number = at >> _BLOCK_SHIFT
            if number == len(self._blocks):
                entries: i64 = self.entries_max - at
                if entries > _BLOCK_MASK:
                    entries = _BLOCK_MASK + 1
                self._blocks.append(vec[i64]([0] * int(entries * _ENTRY_WORDS)))
            self._block = self._blocks[number]
        block = self._block
        at = (at & _BLOCK_MASK) * _ENTRY_WORDS
        block[at] = place
        block[at + 1] = before
        block[at + 2] = fee
        self.count += 1
        return self.count

    def _word(self, number: i64, which: i64) -> i64:
        """A word of an entry that is kept."""
        at = (number - 1) % self.entries_max
        return self._blocks[at >> _BLOCK_SHIFT][(at & _BLOCK_MASK) * _ENTRY_WORDS + which]

    def note(self, account: i64, chain: i64, place: i64, fee: i64) -> None:
        """The next entry of one of the account's chains."""
        at = account * _CHAINS + chain
        while at >= len(self.last):
            self.last = append(self.last, 0)
        self.last[at] = self.add(place, self.last[at], fee)

    def first(self, account: i64, chain: i64) -> int:
        """The newest entry of a chain; 0 if there is none."""
        at = account * _CHAINS + chain
        return int(self.last[at]) if at < len(self.last) else 0

    def entry(self, number: i64) -> tuple[int, int, int]:
        """(place, entry before, fees) of an entry; (-1, 0, 0) if it or its events are not kept any more."""
        if number <= 0 or number > self.count or number <= self.count - self.entries_max:
            return -1, 0, 0
        place = self._word(number, 0)
        if int(place >> NUMBER_SHIFT) not in self.buffers:
            return -1, 0, 0
        return int(place), int(self._word(number, 1)), int(self._word(number, 2))

    def oldest(self) -> int:
        """The place of the oldest entry that is kept; 0 if none was lost."""
        if self.count <= self.entries_max:
            return 0
        return int(self._word(self.count - self.entries_max + 1, 0))

    def find(self, account: i64, chain: i64, order_id: i64, most: i64) -> int:
        """The newest entry of the account's last `most` closed orders of a chain that is of this order; 0 if
        none is."""
        number: i64 = self.first(account, chain)
        while number > 0 and number > self.count - self.entries_max and most > 0:
            place = self._word(number, 0)
            buffer = self.buffers.get(int(place >> NUMBER_SHIFT))
            if buffer is None:
                return 0
            if read_i64_le(buffer, ((place >> UNIT_SHIFT) & UNIT_MASK) * r.UNIT_BYTES + 24) == order_id:
                return int(number)
            number = self._word(number, 1)
            most -= 1
        return 0

    def fills_of(self, account: i64, order_id: i64, count: i64, most: i64) -> list[int]:
        """Places of the last `count` fills of an order among the account's last `most`, the newest first."""
        found: list[int] = []
        number: i64 = self.first(account, FILLS)
        while number > 0 and number > self.count - self.entries_max and most > 0 and len(found) < count:
            place = self._word(number, 0)
            buffer = self.buffers.get(int(place >> NUMBER_SHIFT))
            if buffer is None:
                break
            at = ((place >> UNIT_SHIFT) & UNIT_MASK) * r.UNIT_BYTES
            if read_i64_le(buffer, at + 32) == order_id or read_i64_le(buffer, at + 40) == order_id:
                found.append(int(place))
            number = self._word(number, 1)
            most -= 1
        return found

    def trades_of(self, account: i64, trade_ids: list[int], most: i64) -> list[int]:
        """Places of the account's fills of these trades among its last `most`, in the order of the ids."""
        wanted = set(trade_ids)
        found: dict[int, int] = {}
        missing: i64 = len(trade_ids)
        number: i64 = self.first(account, FILLS)
        while number > 0 and number > self.count - self.entries_max and most > 0 and missing > 0:
            place = self._word(number, 0)
            buffer = self.buffers.get(int(place >> NUMBER_SHIFT))
            if buffer is None:
                break
            trade_id = int(read_i64_le(buffer, ((place >> UNIT_SHIFT) & UNIT_MASK) * r.UNIT_BYTES + 24))
            if trade_id in wanted:
                found[trade_id] = int(place)
                missing -= 1
            number = self._word(number, 1)
            most -= 1
        return [found[trade_id] for trade_id in trade_ids if trade_id in found]

    def traded(self, events: bytes, at: i64, place: i64) -> None:
        """The TRADE at byte `at`: both accounts remember it, both orders what they paid."""
        parties = read_i64_le(events, at + 64)
        maker = parties & r.U32
        taker = (parties >> 32) & r.U32
        self.note(maker, FILLS, place, 0)
        if taker != maker:
            self.note(taker, FILLS, place, 0)
        maker_order = int(read_i64_le(events, at + 32))
        if maker_order == 0:  # of a block: there are no orders behind it
            return
        taker_order = int(read_i64_le(events, at + 40))
        fees = self.fees
        fees[maker_order] = fees.get(maker_order, 0) + int(read_i64_le(events, at + 72))
        fees[taker_order] = fees.get(taker_order, 0) + int(read_i64_le(events, at + 80))

    def closed(self, events: bytes, at: i64, place: i64) -> None:
        """The ORDER at byte `at`, whose order is closed by it."""
        account = read_i64_le(events, at + 16) & r.U32
        if read_i64_le(events, at + 48) == 0:
            self.note(account, UNFILLED, place, 0)
            return
        fee: i64 = self.fees.pop(int(read_i64_le(events, at + 24)), 0)
        self.note(account, FILLED, place, fee)

    def clear(self) -> None:
        """Forget all."""
        self.buffers.clear()
        self.fees.clear()
        self._blocks.clear()
        self.last = vec[i64](capacity=0)
        self.count = 0


@final
class Shown:
    """What the events released so far come to. Others hold the same lists and dicts: who is listened to, how
    many events each account has had, which orders have more to them than price and size."""

    def __init__(
        self, past: Past, counts: Counts, watched: dict[int, int], special: Collection[int]
    ) -> None:
        self.past = past
        self.boards: list[Board] = []
        """By instrument id."""
        self.counts = counts
        self.watched = watched
        self.special = special
        self.books: dict[int, None] = {}
        """Instruments whose levels changed; whoever tells of them clears it."""
        self.trades: list[int] = []
        """(instrument, place) of each trade, one behind the other; likewise."""
        self.noted: list[int] = []
        """(place, account, number among its events) of each event of a watched account; likewise."""

    def take(self, events: bytes, start: i64, number: i64) -> int:
        """Take the events from byte `start` on, of the buffer with this number, up to one that is not for
        here; its byte, or the buffer's length."""
        end: i64 = len(events)
        guarded = len(self.special) > 0
        at = start
        while at < end:
            head = read_i64_le(events, at)
            kind = head & 0xFF
            if kind == r.EV_ORDER:
                if guarded and self._is_special(events, at):
                    return int(at)
                self.order(events, at, number, True)
            elif kind == r.EV_TRADE:
                self._trade(events, at, number)
            elif kind == r.EV_DONE:
                if says_rules(events, at):
                    return int(at)
            elif kind != r.EV_REJECTED and kind != r.EV_REPEATED and kind != r.EV_DUE:
                return int(at)
            at += size_of(head, at)
        return int(at)

    def remember(self, events: bytes, start: i64, number: i64, from_counter: i64) -> int:
        """As `take`, of replayed events and only the past: trades and orders of commands from `from_counter`
        on, no levels, positions or counts."""
        end: i64 = len(events)
        guarded = len(self.special) > 0
        at = start
        while at < end:
            head = read_i64_le(events, at)
            kind = head & 0xFF
            known = read_i64_le(events, at + 8) & limits.COUNTER_MASK < from_counter
            if kind == r.EV_ORDER:
                if not known:
                    if guarded and self._is_special(events, at):
                        return int(at)
                    self.remember_order(events, at, number)
            elif kind == r.EV_TRADE:
                if not known:
                    self._note_trade(events, at, number)
            elif kind == r.EV_DONE:
                if says_rules(events, at):
                    return int(at)
            elif kind != r.EV_REJECTED and kind != r.EV_REPEATED and kind != r.EV_DUE:
                return int(at)
            at += size_of(head, at)
        return int(at)

    def order(self, events: bytes, at: i64, number: i64, tells_level: bool) -> None:
        """Take the ORDER at byte `at`; whether its `level_lots` tells anything."""
        who = read_i64_le(events, at + 16)
        account = who & r.U32
        instrument = (who >> 32) & r.U32
        side = read_i64_le(events, at + 64) & r.FLAG_SELL
        counter = read_i64_le(events, at + 8) & limits.COUNTER_MASK
        board = self.boards[instrument]
        changed = False
        if tells_level:
            lots = read_i64_le(events, at + 120)
            changed = board.update(side, read_i64_le(events, at + 32), lots, counter)
        if (read_i64_le(events, at) >> 16) & 0xFFFF > 4 and board.update(
            side, read_i64_le(events, at + 128), read_i64_le(events, at + 136), counter
        ):
            changed = True
        if changed:
            self.books[int(instrument)] = None
        self.remember_order(events, at, number)
        self.count(number << NUMBER_SHIFT | (at >> 5) << UNIT_SHIFT, account)

    def remember_order(self, events: bytes, at: i64, number: i64) -> None:
        """Where the ORDER at byte `at` stands, if its order is closed by it."""
        state = (read_i64_le(events, at + 64) >> 40) & 0xFF
        if state != r.ORDER_STATE_OPEN and state != r.ORDER_STATE_UNTRIGGERED:
            self.past.closed(events, at, number << NUMBER_SHIFT | (at >> 5) << UNIT_SHIFT)

    def _is_special(self, events: bytes, at: i64) -> bool:
        if (read_i64_le(events, at + 64) >> 40) & 0xFF == r.ORDER_STATE_UNTRIGGERED:
            return True
        return int(read_i64_le(events, at + 24)) in self.special

    def _trade(self, events: bytes, at: i64, number: i64) -> None:
        instrument = (read_i64_le(events, at + 16) >> 32) & r.U32
        place = self._note_trade(events, at, number)
        lots = int(read_i64_le(events, at + 56))
        value = int(read_i64_le(events, at + 136))
        if read_i64_le(events, at + 88) & r.FLAG_SELL:
            lots, value = -lots, -value
        parties = read_i64_le(events, at + 64)
        maker = parties & r.U32
        taker = (parties >> 32) & r.U32
        board = self.boards[instrument]
        board.fill(int(taker), lots, value)
        board.fill(int(maker), -lots, -value)
        self.trades.append(int(instrument))
        self.trades.append(int(place))
        self.count(place, maker)
        if taker != maker:
            self.count(place, taker)

    def _note_trade(self, events: bytes, at: i64, number: i64) -> i64:
        """Price, volume and place of the TRADE at byte `at`; the place."""
        board = self.boards[(read_i64_le(events, at + 16) >> 32) & r.U32]
        board.trade(
            read_i64_le(events, at + 128),
            read_i64_le(events, at + 96),
            read_i64_le(events, at + 48),
            read_i64_le(events, at + 56),
            read_i64_le(events, at + 136),
        )
        place = number << NUMBER_SHIFT | (at >> 5) << UNIT_SHIFT | board.direction
        board.last_trade = self.past.add(place, board.last_trade, 0)
        self.past.traded(events, at, place)
        return place

    def count(self, place: i64, account: i64) -> None:
        """One more event of an account; whoever is listened to is told where it stands."""
        told = self.counts.add(account)
        if self.watched and int(account) in self.watched:
            self.noted.append(int(place))
            self.noted.append(int(account))
            self.noted.append(int(told))


def says_rules(events: bytes, at: i64) -> bool:
    """Whether the DONE at byte `at` is that of a SET_RULES."""
    return read_i64_le(events, at + 32) & 0xFF == r.SET_RULES


def size_of(head: i64, at: i64) -> i64:
    """The bytes of the event at byte `at`, whose first word is `head`."""
    units = (head >> 16) & 0xFFFF
    if units == 0:
        raise ReleasedError(f"the event at byte {at} has no units")
    return units * r.UNIT_BYTES
