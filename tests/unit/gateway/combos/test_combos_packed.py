"""Combos on the fast ways: packed, by instrument ids and at negative prices, and usual frames of JSON."""

from __future__ import annotations

from typing import Any

import pytest

from clients.fast_lane import LaneFill, amend, mass_quote, new_order
from exchange.domain import records as r
from exchange.domain import rejects
from exchange.domain.commands import Quote
from exchange.gateway.express import Express
from exchange.wire.credits import CreditMeter
from tests.unit.gateway.combo_rig import HIGHER, SPREAD, ComboRig, legs, spread
from tests.unit.gateway.lane_rig import LanePeer, LaneRig
from tests.unit.gateway.rig import OPTION, PUT, Client
from tests.unit.gateway.test_express import POLICY, frame
from tests.unit.gateway.test_express import told as replies


class Rig(ComboRig, LaneRig):
    """The combos' market with the lane."""

    def __init__(self) -> None:
        super().__init__()
        self.open()
        spread(self.client())

    def combo(self) -> int:
        return self.venue.registry.by_name[SPREAD].instrument


def told(peer: LanePeer) -> list[tuple[int, bool, int, int]]:
    """Instrument, whether sold, price and lots of each fill."""
    peer.take()

    def one(fill: LaneFill) -> tuple[int, bool, int, int]:
        return fill.instrument, fill.sells, fill.price_ticks, fill.size_lots

    return [one(fill) for fill in peer.fills]


def test_a_match_is_told_as_fills_of_the_legs() -> None:
    rig = Rig()
    account = rig.trader()
    maker, taker = rig.join(account), rig.join()
    combo = rig.combo()
    (rests,) = maker.run(new_order(combo, sell=True, price_ticks=410, size_lots=10))
    assert (rests.accepted, rests.open_lots) == (True, 10)
    (ack,) = taker.run(new_order(combo, sell=False, price_ticks=410, size_lots=4))
    assert (ack.order_state, ack.filled_lots, ack.filled_value) == (r.ORDER_STATE_FILLED, 4, 4 * 410)
    first, second = 0, 4
    assert told(taker) == [(first, False, 1_010, 4), (second, True, 600, 4)]
    assert told(maker) == [(first, True, 1_010, 4), (second, False, 600, 4)]
    assert {fill.order_id for fill in maker.fills} == {rests.order_id}
    (seen,) = rig.connect(account).call("private/get_open_orders", kind="option_combo")
    assert (seen["instrument_name"], seen["filled_amount"]) == (SPREAD, 0.04)


def test_prices_may_be_negative_and_are_bounded_by_the_core() -> None:
    rig = Rig()
    client = rig.client()
    name = client.call("private/create_combo", trades=legs((OPTION, 1), (PUT, -1)))["id"]
    combo = rig.venue.registry.by_name[name].instrument
    maker, taker = rig.join(), rig.join()
    (rests,) = maker.run(new_order(combo, sell=False, price_ticks=-40, size_lots=10))
    assert (rests.accepted, rests.price_ticks) == (True, -40)
    (moved,) = maker.run(amend(rests.order_id, price_ticks=-20, size_lots=10))
    assert (moved.price_ticks, moved.open_lots) == (-20, 10)
    (quoted,) = taker.run(mass_quote([Quote(combo, ask_price_ticks=0, ask_lots=5)]))
    assert (quoted.accepted, quoted.number) == (True, 1)
    (sold,) = taker.run(new_order(combo, sell=True, price_ticks=-20, size_lots=10))
    assert (sold.filled_lots, sold.filled_value) == (10, -200)
    (refused,) = maker.run(new_order(combo, sell=False, price_ticks=10**9, size_lots=1))
    assert (refused.accepted, refused.reason) == (False, rejects.BAD_PRICE)


