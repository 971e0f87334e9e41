"""The taker's choices: seeded, valid, bounded."""

from __future__ import annotations

import random
from typing import Any

import pytest

from clients.flow import Action, Flow, FlowConfig, OpenOrder, Prices, read_prices
from clients.instruments import parse_instrument, to_micro
from tests.unit.clients.fake_venue import chain_listings

LISTED = [parse_instrument(raw) for raw in chain_listings("BTC", 100_000.0)]


def flow(seed: int = 1, **changes: Any) -> Flow:
    made = Flow(FlowConfig(**changes), random.Random(seed))
    prices = Prices(to_micro(4_000.0), to_micro(4_100.0), to_micro(4_050.0), to_micro(100_000.0))
    made.set_market(LISTED, {i.name: prices for i in LISTED})
    return made


def draw(made: Flow, count: int) -> list[Action]:
    return [action for _ in range(count) if (action := made.next_action()) is not None]


def test_the_same_seed_makes_the_same_choices() -> None:
    assert draw(flow(seed=5), 200) == draw(flow(seed=5), 200)
    assert draw(flow(seed=5), 200) != draw(flow(seed=6), 200)


def test_new_orders_are_on_tick_in_whole_lots_and_of_every_kind() -> None:
    actions = draw(flow(), 600)
    assert {action.kind for action in actions} == {"market", "ioc", "limit"}
    for action in actions:
        amount = to_micro(action.params["amount"])
        assert amount > 0
        assert amount % action.instrument.min_amount_micro == 0
        assert (action.params["type"] == "market") == ("price" not in action.params)
        if "price" in action.params:
            price = to_micro(action.params["price"])
            assert price % action.instrument.grid.step_micro(price) == 0
    assert any(not action.instrument.is_option for action in actions)


def test_an_immediate_order_goes_to_the_best_opposite_price() -> None:
    for action in draw(flow(weights={"ioc": 1.0}), 50):
        assert action.params["price"] == (4_100.0 if action.method == "private/buy" else 4_000.0)


def test_positions_lean_the_side_and_at_the_limit_only_reduce() -> None:
    made = flow(weights={"market": 1.0}, position_limit_multiple=10)
    made.position_micro = {i.name: 10 * i.min_amount_micro for i in LISTED}
    assert {action.method for action in draw(made, 100)} == {"private/sell"}
    made.position_micro = {i.name: -20 * i.min_amount_micro for i in LISTED}
    assert {action.method for action in draw(made, 100)} == {"private/buy"}


def test_amends_and_cancels_name_an_open_order() -> None:
    made = flow(weights={"amend": 1.0, "cancel": 1.0})
    assert draw(made, 20) == []
    made.open_orders["9"] = OpenOrder("9", LISTED[0], True, to_micro(100.0), LISTED[0].min_amount_micro)
    actions = draw(made, 40)
    assert {action.method for action in actions} == {"private/edit", "private/cancel"}
    assert {action.params["order_id"] for action in actions} == {"9"}
    assert all(action.params.get("amount", 1.0) > 0 for action in actions)


def test_a_full_book_of_own_orders_cancels_instead_of_adding() -> None:
    made = flow(weights={"limit": 1.0}, max_open_orders=1)
    made.open_orders["9"] = OpenOrder("9", LISTED[0], True, to_micro(100.0), LISTED[0].min_amount_micro)
    assert {action.kind for action in draw(made, 20)} == {"cancel"}


def test_without_prices_nothing_is_done() -> None:
    made = flow(weights={"limit": 1.0, "ioc": 1.0})
    made.set_market(LISTED, {})
    assert draw(made, 50) == []


def test_summaries_with_gaps_are_read() -> None:
    raw = {"instrument_name": "X", "bid_price": None, "ask_price": 0.1, "mark_price": 0.12345678}
    prices = read_prices([raw])
    assert prices["X"] == Prices(0, 100_000, 123_457, 0)


@pytest.mark.parametrize(
    "bad", [{"weights": {}}, {"weights": {"limit": -1.0}}, {"weights": {"x": 1.0}}, {"max_multiple": 0}]
)
def test_a_mix_that_cannot_work_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        FlowConfig(**bad)
