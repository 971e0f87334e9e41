"""What only time brings, through real sockets: funding, expiry, liquidation over a restart, an empty fund.

The market is that of the trader's story (`tests/e2e/test_story.py`), every figure worked out by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clients.rpc import RpcError
from exchange.app.calls import CallError
from exchange.app.risk_driver import RiskDriver
from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from tests.e2e.stage import Stage, Trader
from tests.e2e.test_story import (
    EXPIRY_MS,
    HIGH,
    LOW,
    NOW_MS,
    PERPETUAL,
    USDC,
    figures,
    liquidations,
    market,
    opening,
)

HOUR_MS = 3_600_000
RICH = 10_000_000 * USDC


async def rich(stage: Stage, trader: Trader, number: int) -> Trader:
    """Money from elsewhere."""
    await stage.operate(commands.deposit(trader.account, RICH, number))
    return trader


async def settled(trader: Trader, kind: str) -> list[Any]:
    """The trader's settlements of a type over HTTP, newest first."""
    found = await trader.http(
        "private/get_settlement_history_by_currency", currency="USDC", type=kind, count=20
    )
    rows: list[Any] = found["settlements"]
    return rows


async def long_perpetual(stage: Stage, trader: Trader, dealer: Trader, amount: float) -> None:
    await dealer.order("sell", PERPETUAL, amount, 100_000)
    await trader.order("buy", PERPETUAL, amount, 100_000)


async def test_funding_and_an_expiry_are_seen_over_http(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, 30_000 * USDC) as stage:
        await opening(stage)
        trader = await stage.trader("trader")
        dealer = await rich(stage, await stage.trader("dealer"), 1_000)
        await long_perpetual(stage, trader, dealer, 0.5)
        await dealer.order("sell", LOW, 1, 5_000)
        await trader.order("buy", LOW, 1, 5_000)
        cash = 30_000.0 - 25 - 5_000 - 30  # 0.05 % of 50,000, the price, 0.03 % of 100,000
        await figures(trader, balance=cash)

        # --- funding: one basis point of 100 USDC a lot, longs pay; 500 lots ------------------------------
        await stage.at(NOW_MS + HOUR_MS)
        await stage.operate(commands.funding(2, 10_000))
        await figures(trader, balance=cash - 5)
        (paid,) = await settled(trader, "settlement")
        assert (paid["funding"], paid["position"], paid["instrument_name"]) == (-5, 0.5, PERPETUAL)
        (received,) = await settled(dealer, "settlement")
        assert (received["funding"], received["position"]) == (5, -0.5)
        period = {"start_timestamp": NOW_MS, "end_timestamp": NOW_MS + 2 * HOUR_MS}
        (rate,) = await stage.http("public/get_funding_rate_history", instrument_name=PERPETUAL, **period)
        assert (rate["interest_1h"], rate["timestamp"]) == (pytest.approx(0.0001), NOW_MS + HOUR_MS)
        value = await stage.http("public/get_funding_rate_value", instrument_name=PERPETUAL, **period)
        assert value == pytest.approx(0.0001)

        # --- expiry ----------------------------------------------------------------------------------------
        resting = (await dealer.order("buy", HIGH, 1, 500))["order"]["order_id"]
        await stage.operate(market(2, 104_000, 4_000, 90, 5, 5))
        await stage.at(EXPIRY_MS)
        with pytest.raises(CallError, match="book_closed"):
            await trader.http("private/buy", instrument_name=LOW, amount=1, price=4_000, type="limit")
        await stage.operate(commands.deliver(0, 104_000 * USDC), commands.deliver(1, 104_000 * USDC))
        cash += 4_000 - 15.6 - 5  # payoff, 0.015 % of 104,000, the funding
        await figures(trader, balance=cash, options_value=0)
        held = await trader.http("private/get_positions", currency="any")
        assert [each["instrument_name"] for each in held] == [PERPETUAL]
        (delivered,) = await settled(trader, "delivery")
        assert (delivered["instrument_name"], delivered["position"]) == (LOW, 1)
        assert (delivered["mark_price"], delivered["index_price"]) == (104_000, 104_000)
        assert delivered["session_profit_loss"] == pytest.approx(4_000 - 15.6 - 5_000)
        public = await stage.http("public/get_last_settlements_by_instrument", instrument_name=LOW)
        (row,) = public["settlements"]
        assert (row["type"], row["position"], row["mark_price"]) == ("delivery", 1, 104_000)
        prices = await stage.http("public/get_delivery_prices", index_name="btc_usdc")
        assert prices["data"] == [{"date": "2026-12-27", "delivery_price": 104_000}]
        live = await stage.http("public/get_instruments", currency="BTC")
        assert [each["instrument_name"] for each in live] == [PERPETUAL]
        gone = await stage.http("public/get_instruments", currency="BTC", expired=True)
        assert {each["instrument_name"] for each in gone} == {LOW, HIGH}
        order = await dealer.http("private/get_order_state", order_id=resting)
        assert (order["order_state"], order["cancel_reason"]) == ("cancelled", "settlement")


async def fallen(stage: Stage, trader: Trader, dealer: Trader, index: int) -> None:
    """One bitcoin long, a fall, and nobody who bids: the portfolio goes to auction."""
    await long_perpetual(stage, trader, dealer, 1)
    await stage.operate(market(2, index, 1_000, 20, 100, 5))
    await stage.operate(commands_risk.risk_sweep(64, 1_024))
    for _ in range(3):
        steps = liquidations(await stage.operate(commands_risk.liquidate(trader.account)))
        if steps and steps[-1].kind == r.LIQ_AUCTION:
            return
    raise AssertionError("not in auction")


