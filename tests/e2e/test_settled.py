"""An option traded, journaled, published to Redis, posted to the L1 and verified from it alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.gateway.bus import BATCHES, TICKERS, TRADES
from settlement.verify import verify
from tests.e2e.test_restart import User
from tests.e2e.venue import Venue, wait_until
from tests.unit.gateway.test_bus import Server


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


def streams(server: Server, name: str) -> list[dict[str, object]]:
    return [json.loads(fields[b"data"]) for _, fields in server.client().xrange(name)]


def test_from_order_to_verified_balance(tmp_path: Path, redis_server: Server) -> None:
    redis = f"unix://{redis_server.socket}"
    options = ["--redis", redis, "--batch-seconds", "0.2", "--snapshot-commands", "50"]
    with Venue(tmp_path / "data", *options) as venue:
        venue.wait_open()
        seller, buyer = User(venue, "seller"), User(venue, "buyer")
        option = next(
            name
            for name in (i["instrument_name"] for i in venue.call("public/get_instruments", currency="BTC"))
            if name.endswith("-C")
        )
        # The edge of the band moves with the index: a price well inside it is one still when the buyer comes.
        price = venue.call("public/ticker", instrument_name=option)["max_price"] - 500
        seller.call("private/sell", instrument_name=option, amount=0.5, price=price, type="limit")
        bought = buyer.call("private/buy", instrument_name=option, amount=0.3, price=price, type="limit")
        (trade,) = bought["trades"]

        def confirmed() -> bool:
            found = buyer.call("private/get_user_trades_by_instrument", instrument_name=option)["trades"]
            return [t["finality"] for t in found if t["trade_id"] == trade["trade_id"]] == ["confirmed"]

        wait_until(confirmed, "the fill to be confirmed on the L1", 30)
        wait_until(lambda: streams(redis_server, BATCHES), "batch states in Redis")
        wait_until(lambda: venue.journal("snapshot-*.bin"), "a snapshot that live engine and replay agree on")
        assert trade["trade_id"] in [t["trade_id"] for t in streams(redis_server, TRADES)]
        assert streams(redis_server, TICKERS)
        positions = {p["instrument_name"]: p["size"] for p in buyer.call("private/get_positions")}
        assert positions[option] == 0.3
        cash = buyer.call("private/get_account_summary", currency="USDC")["balance"]
        assert venue.interrupt() == 0
    report = verify(tmp_path / "data" / "l1.sqlite")
    assert report.ok, report.problems
    found = next(account for account in report.accounts if account.account == buyer.account)
    assert found.cash_micro == round(cash * 1_000_000)
    assert [(p.name, p.size_lots) for p in found.positions] == [(option, 30)]
