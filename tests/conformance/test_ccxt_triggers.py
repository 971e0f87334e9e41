"""Trigger orders as ccxt's unified calls create, read, edit and cancel them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ccxt
import pytest

from tests.conformance.conftest import RunningVenue, wait_until
from tests.conformance.markets import PERPETUAL, on_tick, smallest

Make = Callable[[Any, float, float], Any]


@pytest.fixture(scope="module")
def client(venue: RunningVenue) -> Iterator[Any]:
    """A driver whose trigger orders are all gone at the end."""
    made = ccxt.deribit(venue.ccxt_config(venue.taker))
    made.load_markets()
    yield made
    made.cancel_all_orders(PERPETUAL)
    made.session.close()


def _price(client: Any, share: float) -> float:
    mark = float(client.fetch_ticker(PERPETUAL)["info"]["mark_price"])
    return on_tick(client.market(PERPETUAL), mark * share)


MAKERS: dict[str, Make] = {
    "stop_market": lambda c, amount, price: c.create_order(
        PERPETUAL, "market", "sell", amount, None, {"stopLossPrice": price}
    ),
    "stop_limit": lambda c, amount, price: c.create_order(
        PERPETUAL, "limit", "sell", amount, price, {"stopLossPrice": price, "trigger": "mark_price"}
    ),
    "take_market": lambda c, amount, price: c.create_order(
        PERPETUAL, "market", "buy", amount, None, {"takeProfitPrice": price, "trigger": "index_price"}
    ),
    "take_limit": lambda c, amount, price: c.create_order(
        PERPETUAL, "limit", "buy", amount, price, {"takeProfitPrice": price}
    ),
    "trailing_stop": lambda c, amount, price: c.create_trailing_amount_order(
        PERPETUAL, "market", "sell", amount, None, 150, None, {"trigger": "mark_price"}
    ),
}


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_each_is_created_found_and_cancelled(client: Any, kind: str) -> None:
    amount = smallest(client.market(PERPETUAL))
    order = MAKERS[kind](client, amount, _price(client, 0.9))
    info = order["info"]
    assert (info["order_type"], info["order_state"], info["triggered"]) == (kind, "untriggered", False)
    assert (order["status"], order["amount"], order["filled"]) == ("open", amount, 0.0)
    if kind == "trailing_stop":
        assert float(info["trigger_offset"]) == 150.0
        closer = {"trailingAmount": 120}
        edited = client.edit_order(order["id"], PERPETUAL, "market", "sell", amount, None, closer)
        assert float(edited["info"]["trigger_offset"]) == 120.0
    assert order["id"] in [found["id"] for found in client.fetch_open_orders(PERPETUAL)]
    gone = client.cancel_order(order["id"], PERPETUAL)
    assert (gone["id"], gone["status"]) == (order["id"], "canceled")
    assert client.fetch_order(order["id"], PERPETUAL)["info"]["order_type"] == kind


def test_one_that_is_reached_trades(client: Any, venue: RunningVenue) -> None:
    maker = ccxt.deribit(venue.ccxt_config(venue.maker))
    maker.load_markets()
    amount = smallest(client.market(PERPETUAL))
    resting = maker.create_order(PERPETUAL, "limit", "buy", amount, _price(maker, 0.995))
    # The mark is far below what it stops at: it fires where it is placed.
    far = {"stopLossPrice": _price(client, 1.5), "trigger": "mark_price"}
    order = client.create_order(PERPETUAL, "market", "sell", amount, None, far)

    def is_done() -> bool:
        return bool(client.fetch_order(order["id"], PERPETUAL)["status"] == "closed")

    wait_until(is_done, "the stop to fill")
    done = client.fetch_order(order["id"], PERPETUAL)
    assert (done["filled"], done["info"]["trigger_order_id"]) == (amount, order["id"])
    assert maker.fetch_order(resting["id"], PERPETUAL)["filled"] == amount
    maker.session.close()