def test_implied_fills_are_told_to_all_three() -> None:
    rig = Rig()
    seller, other, taker = rig.join(), rig.join(), rig.join()
    (rests,) = seller.run(new_order(rig.combo(), sell=True, price_ticks=410, size_lots=4))
    other.run(new_order(4, sell=True, price_ticks=600, size_lots=4))
    (ack,) = taker.run(new_order(0, sell=False, price_ticks=1_010, size_lots=4))
    assert (ack.order_state, ack.filled_value) == (r.ORDER_STATE_FILLED, 4 * 1_010)
    assert told(taker) == [(0, False, 1_010, 4)]
    assert told(seller) == [(0, True, 1_010, 4), (4, False, 600, 4)]
    assert told(other) == [(4, True, 600, 4)]
    assert {fill.order_id for fill in seller.fills} == {rests.order_id}


# --- usual frames of JSON --------------------------------------------------------------------------

BUY: dict[str, Any] = {"instrument_name": OPTION, "amount": 1.5, "price": 5_050}
BID = {"instrument_name": OPTION, "bid": {"price": 5_050, "amount": 1.5}}


def market() -> tuple[ComboRig, Client]:
    """An option offered in its book and, behind that, through a combo; a metered account."""
    rig = ComboRig().open()
    rig.discount()
    buyer, seller, other = rig.client(), rig.client(), rig.client()
    spread(seller)
    other.sell(HIGHER, 0.1, 3_100.0)
    seller.buy(HIGHER, 0.1, 3_100.0)
    other.sell(OPTION, 0.5, 5_040.0)
    other.sell(HIGHER, 2.0, 3_000.0)
    seller.sell(SPREAD, 2.0, 2_050.0)
    buyer.session.credits = CreditMeter(POLICY, rig.clock.now_us())
    buyer.session.metered = buyer.session.account
    return rig, buyer


def taken(rig: ComboRig, client: Client, method: str, params: dict[str, Any]) -> int:
    """How many of one message the fast way takes."""
    asked = frame(method, **params)
    return Express(rig.venue).take(client.session, [asked], 0, rig.clock.now_us(), client.session.credits)


@pytest.mark.parametrize(
    ("method", "params"), [("private/buy", BUY), ("private/mass_quote", {"quotes": [BID]})]
)
def test_implied_fills_are_told_alike_by_both_ways(method: str, params: dict[str, Any]) -> None:
    rig, buyer = market()
    assert taken(rig, buyer, method, params)
    (fast,) = replies(rig, buyer)
    rig, buyer = market()
    buyer.send(method, **params)
    (usual,) = replies(rig, buyer)
    del fast["budget"], usual["budget"]
    assert fast == usual | {"id": 77}
    of_book, implied = fast["result"]["trades"]
    assert ("combo_id" in of_book, implied["combo_id"]) == (False, SPREAD)
    assert (of_book["tick_direction"], implied["tick_direction"]) == (0, 0)


def test_a_run_around_an_implied_fill_tells_which_way_each_price_went() -> None:
    asked: list[dict[str, Any]] = [
        BUY | {"amount": 0.5},
        BUY | {"amount": 1},
        BUY | {"amount": 0.1, "instrument_name": HIGHER},
        BUY | {"amount": 0.1},
    ]
    rig, buyer = market()
    frames: list[bytes | None] = [frame("private/buy", **params) for params in asked]
    express = Express(rig.venue)
    assert express.take(buyer.session, frames, 0, rig.clock.now_us(), buyer.session.credits) == 4
    fast = [reply["result"]["trades"] for reply in replies(rig, buyer)]
    rig, buyer = market()
    for params in asked:
        buyer.send("private/buy", **params)
    assert fast == [reply["result"]["trades"] for reply in replies(rig, buyer)]
    assert [trade["tick_direction"] for trades in fast for trade in trades] == [0, 0, 3, 1]


def test_frames_about_combos_are_left_to_the_general_way() -> None:
    rig, buyer = market()
    assert not taken(rig, buyer, "private/buy", BUY | {"instrument_name": SPREAD})
    assert not taken(rig, buyer, "private/mass_quote", {"quotes": [BID | {"instrument_name": SPREAD}]})
