"""Editing by label, closing a position, cancelling by pair and by kinds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateway.rig import ETH_PERPETUAL, OPTION, PERPETUAL, PUT, CallFailed, Client, Rig


@pytest.fixture
def rig() -> Rig:
    return Rig().open()


def refused(client: Client, method: str, **params: Any) -> CallFailed:
    with pytest.raises(CallFailed) as failed:
        client.call(method, **params)
    return failed.value


EDIT = "private/edit_by_label"


def test_the_one_order_of_a_label_is_edited(rig: Rig) -> None:
    client = rig.client()
    mine = client.buy(OPTION, 0.5, 4_900.0, label="mine")["order"]["order_id"]
    client.buy(PUT, 0.5, 4_900.0, label="mine")  # of another instrument
    found = client.call(EDIT, label="mine", instrument_name=OPTION, amount=0.7, price=4_890.0)["order"]
    assert (found["order_id"], found["label"]) == (mine, "mine")
    assert (found["amount"], found["price"]) == (0.7, 4_890.0)


def test_no_order_or_several_of_a_label(rig: Rig) -> None:
    client, other = rig.client(), rig.client()
    other.buy(OPTION, 0.5, 4_900.0, label="mine")
    assert refused(client, EDIT, label="mine", instrument_name=OPTION, amount=1).code == 10004
    for _ in range(2):
        client.buy(OPTION, 0.5, 4_900.0, label="mine")
    assert refused(client, EDIT, label="mine", instrument_name=OPTION, amount=1).code == 13032
    client.call("private/cancel_all")
    assert refused(client, EDIT, label="mine", instrument_name=OPTION, amount=1).code == 10004
    assert refused(client, EDIT, label="mine", instrument_name="BTC-1JAN20-1-C", amount=1).code == 10020


def test_an_edit_may_be_sent_right_behind_the_order_it_names(rig: Rig) -> None:
    client = rig.client()
    first = client.send("private/buy", instrument_name=OPTION, amount=0.5, price=4_900.0, label="quick")
    second = client.send(EDIT, label="quick", instrument_name=OPTION, amount=0.6, price=4_900.0)
    rig.loop.run()
    order = client.reply(first)["order"]
    assert client.reply(second)["order"]["order_id"] == order["order_id"]


CLOSE = "private/close_position"


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_position_is_closed_at_the_market(rig: Rig, side: str) -> None:
    maker, taker = rig.client(), rig.client()
    for price in (99_900.0, 100_100.0):
        (maker.buy if price < 100_000 else maker.sell)(PERPETUAL, 2.0, price)
    taker.call(f"private/{side}", instrument_name=PERPETUAL, amount=0.7, type="market")
    found = taker.call(CLOSE, instrument_name=PERPETUAL, type="market")
    assert (found["order"]["filled_amount"], found["order"]["reduce_only"]) == (0.7, True)
    assert found["order"]["direction"] == {"buy": "sell", "sell": "buy"}[side]
    assert [trade["amount"] for trade in found["trades"]] == [0.7]
    assert taker.call("private/get_position", instrument_name=PERPETUAL)["size"] == 0


def test_a_position_is_closed_at_a_limit_which_rests(rig: Rig) -> None:
    maker, taker = rig.client(), rig.client()
    maker.sell(OPTION, 1.0, 5_000.0)
    taker.buy(OPTION, 1.0, 5_000.0)
    found = taker.call(CLOSE, instrument_name=OPTION, type="limit", price=5_200.0)
    assert (found["order"]["order_state"], found["order"]["amount"]) == ("open", 1.0)
    assert refused(taker, CLOSE, instrument_name=OPTION, type="limit").code == -32602
    assert refused(taker, CLOSE, instrument_name=OPTION, type="limit", price=5_201.0).code == 10043


def test_what_is_not_held_cannot_be_closed(rig: Rig) -> None:
    client = rig.client()
    found = refused(client, CLOSE, instrument_name=OPTION, type="market")
    assert (found.code, found.message) == (11030, "other_reject reduce_only")


def resting(client: Client) -> None:
    for name, price in ((OPTION, 4_900.0), (PUT, 4_900.0), (PERPETUAL, 99_000.0), (ETH_PERPETUAL, 3_900.0)):
        client.buy(name, 0.1, price)


def names_left(client: Client) -> set[str]:
    return {order["instrument_name"] for order in client.call("private/get_open_orders")}


def test_cancelling_by_pair(rig: Rig) -> None:
    client = rig.client()
    resting(client)
    pair = "private/cancel_all_by_currency_pair"
    assert client.call(pair, currency_pair="ada_usdc") == 0
    assert client.call(pair, currency_pair="btc_usdc", kind="option") == 2
    assert names_left(client) == {PERPETUAL, ETH_PERPETUAL}
    found = client.call(pair, currency_pair="eth_usdc", detailed=True)
    assert [order["instrument_name"] for order in found] == [ETH_PERPETUAL]
    assert names_left(client) == {PERPETUAL}


@pytest.mark.parametrize(
    ("params", "count", "left"),
    [
        ({"currency": "any"}, 4, set()),
        ({"currency": ["BTC", "ETH"], "kind": "future"}, 2, {OPTION, PUT}),
        ({"currency": "BTC", "kind": "option"}, 2, {PERPETUAL, ETH_PERPETUAL}),
        ({"currency": ["USDT"]}, 0, {OPTION, PUT, PERPETUAL, ETH_PERPETUAL}),
        ({"currency": "BTC", "type": "trigger_all"}, 0, {OPTION, PUT, PERPETUAL, ETH_PERPETUAL}),
        ({"currency": "USDC", "kind": "spot"}, 0, {OPTION, PUT, PERPETUAL, ETH_PERPETUAL}),
    ],
)
def test_cancelling_by_kind_or_type(rig: Rig, params: dict[str, Any], count: int, left: set[str]) -> None:
    client, other = rig.client(), rig.client()
    resting(client)
    other.buy(OPTION, 0.1, 4_800.0)
    assert client.call("private/cancel_all_by_kind_or_type", **params) == count
    assert names_left(client) == left
    assert names_left(other) == {OPTION}


def test_cancelled_orders_of_several_currencies_are_listed_together(rig: Rig) -> None:
    client = rig.client()
    resting(client)
    found = client.call("private/cancel_all_by_kind_or_type", currency=["BTC", "ETH"], detailed=True)
    assert {order["instrument_name"] for order in found} == {OPTION, PUT, PERPETUAL, ETH_PERPETUAL}
    assert {order["order_state"] for order in found} == {"cancelled"}
