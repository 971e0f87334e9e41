"""Orders and quotes through the whole venue: taken, refused, edited, cancelled, matched."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateway.rig import (
    ETH_PERPETUAL,
    OPTION,
    PERPETUAL,
    PUT,
    CallFailed,
    Rig,
)


@pytest.fixture
def rig() -> Rig:
    return Rig().open()


def test_an_order_rests_and_is_matched(rig: Rig) -> None:
    maker, taker = rig.client(), rig.client()
    placed = maker.sell(amount=2, price=5000, label="mine")
    assert placed["trades"] == []
    assert placed["order"]["label"] == "mine"
    assert placed["order"]["order_state"] == "open"
    taken = taker.buy(amount=0.5, price=5100)
    assert taken["order"]["order_state"] == "filled"
    assert taken["order"]["average_price"] == 5000
    (trade,) = taken["trades"]
    assert (trade["price"], trade["amount"], trade["liquidity"]) == (5000, 0.5, "T")
    assert trade["fee"] == 15.0  # 0.03 % of 100,000 · 0.5
    assert trade["finality"] == "soft"
    assert taken["order"]["commission"] == 15.0
    state = maker.call("private/get_order_state", order_id=placed["order"]["order_id"])
    assert state["filled_amount"] == 0.5
    assert maker.call("private/get_positions")[0]["size"] == -0.5
    assert taker.call("private/get_position", instrument_name=OPTION)["size"] == 0.5


def test_replies_carry_the_sequence_number(rig: Rig) -> None:
    client = rig.client()
    request_id = client.send("private/buy", instrument_name=OPTION, amount=1, price=4000)
    rig.loop.run()
    client.drain()
    assert client.replies[request_id]["seq"] == rig.engine.next_seq - 1


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"price": 5001}, 10043),
        ({"price": -5}, 10023),
        ({"price": "NaN"}, 10023),
        ({"price": "sNaN"}, 10023),
        ({"price": True}, -32602),
        ({"price": None}, -32602),
        ({"price": "1_000"}, -32602),
        ({"amount": "-Infinity"}, 10021),
        ({"amount": [1]}, -32602),
        ({"post_only": 1}, -32602),
        ({"label": 7, "price": 5001}, 10043),
        ({"price": "x"}, -32602),
        ({"amount": 0}, 10021),
        ({"amount": -1}, 10021),
        ({"amount": 0.001}, 10021),
        ({"instrument_name": "BTC_USDC-1JAN01-1-C"}, 10020),
        ({"price": 20000}, 10007),
        ({"amount": 500}, 10009),
        ({"type": "stop_limit"}, -32602),
        ({"time_in_force": "forever"}, -32602),
        ({"post_only": True, "time_in_force": "fill_or_kill"}, 11055),
        ({"reduce_only": True}, 11030),
        ({"valid_until": 1}, 13888),
        ({"label": "x" * 65}, -32602),
        ({"display_amount": 2}, 10036),
        ({"amount": 10.01, "price": 100, "display_amount": 0.1}, 10036),
    ],
)
def test_bad_orders_get_their_codes(rig: Rig, params: dict[str, Any], code: int) -> None:
    client = rig.client(usdc=100_000)
    with pytest.raises(CallFailed) as refused:
        client.call("private/buy", **{"instrument_name": OPTION, "amount": 1, "price": 5000, **params})
    assert refused.value.code == code
    assert client.call("private/get_open_orders") == []


def test_a_hundredth_of_the_amount_must_be_shown(rig: Rig) -> None:
    client = rig.client(usdc=100_000)
    order = client.buy(amount=10, price=100, display_amount=0.1)["order"]
    assert order["display_amount"] == 0.1

    def refused(**params: Any) -> None:
        with pytest.raises(CallFailed) as wrong:
            client.call("private/edit", order_id=order["order_id"], **params)
        assert (wrong.value.code, wrong.value.data["param"]) == (10036, "display_amount")

    refused(amount=10.01, display_amount=0.1)
    refused(amount=20)  # half a hundredth would be shown of it
    edited = client.call("private/edit", order_id=order["order_id"], amount=20, display_amount=0.2)
    assert (edited["order"]["amount"], edited["order"]["display_amount"]) == (20, 0.2)
    refused(display_amount=0.19)
    whole = client.call("private/edit", order_id=order["order_id"], display_amount=0)
    assert "display_amount" not in whole["order"]
    assert client.call("private/edit", order_id=order["order_id"], amount=30)["order"]["amount"] == 30


def test_edits_under_way_together_hide_no_more_than_each_may(rig: Rig) -> None:
    client = rig.client(usdc=1_000_000)
    order_id = client.buy(amount=100, price=100)["order"]["order_id"]
    first = client.send("private/edit", order_id=order_id, amount=1, display_amount=0.1)
    second = client.send("private/edit", order_id=order_id, amount=99)
    third = client.send("private/edit", order_id=order_id, display_amount=1)
    rig.loop.run()
    for number in (first, second, third):
        order = client.reply(number)["order"]
        assert order.get("display_amount", order["amount"]) >= 0.01 * order["amount"]


def test_the_limit_that_was_passed_is_told(rig: Rig) -> None:
    with pytest.raises(CallFailed) as refused:
        rig.client().buy(price=20000)
    assert refused.value.data["limit"] == 15000


def test_order_types_and_times_in_force(rig: Rig) -> None:
    maker, taker = rig.client(), rig.client()
    maker.sell(amount=1, price=5000)
    assert (
        taker.buy(amount=2, price=5000, time_in_force="fill_or_kill")["order"]["order_state"] == "cancelled"
    )
    taken = taker.buy(amount=0.2, price=5000, time_in_force="immediate_or_cancel")
    assert taken["order"]["order_state"] == "filled"
    market = taker.buy(amount=0.3, price=None, type="market")
    assert market["order"]["price"] == "market_price"
    assert market["order"]["order_state"] == "filled"
    rest = taker.buy(amount=1, price=None, type="market_limit")
    assert rest["order"]["original_order_type"] == "market_limit"
    assert rest["order"]["filled_amount"] == 0.5
    assert rest["order"]["price"] == 5000
    post = maker.sell(amount=1, price=4990, post_only=True)
    assert post["order"]["price"] == 5005
    with pytest.raises(CallFailed) as refused:
        maker.sell(amount=1, price=4990, post_only=True, reject_post_only=True)
    assert refused.value.code == 11054
    day = maker.sell(amount=1, price=6000, time_in_force="good_til_day", display_amount=0.1)
    assert day["order"]["time_in_force"] == "good_til_day"
    assert day["order"]["display_amount"] == 0.1


def test_an_order_is_edited_in_place_and_moved(rig: Rig) -> None:
    client, other = rig.client(), rig.client()
    order_id = client.buy(amount=2, price=4000)["order"]["order_id"]
    smaller = client.call("private/edit", order_id=order_id, amount=1, price=4000)["order"]
    assert (smaller["order_id"], smaller["amount"], smaller["replaced"]) == (order_id, 1, True)
    other.sell(amount=0.4, price=4500)
    moved = client.call("private/edit", order_id=order_id, price=4600, amount=1)
    assert moved["trades"][0]["price"] == 4500
    assert moved["order"]["filled_amount"] == 0.4
    with pytest.raises(CallFailed) as refused:
        other.call("private/edit", order_id=order_id, amount=3)
    assert refused.value.code == 10029
    with pytest.raises(CallFailed) as refused:
        client.call("private/edit", order_id="99999", amount=3)
    assert refused.value.code == 10004
    with pytest.raises(CallFailed) as refused:
        client.call("private/edit", order_id=order_id)
    assert refused.value.code == -32602


def test_cancels_by_id_instrument_currency_label_and_all(rig: Rig) -> None:
    client, other = rig.client(), rig.client()
    first = client.buy(amount=1, price=4000, label="a")["order"]["order_id"]
    gone = client.call("private/cancel", order_id=first)
    assert (gone["order_id"], gone["order_state"], gone["cancel_reason"]) == (
        first,
        "cancelled",
        "user_request",
    )
    for code, order_id in ((11044, first), (10004, "123456"), (10025, "x")):
        with pytest.raises(CallFailed) as refused:
            client.call("private/cancel", order_id=order_id)
        assert refused.value.code == code
    client.buy(amount=1, price=4000, label="a")
    client.buy(PERPETUAL, amount=1, price=99_000, label="b")
    client.buy(ETH_PERPETUAL, amount=1, price=3_990, label="b")
    other.buy(amount=1, price=4000, label="a")
    assert client.call("private/cancel_by_label", label="never used") == 0
    assert client.call("private/cancel_by_label", label="b", currency="BTC") == 1
    assert client.call("private/cancel_all_by_instrument", instrument_name=ETH_PERPETUAL) == 1
    assert client.call("private/cancel_all_by_currency", currency="SOL") == 0
    assert client.call("private/cancel_all_by_currency", currency="BTC", kind="future") == 0
    assert client.call("private/cancel_all_by_currency", currency="USDC", kind="option") == 1
    client.buy(amount=1, price=4000)
    detailed = client.call("private/cancel_all", detailed=True)
    assert [order["order_state"] for order in detailed] == ["cancelled"]
    assert other.call("private/get_open_orders")[0]["label"] == "a"


def test_a_mass_quote_places_refuses_side_by_side_and_replaces(rig: Rig) -> None:
    maker, taker = rig.client(), rig.client()
    quotes = [
        {
            "instrument_name": OPTION,
            "quote_set_id": "s",
            "bid": {"price": 4900, "amount": 1},
            "ask": {"price": 5100, "amount": 1},
        },
        {
            "instrument_name": PUT,
            "bid": {"price": 4901, "amount": 1},
            "ask": {"price": 5100, "amount": 1, "post_only": True},
        },
        {"instrument_name": "nothing", "bid": {"price": 1, "amount": 1}},
        {
            "instrument_name": PERPETUAL,
            "bid": {"price": 100_000, "amount": 1},
            "ask": {"price": 90_000, "amount": 1},
        },
    ]
    made = maker.call("private/mass_quote", quote_id="q1", mmp_group="g", quotes=quotes)
    assert [(o["instrument_name"], o["direction"], o["quote"]) for o in made["orders"]] == [
        (OPTION, "buy", True),
        (OPTION, "sell", True),
        (PUT, "sell", True),
    ]
    assert made["orders"][0]["quote_id"] == "q1"
    assert made["orders"][0]["quote_set_id"] == "s"
    assert [(e["instrument_name"], e["side"], e["code"]) for e in made["errors"]] == [
        (PUT, "bid", 10043),
        ("nothing", "bid", 10020),
        (PERPETUAL, "bid", 13910),
        (PERPETUAL, "ask", 13910),
    ]
    assert made["errors_count"] == 4
    taker.sell(amount=0.4, price=4900)
    again = maker.call("private/mass_quote", quote_id="q2", quotes=quotes[:1], detailed=False)
    assert again["orders"] == []
    assert len(maker.call("private/get_open_orders", kind="option")) == 3
    assert maker.call("private/cancel_quotes", cancel_type="instrument", instrument_name=OPTION) == 2
    assert maker.call("private/cancel_quotes", cancel_type="currency", currency="BTC") == 1


def test_quotes_that_trade_report_their_fills(rig: Rig) -> None:
    maker, taker = rig.client(), rig.client()
    taker.sell(amount=0.4, price=4900)
    quote = {
        "instrument_name": OPTION,
        "bid": {"price": 4950, "amount": 1},
        "ask": {"price": 5100, "amount": 1},
    }
    made = maker.call("private/mass_quote", quote_id="q", quotes=[quote])
    assert [(t["price"], t["amount"], t["quote_id"]) for t in made["trades"]] == [(4900, 0.4, "q")]


def test_self_trade_prevention_is_the_accounts_choice(rig: Rig) -> None:
    client = rig.client()
    resting = client.sell(amount=1, price=5000)["order"]["order_id"]
    stopped = client.buy(amount=1, price=5000)["order"]
    assert (stopped["order_state"], stopped["end_reason"]) == ("cancelled", "self_trade")
    assert client.call("private/set_self_trading_config", mode="cancel_maker") == "ok"
    assert client.buy(amount=1, price=5000)["order"]["order_state"] == "open"
    assert client.call("private/get_order_state", order_id=resting)["order_state"] == "cancelled"
    summary = client.call("private/get_account_summary", currency="USDC", extended=True)
    assert summary["self_trading_reject_mode"] == "cancel_maker"