async def test_an_auction_goes_on_over_a_restart(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, 3_000 * USDC) as stage:
        await opening(stage)
        trader = await stage.trader("trader")
        dealer = await rich(stage, await stage.trader("dealer"), 1_000)
        bidder = await rich(stage, await stage.trader("bidder"), 1_001)
        await fallen(stage, trader, dealer, 97_900)  # 2,950 − 2,100 = 850; it needs 979
        (before,) = await stage.http("public/strikebook_get_auctions")
        assert (before["account"], before["start_timestamp"], before["discount"]) == (
            trader.account, NOW_MS, 0,
        )  # fmt: skip
    later_ms = NOW_MS + 30_000
    async with Stage(tmp_path, later_ms, 0) as stage:
        driver = RiskDriver(stage.venue, stage.clock)
        stage.venue.sequencer.add_listener(driver.on_batch)
        driver.start()
        await stage.at(later_ms)
        await stage.wait_open()
        trader, bidder = await stage.back(trader), await stage.back(bidder)
        assert driver.report()["in_auction"] == 1
        with pytest.raises(RpcError, match="account_locked"):
            await trader.order("buy", PERPETUAL, 0.1, 90_000)
        # Half of the minute is over: half of 1 %, 489.5 for all of it. What restores maintenance is 129 of
        # what taking all would free, 979 less that discount.
        (auction,) = await stage.http("public/strikebook_get_auctions")
        assert auction["start_timestamp"] == NOW_MS
        assert auction["fraction_max"] == pytest.approx(129 / 489.5, abs=1e-6)
        (position,) = auction["positions"]
        assert (position["size"], position["discount"]) == (1, 0.005)
        won = await bidder.http(
            "private/strikebook_take_over",
            account=trader.account, fraction=auction["fraction_max"], max_pay=0,
        )  # fmt: skip
        assert won["positions"] == [{"instrument_name": PERPETUAL, "size": position["part"]}]
        assert won["paid"] == pytest.approx(-auction["discount"])
        stage.clock.ms += 1_000  # the driver looks at auctions now and then

        async def is_over() -> bool:
            return await stage.http("public/strikebook_get_auctions") == [] and not driver.report()[
                "in_liquidation"
            ]

        await stage.wait_until(is_over, "the end of the liquidation")
        driver.stop()
        steps = await trader.http("private/strikebook_get_liquidations")
        assert [each["step"] for each in steps[:2]] == ["ended", "taken_over"]
        assert steps[-1]["step"] == "started"  # from before the restart
        summary = await trader.summary()
        assert summary["margin_balance"] >= summary["maintenance_margin"]
        await trader.order("sell", PERPETUAL, 0.1, 100_000)


async def test_a_loss_beyond_the_fund_is_shared_and_seen(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, 3_000 * USDC) as stage:
        await opening(stage)
        trader, other = await stage.trader("trader"), await stage.trader("other")
        dealer = await rich(stage, await stage.trader("dealer"), 1_000)
        bidder = await rich(stage, await stage.trader("bidder"), 1_001)
        await stage.operate(commands.deposit(2, 400 * USDC, 1_002))
        await fallen(stage, trader, dealer, 96_000)  # 2,950 − 4,000: 1,050 less than nothing
        await bidder.http(
            "private/strikebook_take_over", account=trader.account, fraction=1, max_pay=0
        )
        (covered, deficit) = liquidations(await stage.operate(commands_risk.liquidate(trader.account)))
        assert (covered.kind, covered.amount_micro) == (r.LIQ_FUND, 400 * USDC)
        assert (deficit.kind, deficit.amount_micro) == (r.LIQ_DEFICIT, 650 * USDC)

        # --- the sharing: who has what is looked at first, and meanwhile no cash leaves -------------------
        cash = {each.account: (await each.summary())["balance"] for each in (other, dealer, bidder)}
        await stage.operate(commands_risk.share_loss(trader.account, 1_024))
        with pytest.raises(CallError, match=r"temporarily_unavailable \{'reason': 'loss_sharing'\}"):
            await other.http("private/withdraw", currency="USDC", amount=3_000, address=other.owner)
        shares = liquidations(await stage.operate(commands_risk.share_loss(trader.account, 1_024)))
        assert shares[-1].kind == r.LIQ_ENDED
        paid = {each.head.account: each.amount_micro / USDC for each in shares if each.kind == r.LIQ_SHARED}
        assert sum(paid.values()) == pytest.approx(650)
        total = sum(cash.values())
        assert paid == pytest.approx({account: 650 * had / total for account, had in cash.items()}, abs=2e-6)

        # --- what everybody sees ---------------------------------------------------------------------------
        await figures(trader, margin_balance=0, equity=0)
        for each in (other, dealer, bidder):
            await figures(each, balance=cash[each.account] - paid[each.account])
            (share,) = await settled(each, "bankruptcy")
            assert share["socialized"] == pytest.approx(paid[each.account])
            assert share["session_profit_loss"] == pytest.approx(-paid[each.account])
        (funded,) = await settled(trader, "bankruptcy")
        assert (funded["funded"], funded["socialized"]) == (400, 0)
        public = await stage.http(
            "public/get_last_settlements_by_currency", currency="USDC", type="bankruptcy"
        )
        rows = [(row["funded"], row["socialized"]) for row in public["settlements"]]
        assert rows == [(0, pytest.approx(650)), (400, 0)]
        said = await stage.http("public/strikebook_venue_commands")
        steps = [each["step"] for each in said if each["command"] == "liquidation"]
        assert steps == ["deficit", "covered_by_insurance_fund", "taken_over", "auction_started"]
        left = await other.http(
            "private/withdraw", currency="USDC", amount=round(3_000 - paid[other.account], 6)
        )
        assert left["state"] == "unconfirmed"


