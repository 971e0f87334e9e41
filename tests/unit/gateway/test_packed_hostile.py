"""Hostile bytes on the fast lane: every message, changed anywhere, is answered; a refusal has no effect."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import fast_lane
from clients.fast_lane import (
    Acks,
    LaneError,
    Refused,
    Welcome,
    amend,
    cancel,
    cancel_all,
    mass_quote,
    new_order,
)
from exchange.domain.commands import Quote
from exchange.wire import errors
from tests.unit.gateway.lane_rig import LaneRig

QUOTES = [Quote(0, 990, 5, 1_010, 5), Quote(1, 990, 5, 1_010, 5)]
ANSWERS = frozenset(
    {
        errors.BAD_REQUEST,
        errors.METHOD_NOT_FOUND,
        errors.UNAUTHORIZED,
        errors.FORBIDDEN,
        errors.TOO_LARGE,
    }
)


class Field:
    """One venue that all examples share: a victim with resting orders and an attacker."""

    def __init__(self) -> None:
        self.rig = LaneRig()
        self.rig.open()
        self.victim = self.rig.join()
        self.orders = [
            ack.order_id
            for ack in self.victim.run(*(
                new_order(0, sell=False, price_ticks=500 + n, size_lots=1) for n in range(3)
            ))
        ]
        self.attacker = self.rig.join()
        self.token = self.rig.token(self.attacker.session.account or 0)

    def whole(self, which: int) -> bytes:
        """A good message of each kind."""
        order = self.orders[0]
        runs = [
            [new_order(0, sell=True, price_ticks=1_500, size_lots=2, client_order_id=0)],
            [amend(order, price_ticks=400), cancel(order)],
            [cancel_all()],
            [mass_quote(QUOTES)],
            [cancel(order), new_order(1, sell=False, price_ticks=10, size_lots=1), mass_quote(QUOTES)],
        ]
        if which == len(runs):
            return fast_lane.hello(self.token)
        return self.attacker.numbers.commands(runs[which])


KINDS = 6


@pytest.fixture(scope="module")
def field() -> Field:
    return Field()


def judge(field: Field, message: bytes) -> None:
    """What every message must leave: an answer, the connection, and the victim's orders."""
    rig, attacker = field.rig, field.attacker
    before = rig.engine.next_seq
    (answer,) = attacker.send(message)
    if isinstance(answer, Refused):
        assert answer.code in ANSWERS
        assert rig.engine.next_seq == before
    else:
        assert isinstance(answer, (Acks, Welcome))
    assert not attacker.session.close_code
    assert not rig.venue.halted
    lane_state = rig.lane._lanes[attacker.session]
    attacker.numbers._sequence = lane_state.expected - 1
    if not lane_state.is_open:
        attacker.send(fast_lane.hello(field.token))
    alive = {order["order_id"] for order in rig.connect(field.victim.session.account).call(
        "private/get_open_orders"
    )}
    assert alive == {str(order) for order in field.orders}


@settings(max_examples=60, deadline=None)
@given(
    which=st.integers(0, KINDS - 1),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.one_of(st.none(), st.integers(0, 400)),
    more=st.binary(max_size=40),
)
def test_changed_bytes_are_answered(
    field: Field, which: int, changes: list[tuple[int, int]], cut: int | None, more: bytes
) -> None:
    message = bytearray(field.whole(which))
    for at, value in changes:
        message[at % len(message)] = value
    judge(field, bytes(message[:cut]) + more)


@pytest.mark.parametrize("which", range(KINDS))
def test_every_byte_of_every_message_changed_alone_is_answered(field: Field, which: int) -> None:
    for at in range(0, len(field.whole(which)), 7 if which >= 3 else 3):
        for value in (0, 0xFF):
            message = bytearray(field.whole(which))
            message[at] = value
            field.rig.lane.take(field.attacker.session, bytes(message), field.rig.clock.now_us(), None)
            field.rig.loop.run()
            for answer in field.attacker.take():
                assert not isinstance(answer, Refused) or answer.code in ANSWERS
            state = field.rig.lane._lanes[field.attacker.session]
            field.attacker.numbers._sequence = state.expected - 1
            if not state.is_open:
                field.attacker.send(fast_lane.hello(field.token))
    judge(field, b"")


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_no_bytes_break_the_venue_or_the_client(field: Field, data: bytes) -> None:
    judge(field, data)
    with suppress(LaneError):
        fast_lane.read(data)
