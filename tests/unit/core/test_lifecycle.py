"""Accounts, money, time, listings, marks, settlement and delivery (docs/rules.md, Life cycle)."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    EXPIRY_MS,
    INDEX,
    OPTION,
    PERP,
    PERPETUAL,
    SELL,
    USDC,
    Engine,
    Market,
    last,
    of,
    only,
    reason,
)


def test_accounts(market: Market) -> None:
    market.send(c.time(5))
    made = only(market.send(c.create_account(67, bytes(range(20)))), e.Account)
    assert (made.head.account, made.owner, made.flags, made.time_ms) == (67, bytes(range(20)), 0, 5)
    assert reason(market.send(c.create_account(67))) == "bad_id"
    assert reason(market.send(c.create_account(69))) == "bad_id"
    assert only(market.send(c.configure_account(67, cancel_maker=True)), e.Account).flags == 1
    assert reason(market.send(c.configure_account(3, cancel_maker=True))) == "unknown_account"
    two = c.header(r.CONFIGURE_ACCOUNT, 1, flags=2, account=67)
    assert reason(market.send(two)) == "bad_flags"


def test_deposits(market: Market) -> None:
    assert reason(market.send(c.deposit(99, 1, 10))) == "unknown_account"
    assert reason(market.send(c.deposit(ALICE, 0, 10))) == "bad_value"
    assert reason(market.send(c.deposit(ALICE, limits.MAX_DEPOSIT_MICRO + 1, 10))) == "bad_value"
    paid = only(market.send(c.deposit(ALICE, 5, 10)), e.Cash)
    assert (paid.head.id, paid.delta_micro, paid.balance_micro) == (10, 5, 1_000_000 * USDC + 5)
    assert reason(market.send(c.deposit(ALICE, 5, 10))) == "duplicate"
    assert reason(market.send(c.deposit(BOB, 5, 9))) == "duplicate"


def test_time_never_falls(market: Market) -> None:
    assert only(market.send(c.time(5)), e.Done).time_ms == 5
    assert only(market.send(c.time(5)), e.Done).command == r.TIME
    assert reason(market.send(c.time(4))) == "bad_value"
    assert reason(market.send(c.time(limits.MAX_TIME_MS + 1))) == "bad_value"


def test_switches(market: Market) -> None:
    assert reason(market.send(c.set_mode(2))) == "bad_flags"
    assert reason(market.send(c.set_rules(0))) == "bad_value"
    newest = limits.RULES_VERSION
    assert reason(market.send(c.header(r.SET_RULES, 1, aux=newest + 1))) == "bad_value"
    assert reason(market.send(c.set_rules(newest + 1))) == "malformed"
    assert reason(market.send(c.header(r.SET_RULES, 1, aux=2))) == "bad_value"
    assert reason(market.send(c.header(r.SET_RULES, 1, flags=1, aux=1))) == "malformed"
    assert only(market.send(c.set_rules(1)), e.Done).command == r.SET_RULES


def test_rules_go_forward_only(market: Market) -> None:
    assert only(market.send(c.set_rules(2)), e.Done).command == r.SET_RULES
    assert reason(market.send(c.set_rules(1))) == "bad_value"


def test_labels(market: Market) -> None:
    assert only(market.send(c.label(ALICE, 1, "x" * 256)), e.Done).client_order_id == 256
    assert reason(market.send(c.label(99, 1, "x"))) == "unknown_account"
    assert reason(market.send(c.label(ALICE, 0, "x"))) == "malformed"
    assert reason(market.send(c.label(ALICE, 1, "x" * 257))) == "malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": 0},
        {"option_type": 0},
        {"expiry_ms": 0},
        {"strike_micro": 0},
        {"strike_micro": limits.MAX_PRICE_MICRO + 1},
        {"tick_micro": 0},
        {"tick_micro": 1_000_001},
        {"lot_e8": limits.MAX_LOT_E8 + 1},
        {"min_size_lots": 0},
        {"price_limit_ticks": 0},
        {"position_limit_lots": 1 << 28},
        {"maker_fee_ppm": limits.MAX_FEE_PPM + 1},
        {"delivery_fee_ppm": limits.MAX_FEE_PPM + 1},
        {"fee_cap_permille": 1_001},
        {"band_ppm": limits.MAX_BAND_PPM + 1},
        {"tick_steps": ()},
        {"tick_steps": ((1, 1),)},
        {"tick_steps": ((0, 2), (5, 5))},
        {"tick_steps": ((0, 1), (10, 5), (10, 10))},
        {"tick_steps": ((0, 500_001),)},
        {"price_limit_ticks": 1 << 33, "position_limit_lots": 1 << 17},
    ],
)
def test_terms_out_of_order_are_refused(market: Market, changes: dict[str, Any]) -> None:
    terms = CALL._replace(**changes)
    assert reason(market.send(c.list_instrument(2, terms))) == "bad_value"


def test_listings(market: Market) -> None:
    assert reason(market.send(c.list_underlying(2, "ETH"))) == "bad_id"
    assert only(market.send(c.list_underlying(1, "ETH")), e.Underlying).symbol == c.symbol_word("ETH")
    assert reason(market.send(c.list_instrument(3, PERP))) == "bad_id"
    assert reason(market.send(c.list_instrument(2, PERP._replace(underlying=2)))) == "unknown_underlying"
    made = only(market.send(c.list_instrument(2, PERP._replace(underlying=1))), e.Instrument)
    assert (made.head.instrument, made.state, made.terms.underlying) == (2, r.STATE_OPEN, 1)


def test_terms_just_within_limits_are_listed(market: Market) -> None:
    wide = PERP._replace(tick_micro=1, lot_e8=10**8, price_limit_ticks=1 << 40, position_limit_lots=1 << 8)
    assert isinstance(market.send(c.list_instrument(2, wide))[0], e.Instrument)
    wider = wide._replace(position_limit_lots=(1 << 8) + 1)
    assert reason(market.send(c.list_instrument(3, wider))) == "bad_value"


def marks(feed: int, *units: c.Mark, index: int = INDEX * USDC, underlying: int = 0) -> bytes:
    return c.marks(underlying, index, feed, units)


GOOD = c.Mark(PERPETUAL, 0, INDEX * USDC, 0, INDEX * USDC)


@pytest.mark.parametrize(
    ("command", "why", "detail"),
    [
        (marks(9, GOOD, underlying=1), "unknown_underlying", 0),
        (marks(1, GOOD), "stale_feed", 0),
        (marks(9, index=0), "bad_value", 0),
        (marks(9, index=limits.MAX_PRICE_MICRO + 1), "bad_value", 0),
        (marks(9, GOOD, GOOD._replace(instrument=7)), "unknown_instrument", 1),
        (marks(9, GOOD, GOOD, GOOD._replace(mark_micro=-1)), "bad_value", 2),
        (marks(9, GOOD, GOOD._replace(forward_micro=0)), "bad_value", 1),
        (marks(9, GOOD, GOOD._replace(delta_e9=-(10**9) - 1)), "bad_value", 1),
        (marks(9, GOOD, GOOD._replace(vega_micro=-1)), "bad_value", 1),
        (marks(9, GOOD._replace(mark_micro=limits.MAX_PRICE_MICRO + 1)), "bad_value", 0),
    ],
)
def test_one_bad_unit_rejects_the_block(market: Market, command: bytes, why: str, detail: int) -> None:
    events = market.send(command)
    assert reason(events) == why
    assert only(events, e.Rejected).detail == detail
    assert only(market.send(marks(2, GOOD)), e.Marked).units == 1


def test_the_last_of_repeated_units_wins(market: Market) -> None:
    dear = GOOD._replace(mark_micro=90_000 * USDC)
    market.send(marks(9, GOOD, dear))
    market.rests(BOB, 50_000, 1, SELL, at=PERPETUAL)
    assert of(market.order(ALICE, 50_000, 1, at=PERPETUAL), e.Trade)[0].mark_micro == 90_000 * USDC


def test_funding(market: Market) -> None:
    market.long(ALICE, BOB, 10, 50_000, at=PERPETUAL)
    market.long(CAROL, BOB, 5, 50_000, at=PERPETUAL)
    events = market.send(c.funding(PERPETUAL, 3_000))
    paid = [(s.head.account, s.size_lots, s.cash_delta_micro) for s in of(events, e.Settled)]
    assert paid == [(ALICE, 10, -30_000), (BOB, -15, 45_000), (CAROL, 5, -15_000)]
    assert last(events, e.Done).affected == 3
    assert reason(market.send(c.funding(OPTION, 1))) == "bad_value"
    assert reason(market.send(c.funding(2, 1))) == "unknown_instrument"
    assert reason(market.send(c.funding(PERPETUAL, limits.MAX_VALUE_MICRO))) == "bad_value"
    assert reason(market.send(c.funding(PERPETUAL, -(1 << 63)))) == "bad_value"


def test_settlement_of_a_flat_account_with_profit(market: Market) -> None:
    market.long(ALICE, BOB, 10, 50_000, at=PERPETUAL)
    market.long(BOB, ALICE, 10, 50_200, at=PERPETUAL)
    events = market.send(c.settle_perpetual(PERPETUAL, 1))
    settled = [(s.head.account, s.size_lots, s.cash_delta_micro) for s in of(events, e.Settled)]
    assert settled == [(ALICE, 0, 20 * USDC), (BOB, 0, -20 * USDC)]
    assert last(market.send(c.settle_perpetual(PERPETUAL, 1)), e.Done).affected == 0
    assert reason(market.send(c.settle_perpetual(PERPETUAL, 0))) == "bad_value"
    assert reason(market.send(c.settle_perpetual(OPTION, 5))) == "bad_value"


def test_delivery_pays_cancels_and_ends(market: Market) -> None:
    market.long(ALICE, BOB, 10, 11_000)
    bids = [market.rests(CAROL, price, 1) for price in (5, 7, 6)]
    asks = [market.rests(CAROL, price, 1, SELL) for price in (15_000, 14_000)]
    assert reason(market.send(c.deliver(OPTION, 45_000 * USDC))) == "not_expired"
    market.send(c.time(EXPIRY_MS))
    assert reason(market.send(c.deliver(OPTION, 0))) == "bad_value"
    assert reason(market.send(c.deliver(PERPETUAL, 1))) == "bad_value"
    events = market.send(c.deliver(OPTION, 45_000 * USDC))
    cancelled = [o.order_id for o in of(events, e.Order)]
    assert cancelled == [bids[1], bids[2], bids[0], asks[1], asks[0]]
    assert {o.reason for o in of(events, e.Order)} == {r.CANCEL_DELIVERY}
    paid = [(s.head.account, s.cash_delta_micro, s.fee_micro) for s in of(events, e.Settled)]
    assert paid == [(ALICE, 500 * USDC, 0), (BOB, -500 * USDC, 0)]
    assert last(events, e.Instrument).state == r.STATE_DELIVERED
    assert reason(market.send(c.deliver(OPTION, 45_000 * USDC))) == "instrument_not_open"
    assert reason(market.send(c.set_instrument_state(OPTION, 0))) == "instrument_not_open"
    assert reason(market.send(marks(50, GOOD._replace(instrument=OPTION)))) == "instrument_not_open"


@pytest.mark.parametrize(
    ("kind", "price", "payoff", "fee"),
    [
        (r.OPTION_CALL, 40_000 * USDC, 0, 0),  # the cap: 12.5 % of nothing
        (r.OPTION_CALL, 40_010 * USDC + 99, 300_000, 37_500),  # capped; 0.99 micro-units are cut off
        (r.OPTION_CALL, 45_000 * USDC, 150 * USDC, 202_500),  # 150 ppm of 450 USDC, three lots
        (r.OPTION_PUT, 45_000 * USDC, 0, 0),
        (r.OPTION_PUT, 30_000 * USDC, 300 * USDC, 135_000),
    ],
)
def test_delivery_payoffs_and_fees(
    engine_class: type[Engine], kind: int, price: int, payoff: int, fee: int
) -> None:
    terms = CALL._replace(option_type=kind, delivery_fee_ppm=150, fee_cap_permille=125)
    market = Market(engine_class(), option=terms)
    market.long(ALICE, BOB, 3, 100)
    market.send(c.time(EXPIRY_MS))
    long, short = of(market.send(c.deliver(OPTION, price)), e.Settled)
    assert (long.cash_delta_micro, long.fee_micro) == (payoff - fee, fee)
    assert (short.cash_delta_micro, short.fee_micro) == (-payoff - fee, fee)


def test_delisting_needs_an_empty_instrument(market: Market) -> None:
    bid = market.rests(ALICE, 100, 1)
    assert reason(market.send(c.set_instrument_state(OPTION, r.STATE_DELISTED))) == "not_empty"
    market.send(c.cancel(ALICE, bid))
    market.long(ALICE, BOB, 1, 100)
    assert reason(market.send(c.set_instrument_state(OPTION, r.STATE_DELISTED))) == "not_empty"
    market.long(BOB, ALICE, 1, 101)
    gone = only(market.send(c.set_instrument_state(OPTION, r.STATE_DELISTED)), e.Instrument)
    assert gone.state == r.STATE_DELISTED
    assert reason(market.send(c.set_instrument_state(OPTION, 0))) == "instrument_not_open"


def test_a_perpetual_is_delisted_only_settled(market: Market) -> None:
    market.long(ALICE, BOB, 1, 50_000, at=PERPETUAL)
    market.long(BOB, ALICE, 1, 50_001, at=PERPETUAL)
    assert reason(market.send(c.set_instrument_state(PERPETUAL, r.STATE_DELISTED))) == "not_empty"
    market.send(c.settle_perpetual(PERPETUAL, 50_000))
    gone = only(market.send(c.set_instrument_state(PERPETUAL, r.STATE_DELISTED)), e.Instrument)
    assert gone.state == r.STATE_DELISTED
    assert reason(market.send(c.funding(PERPETUAL, 1))) == "instrument_not_open"


def test_undefined_states_are_refused(market: Market) -> None:
    assert reason(market.send(c.set_instrument_state(OPTION, 4))) == "bad_flags"
    assert reason(market.send(c.set_instrument_state(7, 0))) == "unknown_instrument"


@pytest.mark.parametrize(
    "command",
    [
        c.header(0, 1),
        c.header(7, 1),
        c.header(31, 1),
        c.header(r.TIME, 1),
        c.header(r.TIME, 2, flags=1) + bytes(32),
        c.time(5)[:40] + b"\1" + bytes(23),
        b"\x14\2" + c.time(5)[2:],
        c.cancel(ALICE, 1)[:63] + b"\1",
        c.create_account(67)[:52] + b"\1" + bytes(11),
        c.list_instrument(2, PERP)[:35] + b"\1" + c.list_instrument(2, PERP)[36:],
    ],
)
def test_malformed(market: Market, command: bytes) -> None:
    assert reason(market.send(command)) == "malformed"
