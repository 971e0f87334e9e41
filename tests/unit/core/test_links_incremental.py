"""Members that get lots with each fill of their primary."""

from __future__ import annotations

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import events as e
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CAROL,
    IOC,
    MARKET,
    SELL,
    Market,
    of,
)
from tests.unit.core.triggers import (
    AMENDED,
    CANCELLED,
    ENDED,
    EXIT,
    FILL,
    FILLED,
    INCREMENTAL,
    OPEN,
    OTO,
    OTOCO,
    STOP,
    TRIGGERED,
    UNTRIGGERED,
    extended,
    mark,
    placed,
    states,
    told,
)


class TestIncremental:
    """As many lots wake as the primary was filled."""

    def order(self, market: Market, *members: co.Member, lots: int = 4) -> list[int]:
        link = OTO if len(members) == 1 else OTOCO
        return placed(extended(market, 100, lots, link=link, condition=INCREMENTAL, members=members))

    def test_it_grows_by_amend_and_loses_its_place(self, market_3: Market) -> None:
        _, member = self.order(market_3, EXIT)
        events = market_3.order(BOB, 100, 1, SELL)
        assert told(events, member) == [(AMENDED, UNTRIGGERED, 0), (TRIGGERED, OPEN, 0)]
        woken = of(events, e.Order)[2]
        assert (woken.size_lots, woken.open_lots) == (1, 1)
        market_3.rests(BOB, 130, 1, SELL)
        events = market_3.order(BOB, 100, 2, SELL)
        grown = [o for o in of(events, e.Order) if o.order_id == member]
        assert [(o.kind, o.state, o.size_lots, o.open_lots) for o in grown] == [(AMENDED, OPEN, 3, 3)]
        assert of(market_3.order(CAROL, 130, 1), e.Trade)[0].maker_account == BOB

    def test_no_more_than_its_size(self, market_3: Market) -> None:
        _, member = self.order(market_3, EXIT._replace(size_lots=2))
        events = market_3.order(BOB, 100, 3, SELL)
        assert of(events, e.Order)[-1].size_lots == 2
        assert told(market_3.order(BOB, 100, 1, SELL), member) == []

    def test_a_primary_that_ends_leaves_what_woke(self, market_3: Market) -> None:
        primary, member = self.order(market_3, EXIT)
        market_3.order(BOB, 100, 1, SELL)
        assert states(market_3.send(c.cancel(ALICE, primary))) == [(ENDED, CANCELLED, 1)]
        assert told(market_3.order(BOB, 130, 1), member) == [(FILL, FILLED, 0)]

    def test_one_that_waits_grows(self, market_3: Market) -> None:
        _, member = self.order(market_3, STOP)
        assert told(market_3.order(BOB, 100, 1, SELL), member) == [(AMENDED, UNTRIGGERED, 0)]
        events = market_3.order(BOB, 100, 2, SELL)
        grown = of(events, e.Order)[-1]
        assert (grown.order_id, grown.kind, grown.state) == (member, AMENDED, UNTRIGGERED)
        assert (grown.size_lots, grown.open_lots) == (3, 3)
        market_3.rests(CAROL, 101, 9)
        assert of(mark(market_3, 11_900), e.Order)[-1].filled_lots == 3

    def test_a_spent_one_waits_for_more(self, market_3: Market) -> None:
        hedge = co.Member(MARKET | IOC, 0, 3)
        market_3.rests(CAROL, 140, 9, SELL)
        primary, member = self.order(market_3, hedge)
        events = market_3.order(BOB, 100, 1, SELL)
        assert told(events, member) == [(AMENDED, UNTRIGGERED, 0), (TRIGGERED, UNTRIGGERED, 0)]
        spent = of(events, e.Order)[-1]
        assert (spent.size_lots, spent.filled_lots, spent.open_lots, spent.shown_lots) == (1, 1, 0, 0)
        events = market_3.order(BOB, 100, 1, SELL)
        assert told(events, member) == [(AMENDED, UNTRIGGERED, 0), (TRIGGERED, UNTRIGGERED, 0)]
        assert (of(events, e.Order)[2].size_lots, of(events, e.Order)[2].open_lots) == (2, 1)
        assert of(events, e.Order)[2].price_ticks == 0
        events = market_3.order(BOB, 100, 1, SELL)
        assert told(events, member) == [(AMENDED, UNTRIGGERED, 0), (TRIGGERED, FILLED, 0)]
        assert (of(events, e.Order)[-1].size_lots, of(events, e.Order)[-1].filled_lots) == (3, 3)
        assert told(market_3.order(BOB, 100, 1, SELL), primary) == [(FILL, FILLED, 0)]

    def test_a_spent_one_ends_with_its_primary(self, market_3: Market) -> None:
        market_3.rests(CAROL, 140, 9, SELL)
        primary, member = self.order(market_3, co.Member(MARKET | IOC, 0, 4))
        market_3.order(BOB, 100, 1, SELL)
        events = market_3.send(c.cancel(ALICE, primary))
        assert told(events, member) == [(ENDED, CANCELLED, 16)]
        assert of(events, e.Order)[-1].filled_lots == 1

    def test_a_spent_one_in_the_book(self, market_3: Market) -> None:
        _, member = self.order(market_3, EXIT)
        market_3.order(BOB, 100, 1, SELL)
        events = market_3.order(BOB, 130, 1)
        assert told(events, member) == [(FILL, UNTRIGGERED, 0)]
        events = market_3.order(BOB, 100, 1, SELL)
        assert told(events, member) == [(AMENDED, UNTRIGGERED, 0), (TRIGGERED, OPEN, 0)]
        assert of(events, e.Order)[-1].price_ticks == 130

    def test_members_awake_are_a_pair(self, market_3: Market) -> None:
        primary, exit_, stop_ = self.order(market_3, EXIT, STOP)
        events = market_3.order(BOB, 100, 2, SELL)
        assert [x.other_order_id for x in of(events, e.Extended)] == [stop_, exit_]
        events = market_3.order(BOB, 130, 1)
        assert told(events, stop_) == [(ENDED, CANCELLED, 15)]
        # The other goes on growing.
        events = market_3.order(BOB, 100, 1, SELL)
        grown = next(o for o in of(events, e.Order) if o.order_id == exit_)
        assert (grown.size_lots, grown.open_lots, grown.filled_lots) == (3, 2, 1)
        assert told(market_3.send(c.cancel(ALICE, exit_)), exit_) == [(ENDED, CANCELLED, 1)]
        assert states(market_3.send(c.cancel(ALICE, primary))) == [(ENDED, CANCELLED, 1)]

    def test_growth_that_is_refused_is_tried_again(self, market_3: Market) -> None:
        market_3.send(co.set_mmp(ALICE, 0, 0, co.MmpLimits(1_000, 0, 0, 0, 0, 2_000_000)))
        _, member = self.order(market_3, EXIT._replace(flags=SELL | r.FLAG_MMP))
        market_3.order(BOB, 100, 2, SELL)
        assert told(market_3.order(BOB, 100, 1, SELL), member) == []
        market_3.send(co.set_mmp(ALICE, 0, 0, co.MmpLimits(1_000, 0, 0, 0, 0, 4_000_000)))
        grown = [o for o in of(market_3.order(BOB, 100, 1, SELL), e.Order) if o.order_id == member]
        assert [(o.size_lots, o.open_lots) for o in grown] == [(4, 4)]

    def test_the_size_of_a_dormant_one_can_be_changed(self, market_3: Market) -> None:
        _, member = self.order(market_3, EXIT)
        market_3.send(c.amend(ALICE, member, size_lots=1))
        assert of(market_3.order(BOB, 100, 3, SELL), e.Order)[-1].size_lots == 1
