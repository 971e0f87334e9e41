"""Losing makers: resting orders that would lose anything against the mark (docs/rules-2.md)."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import IOC, REDUCE, SELL, USDC, last, of
from tests.unit.core.margins import ALICE, BOB, CALL_50, CALL_55, DORA, PERPETUAL, MarginMarket, terms


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> MarginMarket:
    return MarginMarket(request.param())


def leave(market: MarginMarket, micro: int, of_micro: int = 10_000 * USDC) -> None:
    """Withdraw until ALICE has this much."""
    assert isinstance(market.withdraw(ALICE, of_micro - micro), e.Cash)


def mark_perpetual(market: MarginMarket, mark: int) -> None:
    market.mark(marks={PERPETUAL: mark})


def losing_bid(market: MarginMarket, micro: int) -> int:
    """ALICE, with this much, bids 50,000 for ten perpetuals; marked 48,000 then, they lose 20 a lot."""
    leave(market, micro)
    order_id = market.rests(ALICE, PERPETUAL, 50_000, 10)
    mark_perpetual(market, 48_000)
    return order_id


def sell(market: MarginMarket, lots: int, flags: int = IOC) -> list[e.Event]:
    return market.order(DORA, PERPETUAL, 48_000, lots, SELL | flags)


def fund_perpetual(market: MarginMarket, micro_per_lot: int) -> None:
    """Whoever is long pays this much a lot, whoever is short gets it."""
    assert isinstance(market.send(c.funding(PERPETUAL, micro_per_lot))[-1], e.Done)


def trades(events: list[e.Event]) -> bool:
    """Whether it traded; if not, the maker was cancelled for margin."""
    if of(events, e.Trade):
        return True
    assert of(events, e.Order)[0].reason == r.CANCEL_MARGIN
    return False


@pytest.mark.parametrize("lots", [1, 10])
def test_it_trades_if_its_account_keeps_its_maintenance(market: MarginMarket, lots: int) -> None:
    losing_bid(market, 248 * USDC)  # ten: 200 lost, 48 to be kept
    (trade,) = of(sell(market, lots), e.Trade)
    assert (trade.price_ticks, trade.size_lots) == (50_000, lots)


def test_else_it_is_cancelled_and_matching_goes_on(market: MarginMarket) -> None:
    order_id = losing_bid(market, 248 * USDC - 1)
    elsewhere = market.rests(ALICE, CALL_55, 1, 1)
    other = market.rests(BOB, PERPETUAL, 49_500, 4)
    cancelled, trade, filled, taker = sell(market, 10)
    assert isinstance(cancelled, e.Order)
    assert (cancelled.head.id, cancelled.kind, cancelled.state) == (
        order_id, r.ORDER_CANCELLED, r.ORDER_STATE_CANCELLED,
    )  # fmt: skip
    assert (cancelled.reason, cancelled.open_lots) == (r.CANCEL_MARGIN, 0)
    assert isinstance(trade, e.Trade)
    assert (trade.maker_order_id, trade.size_lots) == (other, 4)
    assert isinstance(filled, e.Order)
    assert isinstance(taker, e.Order)
    assert taker.filled_lots == 4  # of ten lots: the first maker would have had to take them all
    assert isinstance(market.send(c.cancel(ALICE, elsewhere))[0], e.Order)  # that one stayed


def test_it_is_the_quantity_of_the_match_that_counts(market: MarginMarket) -> None:
    losing_bid(market, 248 * USDC - 1)
    events = sell(market, 9)  # 9 · 24.80 are there; then one more lot is not
    assert [trade.size_lots for trade in of(events, e.Trade)] == [9]
    (cancelled, taker) = of(sell(market, 1), e.Order)
    assert (cancelled.reason, cancelled.filled_lots) == (r.CANCEL_MARGIN, 9)
    assert (taker.filled_lots, taker.reason) == (0, r.CANCEL_IOC)


@pytest.mark.parametrize(("mark", "is_met"), [(50_000, True), (49_999, False)])
def test_a_bid_at_the_mark_is_not_judged_and_any_above_is(
    market: MarginMarket, mark: int, is_met: bool
) -> None:
    market.hold(ALICE, PERPETUAL, 10)
    market.rests(ALICE, PERPETUAL, 50_000, 1)
    fund_perpetual(market, 999 * USDC)  # ten are left, and 50 to be kept, whatever she buys
    mark_perpetual(market, mark)
    assert trades(sell(market, 1)) is is_met


@pytest.mark.parametrize(("mark", "is_met"), [(50_100, True), (50_101, False)])
def test_an_offer_at_the_mark_is_not_judged_and_any_below_is(
    market: MarginMarket, mark: int, is_met: bool
) -> None:
    market.hold(ALICE, PERPETUAL, -10)
    market.rests(ALICE, PERPETUAL, 50_100, 1, SELL)
    fund_perpetual(market, -999 * USDC)
    mark_perpetual(market, mark)
    assert trades(market.order(DORA, PERPETUAL, 50_200, 1, IOC)) is is_met


@pytest.mark.parametrize(("rate_micro", "is_met"), [(14_999_000, True), (14_999_001, False)])
def test_a_premium_must_leave_maintenance(market: MarginMarket, rate_micro: int, is_met: bool) -> None:
    # Ten perpetuals are to keep 50.01; the premium of ten calls is 200: of 400, ten times 14.999 may go.
    market.hold(ALICE, PERPETUAL, 10)
    leave(market, 400 * USDC)
    market.rests(ALICE, CALL_50, 2_000, 10)
    fund_perpetual(market, rate_micro)
    market.mark(marks={CALL_50: 1_999})
    assert trades(market.order(DORA, CALL_50, 1_999, 10, SELL | IOC)) is is_met


def test_a_bid_at_the_mark_may_take_the_last_cash(market: MarginMarket) -> None:
    # What it pays is worth as much: that is not judged.
    market.hold(ALICE, PERPETUAL, 10)
    leave(market, 400 * USDC)
    market.rests(ALICE, CALL_50, 2_000, 10)
    fund_perpetual(market, 20 * USDC)
    assert trades(market.order(DORA, CALL_50, 2_000, 10, SELL | IOC))


@pytest.mark.parametrize(("mark", "is_met"), [(7_750, True), (7_751, False)])
def test_an_option_sold_must_leave_maintenance(market: MarginMarket, mark: int, is_met: bool) -> None:
    leave(market, 95 * USDC)  # initial margin; with the premium 115, of which 37.50 beside the mark
    market.rests(ALICE, CALL_50, 2_000, 1, SELL)
    market.mark(marks={CALL_50: mark})
    assert trades(market.order(DORA, CALL_50, mark, 1, IOC)) is is_met


def test_cover_that_is_sold_takes_the_relief_with_it(market: MarginMarket) -> None:
    # A spread that needs 500; without the CALL_55 ten CALL_50 at 20 must keep 575.
    market.hold(ALICE, CALL_50, -10)
    market.hold(ALICE, CALL_55, 10)
    market.rests(ALICE, CALL_55, 1_000, 10, SELL)
    leave(market, 950 * USDC, 10_100 * USDC)
    assert trades(market.order(DORA, CALL_55, 1_000, 1, IOC))  # at the mark
    market.mark(marks={CALL_50: 7_000, CALL_55: 1_001})
    # 960, and after another lot 970: without the two 10 · 107.50 are to be kept.
    (cancelled, _) = of(market.order(DORA, CALL_55, 1_001, 1, IOC), e.Order)
    assert (cancelled.reason, cancelled.filled_lots) == (r.CANCEL_MARGIN, 1)


def test_and_trades_if_that_leaves_maintenance(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_55, 10)
    market.rests(ALICE, CALL_55, 1_000, 10, SELL)
    market.mark(marks={CALL_55: 3_000})
    assert of(market.order(DORA, CALL_55, 1_000, 10, IOC), e.Trade)[0].size_lots == 10


@pytest.mark.parametrize(("mark", "is_met"), [(1_000, True), (0, False)])
def test_in_the_portfolio_model_the_loss_at_the_mark_counts(
    market: MarginMarket, mark: int, is_met: bool
) -> None:
    market.tables()
    market.portfolio(ALICE)
    leave(market, 300 * USDC)
    market.rests(ALICE, CALL_50, 2_000, 10)
    # Ten long: worst 100, shock 35, times 0.8: 108. Of 300, 100 or 200 are lost.
    market.mark(marks={CALL_50: mark})
    assert trades(market.order(DORA, CALL_50, 1, 10, SELL | IOC)) is is_met


def test_a_portfolio_s_other_positions_count(market: MarginMarket) -> None:
    market.tables()
    market.hold(ALICE, PERPETUAL, 10)
    market.portfolio(ALICE)
    leave(market, 1_500 * USDC)
    market.rests(ALICE, CALL_50, 2_000, 10)
    market.mark(marks={CALL_50: 1_000})
    # Ten perpetuals and ten calls: worst 900, of 7,750 of delta 135 for shock, times 0.8: 828.
    assert trades(market.order(DORA, CALL_50, 1, 1, SELL | IOC))
    fund_perpetual(market, 70 * USDC)
    assert not trades(market.order(DORA, CALL_50, 1, 9, SELL | IOC))


# --- fees ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maker_ppm", "micro", "is_met"),
    [
        (1_000, 253 * USDC, True),  # 0.1 % of 500: 0.50 a lot
        (1_000, 253 * USDC - 1, False),
        (-1_000, 248 * USDC, True),  # what it would get does not count
        (-1_000, 248 * USDC - 1, False),
    ],
)
def test_the_maker_s_fee_counts(market: MarginMarket, maker_ppm: int, micro: int, is_met: bool) -> None:
    market.must(cr.set_fees([cr.FeeTier(0, 0, maker_ppm, 1_000)]), e.Fees)
    losing_bid(market, micro)
    assert trades(sell(market, 10)) is is_met


def test_it_is_the_fee_of_its_tier(market: MarginMarket) -> None:
    market.must(cr.set_fees([cr.FeeTier(0, 0, 0, 1_000), cr.FeeTier(0, 0, 1_000, 1_000)]), e.Fees)
    market.must(cr.set_tier(ALICE, 1), e.Account)
    losing_bid(market, 253 * USDC - 1)
    assert not trades(sell(market, 10))


CAPPED = len(terms())
ONE_LOT_MICRO = 12_500 + 1  # an eighth of 0.10, and the remainder of a fill


def capped(market: MarginMarket, micro: int, mark: int) -> None:
    """ALICE, long a perpetual (5.001 to be kept), has this much and bids 10 for ten calls of capped fees."""
    market.must(cr.set_fees([cr.FeeTier(1_000, 1_000, 0, 0)]), e.Fees)  # 0.50 a lot uncapped
    listed = terms()[CALL_50]._replace(fee_cap_permille=125)
    market.must(c.list_instrument(CAPPED, listed), e.Instrument)
    market.hold(ALICE, PERPETUAL, 1)
    leave(market, 20 * USDC)
    for ticks in (10, mark):
        if ticks == mark:
            market.rests(ALICE, CAPPED, 10, 10)
            fund_perpetual(market, 20 * USDC - micro)
        market.feed += 1
        units = [*market.units(), c.Mark(CAPPED, 0, ticks * 1_000_000, 0, 50_000 * 1_000_000)]
        market.must(c.marks(0, 50_000 * 1_000_000, market.feed, units), e.Marked)


@pytest.mark.parametrize(("missing_micro", "is_met"), [(0, True), (1, False)])
def test_a_capped_fee_counts_as_far_as_it_may_go(
    market: MarginMarket, missing_micro: int, is_met: bool
) -> None:
    capped(market, 5_001_000 + 1 * USDC + 10 * ONE_LOT_MICRO - missing_micro, 9)
    assert trades(market.order(DORA, CAPPED, 9, 10, SELL | IOC)) is is_met


# --- whom else it meets --------------------------------------------------------------------------------


def test_an_amend_that_trades_meets_losing_makers_too(market: MarginMarket) -> None:
    losing_bid(market, 248 * USDC - 1)
    resting = market.rests(BOB, PERPETUAL, 51_000, 10, SELL)
    events = market.send(c.amend(BOB, resting, price_ticks=50_000))
    assert not of(events, e.Trade)
    assert of(events, e.Order)[0].reason == r.CANCEL_MARGIN


def test_a_reduce_only_maker_is_judged_by_what_it_may_take(market: MarginMarket) -> None:
    market.hold(ALICE, PERPETUAL, -10)
    market.rests(ALICE, PERPETUAL, 50_000, 10, REDUCE)
    market.rests(DORA, PERPETUAL, 50_001, 6, SELL)
    market.order(ALICE, PERPETUAL, 50_001, 6, IOC)
    # Four short: 19.20 to be kept, 80 lost when they are bought back, and nothing to be kept then.
    mark_perpetual(market, 48_000)
    (trade,) = of(sell(market, 10), e.Trade)
    assert trade.size_lots == 4


def test_every_tip_is_judged_by_itself(market: MarginMarket) -> None:
    leave(market, 248 * USDC - 1)
    market.send(c.new_order(ALICE, PERPETUAL, 0, 50_000, 10, display_lots=3))
    mark_perpetual(market, 48_000)
    events = sell(market, 10)
    assert [trade.size_lots for trade in of(events, e.Trade)] == [3, 3, 3]
    assert of(events, e.Order)[3].reason == r.CANCEL_MARGIN


def test_under_rules_1_no_maker_is_judged() -> None:
    from tests.unit.core.harness import PERPETUAL as AT
    from tests.unit.core.harness import Market

    for engine in (Engine(), ReferenceEngine()):
        old = Market(engine)
        old.rests(ALICE, 50_000, 10, at=AT)
        old.mark(index=30_000)
        assert of(old.order(BOB, 50_000, 10, SELL | IOC, at=AT), e.Trade)
        assert last(old.order(BOB, 50_000, 10, SELL | IOC, at=AT), e.Order).filled_lots == 0
