"""A trader's story, from the first coin to the last, every number of it worked out by hand.

Deposit, a call spread that needs only its worst loss, a short hedge, a rally, the margin call, a partial
liquidation through the book, expiry, settlement, withdrawal. All of it through the public API over a real
socket and a journal on disk; only the market is written here.

    lot 0.01 BTC, tick 5 USDC (options); lot 0.001 BTC, tick 0.5 USDC (perpetual)
    standard margin 15 % / 10 % / 7.5 %, perpetual 2 % / 1 %, uncovered short calls 120 % / 110 %
    fees: options 0.03 % of the index (cap 12.5 % of the price), perpetual taker 0.05 %, maker free;
    liquidation 0.1 %; delivery 0.015 %
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clients.rpc import RpcError
from exchange.domain import commands, commands_risk, events
from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms, Mark
from exchange.domain.commands_risk import RiskParameters
from tests.e2e.stage import Stage, Trader

NOW_MS = 1_798_300_800_000  # 26 December 2026, 16:00 UTC
EXPIRY_MS = 1_798_358_400_000  # 27 December 2026, 08:00 UTC
LOW = "BTC_USDC-27DEC26-100000-C"
HIGH = "BTC_USDC-27DEC26-110000-C"
PERPETUAL = "BTC_USDC-PERPETUAL"
USDC = 1_000_000
ONE = 1_000_000_000  # delta of one
NOT_ENOUGH_FUNDS = 10009

RISK = RiskParameters(
    scenarios=1, quantum_micro=1_000, extended_from=1, dampener_micro=0,
    sm_im_ppm=150_000, sm_floor_ppm=100_000, sm_mm_ppm=75_000, perp_im_ppm=20_000, perp_mm_ppm=10_000,
    uncovered_im_ppm=1_200_000, uncovered_mm_ppm=1_100_000, pm_mm_ppm=800_000,
    roll_ppm=0, shock_ppm=0, shock_threshold_micro=0, short_ppm=0,
    liquidation_fee_ppm=1_000, liquidation_slice_micro=10_800 * USDC, liquidation_band_ppm=5_000,
    jump_factor=10, auction_ms=60_000, auction_discount_ppm=10_000,
)  # fmt: skip


def terms(strike: int) -> InstrumentTerms:
    """A BTC call expiring on the 27th."""
    return InstrumentTerms(
        kind=r.KIND_OPTION, option_type=r.OPTION_CALL, underlying=0, expiry_ms=EXPIRY_MS,
        strike_micro=strike * USDC, tick_micro=5 * USDC, lot_e8=1_000_000, min_size_lots=1,
        price_limit_ticks=20_000, position_limit_lots=100_000, maker_fee_ppm=300, taker_fee_ppm=300,
        fee_cap_permille=125, delivery_fee_ppm=150, band_ppm=100_000,
    )  # fmt: skip


def perpetual() -> InstrumentTerms:
    """The hedge."""
    return InstrumentTerms(
        kind=r.KIND_PERPETUAL, option_type=r.OPTION_NONE, underlying=0, expiry_ms=0, strike_micro=0,
        tick_micro=USDC // 2, lot_e8=100_000, min_size_lots=1, price_limit_ticks=1_000_000,
        position_limit_lots=200_000, maker_fee_ppm=0, taker_fee_ppm=500, fee_cap_permille=0,
        delivery_fee_ppm=0, band_ppm=50_000,
    )  # fmt: skip


def market(feed_seq: int, index: int, low: int, low_delta: int, high: int, high_delta: int) -> bytes:
    """Marks: index and forward, the two calls with their deltas in per cent, in USDC."""
    percent = ONE // 100
    units = [
        Mark(0, low_delta * percent, low * USDC, 0, index * USDC),
        Mark(1, high_delta * percent, high * USDC, 0, index * USDC),
        Mark(2, ONE, index * USDC, 0, index * USDC),
    ]
    return commands.marks(0, index * USDC, feed_seq, units)


async def opening(stage: Stage) -> None:
    """Listings, parameters, first marks: index 100,000, the calls at 5,000 and 2,000.

    The venue opens by itself: its command to open must not come between those a test counts.
    """
    await stage.wait_open()
    await stage.operate(
        commands.time(NOW_MS),
        commands.set_rules(2),
        commands.list_underlying(0, "BTC"),
        commands.list_instrument(0, terms(100_000)),
        commands.list_instrument(1, terms(110_000)),
        commands.list_instrument(2, perpetual()),
        commands_risk.risk(0, RISK),
        market(1, 100_000, 5_000, 55, 2_000, 25),
    )


def liquidations(found: list[events.Event]) -> list[events.Liquidation]:
    return [event for event in found if isinstance(event, events.Liquidation)]


async def figures(trader: Trader, **expected: float) -> Any:
    """The account summary has these figures, to the micro-USDC."""
    summary = await trader.summary()
    assert {name: summary[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    return summary


async def test_a_trader_from_deposit_to_withdrawal(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, 12_100 * USDC) as stage:
        await opening(stage)
        trader = await stage.trader("trader")
        dealer = await stage.trader("dealer")
        # The dealer is rich, which he owes to the L1, not to the market.
        await stage.operate(commands.deposit(dealer.account, 10_000_000 * USDC, 1_000))
        await figures(trader, balance=12_100, equity=12_100, initial_margin=0, maintenance_margin=0)

        # --- the spread --------------------------------------------------------------------------------
        # Naked, a short call costs 15 % of 100,000 + its mark 5,000 = 20,000 a bitcoin: more than there is.
        await dealer.order("buy", LOW, 1, 5_000)
        with pytest.raises(RpcError) as refused:
            await trader.order("sell", LOW, 1, 5_000)
        assert refused.value.code == NOT_ENOUGH_FUNDS
        await dealer.order("sell", HIGH, 1, 2_000)
        # Buying the wing: 2,000 and a fee of 0.03 % of 100,000 = 30 (the cap of 12.5 % is 250).
        bought = await trader.order("buy", HIGH, 1, 2_000)
        assert bought["trades"][0]["fee"] == 30
        await figures(trader, balance=10_070, initial_margin=0)
        # With the wing, a short call can lose the difference of the strikes, and the delivery of both costs
        # 0.015 % of 100,000 each.
        await trader.order("sell", LOW, 1, 5_000)
        await figures(
            trader,
            balance=15_040,  # 10,070 + 5,000 - 30
            equity=12_040,  # - 5,000 + 2,000 at the marks
            margin_balance=15_040,
            initial_margin=10_030,
            maintenance_margin=10_030,
            available_funds=5_010,
            available_withdrawal_funds=5_010,
        )

        # --- the hedge ---------------------------------------------------------------------------------
        # 0.6 BTC short at 100,000: 2 % of 60,000 = 1,200, 1 % = 600; the fee 0.05 % = 30.
        await dealer.order("buy", PERPETUAL, 0.6, 100_000)
        sold = await trader.order("sell", PERPETUAL, 0.6, 100_000)
        assert sold["trades"][0]["fee"] == 30
        await figures(
            trader, balance=15_010, margin_balance=15_010, initial_margin=11_230, maintenance_margin=10_630
        )
        # What is free may leave, not a micro-dollar more.
        with pytest.raises(RpcError) as refused:
            await withdraw(trader, 3_780.000001)
        assert refused.value.code == NOT_ENOUGH_FUNDS

        # --- the rally ---------------------------------------------------------------------------------
        # At 107,500 the hedge has lost 0.6 · 7,500 = 4,500; it needs 1 % of 64,500 = 645,
        # and the spread's delivery 2 · 16.125.
        await stage.operate(market(2, 107_500, 9_300, 78, 3_300, 42))
        await figures(
            trader,
            margin_balance=10_510,
            maintenance_margin=10_677.25,
            initial_margin=11_322.25,
            equity=4_510,  # 10,510 - 9,300 + 3,300
        )
        # The margin call: the sweep finds the account, which may cancel and nothing else.
        (called,) = liquidations(await stage.operate(commands_risk.risk_sweep(64, 1_024)))
        assert (called.head.account, called.kind) == (trader.account, r.LIQ_STARTED)
        assert (called.maintenance_micro, called.balance_micro) == (10_677_250_000, 10_510 * USDC)
        with pytest.raises(RpcError):
            await trader.order("buy", HIGH, 0.1, 3_300)

        # --- partial liquidation -----------------------------------------------------------------------
        # Delta: -0.78 + 0.42 of a bitcoin in options, -0.6 in the hedge, which adds to it and goes first, in
        # slices of 10,800 / 107.5 = 100 lots. The dealer offers at the mark.
        await dealer.order("sell", PERPETUAL, 0.6, 107_500)
        (part,) = liquidations(await stage.operate(commands_risk.liquidate(trader.account)))
        # 0.1 BTC: taker's fee 0.05 % of 10,750 = 5.375, liquidation fee 0.1 % = 10.75.
        assert (part.kind, part.lots, part.amount_micro) == (r.LIQ_PERPETUAL, 100, 10_750_000)
        await figures(trader, margin_balance=10_493.875, maintenance_margin=10_569.75)
        await stage.operate(commands_risk.liquidate(trader.account))
        await figures(trader, margin_balance=10_477.75, maintenance_margin=10_462.25)
        (ended,) = liquidations(await stage.operate(commands_risk.liquidate(trader.account)))
        assert ended.kind == r.LIQ_ENDED
        assert (await trader.position(PERPETUAL))["size"] == pytest.approx(-0.4)
        assert (await trader.position(LOW))["size"] == pytest.approx(-1)
        seized = [trade for trade in await fills(trader, PERPETUAL) if trade.get("liquidation")]
        assert [trade["amount"] for trade in seized] == pytest.approx([0.1, 0.1])

        # --- expiry ------------------------------------------------------------------------------------
        # Delivered at 104,000: the short call pays 4,000 and 0.015 % of 104,000 = 15.60; the wing ends
        # worthless, free of charge since the cap is 12.5 % of nothing.
        await stage.operate(market(3, 104_000, 4_000, 90, 5, 5))
        await stage.at(EXPIRY_MS)
        await stage.operate(commands.deliver(0, 104_000 * USDC), commands.deliver(1, 104_000 * USDC))
        # The hedge is settled at 104,000: 0.4 short from 100,000 loses 1,600, and 0.2 bought back at 107,500
        # lost 1,500: 3,100 in all.
        await stage.operate(commands.settle_perpetual(2, 208_000))
        cash = 15_010 - 2 * (5.375 + 10.75) - 3_100 - 4_000 - 15.60  # 7,862.15
        await figures(trader, balance=cash, equity=cash, initial_margin=832, maintenance_margin=416)
        history = await trader.call("private/get_settlement_history_by_currency", currency="USDC", count=20)
        kinds = {(entry["type"], entry["instrument_name"]) for entry in history["settlements"]}
        assert kinds == {("delivery", LOW), ("delivery", HIGH), ("settlement", PERPETUAL)}

        # --- the last coin -----------------------------------------------------------------------------
        # Buys back 0.4 at 104,000 (fee 20.80), then everything may leave.
        await dealer.order("sell", PERPETUAL, 0.4, 104_000)
        await trader.order("buy", PERPETUAL, 0.4, 104_000)
        rest = cash - 20.80  # 7,841.35
        await figures(trader, balance=rest, initial_margin=0, available_withdrawal_funds=rest)
        asked = await withdraw(trader, rest)
        assert asked["amount"] == pytest.approx(rest)
        await figures(trader, balance=0, equity=0, available_funds=0)
        paid = await stage.operate(commands_risk.resolve_withdrawal(int(asked["id"]), r.WITHDRAWAL_PAID))
        assert [event.kind for event in paid if isinstance(event, events.Cash)] == [r.CASH_WITHDRAWAL_PAID]


async def withdraw(trader: Trader, amount: float) -> Any:
    """`private/withdraw` to the trader's address."""
    return await trader.call(
        "private/withdraw", currency="USDC", address=trader.owner, amount=round(amount, 6)
    )


async def fills(trader: Trader, instrument: str) -> list[Any]:
    found = await trader.call("private/get_user_trades_by_instrument", instrument_name=instrument, count=50)
    trades: list[Any] = found["trades"]
    return trades

