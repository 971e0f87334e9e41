"""Orders, trades, books and instruments as the dialect's clients read them."""

from __future__ import annotations

import msgspec
import pytest

from exchange.domain import records as r
from exchange.wire import objects
from exchange.wire.quote_labels import join_label
from tests.unit.wire import shapes
from tests.unit.wire.samples import OPTION, PERPETUAL, order, trade


def through_json(value: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(value))


def test_an_open_order() -> None:
    found = objects.order_object(order(), OPTION, "mine")
    shapes.check_shape(through_json(found), shapes.ORDER)
    assert found["order_id"] == "901"
    assert found["label"] == "mine"
    assert (found["price"], found["amount"], found["filled_amount"]) == (1005.0, 0.5, 0.2)
    assert found["average_price"] == 1000.0
    assert (found["direction"], found["order_state"], found["order_type"]) == ("buy", "open", "limit")
    assert (found["creation_timestamp"], found["last_update_timestamp"]) == (
        1_700_000_000_400,
        1_700_000_000_500,
    )
    assert found["seq"] == 77
    assert "cancel_reason" not in found
    assert "display_amount" not in found
    assert "quote" not in found


def test_a_market_order_has_no_price() -> None:
    found = objects.order_object(order(flags=r.TYPE_MARKET << r.TYPE_SHIFT | r.FLAG_SELL), OPTION)
    assert (found["price"], found["order_type"], found["direction"]) == ("market_price", "market", "sell")
    shapes.check_shape(through_json(found), shapes.ORDER)


def test_an_order_without_fills_has_no_average() -> None:
    found = objects.order_object(order(filled_lots=0, filled_value=0, open_lots=50, shown_lots=50), OPTION)
    assert (found["average_price"], found["filled_amount"]) == (0.0, 0.0)


def test_an_iceberg_shows_its_displayed_part() -> None:
    assert objects.order_object(order(shown_lots=10), OPTION)["display_amount"] == 0.1


@pytest.mark.parametrize(
    ("reason", "cancel_reason", "end_reason"),
    [
        (r.CANCEL_USER, "user_request", "user_request"),
        (r.CANCEL_FOK, None, "fill_or_kill"),
        (r.CANCEL_DELIVERY, "settlement", "settlement"),
        (r.CANCEL_MARGIN, "risk_mitigation", "risk_mitigation"),
    ],
)
def test_a_cancelled_order_says_why(reason: int, cancel_reason: str | None, end_reason: str) -> None:
    gone = order(
        state=r.ORDER_STATE_CANCELLED, kind=r.ORDER_CANCELLED, reason=reason, open_lots=0, shown_lots=0
    )
    found = objects.order_object(gone, OPTION)
    assert found["order_state"] == "cancelled"
    assert found.get("cancel_reason") == cancel_reason
    assert found["end_reason"] == end_reason


def test_a_quote_has_its_ids_instead_of_a_label() -> None:
    found = objects.order_object(order(flags=r.FLAG_QUOTE), OPTION, join_label("q1", "s1", "mm"))
    assert found["mmp_group"] == "mm"
    assert (found["label"], found["quote"], found["quote_id"], found["quote_set_id"]) == (
        "",
        True,
        "q1",
        "s1",
    )


def test_amended_and_market_limit_orders_say_so() -> None:
    found = objects.order_object(
        order(kind=r.ORDER_AMENDED, flags=r.TYPE_MARKET_LIMIT << r.TYPE_SHIFT), OPTION, commission_micro=12
    )
    assert (found["replaced"], found["order_type"], found["original_order_type"]) == (
        True,
        "limit",
        "market_limit",
    )
    assert found["commission"] == 0.000012


def test_a_public_trade() -> None:
    found = objects.public_trade_object(trade(), OPTION, tick_direction=3, iv=61.5, finality="soft")
    shapes.check_shape(through_json(found), shapes.PUBLIC_TRADE)
    assert (found["direction"], found["price"], found["amount"]) == ("sell", 1000.0, 0.2)
    assert (found["index_price"], found["mark_price"]) == (100000.123456, 1001.5)
    assert (found["tick_direction"], found["iv"], found["finality"], found["seq"]) == (3, 61.5, "soft", 78)


