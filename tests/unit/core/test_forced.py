"""Withdrawals that are forced on the L1, and deposits that are refused (docs/rules-6.md)."""

from __future__ import annotations

import struct

import pytest

from exchange.core.engine import Engine
from exchange.core.state_reader import StateError
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits, rejects
from exchange.domain import records as r
from exchange.domain.commands_bridge import forced_withdrawal
from exchange.domain.commands_orders import Member, Trigger
from tests.reference.engine import ReferenceEngine
from tests.unit.core.bookings import in_use, must_hold_together, refusal
from tests.unit.core.harness import (
    ALICE,
    BOB,
    INDEX,
    OPTION,
    PERPETUAL,
    SELL,
    USDC,
    Market,
    last,
    of,
    only,
    reason,
    under_rules_3,
)
from tests.unit.core.liquidations import CAROL, RiskMarket, long_perpetual

ALL = limits.I64_MAX
MILLION = 1_000_000 * USDC
RULES = b"".join(c.set_rules(version) for version in (3, 4, 5, 6))
CHILD = 67


@pytest.fixture
def market(market_3: Market) -> Market:
    market_3.send(c.set_rules(4), c.set_rules(5), c.set_rules(6))
    return market_3


@pytest.fixture
def risk(engine_class: type[Engine | ReferenceEngine]) -> RiskMarket:
    market = RiskMarket(engine_class())
    market.send(RULES)
    return market


def force(market: Market | RiskMarket, account: int, asked_micro: int, ident: int = 1) -> e.Forced:
    """Send one that must be answered; what it said. Its CASH tells the same."""
    events = market.send(forced_withdrawal(account, asked_micro, ident))
    told = last(events, e.Forced)
    assert (told.head.account, told.head.id, told.asked_micro) == (account, ident, asked_micro)
    cash = of(events, e.Cash)
    paid = [(x.head.account, x.head.id, -x.delta_micro, x.kind, x.counter_account) for x in cash]
    here = (account, ident, told.paid_micro, r.CASH_FORCED, limits.ACCOUNT_BRIDGE)
    assert paid == ([here] if told.paid_micro else [])
    assert all(order.head.account == account for order in of(events, e.Order))
    assert len(events) == told.cancelled + len(paid) + 1
    return told


