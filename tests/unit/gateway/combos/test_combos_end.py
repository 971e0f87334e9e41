"""A combo in the past, at its end, and after a restart."""

from __future__ import annotations

import pytest

from exchange.domain import commands
from exchange.domain import records as r
from tests.unit.gateway.combo_rig import (
    FAR,
    HIGHER,
    SPREAD,
    STRADDLE,
    ComboRig,
    failure,
    legs,
    spread,
    straddle,
)
from tests.unit.gateway.rig import OPTION


@pytest.fixture
def rig() -> ComboRig:
    return ComboRig().open()


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
