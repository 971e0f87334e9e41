"""Combos over real sockets and a journal on disk: made, quoted, traded, implied both ways, ended, kept.

    the story's market (tests/e2e/test_story.py): calls of 100,000 at 5,000 and of 110,000 at 2,000 USDC;
    fees 0.03 % of the index, half of it by a combo's order: 15 USDC a bitcoin and leg
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clients.rpc import RpcError
from exchange.domain import commands, commands_risk
from exchange.domain.commands_risk import FeeTier
from exchange.gateway.recovery import recent_events
from settlement.ledger import Ledger
from settlement.state import State
from tests.e2e.stage import Stage, Trader
from tests.e2e.test_blocks import pushed, reach
from tests.e2e.test_story import EXPIRY_MS, HIGH, LOW, NOW_MS, PERPETUAL, USDC, opening

SPREAD = "BTC_USDC-CS-27DEC26-100000_110000"
FAUCET = 1_000_000 * USDC
TRADES = [
    {"instrument_name": LOW, "amount": 1, "direction": "buy"},
    {"instrument_name": HIGH, "amount": 1, "direction": "sell"},
]


async def begin(stage: Stage) -> tuple[Trader, Trader, Trader]:
    """The story's market under rules that know combos, and three traders."""
    await opening(stage)
    await stage.operate(commands.set_rules(3), commands.set_rules(4))
    await stage.operate(commands_risk.set_fees((FeeTier(300, 300, 0, 500),), 500))
    alice, bob, carol = [await stage.trader(name) for name in ("alice", "bob", "carol")]
    return alice, bob, carol


async def sizes(trader: Trader) -> dict[str, float]:
    found = await trader.call("private/get_positions", currency="BTC")
    return {each["instrument_name"]: each["size"] for each in found}


