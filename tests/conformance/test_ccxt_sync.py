"""ccxt's synchronous Deribit driver against the venue: only the address differs from the original."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from tests.conformance.conftest import Key, RunningVenue
from tests.conformance.markets import BASE, PERPETUAL, near_the_money, on_tick, smallest


@pytest.fixture(scope="module")
def maker(venue: RunningVenue) -> Iterator[Any]:
    with Connected(venue, venue.maker) as client:
        yield client


@pytest.fixture(scope="module")
def taker(venue: RunningVenue) -> Iterator[Any]:
    with Connected(venue, venue.taker) as client:
        yield client


class Connected:
    """A driver with markets loaded; everything it left resting is cancelled, its connections closed."""

    def __init__(self, venue: RunningVenue, key: Key) -> None:
        self.client = ccxt.deribit(venue.ccxt_config(key))

    def __enter__(self) -> Any:
        self.client.load_markets()
        return self.client

    def __exit__(self, *_: object) -> None:
        self.client.cancel_all_orders()
        self.client.session.close()


@pytest.fixture
def option(maker: Any) -> dict[str, Any]:
    index = maker.fetch_ticker(PERPETUAL)["info"]["index_price"]
    return near_the_money(maker.markets, float(index), maker.milliseconds())


def trade(maker: Any, taker: Any, symbol: str, multiple: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    """The maker offers near the mark, the taker lifts it with a market order; both orders."""
    market = maker.market(symbol)
    mark = maker.fetch_ticker(symbol)["info"]["mark_price"]
    price = on_tick(market, float(mark), up=True)
    amount = smallest(market, multiple)
    resting = maker.create_order(symbol, "limit", "sell", amount, price)
    return resting, taker.create_order(symbol, "market", "buy", amount)


def test_load_markets_lists_options_and_perpetuals(maker: Any) -> None:
    perpetual = maker.market(PERPETUAL)
    assert (perpetual["swap"], perpetual["linear"], perpetual["settle"]) == (True, True, "USDC")
    options = [market for market in maker.markets.values() if market["info"]["kind"] == "option"]
    assert all(market["option"] for market in options)
    assert {market["base"] for market in options} >= {"BTC", "ETH"}
    assert {market["optionType"] for market in options} == {"call", "put"}
    for market in options:
        assert (market["linear"], market["settle"], market["active"]) == (True, "USDC", True)
        assert market["strike"] > 0
        assert market["expiry"] > maker.milliseconds()
        assert market["id"].startswith(f"{market['base']}_USDC-")
        assert market["precision"]["price"] > 0
        assert market["precision"]["amount"] > 0
        assert market["maker"] >= 0


def test_sandbox_mode_reaches_the_same_venue(venue: RunningVenue, maker: Any) -> None:
    client = ccxt.deribit({"urls": {"test": venue.ccxt_config()["urls"]["api"]}})
    client.set_sandbox_mode(True)
    try:
        assert set(client.load_markets()) == set(maker.markets)
    finally:
        client.session.close()


def test_status_time_and_currencies(maker: Any) -> None:
    assert maker.fetch_status()["status"] == "ok"
    assert abs(maker.fetch_time() - maker.milliseconds()) < 60_000
    assert {"BTC", "ETH", "USDC"} <= set(maker.fetch_currencies())


def test_ticker_of_a_perpetual_and_an_option(maker: Any, option: dict[str, Any]) -> None:
    for symbol in (PERPETUAL, option["symbol"]):
        ticker = maker.fetch_ticker(symbol)
        assert ticker["symbol"] == symbol
        assert float(ticker["info"]["mark_price"]) > 0
        assert float(ticker["info"]["index_price"]) > 0
        assert abs(ticker["timestamp"] - maker.milliseconds()) < 60_000


def test_tickers_of_a_currency(maker: Any) -> None:
    tickers = maker.fetch_tickers(params={"code": "USDC"})
    assert sum(1 for symbol in tickers if symbol.startswith(BASE)) > 20


def test_greeks_of_an_option_near_the_money(maker: Any, option: dict[str, Any]) -> None:
    greeks = maker.fetch_greeks(option["symbol"])
    assert 0.2 < greeks["delta"] < 0.8
    assert greeks["gamma"] > 0
    assert greeks["vega"] > 0
    assert greeks["theta"] < 0
    assert greeks["rho"] > 0
    assert 1.0 < greeks["markImpliedVolatility"] < 500.0
    assert greeks["markPrice"] > 0
    assert greeks["underlyingPrice"] > 0


def test_option_chain_holds_every_option_of_the_base(maker: Any) -> None:
    chain = maker.fetch_option_chain(BASE)
    markets = [market for market in maker.markets.values() if market["base"] == BASE]
    options = [market for market in markets if market["info"]["kind"] == "option"]  # no combos
    assert set(chain) == {market["symbol"] for market in options}
    assert all(entry["markPrice"] is not None for entry in chain.values())
    assert all(entry["underlyingPrice"] > 0 for entry in chain.values())


def test_one_option_by_its_summary(maker: Any, option: dict[str, Any]) -> None:
    assert maker.fetch_option(option["symbol"])["symbol"] == option["symbol"]


def test_an_order_rests_is_seen_amended_and_cancelled(maker: Any) -> None:
    market = maker.market(PERPETUAL)
    mark = float(maker.fetch_ticker(PERPETUAL)["info"]["mark_price"])
    price, amount = on_tick(market, 0.9 * mark), smallest(market, 3)
    placed = maker.create_order(PERPETUAL, "limit", "buy", amount, price, {"label": "conformance"})
    assert (placed["status"], placed["side"], placed["type"]) == ("open", "buy", "limit")
    assert (placed["price"], placed["amount"], placed["filled"]) == (price, amount, 0)
    assert placed["info"]["label"] == "conformance"
    assert [price, amount] in maker.fetch_order_book(PERPETUAL)["bids"]
    assert maker.fetch_ticker(PERPETUAL)["bid"] >= price

    lower = on_tick(market, 0.89 * mark)
    amended = maker.edit_order(placed["id"], PERPETUAL, "limit", "buy", smallest(market, 2), lower)
    assert amended["id"] == placed["id"]
    assert (amended["price"], amended["amount"]) == (lower, smallest(market, 2))
    assert placed["id"] in {order["id"] for order in maker.fetch_open_orders(PERPETUAL)}
    everywhere = maker.fetch_open_orders(None, None, None, {"code": "USDC"})
    assert placed["id"] in {order["id"] for order in everywhere}
    assert maker.fetch_order(placed["id"])["price"] == lower

    cancelled = maker.cancel_order(placed["id"], PERPETUAL)
    assert (cancelled["id"], cancelled["status"]) == (placed["id"], "canceled")
    assert maker.fetch_open_orders(PERPETUAL) == []
    assert maker.fetch_order(placed["id"])["status"] == "canceled"


def test_an_amend_up_to_the_limit_keeps_depth_of_book_in_order(maker: Any) -> None:
    market = maker.market(PERPETUAL)
    mark = float(maker.fetch_ticker(PERPETUAL)["info"]["mark_price"])
    prices = [on_tick(market, share * mark) for share in (0.8, 0.82, 0.81)]
    for price in prices:
        maker.create_order(PERPETUAL, "limit", "buy", smallest(market), price)
    bids = [price for price, _ in maker.fetch_order_book(PERPETUAL, 10)["bids"]]
    assert bids == sorted(prices, reverse=True)
    maker.cancel_all_orders(PERPETUAL)
    assert maker.fetch_order_book(PERPETUAL)["bids"] == []


def test_a_trade_shows_on_both_sides_everywhere(maker: Any, taker: Any, option: dict[str, Any]) -> None:
    for symbol in (PERPETUAL, option["symbol"]):
        resting, taken = trade(maker, taker, symbol)
        assert (taken["status"], taken["filled"]) == ("closed", resting["amount"])
        assert taken["average"] == resting["price"]
        public = maker.fetch_trades(symbol)[-1]
        assert public["side"] == "buy"
        assert (public["price"], public["amount"]) == (resting["price"], resting["amount"])
        sold = maker.fetch_my_trades(symbol)[-1]
        bought = taker.fetch_my_trades(symbol)[-1]
        assert sold["id"] == bought["id"] == public["id"]
        assert (sold["side"], sold["takerOrMaker"], sold["order"]) == ("sell", "maker", resting["id"])
        assert (bought["side"], bought["takerOrMaker"], bought["order"]) == ("buy", "taker", taken["id"])
        assert bought["fee"]["currency"] == "USDC"
        assert bought["fee"]["cost"] > 0
        held = {p["symbol"]: p for p in taker.fetch_positions([symbol], {"currency": "USDC"})}
        short = {p["symbol"]: p for p in maker.fetch_positions([symbol], {"currency": "USDC"})}
        assert (held[symbol]["side"], short[symbol]["side"]) == ("long", "short")
        assert abs(held[symbol]["contracts"]) == abs(short[symbol]["contracts"]) > 0
        assert taker.fetch_position(symbol)["entryPrice"] > 0


def test_my_trades_by_currency(maker: Any, taker: Any) -> None:
    _, taken = trade(maker, taker, PERPETUAL)
    trades = taker.fetch_my_trades(None, None, None, {"code": "USDC"})
    assert taken["id"] in {entry["order"] for entry in trades}


def test_balance_moves_by_premium_and_fee(maker: Any, taker: Any, option: dict[str, Any]) -> None:
    before = taker.fetch_balance()["USDC"]
    assert before["free"] > 0
    resting, _ = trade(maker, taker, option["symbol"])
    fee = taker.fetch_my_trades(option["symbol"])[-1]["fee"]["cost"]
    summary = taker.fetch_balance()["info"]
    assert summary
    after = taker.fetch_balance()["USDC"]
    premium = resting["price"] * resting["amount"]
    # The option bought counts in equity at its mark; only the fee and the distance to the mark are lost.
    assert after["total"] < before["total"] + premium
    assert after["free"] == pytest.approx(before["free"] - premium - fee, abs=before["free"] * 0.01)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda c, m: c.private_get_buy(order(m, price=m["off_tick"])), ccxt.InvalidOrder),
        (lambda c, m: c.private_get_buy(order(m, amount="-1")), ccxt.BaseError),
        (lambda c, m: c.private_get_buy(order(m, amount="nan")), ccxt.BaseError),
        (lambda c, m: c.private_get_buy(order(m, amount="1e6")), ccxt.BaseError),
        (lambda c, m: c.private_get_buy(order(m, price=m["too_high"])), ccxt.InvalidOrder),
        (lambda c, m: c.cancel_order("999999999", PERPETUAL), ccxt.OrderNotFound),
        (lambda c, m: c.fetch_order("no-number"), ccxt.BaseError),
        (lambda c, m: c.public_get_ticker({"instrument_name": "NO-SUCH"}), ccxt.BaseError),
    ],
)
def test_bad_requests_become_the_drivers_exceptions(maker: Any, make: Any, expected: type[Exception]) -> None:
    market = maker.market(PERPETUAL)
    mark = float(maker.fetch_ticker(PERPETUAL)["info"]["mark_price"])
    tick = float(market["info"]["tick_size"])
    values = {
        "instrument_name": market["id"],
        "amount": smallest(market),
        "price": on_tick(market, 0.9 * mark),
        "off_tick": on_tick(market, 0.9 * mark) + tick / 2,
        "too_high": on_tick(market, 2.0 * mark),
    }
    with pytest.raises(expected) as error:
        make(maker, values)
    assert not isinstance(error.value, ccxt.NetworkError)
    assert "deribit" in str(error.value)
    assert maker.fetch_open_orders(PERPETUAL) == []


def order(values: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Parameters of a plain limit order with some of them spoilt."""
    sound = {key: values[key] for key in ("instrument_name", "amount", "price")}
    return {**sound, "type": "limit", **changes}


