"""Whatever a client sends, every method answers once, and never with an internal error."""

from __future__ import annotations

import random
from typing import Any

import pytest

from exchange.core import queries
from exchange.gateway.methods.table import METHODS
from exchange.wire.errors import INTERNAL_ERROR
from tests.unit.gateway.rig import OPTION, PERPETUAL, PUT, CallFailed, Rig

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    0.5,
    1e-9,
    -1e300,
    1e300,
    1 << 70,
    "",
    "x",
    "1",
    "NaN",
    "sNaN",
    "-Infinity",
    "1e400",
    "true",
    "5000",
    "5001",
    5000,
    5005.0,
    4000,
    "BTC",
    "USDC",
    "any",
    "SOL",
    "option",
    "future",
    "spot",
    "all",
    "limit",
    "market",
    "market_limit",
    "stop_limit",
    "good_til_day",
    "fill_or_kill",
    "immediate_or_cancel",
    "btc_usdc",
    "raw",
    "ü" * 40,
    "é" * 400,
    [],
    [1],
    {},
    {"a": 1},
    [{}],
    ["trades.any.any.100ms"],
    [f"book.{OPTION}.raw"],
    ["x" * 200],
    [None],
    OPTION,
    PUT,
    PERPETUAL,
    "BTC_USDC-1JAN20-1-C",
    "asc",
    "desc",
    "currency",
    "instrument",
    "delta",
    "instrument_kind",
    "currency_pair",
    "quote_set_id",
    "cancel_maker",
    1_750_000_000_000,
    9_999_999_999_999,
    [
        {
            "instrument_name": OPTION,
            "bid": {"price": 4000, "amount": 1},
            "ask": {"price": "5100", "amount": "1"},
        }
    ],
    [
        {"instrument_name": OPTION, "bid": {"price": None, "amount": True}, "ask": 5},
        {"instrument_name": 7, "bid": {}},
    ],
    [{"instrument_name": PUT, "bid": {"amount": 0}, "ask": {"amount": "0", "price": []}}],
    [{"instrument_name": PUT, "bid": {"price": 1e300, "amount": 1e300, "post_only": "x"}}] * 3,
]
_NAMES = """
instrument_name amount price type time_in_force post_only reject_post_only reduce_only label
display_amount valid_until contracts order_id currency kind count start_timestamp end_timestamp
start_seq end_seq start_id end_id sorting channels quotes quote_id mmp_group detailed cancel_type
currency_pair depth index_name expired extended interval mode mmp advanced freeze_quotes client_name
client_version expected_result quote_set_id
"""
NAMES = _NAMES.split()
SENSIBLE: dict[str, list[Any]] = {
    "instrument_name": [OPTION, PUT, PERPETUAL],
    "amount": [1, "2", 0.5],
    "price": [4000, 5000, "5005", 99_000],
    "currency": ["BTC", "USDC", "any", "ETH"],
    "order_id": ["1", "2", "3", "7", 9],
    "kind": ["option", "future", "any"],
    "channels": [
        [f"book.{OPTION}.100ms", "user.orders.any.any.raw", "user.trades.any.any.100ms", "user.portfolio.any"]
    ],
    "cancel_type": ["all", "currency"],
    "label": ["a", "b"],
    "index_name": ["btc_usdc"],
    "interval": [10],
    "mode": ["cancel_maker", "reject_taker"],
}
PROMISED = """
public/auth public/test public/get_time public/status public/get_currencies public/get_instruments
public/get_instrument public/get_index_price public/ticker public/get_order_book
public/get_book_summary_by_currency public/get_book_summary_by_instrument
public/get_last_trades_by_instrument public/subscribe public/unsubscribe public/set_heartbeat
private/buy private/sell private/edit private/cancel private/cancel_all private/cancel_by_label
private/cancel_all_by_instrument private/cancel_all_by_currency private/mass_quote private/cancel_quotes
private/get_open_orders private/get_open_orders_by_currency private/get_open_orders_by_instrument
private/get_order_state private/get_user_trades_by_instrument private/get_user_trades_by_currency
private/get_positions private/get_position private/get_account_summary private/get_account_summaries
private/subscribe private/unsubscribe
"""
NOT_ASKED = ("public/auth", "public/strikebook_sign_up", "private/logout")  # the last ends the session
ASKED = [name for name in METHODS if name not in NOT_ASKED]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_a_client_sends_is_an_internal_error(seed: int) -> None:
    rng = random.Random(seed)
    rig = Rig().open()
    clients = [rig.client(1_000_000_000), rig.client(1_000_000_000), rig.connect()]
    asked: list[tuple[Any, int, str, dict[str, Any]]] = []
    for number in range(2_500):
        method = rng.choice(ASKED)
        client = clients[rng.randrange(3) if method.startswith("public/") else rng.randrange(2)]
        params: dict[str, Any] = {}
        for name in NAMES:
            roll = rng.random()
            if name in SENSIBLE and roll < 0.7:
                params[name] = rng.choice(SENSIBLE[name])
            elif roll > 0.95:
                params[name] = rng.choice(VALUES)
        asked.append((client, client.send(method, **params), method, params))
        if number % 7 == 0:
            rig.loop.run()
        if number % 50 == 0:
            rig.tick(0.1)
    rig.tick(1.1)
    codes: dict[int, int] = {}
    for client, request_id, method, params in asked:
        client.drain()
        reply = client.replies.pop(request_id)
        code = reply.get("error", {}).get("code", 0)
        codes[code] = codes.get(code, 0) + 1
        assert code != INTERNAL_ERROR, (method, params, reply)
    assert codes[0] > 700
    assert len(codes) > 8
    assert not rig.venue.halted
    for instrument, market in enumerate(rig.venue.views.markets):
        bids, asks = queries.book_levels(rig.engine, instrument, 10_000)
        assert (market.book.bids(), market.book.asks()) == (bids, asks)


def test_every_method_that_was_promised_is_there() -> None:
    assert set(PROMISED.split()) <= set(METHODS)


def test_private_methods_want_an_account() -> None:
    rig = Rig().open()
    stranger = rig.connect()
    for method in ASKED:
        if method.startswith("private/") and "subscribe" not in method:
            with pytest.raises(CallFailed) as refused:
                stranger.call(
                    method,
                    instrument_name=OPTION,
                    amount=1,
                    price=5000,
                    order_id="1",
                    currency="BTC",
                    label="x",
                    cancel_type="all",
                    mode="cancel_maker",
                    quotes=[{"instrument_name": OPTION}],
                )
            assert refused.value.code == 13009, method


def test_a_trigger_is_refused_even_after_the_same_order_without() -> None:
    rig = Rig().open()
    client = rig.client()
    client.buy(amount=0.1, price=4_000.0)
    with pytest.raises(CallFailed) as refused:
        client.buy(amount=0.1, price=4_000.0, trigger="mark_price", trigger_price=5)
    assert refused.value.code == 11047
