"""What closing leaves missing: the family pays, then the fund (docs/rules-2.md). Exact micro-USDC."""

from __future__ import annotations

import pytest

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from tests.unit.core.harness import USDC, Engine, of, only
from tests.unit.core.liquidations import (
    ALICE,
    CALL_60,
    CAROL,
    DORA,
    FUND,
    PERPETUAL,
    RiskMarket,
    kinds,
    long_perpetual,
)


@pytest.fixture
def market(engine_class: type[Engine]) -> RiskMarket:
    return RiskMarket(engine_class())


# --- the insurance fund ----------------------------------------------------------------------------


def broke(market: RiskMarket) -> None:
    """ALICE has lost 3,000 on 2,000 USDC and all her lots are sold."""
    long_perpetual(market, index=47_000)
    market.deposit(CAROL, 10_000 * USDC)
    market.rests(CAROL, PERPETUAL, 47_000, 100)
    market.sweep()
    for _ in range(20):
        told = market.told()
        assert (told.kind, told.lots, told.amount_micro) == (r.LIQ_PERPETUAL, -5, 0)


def test_the_fund_covers_what_is_missing(engine_class: type[Engine]) -> None:
    market = RiskMarket(engine_class(), fund_micro=1_500 * USDC)
    broke(market)
    covered, ended = market.step()
    assert isinstance(covered, e.Liquidation)
    assert isinstance(ended, e.Liquidation)
    assert (covered.kind, covered.amount_micro, covered.balance_micro) == (r.LIQ_FUND, 1_000 * USDC, 0)
    assert (ended.kind, ended.maintenance_micro, ended.balance_micro) == (r.LIQ_ENDED, 0, 0)
    assert market.cash(FUND) == 500 * USDC


def test_what_the_fund_does_not_reach_is_a_deficit(engine_class: type[Engine]) -> None:
    market = RiskMarket(engine_class(), fund_micro=400 * USDC)
    broke(market)
    covered, deficit = market.step()
    assert isinstance(covered, e.Liquidation)
    assert isinstance(deficit, e.Liquidation)
    assert (covered.kind, covered.amount_micro) == (r.LIQ_FUND, 400 * USDC)
    assert (deficit.kind, deficit.amount_micro, deficit.balance_micro) == (
        r.LIQ_DEFICIT,
        600 * USDC,
        -600 * USDC,
    )
    assert market.told().kind == r.LIQ_DEFICIT  # and again while nothing comes in
    market.deposit(FUND, 700 * USDC)
    assert kinds(market.step()) == [r.LIQ_FUND, r.LIQ_ENDED]
    assert market.cash(FUND) == 100 * USDC


def test_an_empty_fund_pays_nothing(market: RiskMarket) -> None:
    broke(market)
    told = only(market.step(), e.Liquidation)
    assert (told.kind, told.amount_micro) == (r.LIQ_DEFICIT, 1_000 * USDC)


# --- the family ------------------------------------------------------------------------------------

CHILDREN = (DORA + 1, DORA + 2, DORA + 3)


def family(market: RiskMarket, *usdc: int) -> None:
    """Subaccounts of ALICE with this much."""
    for child, amount in zip(CHILDREN, usdc, strict=False):
        market.must(c.create_account(child, main=ALICE), e.Account)
        if amount:
            market.deposit(child, amount * USDC)


