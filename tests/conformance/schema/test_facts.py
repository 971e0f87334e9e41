"""The walk itself: what it must find."""

from __future__ import annotations

import pytest

from tests.conformance.schema import facts

TRADE: dict[str, object] = {
    "trade_id": "1",
    "trade_seq": 1,
    "instrument_name": "BTC_USDC-PERPETUAL",
    "timestamp": 1,
    "direction": "buy",
    "tick_direction": 0,
    "index_price": 1.0,
    "price": 1,
    "amount": 0.5,
    "mark_price": 1.0,
}


def wrong(**changes: object) -> list[str]:
    trade = {name: value for name, value in {**TRADE, **changes}.items() if value is not ...}
    found = facts.walk_result("public/get_last_trades_by_instrument", {"trades": [trade], "has_more": False})
    return found.wrong


def test_a_whole_trade_lacks_nothing() -> None:
    assert wrong() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"price": ...}, "trades[0].price: missing"),
        ({"price": None}, "trades[0].price: null instead of number"),
        ({"price": "1.0"}, "trades[0].price: '1.0' is no number"),
        ({"price": True}, "trades[0].price: True is no number"),
        ({"trade_seq": 1.0}, "trades[0].trade_seq: 1.0 is no integer"),
        ({"direction": "up"}, "trades[0].direction: 'up' is no enum(buy|sell)"),
        ({"tick_direction": 4}, "trades[0].tick_direction: 4 is no enum(0|1|2|3)"),
        ({"iv": None}, "trades[0].iv: null instead of number"),
        ({"liquidation": "X"}, "trades[0].liquidation: 'X' is no enum(M|T|MT)"),
    ],
)
def test_each_mistake_is_named_with_its_path(changes: dict[str, object], said: str) -> None:
    assert wrong(**changes) == [said]


def test_a_list_in_place_of_an_object_and_the_other_way() -> None:
    assert facts.walk_result("public/ticker", []).wrong == [": [] is no TickerNotification"]
    assert facts.walk_push("trades.{instrument_name}.{interval}", {}).wrong == [": {} is no list"]


def test_lists_without_items_are_told_apart() -> None:
    found = facts.walk_result("public/get_last_trades_by_instrument", {"trades": [], "has_more": False})
    assert (found.wrong, found.bare) == ([], ["trades"])


def test_the_facts_are_whole() -> None:
    assert len(facts.methods()) == 169
    assert len(facts.channels()) == 40
    for name in facts.methods():
        facts.walk_result(name, {})  # every type is known