@pytest.mark.asyncio
async def test_a_call_spread_from_its_making_to_its_end(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        alice, bob, carol = await begin(stage)
        created = await pushed(bob, "instrument.creation.option_combo.BTC")
        combo = await alice.call("private/create_combo", trades=TRADES)
        assert combo["id"] == SPREAD
        assert [(leg["instrument_name"], leg["amount"]) for leg in combo["legs"]] == [(LOW, 1), (HIGH, -1)]
        await reach(stage, created, 1)
        assert created[0]["instrument_name"] == SPREAD

        # --- quoted, and traded in its own book ---------------------------------------------------
        book = await pushed(bob, f"book.{SPREAD}.100ms")
        theirs = await pushed(alice, "user.trades.any.any.raw")
        combos = await pushed(alice, "user.combo_trades.option_combo.any.raw")
        await alice.call("private/enable_cancel_on_disconnect")
        quote = {
            "instrument_name": SPREAD,
            "bid": {"price": 2_950, "amount": 2},
            "ask": {"price": 3_050, "amount": 2},
        }
        await alice.call("private/mass_quote", quote_id="q", quotes=[quote])
        await reach(stage, book, 2)
        assert (book[-1]["bids"], book[-1]["asks"]) == ([["new", 2_950, 2]], [["new", 3_050, 2]])
        bought = await bob.order("buy", SPREAD, 1, 3_050)
        (trade,) = bought["trades"]
        assert (trade["price"], trade["fee"]) == (3_050, 30)
        told = [(leg["direction"], leg["price"]) for leg in trade["legs"]]
        assert told == [("buy", 5_050), ("sell", 2_000)]
        await reach(stage, theirs, 1)
        assert [each["instrument_name"] for each in theirs[0]] == [SPREAD, LOW, HIGH]
        assert {each["combo_trade_id"] for each in theirs[0]} == {trade["trade_id"]}
        await reach(stage, combos, 1)
        assert combos[0]["quote_id"] == "q"
        assert await sizes(bob) == {LOW: 1, HIGH: -1}

        # --- implied out: a buyer of the lower call, Alice's quote, Carol's higher call -------------
        await carol.order("sell", HIGH, 1, 2_000)
        await carol.order("sell", LOW, 0.5, 5_040)
        out = await bob.order("buy", LOW, 1.5, 5_050)
        assert out["order"]["order_state"] == "filled"
        of_book, implied = out["trades"]
        assert (of_book["price"], "combo_id" in of_book) == (5_040, False)
        assert (implied["price"], implied["combo_id"], implied["tick_direction"]) == (5_050, SPREAD, 0)
        assert await sizes(carol) == {LOW: -0.5, HIGH: -1}
        assert await sizes(alice) == {LOW: -2, HIGH: 2}

        # --- implied in: a seller of the spread, bids for the lower and offers of the higher --------
        await carol.order("buy", LOW, 1, 5_000)
        await alice.order("sell", HIGH, 1, 2_005)
        sold = await bob.order("sell", SPREAD, 1, 2_990)
        assert sold["order"]["average_price"] == 2_995
        assert await sizes(bob) == {LOW: 1.5}

        # --- orders that wait when the legs end ----------------------------------------------------
        waiting = (await carol.order("buy", SPREAD, 1, 2_700))["order"]
        history = (await bob.call("private/get_user_trades_by_instrument", instrument_name=SPREAD))["trades"]
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        await stage.wait_open()
        alice, bob, carol = await stage.back(alice), await stage.back(bob), await stage.back(carol)
        assert await bob.call("public/get_combos", currency="BTC") == [combo]
        (resting,) = await carol.call("private/get_open_orders", kind="option_combo")
        assert resting["order_id"] == waiting["order_id"]
        again = (await bob.call("private/get_user_trades_by_instrument", instrument_name=SPREAD))["trades"]
        assert again == history
        orders = await pushed(carol, f"user.orders.{SPREAD}.raw")
        states = await pushed(bob, "instrument.state.option_combo.BTC")
        await stage.at(EXPIRY_MS)
        await stage.operate(commands.deliver(0, 104_000 * USDC), commands.deliver(1, 104_000 * USDC))
        await reach(stage, orders, 1)
        assert (orders[0]["order_state"], orders[0]["cancel_reason"]) == ("cancelled", "settlement")
        await reach(stage, states, 1)
        assert states[-1]["state"] == "inactive"
        assert await bob.call("public/get_combo_ids", currency="BTC", state="active") == []
        details = await bob.call("public/get_combo_details", combo_id=SPREAD)
        assert (details["state"], details["legs"]) == ("inactive", combo["legs"])
        with pytest.raises(RpcError) as refused:
            await bob.order("buy", SPREAD, 1, 2_700)
        assert refused.value.code == 10012
        assert await sizes(bob) == {}
        assert settled(stage)


def settled(stage: Stage) -> bool:
    """Whether settlement, from nothing, books all of it as the venue did."""
    state = State()
    ledger = Ledger(state)
    for packed in recent_events(stage._storage, stage.engine.next_seq):
        ledger.read(packed)
    is_whole = state.combo_discount_permille == 500 and len(state.instruments) == 4
    return is_whole and not list(state.conservation_faults())


@pytest.mark.asyncio
async def test_what_orders_in_combo_books_cannot_have_is_refused_before_it_is_sequenced(
    tmp_path: Path,
) -> None:
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        alice, _, _ = await begin(stage)
        await alice.call("private/create_combo", trades=TRADES)
        seq = stage.engine.next_seq
        order: dict[str, Any] = {"instrument_name": SPREAD, "amount": 1, "price": 2_900}
        wrong: list[tuple[int, dict[str, Any]]] = [
            (13036, {"reduce_only": True}),
            (13036, {"display_amount": 0.5}),
            (13036, {"type": "stop_limit", "trigger": "mark_price", "trigger_price": 3_000}),
            (10023, {"price": 10**9}),
            (10023, {"price": "nan"}),
            (10043, {"price": 2_901}),
            (10021, {"amount": -1}),
        ]
        for code, changed in wrong:
            with pytest.raises(RpcError) as refused:
                await alice.call("private/buy", **{**order, **changed})
            assert refused.value.code == code, changed
        perpetual = [TRADES[0], {"instrument_name": PERPETUAL, "amount": 1, "direction": "sell"}]
        with pytest.raises(RpcError) as refused:
            await alice.call("private/create_combo", trades=perpetual)
        assert refused.value.code == 10020
        assert stage.engine.next_seq == seq
