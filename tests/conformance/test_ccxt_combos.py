"""ccxt beside a combo: it is a market under its own name, and what it trades is read like any trade."""

from __future__ import annotations

import ccxt

from tests.conformance.conftest import RunningVenue, rpc, wait_until
from tests.conformance.markets import BASE, near_the_money, smallest


def test_a_combo_is_made_traded_and_read(venue: RunningVenue) -> None:
    maker, taker = (ccxt.deribit(venue.ccxt_config(key)) for key in (venue.maker, venue.taker))
    try:
        maker.load_markets()
        index = float(maker.fetch_ticker(f"{BASE}/USDC:USDC")["info"]["index_price"])
        call = near_the_money(maker.markets, index, maker.milliseconds())
        put = call["id"].removesuffix("C") + "P"
        trades = [
            {"instrument_name": name, "amount": smallest(call), "direction": "buy"}
            for name in (call["id"], put)
        ]
        key = {"client_id": venue.maker.client_id, "client_secret": venue.maker.secret}
        token = rpc(venue.url, "public/auth", {"grant_type": "client_credentials"} | key)["access_token"]
        combo = rpc(venue.url, "private/create_combo", {"trades": trades}, token)
        assert combo["id"] == call["id"].replace("_USDC-", "_USDC-STRD-").removesuffix("-C")

        def is_marked() -> bool:
            return bool(maker.public_get_ticker({"instrument_name": combo["id"]})["result"]["mark_price"])

        wait_until(is_marked, "a mark of the combo")
        for client in (maker, taker):
            markets = client.load_markets(reload=True)
            (market,) = [each for each in markets.values() if each["id"] == combo["id"]]
            assert market["symbol"] == combo["id"]  # the driver has no symbols of its own for combos
            assert client.market(call["id"])["id"] == call["id"]
        ticker = maker.fetch_ticker(market["symbol"])
        step = float(market["info"]["tick_size"])
        price = round(float(ticker["info"]["mark_price"]) / step) * step
        amount = float(market["info"]["min_trade_amount"])
        placed = maker.create_order(market["symbol"], "limit", "sell", amount, price)
        taken = taker.create_order(market["symbol"], "limit", "buy", amount, price)
        assert (taken["status"], taken["filled"], taken["average"]) == ("closed", amount, price)
        assert maker.fetch_order(placed["id"], market["symbol"])["status"] == "closed"
        (mine,) = taker.fetch_my_trades(market["symbol"])
        assert (mine["price"], mine["amount"], mine["order"]) == (price, amount, taken["id"])
        held = {each["info"]["instrument_name"]: each["contracts"] for each in taker.fetch_positions()}
        assert held[call["id"]] == held[put] == amount
    finally:
        for client in (maker, taker):
            client.session.close()
