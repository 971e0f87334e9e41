"""Reading events: agreement with an independent venue, and every difference found."""

from __future__ import annotations

import struct

import pytest

from exchange.domain import records as r
from exchange.domain.events import EventError, read_events
from settlement import operations as op
from settlement.ledger import Ledger, LedgerMismatch
from settlement.state import State
from tests.unit.settlement import streams
from tests.unit.settlement.streams import OPTION, Venue


def fed(commands: list[bytes]) -> Ledger:
    ledger = Ledger(State())
    for command in commands:
        ledger.read(command)
    return ledger


def books(ledger: Ledger) -> dict[int, tuple[int, dict[int, tuple[int, int]]]]:
    """{account: (cash, {instrument: (size, entry)})}"""
    accounts = ledger.state.accounts
    return {n: (a.cash_micro, dict(sorted(a.positions.items()))) for n, a in accounts.items()}


@pytest.mark.parametrize("seed", range(8))
def test_books_equal_the_venues(seed: int) -> None:
    venue, ledger = Venue(seed), Ledger(State())
    for frame in venue.frames(250):
        ledger.read(frame.events)
    assert books(ledger) == venue.books()
    assert not list(ledger.state.conservation_faults())


def test_events_that_move_nothing_are_passed_over() -> None:
    told = [streams.rejected(1), streams.order(2), streams.marked(3), streams.done(4)]
    of_rules_3 = (r.EV_REPEATED, r.EV_MMP, r.EV_EXTENDED, r.EV_DUE)
    for seq, kind in enumerate(of_rules_3, 5):
        units = r.EVENT_UNITS[kind]
        told.append(streams.head(kind, units, 0, seq, 64) + bytes(32 * (units - 1)))
    assert Ledger(State()).read(b"".join(told)) == []


def test_an_index_is_told_once_until_it_changes() -> None:
    venue = Venue(1)
    ledger = fed(venue.opening)
    first, second = ledger.read(venue.match(0)), ledger.read(venue.match(1))
    assert [type(operation) for operation in first] == [op.IndexSet, op.Fill]
    assert [type(operation) for operation in second] == [op.Fill]
    venue.index[0] += 1
    assert type(ledger.read(venue.match(0))[0]) is op.IndexSet


# Word offsets from the start of the record: each is a figure that settlement works out again.
TRADE_WORDS = {"size": 7, "maker fee": 9, "taker fee": 10, "index": 13, "value": 17, "taker": 2}


@pytest.mark.parametrize("word", TRADE_WORDS.values(), ids=TRADE_WORDS.keys())
def test_a_wrong_figure_in_a_trade_is_found(word: int) -> None:
    venue = Venue(2)
    ledger = fed(venue.opening)
    with pytest.raises(LedgerMismatch, match=r"seq \d+"):
        ledger.read(bumped(venue.match(3), word))


@pytest.mark.parametrize("word", [4, 5, 6])
def test_a_wrong_figure_in_a_deposit_is_found(word: int) -> None:
    venue = Venue(3)
    ledger = fed(venue.opening)
    with pytest.raises(LedgerMismatch):
        ledger.read(bumped(venue.deposit(64, 1_000), word))


SETTLED_WORDS = {"account": 2, "kind": 3, "size": 4, "delta": 5, "fee": 6, "price": 7, "entry before": 9}
SETTLED_WORDS |= {"entry after": 10, "balance": 11}


@pytest.mark.parametrize("word", SETTLED_WORDS.values(), ids=SETTLED_WORDS.keys())
@pytest.mark.parametrize("kind", [r.SETTLED_PERPETUAL, r.SETTLED_FUNDING, r.SETTLED_DELIVERY])
@pytest.mark.parametrize("holder", [0, 1])
def test_a_wrong_figure_in_a_settlement_is_found(kind: int, word: int, holder: int) -> None:
    venue = Venue(4)
    ledger = fed(venue.opening)
    number = 0 if kind == r.SETTLED_DELIVERY else 3
    for _ in range(4):
        ledger.read(venue.match(number))
    told = venue.settle(number, kind, 101_000_000_000 if kind == r.SETTLED_DELIVERY else 100_003)
    with pytest.raises(LedgerMismatch):
        ledger.read(bumped(told, holder * 16 + word))