def test_more_than_the_account_can_carry_is_insufficient_funds(maker: Any) -> None:
    """Larger and larger offers of calls, each of which reserves the whole underlying, until funds end."""
    calls = [m for m in maker.markets.values() if m["option"] and m["optionType"] == "call"]
    refusals = []
    for market in calls:
        mark = float(maker.fetch_ticker(market["symbol"])["info"]["mark_price"])
        price = on_tick(market, 2.0 * mark + 10.0, up=True)
        multiple = 100
        while multiple < 1 << 28 and ccxt.InsufficientFunds not in refusals:
            try:
                maker.create_order(market["symbol"], "limit", "sell", smallest(market, multiple), price)
            except ccxt.BaseError as refusal:
                refusals.append(type(refusal))
                break  # the position limit of this instrument came first: on to the next
            multiple *= 4
        if ccxt.InsufficientFunds in refusals:
            break
    maker.cancel_all_orders()
    assert ccxt.InsufficientFunds in refusals


def test_a_wrong_secret_is_an_authentication_error(venue: RunningVenue) -> None:
    client = ccxt.deribit(venue.ccxt_config(Key(venue.maker.client_id, "wrong")))
    try:
        with pytest.raises(ccxt.AuthenticationError):
            client.fetch_balance()
    finally:
        client.session.close()
