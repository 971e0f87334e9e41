"""Packed commands from outside are checked and get their account; what became of each is told in order."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.fast_lane import Ack
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import lane
from exchange.domain import records as r
from exchange.domain import rejects as rej
from exchange.edge import lane as packed
from tests.unit.core.harness import ALICE, BOB, IOC, OPTION, SELL, Market, under_rules_3

UNIT = r.UNIT_BYTES
ONE_OF_EACH = (
    c.new_order(0, OPTION, 0, 100, 5, client_order_id=7),
    c.amend(0, 3, price_ticks=101),
    c.cancel(0, 3),
    c.cancel_many(0, r.SCOPE_INSTRUMENT, target=1),
    c.mass_quote(0, [c.Quote(OPTION, bid_price_ticks=99, bid_lots=1)]),
)
_ACK = struct.Struct("<BBBBHHQQQqqqq")


@pytest.fixture
def market() -> Market:
    return Market(Engine())


def patched(record: bytes, at: int, new: bytes) -> bytes:
    return record[:at] + new + record[at + len(new) :]


def owned(*records: bytes, count: int | None = None, account: int = ALICE) -> tuple[int, int, bool, bytes]:
    """What becomes of a message of these records, behind a header."""
    told = len(records) if count is None else count
    return packed.owned(bytes(UNIT) + b"".join(records), UNIT, told, account)


def acked(market: Market, *records: bytes, account: int = ALICE) -> list[Ack]:
    """The acknowledgements of a run."""
    fault, _, _, commands = owned(*records, account=account)
    assert fault == 0
    count, found = packed.acks(commands, market.engine.apply(commands))
    assert len(found) == count * lane.ACK_BYTES
    return [Ack._make((first, *rest)) for first, _, *rest in _ACK.iter_unpack(found)]


# --- what is taken -----------------------------------------------------------------------------------------


def test_every_command_gets_the_account_and_stays_as_it_is_otherwise() -> None:
    fault, others, quotes, commands = owned(*ONE_OF_EACH)
    assert (fault, others, quotes) == (0, 3, True)  # cancels are no others
    assert commands == b"".join(patched(each, 8, ALICE.to_bytes(4, "little")) for each in ONE_OF_EACH)


def test_a_hundred_commands_are_a_message_and_one_more_is_not() -> None:
    assert owned(*[ONE_OF_EACH[2]] * lane.COMMANDS_MAX)[:2] == (0, 0)
    assert owned(*[ONE_OF_EACH[2]] * (lane.COMMANDS_MAX + 1))[0] == lane.WRONG_COUNT


def test_mass_quotes_are_found_whatever_stands_in_other_words() -> None:
    looks_like_one = c.new_order(0, OPTION, 0, r.MASS_QUOTE, 5)  # its second unit begins with the type's byte
    assert owned(looks_like_one)[2] is False
    assert owned(looks_like_one, ONE_OF_EACH[4])[2] is True


def test_a_message_without_commands_is_refused() -> None:
    assert owned() == (lane.WRONG_COUNT, 0, False, b"")


@pytest.mark.parametrize("told", [1, 3])
def test_the_count_must_be_that_of_the_commands(told: int) -> None:
    assert owned(ONE_OF_EACH[0], ONE_OF_EACH[2], count=told) == (lane.WRONG_COUNT, 0, False, b"")


@pytest.mark.parametrize(
    ("at", "new", "fault"),
    [
        (0, b"\x06", lane.UNKNOWN_COMMAND),
        (0, b"\x00", lane.UNKNOWN_COMMAND),
        (1, b"\x02", lane.WRONG_VERSION),
        (2, b"\x03", lane.WRONG_UNITS),
        (2, b"\x00", lane.WRONG_UNITS),
        (8, b"\x40", lane.NOT_ZERO),  # account
        (24, b"\x01", lane.NOT_ZERO),  # grant
        (31, b"\x80", lane.NOT_ZERO),  # aux
    ],
)
def test_what_a_record_may_not_say(at: int, new: bytes, fault: int) -> None:
    broken = patched(ONE_OF_EACH[0], at, new)
    assert owned(broken) == (fault, 0, False, b"")
    assert owned(ONE_OF_EACH[2], broken) == (fault, 0, False, b"")  # as a whole, wherever it stands


@pytest.mark.parametrize(("which", "flags"), [(2, 1), (3, 1 << 8)])
def test_flags_of_cancels_are_limited(which: int, flags: int) -> None:
    assert owned(patched(ONE_OF_EACH[which], 4, flags.to_bytes(4, "little")))[0] == lane.NOT_ZERO


@pytest.mark.parametrize("units", [2, 103])
def test_a_mass_quote_holds_one_to_a_hundred_quotes(units: int) -> None:
    assert owned(c.header(r.MASS_QUOTE, units) + bytes((units - 1) * UNIT))[0] == lane.WRONG_UNITS


@pytest.mark.parametrize("which", range(len(ONE_OF_EACH)))
def test_a_record_that_is_cut_short_is_refused(which: int) -> None:
    whole = ONE_OF_EACH[which]
    for size in range(UNIT, len(whole), UNIT):
        assert owned(whole[:size], count=1)[0] == lane.CUT_SHORT
        assert owned(ONE_OF_EACH[2], whole[:size], count=2)[0] == lane.CUT_SHORT


@given(st.lists(st.sampled_from(ONE_OF_EACH), max_size=4), st.binary(max_size=100), st.integers(0, 5))
def test_no_bytes_break_it(records: list[bytes], rest: bytes, count: int) -> None:
    message = b"".join([*records, rest])
    fault, others, _, commands = packed.owned(message, 0, count, ALICE)
    assert (fault == 0) == bool(commands)
    assert fault == 0 or fault in lane.FAULTS
    if not fault:
        assert (len(commands), others <= count) == (len(message), True)


# --- what is told ------------------------------------------------------------------------------------------


def test_an_order_that_rests_one_that_fills_and_one_that_ends(market: Market) -> None:
    (rested,) = acked(market, c.new_order(0, OPTION, SELL, 100, 5, client_order_id=9))
    assert (rested.command, rested.status) == (r.NEW_ORDER, lane.ACCEPTED)
    assert (rested.client_order_id, rested.price_ticks, rested.order_state) == (9, 100, r.ORDER_STATE_OPEN)
    assert (rested.open_lots, rested.filled_lots) == (5, 0)
    taken, ended = acked(
        market, c.new_order(0, OPTION, 0, 100, 3), c.new_order(0, OPTION, IOC, 100, 4), account=BOB
    )
    assert (taken.order_state, taken.filled_lots, taken.filled_value, taken.number) == (2, 3, 300, 1)
    assert (ended.order_state, ended.filled_lots, ended.open_lots) == (r.ORDER_STATE_CANCELLED, 2, 0)
    assert ended.reason != 0
    assert rested.order_id < taken.order_id < ended.order_id
    assert ended.seq == taken.seq + 1


def test_the_makers_orders_are_not_taken_for_the_takers(market: Market) -> None:
    makers = acked(market, *[c.new_order(0, OPTION, SELL, 100 + n, 1) for n in range(3)])
    (taken,) = acked(market, c.new_order(0, OPTION, 0, 102, 5), account=BOB)
    assert taken.order_id not in {maker.order_id for maker in makers}
    assert (taken.number, taken.filled_lots, taken.open_lots, taken.filled_value) == (3, 3, 2, 303)


def test_amends_and_cancels_tell_of_the_order_they_name(market: Market) -> None:
    one, two = acked(market, *[c.new_order(0, OPTION, 0, 90, 2)] * 2)
    amended, cancelled = acked(market, c.amend(0, two.order_id, size_lots=7), c.cancel(0, one.order_id))
    assert (amended.order_id, amended.open_lots, amended.order_state) == (two.order_id, 7, 1)
    assert (cancelled.order_id, cancelled.order_state) == (one.order_id, r.ORDER_STATE_CANCELLED)


def test_a_cancel_of_all_tells_how_many(market: Market) -> None:
    acked(market, *[c.new_order(0, OPTION, 0, 90 - n, 2) for n in range(4)])
    (told,) = acked(market, c.cancel_many(0))
    assert (told.command, told.status, told.number) == (r.CANCEL_MANY, lane.ACCEPTED, 4)


def test_a_reject_tells_its_reason_and_names_the_order_that_was_meant(market: Market) -> None:
    refused, unknown = acked(market, c.new_order(0, 99, 0, 100, 1), c.cancel(0, 12_345))
    assert (refused.status, refused.reason) == (lane.REJECTED, rej.UNKNOWN_INSTRUMENT)
    assert (unknown.status, unknown.order_id) == (lane.REJECTED, 12_345)
    assert unknown.reason in rej.REJECT_NAMES


def test_refused_sides_of_quotes_follow_their_mass_quote(market: Market) -> None:
    good = c.Quote(OPTION, bid_price_ticks=90, bid_lots=1, ask_price_ticks=110, ask_lots=1)
    bad = c.Quote(99, bid_price_ticks=90, bid_lots=1, ask_price_ticks=91, ask_lots=1)
    first, *sides, behind = acked(market, c.mass_quote(0, [good, bad]), c.cancel_many(0))
    assert (first.status, first.number) == (lane.ACCEPTED, 2)
    refused = lane.SIDE_REFUSED
    assert [(side.status, side.order_id) for side in sides] == [(refused, 2), (refused, 3)]
    assert all(side.seq == first.seq for side in sides)
    assert (behind.command, behind.number) == (r.CANCEL_MANY, 2)


def test_a_client_order_id_that_came_before_tells_of_the_first() -> None:
    market = under_rules_3(Market(Engine()))
    order = c.new_order(0, OPTION, 0, 90, 2, client_order_id=5)
    (first,) = acked(market, order)
    (again,) = acked(market, order)
    assert (again.status, again.order_id, again.price_ticks) == (lane.REPEATED, first.order_id, first.seq)
