"""The rest of ccxt's unified calls: histories, money, addresses, fees. What trades is in test_ccxt_sync."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import ccxt
import pytest

from tests.conformance.conftest import RunningVenue
from tests.conformance.markets import BASE, PERPETUAL, on_tick, smallest

Call = Callable[[Any], Any]
# Every call, and whether what it answers must have something in it.
CALLS: Final[tuple[tuple[str, Call, bool], ...]] = (
    ("fetch_accounts", lambda c: c.fetch_accounts(), True),
    ("fetch_deposit_withdraw_fees", lambda c: c.fetch_deposit_withdraw_fees(), True),
    ("fetch_trading_fees", lambda c: c.fetch_trading_fees(), True),
    ("fetch_ohlcv", lambda c: c.fetch_ohlcv(PERPETUAL, "1m", c.milliseconds() - 3_600_000), True),
    ("fetch_trades", lambda c: c.fetch_trades(PERPETUAL, c.milliseconds() - 3_600_000), True),
    ("fetch_volatility_history", lambda c: c.fetch_volatility_history(BASE), False),
    ("fetch_funding_rate", lambda c: c.fetch_funding_rate(PERPETUAL), True),
    ("fetch_funding_rate_history", lambda c: c.fetch_funding_rate_history(PERPETUAL), False),
    ("fetch_liquidations", lambda c: c.fetch_liquidations(PERPETUAL), False),
    ("fetch_my_liquidations", lambda c: c.fetch_my_liquidations(PERPETUAL), False),
    ("fetch_open_interest", lambda c: c.fetch_open_interest(PERPETUAL), True),
    ("fetch_closed_orders", lambda c: c.fetch_closed_orders(PERPETUAL), True),
    ("closed_orders_of_all", lambda c: c.fetch_closed_orders(None, None, 5, {"code": "USDC"}), True),
    ("fetch_deposits", lambda c: c.fetch_deposits("USDC"), True),
    ("fetch_withdrawals", lambda c: c.fetch_withdrawals("USDC"), False),
    ("fetch_transfers", lambda c: c.fetch_transfers("USDC"), False),
    ("create_deposit_address", lambda c: c.create_deposit_address("USDC"), True),
    ("fetch_deposit_address", lambda c: c.fetch_deposit_address("USDC"), True),
)


@pytest.fixture(scope="module")
def traded(venue: RunningVenue) -> Iterator[Any]:
    """A driver whose account has traded."""
    maker, taker = (ccxt.deribit(venue.ccxt_config(key)) for key in (venue.maker, venue.taker))
    for client in (maker, taker):
        client.load_markets()
    mark = float(maker.fetch_ticker(PERPETUAL)["info"]["mark_price"])
    market = maker.market(PERPETUAL)
    maker.create_order(PERPETUAL, "limit", "sell", smallest(market), on_tick(market, mark, up=True))
    order = taker.create_order(PERPETUAL, "market", "buy", smallest(market))
    taker.order_traded = order["id"]
    yield taker
    for client in (maker, taker):
        client.cancel_all_orders()
        client.session.close()


@pytest.mark.parametrize(("name", "call", "must_have"), CALLS, ids=[name for name, _, _ in CALLS])
def test_a_unified_call_is_answered(traded: Any, name: str, call: Call, must_have: bool) -> None:
    found = call(traded)
    assert found is not None
    assert found or not must_have, name


def test_the_trades_of_an_order(traded: Any) -> None:
    (trade,) = traded.fetch_order_trades(traded.order_traded)
    assert trade["order"] == traded.order_traded


def test_an_address_is_the_accounts_own(traded: Any) -> None:
    found = traded.fetch_deposit_address("USDC")
    assert (found["currency"], found["address"][:2], len(found["address"])) == ("USDC", "0x", 42)