@pytest.mark.parametrize(
    ("is_maker", "direction", "liquidity", "order_id", "fee"),
    [(True, "buy", "M", "901", 6.0), (False, "sell", "T", "902", 6.000001)],
)
def test_each_side_of_a_trade_has_its_own_fill(
    is_maker: bool, direction: str, liquidity: str, order_id: str, fee: float
) -> None:
    found = objects.user_trade_object(trade(), OPTION, is_maker=is_maker, order=order(), label="mine")
    shapes.check_shape(through_json(found), shapes.USER_TRADE)
    assert (found["direction"], found["liquidity"]) == (direction, liquidity)
    assert (found["order_id"], found["fee"]) == (order_id, fee)
    assert (found["state"], found["label"], found["self_trade"]) == ("open", "mine", False)


def test_a_fill_of_a_quote_has_its_ids() -> None:
    found = objects.user_trade_object(
        trade(), OPTION, is_maker=True, order=order(flags=r.FLAG_QUOTE), label=join_label("q", "s", "mm")
    )
    assert (found["quote_id"], found["quote_set_id"]) == ("q", "s")
    assert "label" not in found


def test_a_fill_whose_order_is_gone_counts_as_filled() -> None:
    found = objects.user_trade_object(trade(), OPTION, is_maker=False, profit_loss_micro=-5)
    assert (found["state"], found["order_type"], found["profit_loss"]) == ("filled", "limit", -0.000005)


@pytest.mark.parametrize(
    ("price", "last", "before", "now"),
    [(5, None, 0, 0), (6, 5, 2, 0), (5, 5, 0, 1), (5, 5, 1, 1), (4, 5, 0, 2), (5, 5, 2, 3), (5, 5, 3, 3)],
)
def test_tick_directions(price: int, last: int | None, before: int, now: int) -> None:
    assert objects.tick_direction(price, last, before) == now


def test_an_option_on_the_list() -> None:
    found = objects.instrument_object(OPTION)
    shapes.check_shape(through_json(found), shapes.INSTRUMENT)
    assert (found["strike"], found["option_type"]) == (100000.0, "call")
    assert (found["tick_size"], found["min_trade_amount"]) == (5.0, 0.1)
    assert found["tick_size_steps"] == [{"above_price": 1000.0, "tick_size": 10.0}]
    assert found["maker_commission"] == 0.0003
    assert (found["base_currency"], found["counter_currency"]) == ("BTC", "USDC")


def test_a_perpetual_on_the_list() -> None:
    found = objects.instrument_object(PERPETUAL)
    shapes.check_shape(through_json(found), shapes.INSTRUMENT)
    assert (found["kind"], found["settlement_period"], found["future_type"]) == (
        "future",
        "perpetual",
        "linear",
    )
    assert "strike" not in found
    assert found["max_leverage"] == 1
    assert objects.instrument_object(PERPETUAL, max_leverage=50)["max_leverage"] == 50


def test_book_frames() -> None:
    snapshot = objects.book_snapshot_data(OPTION, [(200, 5), (199, 7)], [(202, 1)], 11, 50, 7)
    assert snapshot == {
        "type": "snapshot",
        "timestamp": 50,
        "instrument_name": OPTION.name,
        "change_id": 11,
        "checksum": 7,
        "bids": [["new", 1000.0, 0.05], ["new", 995.0, 0.07]],
        "asks": [["new", 1010.0, 0.01]],
    }
    change = objects.book_change_data(OPTION, [("delete", 200, 0)], [("change", 202, 3)], 12, 11, 51, 8)
    assert (change["prev_change_id"], change["change_id"], change["type"]) == (11, 12, "change")
    assert change["checksum"] == 8
    assert change["bids"] == [["delete", 1000.0, 0.0]]
    assert change["asks"] == [["change", 1010.0, 0.03]]
    assert objects.grouped_book_data(OPTION, [(200, 5)], [], 12, 51)["bids"] == [[1000.0, 0.05]]


def test_a_quote_frame_has_null_for_an_empty_side() -> None:
    found = objects.quote_data(OPTION, (200, 5), None, 50)
    assert (found["best_bid_price"], found["best_bid_amount"]) == (1000.0, 0.05)
    assert (found["best_ask_price"], found["best_ask_amount"]) == (None, 0.0)


def test_index_and_currency() -> None:
    assert objects.price_index_data("btc_usdc", 1_500_000, 9) == {
        "index_name": "btc_usdc",
        "price": 1.5,
        "timestamp": 9,
    }
    shapes.check_shape(objects.currency_object("USDC", "USD Coin", 6), shapes.CURRENCY)
