"""What the edge shows of takeover auctions is what a takeover then does."""

from __future__ import annotations

import pytest

from exchange.core import auctions
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import rejects
from tests.unit.core.harness import USDC, of
from tests.unit.core.liquidations import ALICE, BOB, PERPETUAL, START_MS, RiskMarket


@pytest.fixture
def market() -> RiskMarket:
    return on_sale(30_000)


def on_sale(for_ms: int) -> RiskMarket:
    """ALICE's 100 perpetuals in auction since START_MS; 500 USDC in the fund."""
    found = RiskMarket(Engine(), fund_micro=500 * USDC)
    found.deposit(ALICE, 2_000 * USDC)
    found.give(ALICE, PERPETUAL, 100, 50_000)
    found.mark(48_480)
    found.sweep()
    found.to_auction()
    found.send(c.time(START_MS + for_ms))
    return found


def engine_of(market: RiskMarket) -> Engine:
    assert isinstance(market.engine, Engine)
    return market.engine


def test_open_auctions_are_found(market: RiskMarket) -> None:
    assert auctions.open_auctions(engine_of(market)) == [ALICE]
    market.deposit(ALICE, 1_000 * USDC)
    market.step()
    assert auctions.open_auctions(engine_of(market)) == []


def test_one_that_is_well_again_is_not_for_sale(market: RiskMarket) -> None:
    market.deposit(ALICE, 1_000 * USDC)
    assert auctions.open_auctions(engine_of(market)) == []
    with pytest.raises(KeyError):
        auctions.auction(engine_of(market), ALICE)


def test_the_largest_fraction_is_what_the_core_takes() -> None:
    market = on_sale(600)
    market.deposit(BOB, 10_000 * USDC)
    most = auctions.auction(engine_of(market), ALICE).most_ppm
    assert 1 <= most < 1_000_000
    (refused,) = of(market.send(cr.takeover(BOB, ALICE, most + 1, 1 << 40)), e.Rejected)
    assert (refused.reason, refused.detail) == (rejects.BAD_SIZE, most)
    assert of(market.send(cr.takeover(BOB, ALICE, most, 1 << 40)), e.Moved)
    assert auctions.auction(engine_of(on_sale(30_000)), ALICE).most_ppm == 1_000_000


@pytest.mark.parametrize("fraction", [500_000, 1_000_000, 123_456])
def test_the_terms_are_those_of_the_takeover(market: RiskMarket, fraction: int) -> None:
    market.deposit(BOB, 10_000 * USDC)
    engine = engine_of(market)
    before = engine.state_bytes()
    shown = auctions.auction(engine, ALICE, fraction)
    assert engine.state_bytes() == before
    assert (shown.account, shown.start_ms) == (ALICE, START_MS)
    events = market.send(cr.takeover(BOB, ALICE, fraction, shown.pay_micro))
    # 10 % of discount, and half of its time.
    assert shown.positions == [(m.head.instrument, m.lots, 50_000) for m in of(events, e.Moved)]
    theirs = [-shown.pay_micro, shown.worth_micro - shown.given_micro, -shown.topped_micro]
    assert [cash.delta_micro for cash in of(events, e.Cash)] == [delta for delta in theirs if delta]
    assert shown.given_micro + shown.topped_micro <= shown.discount_micro


def test_what_is_not_in_auction_has_no_terms(market: RiskMarket) -> None:
    for account in (BOB, 2, -1, 1_000):
        with pytest.raises(KeyError):
            auctions.auction(engine_of(market), account)
    for fraction in (0, 1_000_001):
        with pytest.raises(ValueError, match="fraction"):
            auctions.auction(engine_of(market), ALICE, fraction)
