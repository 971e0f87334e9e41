"""Combos through the API: made once, named, traded in their book and by implied orders, told on both."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.domain import commands
from exchange.domain import records as r
from exchange.gateway.combo_figures import sum_greeks
from exchange.wire.figures import Greeks
from tests.unit.gateway.combo_rig import (
    FAR,
    HIGHER,
    LOWER_PUT,
    SPREAD,
    STRADDLE,
    ComboRig,
    legs,
    spread,
    straddle,
)
from tests.unit.gateway.rig import OPTION, PERPETUAL, PUT, CallFailed, Client


@pytest.fixture
def rig() -> ComboRig:
    return ComboRig().open()


def failure(client: Client, method: str, **params: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        client.call(method, **params)
    return caught.value


# --- making and finding --------------------------------------------------------------------------


def test_a_combo_is_made_once_and_found_by_everybody(rig: ComboRig) -> None:
    alice, bob = rig.client(), rig.client()
    made = spread(alice)
    assert made["id"] == SPREAD
    assert made["legs"] == [
        {"instrument_name": OPTION, "amount": 1},
        {"instrument_name": HIGHER, "amount": -1},
    ]
    assert (made["state"], made["instrument_id"]) == ("active", 7)
    assert spread(bob) == made
    nobody = rig.connect()
    assert nobody.call("public/get_combo_details", combo_id=SPREAD) == made
    assert nobody.call("public/get_combo_ids", currency="BTC") == [SPREAD]
    assert nobody.call("public/get_combos", currency="any") == [made]
    assert nobody.call("public/get_combos", currency="ETH") == []
    assert failure(nobody, "public/get_combo_details", combo_id=OPTION).code == 13020


def test_the_same_legs_the_other_way_round_or_larger_are_the_same_combo(rig: ComboRig) -> None:
    alice = rig.client()
    made = spread(alice)
    turned = alice.call("private/create_combo", trades=legs((HIGHER, 3), (OPTION, -3)))
    assert turned == made


@pytest.mark.parametrize(
    ("trades", "code"),
    [
        ([], -32602),
        (legs((OPTION, 1)), -32602),
        (legs((OPTION, 1), (OPTION, -1)), -32602),
        (legs((OPTION, 2), (HIGHER, -3)), -32602),
        (legs((OPTION, 1), (HIGHER, -5)), -32602),
        (legs((OPTION, 1), (PERPETUAL, -1)), 10020),
        (legs((OPTION, 1), ("BTC_USDC-27DEC26-1-C", -1)), 10020),
        ([{"instrument_name": OPTION, "amount": 0.001, "direction": "buy"}] * 2, 10021),
        ([{"instrument_name": OPTION, "amount": 1, "direction": "up"}] * 2, -32602),
        ("nothing", -32602),
    ],
)
def test_legs_that_make_no_combo_are_refused(rig: ComboRig, trades: Any, code: int) -> None:
    assert failure(rig.client(), "private/create_combo", trades=trades).code == code
    assert rig.engine.instrument_count == 7


def test_a_listing_that_comes_first_takes_the_id_and_the_combo_the_next(rig: ComboRig) -> None:
    alice = rig.client()
    other = rig.engine.instrument_count
    request = alice.send("private/create_combo", trades=legs((OPTION, 1), (HIGHER, -1)))
    terms = rig.venue.registry.instruments[0].terms._replace(strike_micro=80_000_000_000)
    # Sequenced behind it under the same id: that one is refused, and the next round trip takes the next id.
    rig.venue.submit(commands.list_instrument(other, terms))
    rig.loop.run()
    assert alice.reply(request)["instrument_id"] == other
    first = rig.engine.instrument_count
    rig.venue.submit(commands.list_instrument(first, terms))
    late = alice.send("private/create_combo", trades=legs((OPTION, 1), (PUT, 1)))
    rig.loop.run()
    assert alice.reply(late)["instrument_id"] == first + 1


def test_an_account_makes_so_many_and_an_option_is_in_so_many(rig: ComboRig) -> None:
    rig.venue.combo_caps._most = 2
    alice = rig.client()
    spread(alice)
    straddle(alice)
    refused = failure(alice, "private/create_combo", trades=legs((OPTION, 1), (FAR, -1)))
    assert (refused.code, refused.data["limit_name"]) == (13035, "combos_of_account")
    assert spread(alice)["id"] == SPREAD  # there already
    rig.venue.combo_caps._most = 100
    for sold in (2, 3, 4):
        for other in (PUT, HIGHER, LOWER_PUT, FAR):
            alice.call("private/create_combo", trades=legs((OPTION, 1), (other, -sold)))
    for other in (LOWER_PUT, FAR):
        alice.call("private/create_combo", trades=legs((OPTION, 1), (other, -1)))
    refused = failure(alice, "private/create_combo", trades=legs((OPTION, 1), (PUT, -1)))
    assert (refused.code, refused.data["limit_name"]) == (13035, "combos_of_leg")


def test_before_rules_4_there_are_none() -> None:
    rig = ComboRig(rules=3).open()
    alice = rig.client()
    assert failure(alice, "private/create_combo", trades=legs((OPTION, 1), (HIGHER, -1))).code == 13028
    names = alice.call("public/get_index_price_names", extended=True)
    assert not any(each["option_combo_creation_enabled"] for each in names)
    assert alice.call("private/cancel_all_by_currency", currency="BTC", kind="option_combo") == 0


def test_indices_say_that_combos_can_be_made(rig: ComboRig) -> None:
    names = rig.connect().call("public/get_supported_index_names")
    assert all(each["option_combo_creation_enabled"] for each in names)
    assert not any(each["future_combo_creation_enabled"] for each in names)


# --- what it looks like --------------------------------------------------------------------------


def test_it_is_listed_like_any_instrument(rig: ComboRig) -> None:
    alice = rig.client()
    for channel in ("instrument.creation.option_combo.BTC", "instrument.creation.option.BTC"):
        alice.call("public/subscribe", channels=[channel])
    spread(alice)
    (shown,) = alice.call("public/get_instruments", currency="BTC", kind="option_combo")
    assert shown["kind"] == "option_combo"
    assert (shown["instrument_name"], shown["tick_size"], shown["min_trade_amount"]) == (SPREAD, 5.0, 0.01)
    assert shown["settlement_period"] == "day"
    assert shown["expiration_timestamp"] == alice.call("public/get_instrument", instrument_name=OPTION)[
        "expiration_timestamp"
    ]
    assert alice.taken("instrument.creation.option_combo.BTC") == [shown]
    assert alice.taken("instrument.creation.option.BTC") == []
    assert SPREAD not in {
        each["instrument_name"] for each in alice.call("public/get_instruments", kind="option")
    }


def test_the_ticker_is_made_of_the_legs(rig: ComboRig) -> None:
    alice, bob = rig.client(), rig.client()
    spread(alice)
    alice.sell(OPTION, 1.0, 5_100.0)
    alice.buy(OPTION, 1.0, 4_900.0)
    bob.sell(HIGHER, 1.0, 3_200.0)
    bob.buy(HIGHER, 1.0, 2_900.0)
    ticker = alice.call("public/ticker", instrument_name=SPREAD)
    assert ticker["mark_price"] == 2_000.0
    assert (ticker["implied_bid"], ticker["implied_ask"]) == (4_900.0 - 3_200.0, 5_100.0 - 2_900.0)
    assert ticker["min_price"] < 2_000.0 < ticker["max_price"]
    assert (ticker["combo_state"], ticker["state"]) == ("active", "open")
    assert ticker["best_bid_price"] is None
    (summary,) = alice.call("public/get_book_summary_by_currency", currency="BTC", kind="option_combo")
    assert (summary["mark_price"], summary["open_interest"]) == (2_000.0, 0.0)


def test_greeks_are_the_legs_by_their_ratios() -> None:
    one, two = Greeks(0.5, 0.25, 4.0, -8.0, 16.0), Greeks(0.25, 0.125, 1.0, -2.0, 3.0)
    assert sum_greeks([(1, one), (-2, two)]) == Greeks(0.0, 0.0, 2.0, -4.0, 10.0)


def test_leg_prices_are_those_a_trade_has(rig: ComboRig) -> None:
    alice, bob = rig.client(), rig.client()
    spread(alice)
    asked = legs((OPTION, 2), (HIGHER, -2))
    told = alice.call("private/get_leg_prices", legs=asked, price=2_105.0)
    assert told["amount"] == 0.02
    assert [leg["ratio"] for leg in told["legs"]] == [1, 1]
    first, second = (leg["price"] for leg in told["legs"])
    assert first - second == 2_105.0
    alice.sell(SPREAD, 0.1, 2_105.0)
    (trade,) = bob.buy(SPREAD, 0.1, 2_105.0)["trades"]
    assert [leg["price"] for leg in trade["legs"]] == [first, second]
    # Asked for from the other side the price is its negative.
    turned = alice.call("private/get_leg_prices", legs=legs((HIGHER, 1), (OPTION, -1)), price=-2_105.0)
    assert [leg["price"] for leg in turned["legs"]] == [second, first]
    assert [leg["direction"] for leg in turned["legs"]] == ["buy", "sell"]
    assert failure(alice, "private/get_leg_prices", legs=asked, price=2_101.0).code == 10043
    assert failure(alice, "private/get_leg_prices", legs=asked, price=10_000_000.0).code == 10023


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


# --- the past and the end ------------------------------------------------------------------------


def test_orders_and_trades_of_the_past_are_told_alike(rig: ComboRig) -> None:
    alice, bob = rig.client(), rig.client()
    spread(alice)
    order = alice.sell(SPREAD, 1.0, 2_000.0)["order"]
    (trade,) = bob.buy(SPREAD, 1.0, 2_000.0)["trades"]
    trade.pop("finality")
    by_order = alice.call("private/get_user_trades_by_order", order_id=order["order_id"])
    assert [each["instrument_name"] for each in by_order] == [SPREAD]
    mine = bob.call("private/get_user_trades_by_currency", currency="BTC", kind="option_combo")["trades"]
    assert [each["trade_id"] for each in mine] == [trade["trade_id"]]
    assert mine[0]["legs"][0]["combo_id"] == SPREAD
    every = bob.call("private/get_user_trades_by_currency", currency="BTC")["trades"]
    assert [each["instrument_name"] for each in every] == [HIGHER, OPTION, SPREAD]
    market = bob.call("public/get_last_trades_by_instrument", instrument_name=SPREAD)["trades"]
    assert [each["price"] for each in market] == [2_000.0]
    history = alice.call("private/get_order_history_by_instrument", instrument_name=SPREAD)
    assert [each["average_price"] for each in history] == [2_000.0]
    candles = bob.call(
        "public/get_tradingview_chart_data",
        instrument_name=SPREAD, start_timestamp=rig.clock.ms - 60_000, end_timestamp=rig.clock.ms,
        resolution="1",
    )  # fmt: skip
    assert candles["close"] == [2_000.0]


def test_the_private_stream_tells_it_the_same_live_and_again(rig: ComboRig) -> None:
    alice, bob = rig.client(), rig.client()
    spread(alice)
    alice.call("private/subscribe", channels=["user.stream"])
    rig.loop.run()
    alice.taken("user.stream")
    alice.sell(SPREAD, 1.0, 2_000.0)
    rig.client().sell(HIGHER, 1.0, 3_000.0)
    bob.buy(OPTION, 1.0, 5_000.0)  # implied out
    rig.loop.run()
    live = [event for push in alice.taken("user.stream") for event in push["events"]]
    trades = [event["trade"] for event in live if event["type"] == "trade"]
    assert [each["instrument_name"] for each in trades] == [SPREAD, OPTION, HIGHER]
    assert len(trades[0]["legs"]) == 2
    again = rig.connect(alice.account)
    again.call("private/subscribe", channels=["user.stream"], resume_from=live[0]["account_seq"] - 1)
    rig.loop.run()
    told = [event for push in again.taken("user.stream") for event in push.get("events", [])]
    assert told == live


def test_it_ends_with_its_first_leg(rig: ComboRig) -> None:
    alice = rig.client()
    made = alice.call("private/create_combo", trades=legs((OPTION, 1), (FAR, -1)))["id"]
    order = alice.buy(made, 1.0, -1_500.0)["order"]
    alice.call(
        "private/subscribe", channels=["user.orders.any.any.raw", "instrument.state.option_combo.BTC"]
    )
    view = rig.venue.registry.by_name[OPTION]
    rig.clock.ms = view.terms.expiry_ms
    rig.order(commands.time(rig.clock.ms))
    rig.tick(1.1)
    assert alice.call("public/ticker", instrument_name=made)["state"] == "settlement"
    rig.order(commands.deliver(view.instrument, 100_000_000_000))
    (ended,) = alice.taken("user.orders.any.any.raw")
    assert (ended["order_id"], ended["cancel_reason"]) == (order["order_id"], "settlement")
    states = [push["state"] for push in alice.taken("instrument.state.option_combo.BTC")]
    assert states == ["settlement", "inactive"]
    combo = alice.call("public/get_combo_details", combo_id=made)
    assert (combo["state"], combo["state_timestamp"] > combo["creation_timestamp"]) == ("inactive", True)
    assert alice.call("public/get_combos", currency="BTC") == []
    assert alice.call("public/get_combo_ids", currency="BTC", state="inactive") == [made]
    (shown,) = alice.call("public/get_instruments", currency="BTC", kind="option_combo", expired=True)
    assert shown["is_active"] is False
    assert failure(alice, "private/buy", instrument_name=made, amount=1, price=-1_500).code == 10012
    assert failure(alice, "private/create_combo", trades=legs((OPTION, 1), (FAR, -1))).code == 10020
    # The other leg goes on.
    assert rig.venue.registry.by_name[FAR].state == r.STATE_OPEN


def test_a_venue_that_starts_again_knows_its_combos(rig: ComboRig) -> None:
    alice, bob = rig.client(), rig.client()
    made = spread(alice)
    straddle(alice)
    order = alice.sell(SPREAD, 1.0, 2_000.0)["order"]
    second = ComboRig.over(rig).open()
    again = second.connect(alice.account)
    found = again.call("public/get_combo_details", combo_id=SPREAD)
    assert (found["id"], found["legs"]) == (SPREAD, made["legs"])
    assert again.call("public/get_combo_ids", currency="any") == [SPREAD, STRADDLE]
    (resting,) = again.call("private/get_open_orders", kind="option_combo")
    assert resting["order_id"] == order["order_id"]
    book = again.call("public/get_order_book", instrument_name=SPREAD)
    assert book["asks"] == [[2_000.0, 1.0]]
    (trade,) = second.connect(bob.account).buy(SPREAD, 1.0, 2_000.0)["trades"]
    assert len(trade["legs"]) == 2
def test_margins_of_its_orders_are_those_of_the_core(rig: ComboRig) -> None:
    alice = rig.client(20_000)
    spread(alice)
    told = alice.call("private/get_margins", instrument_name=SPREAD, amount=1.0, price=2_000.0)
    before = alice.call("private/get_account_summary", currency="USDC")["initial_margin"]
    alice.buy(SPREAD, 1.0, 1_900.0)
    after = alice.call("private/get_account_summary", currency="USDC")["initial_margin"]
    assert told["buy"] > 0
    told = alice.call("private/get_margins", instrument_name=SPREAD, amount=1.0, price=1_900.0)
    assert after - before > 0
    assert told["buy"] == pytest.approx(after - before, rel=0.5)


