"""The sweep's read-only look at an account: at the limit, for both models, over several underlyings."""

from __future__ import annotations

import pytest

from exchange.core import remargin
from exchange.core.engine import Engine
from exchange.core.layout import A_CASH, A_EPOCH, A_FOLIO, ACCOUNT_WORDS
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from tests.unit.core.harness import PERP, USDC
from tests.unit.core.margins import (
    ALICE,
    CALL_50,
    CALL_50_LATER,
    CALL_55,
    PERPETUAL,
    PUT_50,
    RISK,
    MarginMarket,
    figures,
)

ETHER = 6


def two_underlyings() -> MarginMarket:
    """The market, and a perpetual of a second underlying."""
    market = MarginMarket(Engine())
    market.tables()
    market.send(c.list_underlying(1, "ETH"), cr.risk(1, RISK._replace(quantum_micro=500, pm_mm_ppm=700_000)))
    market.must(c.list_instrument(ETHER, PERP._replace(underlying=1)), e.Instrument)
    units = [c.Mark(ETHER, 0, 2_500 * USDC, 0, 2_500 * USDC)]
    stream = cr.table_stream([(ETHER, (-4_000, 0, 4_000, 5_000))])
    market.must(cr.risk_snapshot(1, 2_500 * USDC, 1, units, 1, stream), e.Marked)
    return market


HELD = {
    "short calls": {CALL_50: -10},
    "a spread": {CALL_50: -10, CALL_55: 10},
    "a hedge": {CALL_50: -10, PERPETUAL: 5},
    "without a table": {CALL_50_LATER: -3, PUT_50: 4},
    "bought without a table": {CALL_50_LATER: 3, PUT_50: 4, CALL_50: -2},
    "two underlyings": {CALL_50: -10, ETHER: 100, PERPETUAL: 3, CALL_50_LATER: 2},
    "the second first": {ETHER: -100, CALL_55: -4},
    "nothing": {},
}


@pytest.mark.parametrize("model", [r.MODEL_STANDARD, r.MODEL_PORTFOLIO])
@pytest.mark.parametrize("held", HELD.values(), ids=HELD.keys())
def test_it_says_below_from_the_first_micro_usdc_on(held: dict[int, int], model: int) -> None:
    market = two_underlyings()
    market.must(cr.set_margin_model(ALICE, model), e.Account)
    for at, lots in held.items():
        market.hold(ALICE, at, lots, 2_500 if at == ETHER else None)
    _, maintenance, balance, _ = figures(market, ALICE)
    assert isinstance(market.engine, Engine)
    w = market.engine.world
    cash = ALICE * ACCOUNT_WORDS + A_CASH
    w.accounts[cash] -= balance - maintenance
    assert not remargin.below_maintenance(w, ALICE)
    w.accounts[cash] -= 1
    assert remargin.below_maintenance(w, ALICE)
    assert (w.m_maintenance, w.m_balance) == (maintenance, maintenance - 1)


def test_it_leaves_what_is_kept_as_it_is() -> None:
    market = two_underlyings()
    market.portfolio(ALICE)
    market.hold(ALICE, CALL_50, -10)
    market.mark(index=50_500)
    assert isinstance(market.engine, Engine)
    w = market.engine.world
    a = ALICE * ACCOUNT_WORDS
    before = [w.accounts[a + n] for n in range(ACCOUNT_WORDS)]
    assert not remargin.below_maintenance(w, ALICE)
    assert before == [w.accounts[a + n] for n in range(ACCOUNT_WORDS)]
    assert w.accounts[a + A_EPOCH] != w.epoch
    assert w.accounts[a + A_FOLIO] != 0