def test_a_holder_left_out_of_a_settlement_is_found() -> None:
    venue = Venue(5)
    ledger = fed(venue.opening)
    ledger.read(venue.match(3))
    with pytest.raises(LedgerMismatch, match="accounts settled"):
        ledger.read(venue.settle(3, r.SETTLED_FUNDING, 5)[128:])


def test_a_delivery_that_settles_nobody_is_found() -> None:
    venue = Venue(6)
    ledger = fed(venue.opening)
    ledger.read(venue.match(0))
    with pytest.raises(LedgerMismatch, match="ends while account"):
        ledger.read(streams.instrument(venue.next(), 0, venue.terms[0], r.STATE_DELIVERED))


def test_changed_terms_and_unlisted_instruments_are_found() -> None:
    venue = Venue(7)
    ledger = fed(venue.opening)
    with pytest.raises(LedgerMismatch, match="terms of instrument 0"):
        ledger.read(streams.instrument(venue.next(), 0, OPTION._replace(strike_micro=1), 1))
    with pytest.raises(LedgerMismatch, match="unlisted instrument 0"):
        Ledger(State()).read(venue.match(0))
    with pytest.raises(LedgerMismatch, match="unknown kind 9"):
        fed(Venue(7).opening).read(streams.cash(99, 64, 1, 1, 99, kind=9))


@pytest.mark.parametrize(
    "told",
    [
        b"\x63" + streams.done(1)[1:],  # type 99
        streams.done(1)[:1] + b"\x02" + streams.done(1)[2:],  # version 2
        streams.done(1)[:-32],
        streams.done(1)[:9],
        bytes(32),
        streams.underlying(1, 0, "BTC")[:-1],
    ],
)
def test_events_it_does_not_know_stop_it(told: bytes) -> None:
    with pytest.raises(EventError):
        Ledger(State()).read(told)


def test_the_streams_are_of_the_format() -> None:
    for frame in Venue(8).frames(200):
        assert [event.head.version for event in read_events(frame.events)]


def bumped(told: bytes, word: int, by: int = 1) -> bytes:
    """The bytes with one (or another number) added to a 64-bit word, as integers of 64 bits wrap."""
    value = struct.unpack_from("<Q", told, 8 * word)[0]
    return told[: 8 * word] + struct.pack("<Q", value + by & (1 << 64) - 1) + told[8 * word + 8 :]


# --- blocks -----------------------------------------------------------------------------------------------


def of_a_block(told: bytes, maker_order: int = 0, taker_order: int = 0, flags: int = r.TRADE_BLOCK) -> bytes:
    """A trade told as one of a block."""
    changed = bytearray(told)
    struct.pack_into("<qq", changed, 32, maker_order, taker_order)
    changed[88] |= flags
    return bytes(changed)


def test_a_trade_of_a_block_is_a_trade_like_any() -> None:
    venue = Venue(2)
    ledger = fed(venue.opening)
    operations = ledger.read(of_a_block(venue.match(3)))
    assert isinstance(operations[-1], op.Fill)
    assert books(ledger) == venue.books()


@pytest.mark.parametrize(
    "changes", [{"maker_order": 1}, {"taker_order": 1}, {"flags": r.TRADE_BLOCK | r.TRADE_LIQUIDATION}]
)
def test_a_trade_of_a_block_has_no_orders_and_liquidates_nobody(changes: dict[str, int]) -> None:
    venue = Venue(2)
    ledger = fed(venue.opening)
    with pytest.raises(LedgerMismatch, match="block trade"):
        ledger.read(of_a_block(venue.match(3), **changes))


def test_a_block_never_stays_in_a_family() -> None:
    venue = Venue(2)
    first, second = fed(venue.opening), fed(venue.opening)
    told = venue.match(3)
    maker, taker = struct.unpack_from("<II", told, 64)
    for ledger in (first, second):
        ledger.state.accounts[taker].main = maker
    first.read(told)
    with pytest.raises(LedgerMismatch, match="one family"):
        second.read(of_a_block(told))
