"""Orders in a combo's book, and implied ones, as clients see them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateway.combo_rig import (
    FAR,
    HIGHER,
    SPREAD,
    ComboRig,
    failure,
    legs,
    spread,
)
from tests.unit.gateway.rig import OPTION


@pytest.fixture
def rig() -> ComboRig:
    return ComboRig().open()


# --- trading -------------------------------------------------------------------------------------


def test_a_match_in_its_book_is_told_on_it_and_on_each_leg(rig: ComboRig) -> None:
    rig.discount()
    alice, bob = rig.client(), rig.client()
    spread(alice)
    for client in (alice, bob):
        client.call(
            "private/subscribe",
            channels=[
                "user.trades.any.any.raw", "user.combo_trades.any.any.raw", f"user.orders.{SPREAD}.raw"
            ],
        )  # fmt: skip
    watcher = rig.connect(rig.account())
    watcher.call(
        "public/subscribe", channels=["trades.option_combo.any.100ms", f"trades.{OPTION}.100ms"]
    )
    alice.sell(SPREAD, 1.0, 2_000.0, label="mine")
    found = bob.buy(SPREAD, 1.0, 2_050.0)
    order, (trade,) = found["order"], found["trades"]
    assert (order["order_state"], order["average_price"], order["price"]) == ("filled", 2_000.0, 2_050.0)
    assert (trade["instrument_name"], trade["price"], trade["amount"]) == (SPREAD, 2_000.0, 1.0)
    assert (trade["direction"], trade["liquidity"], trade["mark_price"]) == ("buy", "T", 2_000.0)
    assert (trade["combo_id"], trade["combo_trade_id"]) == (SPREAD, trade["trade_id"])
    one, two = trade["legs"]
    assert (one["instrument_name"], one["direction"], one["price"]) == (OPTION, "buy", 5_000.0)
    assert (two["instrument_name"], two["direction"], two["price"]) == (HIGHER, "sell", 3_000.0)
    assert {each["combo_trade_id"] for each in trade["legs"]} == {trade["trade_id"]}
    # Half of 0.03 % of the index on each leg, rounded up.
    assert trade["fee"] == order["commission"] == one["fee"] + two["fee"] == 30.0
    told = bob.taken("user.trades.any.any.raw")[0]
    assert [each["instrument_name"] for each in told] == [SPREAD, OPTION, HIGHER]
    assert bob.taken("user.combo_trades.any.any.raw") == [told[0]]
    assert told[0]["legs"] == trade["legs"]
    theirs = alice.taken("user.trades.any.any.raw")[0]
    assert [(each["liquidity"], each["direction"]) for each in theirs] == [
        ("M", "sell"), ("M", "sell"), ("M", "buy")
    ]  # fmt: skip
    assert {each["label"] for each in theirs} == {"mine"}
    assert {leg["label"] for leg in theirs[0]["legs"]} == {"mine"}
    rig.tick()
    (public,) = watcher.taken("trades.option_combo.any.100ms")[0]
    assert (public["combo_trade_id"], public["price"]) == (trade["trade_id"], 2_000.0)
    (of_leg,) = watcher.taken(f"trades.{OPTION}.100ms")[0]
    assert (of_leg["combo_id"], of_leg["combo_trade_id"]) == (SPREAD, trade["trade_id"])
    positions = {each["instrument_name"]: each["size"] for each in bob.call("private/get_positions")}
    assert positions == {OPTION: 1.0, HIGHER: -1.0}


def test_its_book_is_shown_like_any_with_prices_below_zero_too(rig: ComboRig) -> None:
    alice, bob = rig.client(), rig.client()
    made = alice.call("private/create_combo", trades=legs((OPTION, 1), (FAR, -1)))["id"]
    assert made == "BTC_USDC-CCAL-27DEC26_29JAN27-100000"
    bob.call("public/subscribe", channels=[f"book.{made}.100ms", f"quote.{made}"])
    alice.buy(made, 1.0, -1_100.0)
    alice.sell(made, 2.0, 0.0)
    rig.tick()
    changes = [push for push in bob.taken(f"book.{made}.100ms") if push["type"] == "change"]
    levels = [level for push in changes for level in (*push["bids"], *push["asks"])]
    assert sorted(levels) == [["new", -1_100.0, 1.0], ["new", 0.0, 2.0]]
    book = bob.call("public/get_order_book", instrument_name=made)
    assert (book["bids"], book["asks"]) == ([[-1_100.0, 1.0]], [[0.0, 2.0]])
    assert (book["mark_price"], book["best_bid_price"]) == (-1_000.0, -1_100.0)
    (trade,) = bob.sell(made, 1.0, -1_200.0)["trades"]
    assert trade["price"] == -1_100.0
    ticker = bob.call("public/ticker", instrument_name=made)
    assert (ticker["last_price"], ticker["stats"]["low"]) == (-1_100.0, -1_100.0)
    assert ticker["stats"]["volume_usd"] == 1_100.0


def test_implied_in_a_buyer_of_the_combo_meets_both_legs(rig: ComboRig) -> None:
    alice, bob, carol = rig.client(), rig.client(), rig.client()
    spread(alice)
    alice.sell(OPTION, 1.0, 5_000.0)
    carol.buy(HIGHER, 1.0, 3_000.0)
    carol.call("private/subscribe", channels=["user.trades.any.any.raw"])
    found = bob.buy(SPREAD, 1.0, 2_000.0)
    (trade,) = found["trades"]
    assert found["order"]["order_state"] == "filled"
    assert (trade["price"], len(trade["legs"])) == (2_000.0, 2)
    (theirs,) = carol.taken("user.trades.any.any.raw")[0]
    assert (theirs["instrument_name"], theirs["liquidity"]) == (HIGHER, "M")
    assert theirs["combo_trade_id"] == trade["trade_id"]
    assert "legs" not in theirs


def test_implied_out_a_buyer_of_a_leg_meets_the_combo_and_the_other_leg(rig: ComboRig) -> None:
    alice, bob, carol = rig.client(), rig.client(), rig.client()
    spread(alice)
    alice.call("private/subscribe", channels=["user.trades.any.any.raw", "user.orders.any.any.raw"])
    alice.sell(SPREAD, 1.0, 2_000.0, label="spread")
    carol.sell(HIGHER, 1.0, 3_000.0)
    alice.taken("user.orders.any.any.raw")
    found = bob.buy(OPTION, 1.0, 5_000.0)
    (trade,) = found["trades"]
    assert (trade["instrument_name"], trade["price"]) == (OPTION, 5_000.0)
    assert trade["combo_id"] == SPREAD
    assert found["order"]["order_state"] == "filled"
    theirs = alice.taken("user.trades.any.any.raw")[0]
    assert [(each["instrument_name"], each["direction"], each["liquidity"]) for each in theirs] == [
        (SPREAD, "sell", "M"), (OPTION, "sell", "M"), (HIGHER, "buy", "M"),
    ]  # fmt: skip
    assert {each["combo_trade_id"] for each in theirs} == {trade["combo_trade_id"]}
    assert all(each["label"] == "spread" and each["state"] == "filled" for each in theirs)
    assert theirs[0]["fee"] == sum(leg["fee"] for leg in theirs[0]["legs"])
    (order,) = alice.taken("user.orders.any.any.raw")
    assert (order["order_state"], order["average_price"]) == ("filled", 2_000.0)
    log = alice.call(
        "private/get_transaction_log", currency="USDC", start_timestamp=0, end_timestamp=4_000_000_000_000
    )["logs"]
    assert [each["user_role"] for each in log if each["type"] == "trade"] == ["maker", "maker"]


def test_orders_in_it_are_edited_quoted_and_cancelled_like_any(rig: ComboRig) -> None:
    alice, bob = rig.client(), rig.client()
    spread(alice)
    order = alice.buy(SPREAD, 1.0, 1_800.0, label="one")["order"]
    edited = alice.call("private/edit", order_id=order["order_id"], amount=2.0, price=-100.0)["order"]
    assert (edited["price"], edited["amount"]) == (-100.0, 2.0)
    quotes = [
        {
            "instrument_name": SPREAD,
            "bid": {"price": 1_900.0, "amount": 1},
            "ask": {"price": 2_100.0, "amount": 1},
        }
    ]
    alice.call("private/enable_cancel_on_disconnect")
    made = alice.call("private/mass_quote", quotes=quotes, quote_id="q")
    assert [each["price"] for each in made["orders"]] == [1_900.0, 2_100.0]
    assert len(alice.call("private/get_open_orders", kind="option_combo")) == 3
    assert alice.call("private/get_open_orders", kind="option") == []
    (trade,) = bob.sell(SPREAD, 0.5, 1_900.0)["trades"]
    assert trade["price"] == 1_900.0
    assert alice.call("private/cancel_all_by_currency", currency="BTC", kind="option") == 0
    assert alice.call("private/cancel_all_by_currency", currency="BTC", kind="option_combo") == 3
    alice.buy(SPREAD, 1.0, 1_500.0)
    alice.buy(OPTION, 1.0, 4_700.0)
    assert alice.call("private/cancel_all_by_instrument", instrument_name=OPTION, include_combos=True) == 2
    alice.buy(SPREAD, 1.0, 1_500.0)
    assert alice.call("private/cancel_all_by_kind_or_type", currency="any", kind="combo") == 1


def test_mass_quotes_tell_a_combos_match_once_with_its_legs(rig: ComboRig) -> None:
    alice, bob = rig.client(), rig.client()
    spread(alice)
    bob.buy(SPREAD, 1.0, 2_000.0)
    alice.call("private/enable_cancel_on_disconnect")
    quotes = [{"instrument_name": SPREAD, "ask": {"price": 2_000.0, "amount": 1}}]
    (trade,) = alice.call("private/mass_quote", quotes=quotes, quote_id="q")["trades"]
    assert (trade["instrument_name"], len(trade["legs"])) == (SPREAD, 2)
    assert {leg["quote_id"] for leg in trade["legs"]} == {"q"}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"reduce_only": True}, "reduce_only"),
        ({"mmp": True}, "mmp"),
        ({"display_amount": 0.1}, "display_amount"),
        ({"type": "stop_limit", "trigger": "mark_price", "trigger_price": 2_000}, "trigger"),
        ({"type": "stop_market"}, "type"),
        ({"advanced": "implv"}, "advanced"),
        ({"linked_order_type": "one_cancels_other", "otoco_config": []}, "linked_order_type"),
    ],
)
def test_what_orders_in_it_cannot_have_is_13036(rig: ComboRig, more: dict[str, Any], param: str) -> None:
    alice = rig.client()
    spread(alice)
    params = {"instrument_name": SPREAD, "amount": 1.0, "price": 1_900.0, **more}
    refused = failure(alice, "private/buy", **params)
    assert (refused.code, refused.data["param"]) == (13036, param)
    refused = failure(alice, "private/close_position", instrument_name=SPREAD, type="market")
    assert refused.code == 13036


def test_prices_outside_its_bounds_and_its_band_say_so(rig: ComboRig) -> None:
    alice = rig.client()
    spread(alice)
    order = {"instrument_name": SPREAD, "amount": 1.0}
    refused = failure(alice, "private/buy", **order, price=1_000_000.0)
    assert refused.code == 10023
    assert refused.data["reason"].startswith("must be between -")
    assert failure(alice, "private/buy", **order, price=1_901.0).code == 10043
    ticker = alice.call("public/ticker", instrument_name=SPREAD)
    refused = failure(alice, "private/buy", **order, price=ticker["max_price"] + 5)
    assert (refused.code, refused.data["limit"]) == (10007, ticker["max_price"])
    refused = failure(alice, "private/sell", **order, price=ticker["min_price"] - 5)
    assert (refused.code, refused.data["limit"]) == (10005, ticker["min_price"])
