"""AMEND by what is to remain, and only if as much is filled as its sender believes (docs/rules-3.md)."""

from __future__ import annotations

import struct

import pytest

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import events as e
from exchange.domain import limits, rejects
from exchange.domain import records as r
from tests.unit.core.harness import ALICE, BOB, IOC, SELL, Market, last, only, reason, under_rules_2


@pytest.fixture
def order_id(market_3: Market) -> int:
    """An order of Alice's to buy 10 lots at 100, 4 of them filled."""
    found = market_3.rests(ALICE, 100, 10)
    assert last(market_3.order(BOB, 100, 4, SELL | IOC), e.Order).filled_lots == 4
    return found


@pytest.mark.parametrize("remaining", [1, 5, 6, 7, 20])
def test_what_remains_is_what_is_open(market_3: Market, order_id: int, remaining: int) -> None:
    amended = only(market_3.send(co.amend(ALICE, order_id, remaining_lots=remaining)), e.Order)
    assert (amended.kind, amended.open_lots, amended.filled_lots) == (r.ORDER_AMENDED, remaining, 4)
    assert amended.size_lots == 4 + remaining


@pytest.mark.parametrize(
    "remaining", [0, -1, limits.MAX_ORDER_LOTS - 3, limits.MAX_ORDER_LOTS + 1, limits.I64_MAX]
)
def test_what_remains_is_bounded(market_3: Market, order_id: int, remaining: int) -> None:
    assert reason(market_3.send(co.amend(ALICE, order_id, remaining_lots=remaining))) == "bad_size"


def test_the_most_that_may_remain_is_bounded_by_other_checks_alone(market_3: Market, order_id: int) -> None:
    most = limits.MAX_ORDER_LOTS - 4
    assert reason(market_3.send(co.amend(ALICE, order_id, remaining_lots=most))) == "position_limit"


def test_less_than_was_open_keeps_its_place(market_3: Market, order_id: int) -> None:
    behind = market_3.rests(BOB, 100, 1)
    market_3.send(co.amend(ALICE, order_id, remaining_lots=5))
    trades = [t for t in market_3.order(66, 100, 6, SELL) if isinstance(t, e.Trade)]
    assert [t.maker_order_id for t in trades] == [order_id, behind]


@pytest.mark.parametrize("expected", [3, 5, 0, -1])
def test_another_fill_refuses_all(market_3: Market, order_id: int, expected: int) -> None:
    amend = co.amend(ALICE, order_id, price_ticks=101, remaining_lots=2, expected_filled_lots=expected)
    refused = only(market_3.send(amend), e.Rejected)
    assert (rejects.REJECT_NAMES[refused.reason], refused.detail) == ("filled_mismatch", 4)
    assert refused.head.id == order_id
    assert last(market_3.send(c.cancel(ALICE, order_id)), e.Order).price_ticks == 100


def test_the_fill_believed_in_amends(market_3: Market, order_id: int) -> None:
    amend = co.amend(ALICE, order_id, size_lots=7, expected_filled_lots=4)
    assert only(market_3.send(amend), e.Order).open_lots == 3


def test_the_fill_is_compared_before_size_and_price(market_3: Market, order_id: int) -> None:
    wrong = co.amend(ALICE, order_id, price_ticks=-1, size_lots=-1, expected_filled_lots=3)
    assert reason(market_3.send(wrong)) == "filled_mismatch"
    wrong = co.amend(ALICE, order_id, size_lots=-1, expected_filled_lots=4)
    assert reason(market_3.send(wrong)) == "bad_size"


def test_nothing_filled_is_an_expectation_too(market_3: Market) -> None:
    fresh = market_3.rests(ALICE, 99, 10)
    assert only(
        market_3.send(co.amend(ALICE, fresh, remaining_lots=3, expected_filled_lots=0)), e.Order
    ).open_lots == 3


def raw(order_id: int, flags: int, *words: int) -> bytes:
    """An AMEND of Alice's with these flags and words from w5 on."""
    body = struct.pack("<8q", order_id, *(words + (0,) * 7)[:7])
    return c.header(r.AMEND, 3, flags=flags, account=ALICE) + body


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (r.AMEND_PRICE | r.AMEND_REMAINING, (100,)),
        (r.AMEND_REMAINING, ()),
        (r.AMEND_EXPECTED, (0, 0, 0, 0, 4)),
        (r.AMEND_REMAINING | r.AMEND_EXPECTED, (0, 3, 0, 0, 4)),
        (r.AMEND_PRICE, (100, 0, 0, 0, 4)),
        (r.AMEND_PRICE, (100, 0, 0, 0, 0, 1)),
        (r.AMEND_PRICE, (100, 0, 0, 0, 0, 0, 1)),
        (r.AMEND_PRICE | 1 << 26, (100,)),
    ],
)
def test_flags_and_words_that_do_not_fit(
    market_3: Market, order_id: int, flags: int, words: tuple[int, ...]
) -> None:
    assert reason(market_3.send(raw(order_id, flags, *words))) == "bad_flags"


@pytest.mark.parametrize("bit", [r.AMEND_REMAINING | r.AMEND_SIZE, r.AMEND_EXPECTED | r.AMEND_PRICE])
def test_the_bits_are_bad_flags_before_rules_3(market: Market, bit: int) -> None:
    for _ in range(2):
        found = market.rests(ALICE, 100, 10)
        assert reason(market.send(raw(found, bit, 100, 5))) == "bad_flags"
        assert reason(market.send(raw(found, r.AMEND_PRICE, 100, 0, 0, 0, 1))) == "malformed"
        under_rules_2(market)
