"""A combo's ticker follows the books of its legs: the implied prices they make are told when they move."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateway.combo_rig import FAR, HIGHER, LOWER_PUT, SPREAD, ComboRig, legs, spread
from tests.unit.gateway.rig import OPTION, PUT, Client

TICKER = f"ticker.{SPREAD}.raw"
CONFLATED = f"ticker.{SPREAD}.100ms"
CHANGES = f"incremental_ticker.{SPREAD}"


@pytest.fixture
def rig() -> ComboRig:
    return ComboRig().open()


def implied(frames: list[Any]) -> list[tuple[Any, Any]]:
    return [(frame["implied_bid"], frame["implied_ask"]) for frame in frames]


def listening(rig: ComboRig, *channels: str) -> Client:
    """A listener that has read what it was first told."""
    client = rig.client(0)
    client.call("private/subscribe", channels=list(channels))
    rig.tick()
    for channel in channels:
        client.taken(channel)
    return client


def test_a_leg_s_best_order_moves_the_combo_s_ticker(rig: ComboRig) -> None:
    alice, bob = rig.client(), rig.client()
    spread(alice)
    listener = listening(rig, TICKER, CONFLATED, CHANGES)
    offer = alice.sell(OPTION, 1.0, 5_050.0)["order"]["order_id"]
    assert listener.taken(TICKER) == []  # one leg alone makes no price
    bob.buy(HIGHER, 1.0, 3_000.0)
    assert implied(listener.taken(TICKER)) == [(None, 2_050.0)]
    rig.tick()
    assert implied(listener.taken(CONFLATED)) == [(None, 2_050.0)]
    (change,) = listener.taken(CHANGES)
    assert change["implied_ask"] == 2_050.0
    assert "mark_price" not in change
    alice.sell(OPTION, 1.0, 5_060.0)  # behind the best: no news
    bob.buy(HIGHER, 1.0, 2_990.0)
    bob.buy(HIGHER, 1.0, 3_000.0)  # at the best
    assert listener.taken(TICKER) == []
    alice.call("private/cancel", order_id=offer)
    assert implied(listener.taken(TICKER)) == [(None, 2_060.0)]


def test_one_release_is_one_frame_and_no_listener_no_frame(rig: ComboRig) -> None:
    alice = rig.client()
    spread(alice)
    listener = listening(rig, TICKER)
    alice.call("private/enable_cancel_on_disconnect")
    quotes = [
        {
            "instrument_name": name,
            "bid": {"price": bid, "amount": 1},
            "ask": {"price": bid + 100, "amount": 1},
        }
        for name, bid in ((OPTION, 5_000), (HIGHER, 3_000))
    ]
    alice.call("private/mass_quote", quote_id="q", quotes=quotes)
    assert implied(listener.taken(TICKER)) == [(1_900.0, 2_100.0)]
    listener.call("private/unsubscribe", channels=[TICKER])
    tickers = rig.venue.feeds._combo_tickers
    assert (tickers._combos, tickers._topics, tickers._told) == ({}, {}, {})
    alice.call("private/cancel_all")
    assert listener.taken(TICKER) == []


def test_combos_with_other_legs_have_no_implied_prices_to_tell(rig: ComboRig) -> None:
    alice = rig.client()
    box = legs((OPTION, 1), (PUT, 1), (HIGHER, -1), (LOWER_PUT, -1))
    ratio = legs((OPTION, 1), (FAR, -2))
    names = [alice.call("private/create_combo", trades=each)["id"] for each in (box, ratio)]
    listener = listening(rig, *(f"ticker.{name}.raw" for name in names))
    alice.sell(OPTION, 1.0, 5_050.0)
    alice.buy(FAR, 1.0, 5_900.0)
    assert [listener.taken(f"ticker.{name}.raw") for name in names] == [[], []]