def test_the_family_pays_before_the_fund(engine_class: type[Engine]) -> None:
    market = RiskMarket(engine_class(), fund_micro=1_500 * USDC)
    family(market, 300, 0, 450)
    broke(market)  # 1,000 are missing
    events = market.step()
    given, got, told, *others = events
    assert isinstance(given, e.Cash)
    assert isinstance(got, e.Cash)
    assert isinstance(told, e.Liquidation)
    assert (given.head.account, given.head.id, given.kind) == (CHILDREN[0], 0, r.CASH_TRANSFER)
    assert (given.delta_micro, given.balance_micro, given.counter_account) == (-300 * USDC, 0, ALICE)
    assert (got.head.account, got.head.id, got.kind) == (ALICE, 0, r.CASH_TRANSFER)
    assert (got.delta_micro, got.balance_micro, got.counter_account) == (
        300 * USDC, 2_300 * USDC, CHILDREN[0],
    )  # fmt: skip
    assert (told.head.account, told.kind, told.counter_account) == (ALICE, r.LIQ_FAMILY, CHILDREN[0])
    assert (told.amount_micro, told.maintenance_micro, told.balance_micro) == (300 * USDC, 0, -700 * USDC)
    assert kinds(others) == [r.LIQ_FAMILY, r.LIQ_FUND, r.LIQ_ENDED]
    assert [event.amount_micro for event in of(others, e.Liquidation)] == [450 * USDC, 250 * USDC, 0]
    assert market.cash(FUND) == 1_250 * USDC


def test_the_family_pays_no_more_than_is_missing(engine_class: type[Engine]) -> None:
    market = RiskMarket(engine_class(), fund_micro=1_500 * USDC)
    family(market, 1_200, 500)
    broke(market)
    assert kinds(market.step()) == [r.LIQ_FAMILY, r.LIQ_ENDED]
    assert [market.cash(account) for account in (*CHILDREN[:2], FUND)] == [
        200 * USDC, 500 * USDC, 1_500 * USDC,
    ]  # fmt: skip


def test_the_main_account_and_siblings_pay_for_a_subaccount_in_id_order(market: RiskMarket) -> None:
    family(market, 100, 0, 100)
    second = CHILDREN[1]
    market.deposit(second, 2_000 * USDC)
    market.give(second, PERPETUAL, 100, 50_000)
    market.mark(47_000)
    market.deposit(CAROL, 10_000 * USDC)
    market.rests(CAROL, PERPETUAL, 47_000, 100)
    market.deposit(ALICE, 100 * USDC)
    market.sweep(second, 1)
    for _ in range(20):
        market.step(second)
    paid = of(market.step(second), e.Liquidation)
    assert [(event.kind, event.counter_account) for event in paid] == [
        (r.LIQ_FAMILY, ALICE),
        (r.LIQ_FAMILY, CHILDREN[0]),
        (r.LIQ_FAMILY, CHILDREN[2]),
        (r.LIQ_DEFICIT, 0),
    ]
    assert paid[-1].amount_micro == 700 * USDC


def test_the_family_gives_down_to_its_maintenance_margin_whatever_it_has_open(market: RiskMarket) -> None:
    family(market, 800)
    market.mark(47_000)
    market.give(CHILDREN[0], PERPETUAL, 10, 47_000)  # to be kept: 1 % of 4,700
    market.rests(CHILDREN[0], CALL_60, 100, 700)
    market.mark()
    market.send(c.funding(PERPETUAL, 30 * USDC))  # 300: DORA has them
    market.mark()
    broke(market)
    told = of(market.step(), e.Liquidation)[0]
    assert (told.kind, told.amount_micro) == (r.LIQ_FAMILY, 453 * USDC)


@pytest.mark.parametrize("locked", [False, True])
def test_who_is_in_liquidation_itself_does_not_pay_who_is_locked_does(
    market: RiskMarket, locked: bool
) -> None:
    family(market, 200, 500)
    market.give(CHILDREN[0], PERPETUAL, 10, 50_000)
    if locked:
        market.send(cr.set_lock(CHILDREN[1], True))
    market.mark(47_900)
    assert len(market.sweep(CHILDREN[0], 1)) == 1
    market.mark(50_000)
    broke(market)
    paid = of(market.step(), e.Liquidation)
    assert [(event.kind, event.counter_account) for event in paid] == [
        (r.LIQ_FAMILY, CHILDREN[1]),
        (r.LIQ_DEFICIT, 0),
    ]
