"""Expirations, indices, contract sizes, books by id, volumes: what clients ask before they trade."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.domain import commands
from exchange.domain import records as r
from tests.unit.gateway.rig import (
    ETH_PERPETUAL,
    OPTION,
    PERPETUAL,
    PUT,
    CallFailed,
    Client,
    Rig,
    option_terms,
)

FEBRUARY_MS = 1_803_801_600_000  # 28 February 2027, 08:00 UTC


@pytest.fixture
def rig() -> Rig:
    return Rig().open()


def refused(client: Client, method: str, **params: Any) -> int:
    with pytest.raises(CallFailed) as failed:
        client.call(method, **params)
    return failed.value.code


def test_expirations_pooled_grouped_and_of_one_currency(rig: Rig) -> None:
    later = option_terms(r.OPTION_CALL)._replace(expiry_ms=FEBRUARY_MS)
    rig.venue.submit(commands.list_instrument(4, later))
    rig.loop.run()
    client = rig.connect()

    def asked(**params: Any) -> Any:
        return client.call("public/get_expirations", **params)

    both = {"future": ["PERPETUAL"], "option": ["27DEC26", "28FEB27"]}  # by time, not by letter
    assert asked(currency="any", kind="any") == both
    assert asked(currency="BTC", kind="option") == {"btc": {"option": both["option"]}}
    assert asked(currency="USDC", kind="any") == {"usdc": both}
    eth = {"future": ["PERPETUAL"], "option": []}
    assert asked(currency="grouped", kind="any") == {"btc": both, "eth": eth}
    assert asked(currency="any", kind="any", currency_pair="eth_usdc") == eth
    assert asked(currency="any", kind="future", currency_pair="ada_usdc") == {"future": []}
    assert refused(client, "public/get_expirations", currency="BTC", kind="spot") == -32602
    assert refused(client, "public/get_expirations", kind="any") == -32602


def test_what_has_ended_has_no_expiration_any_more(rig: Rig) -> None:
    for instrument in (0, 1):
        rig.venue.submit(commands.set_instrument_state(instrument, r.STATE_DELISTED))
    rig.loop.run()
    assert rig.connect().call("public/get_expirations", currency="any", kind="option") == {"option": []}


def test_indices_and_contract_sizes(rig: Rig) -> None:
    client = rig.connect()
    assert client.call("public/get_index_price_names") == [{"name": "btc_usdc"}, {"name": "eth_usdc"}]
    extended = client.call("public/get_index_price_names", extended=True)
    assert [set(index) for index in extended] == [
        {"name", "future_combo_creation_enabled", "option_combo_creation_enabled"}
    ] * 2
    derivative = client.call("public/get_supported_index_names", type="derivative")
    assert [index["name"] for index in derivative] == ["btc_usdc", "eth_usdc"]
    assert client.call("public/get_supported_index_names", type="spot") == []
    assert client.call("public/get_contract_size", instrument_name=OPTION) == {"contract_size": 1}
    assert refused(client, "public/get_contract_size", instrument_name="BTC-1JAN20-1-C") == 10020


def test_a_book_by_the_instruments_id(rig: Rig) -> None:
    maker = rig.client()
    for price in (4_900.0, 4_895.0):
        maker.buy(PUT, 0.1, price)
    number = maker.call("public/get_instrument", instrument_name=PUT)["instrument_id"]
    found = maker.call("public/get_order_book_by_instrument_id", instrument_id=number, depth=1)
    assert (found["instrument_name"], found["bids"]) == (PUT, [[4_900.0, 0.1]])
    assert found == maker.call("public/get_order_book", instrument_name=PUT, depth=1)
    assert refused(maker, "public/get_order_book_by_instrument_id", instrument_id=99) == 10020


def test_volumes_of_a_day_by_what_was_traded(rig: Rig) -> None:
    maker, taker = rig.client(), rig.client()
    trades = ((OPTION, 0.5, 5_000.0), (PUT, 0.25, 5_000.0), (PERPETUAL, 1.0, 100_000.0))
    for name, amount, price in (*trades, (ETH_PERPETUAL, 2.0, 4_000.0)):
        maker.sell(name, amount, price)
        taker.buy(name, amount, price)
    btc, eth = taker.call("public/get_trade_volumes")
    assert (btc["calls_volume"], btc["puts_volume"], btc["futures_volume"]) == (0.5, 0.25, 1.0)
    assert (eth["currency"], eth["futures_volume"], eth["spot_volume"]) == ("ETH", 2.0, 0.0)
    rig.clock.ms += 2 * 86_400_000
    assert taker.call("public/get_trade_volumes")[0]["calls_volume"] == 0


def test_no_coin_has_a_rate(rig: Rig) -> None:
    client = rig.connect()
    assert client.call("public/get_apr_history", currency="usdc")["data"] == []
    assert refused(client, "public/get_apr_history", currency="doge") == -32602
