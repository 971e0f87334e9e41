"""How many losing makers an order has judged where combos are about (docs/rules-6.md)."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.combos import DORA, FAR, NEAR, ComboMarket, with_dora
from tests.unit.core.harness import ALICE, BOB, CAROL, FOK, IOC, SELL, of

MOST = limits.LOSING_JUDGED
MANY = 2 * MOST


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> ComboMarket:
    found = with_dora(ComboMarket(request.param()))
    found.send(c.set_rules(5), c.set_rules(6))
    return found


def sells(market: ComboMarket, account: int, price: int, count: int, at: int) -> None:
    market.send(*[c.new_order(account, at, SELL, price, 1)] * count)


def taken(market: ComboMarket, price: int, at: int, lots: int = MANY, flags: int = IOC) -> tuple[int, int]:
    """An order of DORA's: the lots it was filled, and how many makers went for their margin."""
    events = market.order(DORA, price, lots, flags, at=at)
    orders = of(events, e.Order)
    return orders[-1].filled_lots, sum(order.reason == r.CANCEL_MARGIN for order in orders)


@pytest.mark.parametrize(("rules", "over"), [(5, 3), (6, 3), (6, 0)])
def test_in_a_combo_s_book(market: ComboMarket, rules: int, over: int) -> None:
    """Everybody can bear the fill; behind the bound makers go unjudged, and one that loses nothing trades."""
    market = market if rules == 6 else with_dora(ComboMarket(type(market.engine)()))
    market.send(c.set_rules(rules))
    spread = market.spread()
    sells(market, ALICE, 3_000, MOST - 1, spread)
    sells(market, BOB, 3_000, 1 + over, spread)
    market.rests(CAROL, 4_500, 1, SELL, at=spread)
    market.mark_calls({NEAR: 8_000})
    judged = MOST if rules == 6 else MOST + over
    assert taken(market, 4_500, spread) == (judged + 1, MOST + over - judged)


def test_each_order_has_its_own_way(market: ComboMarket) -> None:
    spread = market.spread()
    sells(market, ALICE, 3_000, MANY + 5, spread)
    market.mark_calls({NEAR: 8_000})
    assert taken(market, 3_000, spread, MOST) == (MOST, 0)
    assert taken(market, 3_000, spread, MOST) == (MOST, 0)
    # An amended order goes its own way too, as does each side of a mass quote.
    resting = market.rests(DORA, 2_999, MANY, at=spread)
    events = market.send(c.amend(DORA, resting, price_ticks=3_000))
    assert of(events, e.Order)[-1].filled_lots == 5


def test_fill_or_kill_finds_what_it_was_promised(market: ComboMarket) -> None:
    spread = market.spread()
    sells(market, ALICE, 3_000, MOST + 9, spread)
    market.rests(CAROL, 4_500, 2, SELL, at=spread)
    market.mark_calls({NEAR: 8_000})
    assert taken(market, 4_500, spread, 3, FOK) == (0, 0), "of losing makers a look counts nothing"
    assert taken(market, 4_500, spread, 2, FOK) == (2, 0)


@pytest.mark.parametrize("together", [True, False])
def test_makers_of_implied_orders(market: ComboMarket, together: bool) -> None:
    """Two that lose are two judgements, or one where their account is one."""
    both = market.combo((NEAR, 1), (FAR, 1))
    sells(market, ALICE, 7_000, MANY, NEAR)
    sells(market, ALICE if together else BOB, 4_000, MANY, FAR)
    market.mark_calls({NEAR: 7_500, FAR: 4_500})
    most = MOST if together else MOST // 2
    # Behind the bound each maker of the first leg is cancelled as its turn comes.
    assert taken(market, 11_000, both) == (most, MANY - most)


def test_one_judgement_left_for_two(market: ComboMarket) -> None:
    both = market.combo((NEAR, 1), (FAR, 1))
    sells(market, CAROL, 10_999, MOST - 1, both)
    market.rests(ALICE, 7_000, 1, SELL, at=NEAR)
    market.rests(BOB, 4_000, 1, SELL, at=FAR)
    market.mark_calls({NEAR: 7_500, FAR: 4_500})
    events = market.order(DORA, 11_000, MANY, IOC, at=both)
    gone = [order.head.account for order in of(events, e.Order) if order.reason == r.CANCEL_MARGIN]
    assert gone == [BOB], "the first was judged and may trade, the second is one too many"


def test_a_leg_s_own_book_counts_behind_the_first_implied_order(market: ComboMarket) -> None:
    spread = market.spread()
    sells(market, ALICE, 7_000, MANY, NEAR)
    market.mark_calls({NEAR: 8_000})
    assert taken(market, 7_000, NEAR) == (MANY, 0), "as ever"
    market.mark_calls({NEAR: 7_000})
    sells(market, ALICE, 7_000, 10, NEAR)
    market.rests(BOB, 3_010, 1, SELL, at=spread)
    market.rests(CAROL, 4_000, 1, SELL, at=FAR)
    sells(market, ALICE, 7_020, MANY, NEAR)
    market.mark_calls({NEAR: 8_000})
    # Ten, then the implied order at 7,010, whose maker of the combo is the first judged, then the rest.
    assert taken(market, 7_020, NEAR, 500) == (10 + 1 + MOST - 1, MANY - MOST + 1)