@pytest.mark.parametrize("asked", [1, MILLION - 1, MILLION, MILLION + 1, ALL])
def test_who_has_no_position_is_paid_all_there_is(market: Market, asked: int) -> None:
    assert force(market, ALICE, asked).paid_micro == min(asked, MILLION)
    must_hold_together(market)
    assert force(market, ALICE, ALL, 2).paid_micro == MILLION - min(asked, MILLION)
    assert force(market, ALICE, 1, 3).paid_micro == 0
    # What left makes room for deposits again, as a withdrawal paid does.
    most = limits.MAX_TOTAL_DEPOSITS_MICRO - 2 * MILLION
    for amount in (most // 4 + 1,) * 3 + (most - 3 * (most // 4 + 1),):
        market.deposit(ALICE, amount)
    assert reason(market.send(c.deposit(ALICE, 1, 99))) == "limit_reached"


def test_neither_lock_nor_mode_nor_family_keeps_anything_back(risk: RiskMarket) -> None:
    risk.send(c.create_account(68, main=CAROL))
    risk.deposit(68, 500 * USDC)
    risk.deposit(CAROL, 2_000 * USDC)
    risk.give(CAROL, 1, 100, 50_000)
    risk.mark(48_480)
    risk.sweep()
    risk.send(cr.set_lock(68, True), c.set_mode(r.MODE_CANCEL_ONLY), cr.set_underlying_state(0, 2))
    assert reason(risk.send(c.withdraw(68, 1, 1))) == "account_locked"
    assert force(risk, 68, ALL).paid_micro == 500 * USDC


def test_all_orders_go_by_id_and_nobody_else_s(market: Market) -> None:
    stop = Trigger(r.TRIGGER_STOP, r.SOURCE_INDEX, 60_000 * USDC)
    kept = market.rests(BOB, 9_000, 5)
    mine = [market.rests(ALICE, 9_000, 5), market.rests(ALICE, 49_000, 5, at=PERPETUAL)]
    market.send(c.mass_quote(ALICE, [c.Quote(OPTION, 8_000, 3, 13_000, 3)]))
    market.send(co.extended_order(ALICE, PERPETUAL, 0, 49_000, 2, trigger=stop))
    members = [Member(SELL, 60_000, 2), Member(SELL, 40_000, 2, trigger=stop)]
    market.send(co.extended_order(ALICE, PERPETUAL, 0, 48_000, 2, link=r.LINK_OTOCO, members=members))
    events = market.send(forced_withdrawal(ALICE, ALL, 1))
    gone = of(events, e.Order)
    assert [order.order_id for order in gone] == [mine[0] + n for n in range(8)]
    how = {(order.kind, order.state, order.reason) for order in gone}
    assert how == {(r.ORDER_CANCELLED, r.ORDER_STATE_CANCELLED, r.CANCEL_FORCED)}
    told = last(events, e.Forced)
    assert (told.paid_micro, told.cancelled) == (MILLION, 8)
    must_hold_together(market)
    assert only(market.send(c.cancel(BOB, kept)), e.Order).reason == r.CANCEL_USER


def test_what_waits_to_be_fired_goes_too(market: Market) -> None:
    stop = Trigger(r.TRIGGER_STOP, r.SOURCE_INDEX, (INDEX + 100) * USDC)
    for account in (ALICE, BOB):
        market.send(*[co.extended_order(account, PERPETUAL, 0, 49_000, 1, trigger=stop)] * 50)
    market.mark(index=INDEX + 200)  # 64 fire: Alice's and 14 of Bob's
    events = market.send(forced_withdrawal(BOB, 1, 1))
    assert of(events, e.Forced)[0].cancelled == 50
    assert not [order for order in of(events, e.Order) if order.kind == r.ORDER_TRIGGERED]


@pytest.mark.parametrize("model", [r.MODEL_STANDARD, r.MODEL_PORTFOLIO])
def test_beside_positions_it_is_what_a_withdrawal_may_take(model: int) -> None:
    market = under_rules_3(Market(Engine()))
    market.send(c.set_rules(4), c.set_rules(5), c.set_rules(6), cr.set_margin_model(ALICE, model))
    market.long(BOB, ALICE, 40, 12_000)
    market.long(ALICE, BOB, 100, 50_000, at=PERPETUAL)
    for ident, index in enumerate((INDEX, INDEX + 900, INDEX - 900), start=1):
        market.mark(index=index)
        low, high = 0, MILLION * 2
        while low < high:  # the most that WITHDRAW takes
            middle = (low + high + 1) // 2
            state = in_use(market).state_bytes()
            told = Engine.restore(state).apply(c.withdraw(ALICE, middle, 1))
            fits = isinstance(e.read_event(told), e.Cash)
            low, high = (middle, high) if fits else (low, middle - 1)
        assert 0 < low < MILLION
        for asked in (low - 1, low, low + 1, ALL):
            again = Market.__new__(Market)
            again.engine = Engine.restore(in_use(market).state_bytes())
            assert force(again, ALICE, asked, ident).paid_micro == min(asked, low)
        assert force(market, ALICE, 1, ident).paid_micro == 1
    must_hold_together(market)


def test_nothing_leaves_in_liquidation(risk: RiskMarket) -> None:
    long_perpetual(risk)
    assert force(risk, ALICE, 1).paid_micro == 0, "below maintenance, not swept yet"
    risk.sweep()
    risk.mark(60_000)
    assert force(risk, ALICE, 1, 2).paid_micro == 0, "it could pay, and is in liquidation"
    risk.step()
    assert force(risk, ALICE, 1, 3).paid_micro == 1


def test_nothing_leaves_while_a_loss_is_shared(risk: RiskMarket) -> None:
    long_perpetual(risk, index=47_000)
    risk.deposit(BOB, 10_000 * USDC)
    risk.rests(BOB, 1, 47_000, 100)
    risk.sweep()
    for _ in range(21):
        risk.step()
    risk.mark()
    for ident, count in ((1, 1), (2, 1_024)):  # measuring, then to be collected
        risk.send(cr.share_loss(ALICE, count))
        assert force(risk, BOB, 1, ident).paid_micro == 0
    risk.send(cr.share_loss(ALICE, 1_024))
    assert force(risk, BOB, 1, 3).paid_micro == 1


def test_ids_have_no_gap_and_no_double(market: Market) -> None:
    for ident, through in ((0, 0), (2, 0), (-1, 0)):
        found = refusal(market, forced_withdrawal(ALICE, 5, ident))
        assert (found.reason, found.detail) == (rejects.BAD_ID, through)
    force(market, ALICE, 5)
    for ident in (1, 3):
        found = refusal(market, forced_withdrawal(ALICE, 5, ident))
        assert (found.reason, found.detail) == (rejects.BAD_ID, 1)


def test_what_it_refuses_and_in_which_order(market: Market) -> None:
    def why(account: int, asked: int, ident: int = 1) -> str:
        return rejects.REJECT_NAMES[refusal(market, forced_withdrawal(account, asked, ident)).reason]

    assert why(99, 0, 7) == why(limits.ACCOUNT_INSURANCE, 0, 7) == "unknown_account"
    assert why(ALICE, 0, 7) == why(ALICE, -1, 7) == "bad_value"
    raw = bytearray(forced_withdrawal(99, 0, 7))
    raw[24] = 1
    assert rejects.REJECT_NAMES[refusal(market, bytes(raw)).reason] == "not_authorised"
    for at in (4, 48, 63):
        raw = bytearray(forced_withdrawal(ALICE, 5, 1))
        raw[at] ^= 1
        assert rejects.REJECT_NAMES[refusal(market, bytes(raw)).reason] == "malformed"


def test_rules_5_know_none_and_keep_their_state(market_3: Market) -> None:
    market_3.send(c.set_rules(4), c.set_rules(5))
    assert reason(market_3.send(forced_withdrawal(ALICE, 5, 1))) == "malformed"
    engine = in_use(market_3)
    before = engine.state_bytes()
    assert struct.unpack_from("<3q", before) == (4, 0, 5)
    market_3.send(c.set_rules(6))
    after = engine.state_bytes()
    assert struct.unpack_from("<3q", after) == (5, 0, 6)
    assert after[-8:] == bytes(8)
    assert after[32:-8] == before[32:]  # but for format, rules, next_seq
    force(market_3, ALICE, 5)
    assert engine.state_bytes()[-8:] == struct.pack("<q", 1)


def test_a_restored_engine_knows_the_last() -> None:
    engine = Engine()
    opening = c.set_rules(2) + RULES + c.create_account(ALICE) + c.deposit(ALICE, 9, 1)
    engine.apply(opening + forced_withdrawal(ALICE, 4, 1))
    restored = Engine.restore(engine.state_bytes())
    assert restored.forced_through == 1
    assert restored.state_bytes() == engine.state_bytes()
    more = forced_withdrawal(ALICE, 9, 2) + forced_withdrawal(ALICE, 9, 2)
    assert restored.apply(more) == engine.apply(more)
    with pytest.raises(StateError, match="forced withdrawal"):
        Engine.restore(engine.state_bytes()[:-8] + struct.pack("<q", -1))


@pytest.mark.parametrize("version", [5, 6])
def test_a_deposit_that_is_refused_has_its_id_from_rules_6_on(market_3: Market, version: int) -> None:
    market_3.send(*(c.set_rules(n) for n in range(4, version + 1)))
    taken = version == 6
    for ident, (account, amount, why) in enumerate(
        (
            (CHILD, 5, "unknown_account"),
            (ALICE, 0, "bad_value"),
            (limits.ACCOUNT_FEES, 5, "unknown_account"),
            (ALICE, limits.MAX_DEPOSIT_MICRO + 1, "bad_value"),
        ),
        start=100,
    ):
        found = only(market_3.send(c.deposit(account, amount, ident)), e.Rejected)
        assert (rejects.REJECT_NAMES[found.reason], found.detail) == (why, ident if taken else 0)
    assert only(market_3.send(c.deposit(CHILD, 5, 50)), e.Rejected).detail == 0, "it is below the last"
    (again,) = market_3.send(c.deposit(ALICE, 5, 103))
    assert isinstance(again, e.Rejected) == taken
    only(market_3.send(c.deposit(ALICE, 5, 104)), e.Cash)
