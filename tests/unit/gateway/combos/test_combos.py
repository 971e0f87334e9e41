"""Combos through the API: made once, named, traded in their book and by implied orders, told on both."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.domain import commands
from exchange.gateway.combos.figures import sum_greeks
from exchange.wire.figures import Greeks
from tests.unit.gateway.combo_rig import (
    FAR,
    HIGHER,
    LOWER_PUT,
    SPREAD,
    ComboRig,
    failure,
    legs,
    spread,
    straddle,
)
from tests.unit.gateway.rig import OPTION, PERPETUAL, PUT


@pytest.fixture
def rig() -> ComboRig:
    return ComboRig().open()


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
