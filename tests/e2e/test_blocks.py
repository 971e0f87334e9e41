"""Blocks and requests for quotes over real sockets, a journal and a store on disk: three parties, a neighbour
who sees nothing, and a venue that starts again.

    the story's market (tests/e2e/test_story.py): calls of 100,000 at 5,000 and of 110,000 at 2,000 USDC, the
    perpetual at 100,000; a lot is 0.01 BTC (options) or 0.001 BTC
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from clients.rpc import RpcError
from exchange.domain import commands
from tests.e2e.stage import Stage, Trader
from tests.e2e.test_story import HIGH, LOW, NOW_MS, PERPETUAL, USDC, opening

TRADES = [
    {"instrument_name": LOW, "price": 5_000, "amount": 1, "direction": "sell"},
    {"instrument_name": HIGH, "price": 2_000, "amount": 1, "direction": "buy"},
]
"""A call spread, as the maker trades it."""
LEGS = [
    {"instrument_name": LOW, "amount": 2, "direction": "buy"},
    {"instrument_name": HIGH, "amount": 2, "direction": "sell"},
]
HEDGE = {"instrument_name": PERPETUAL, "amount": 1, "direction": "sell", "price": 100_000}
NAMED = [
    {"instrument_name": LOW, "ratio": 1, "direction": "buy"},
    {"instrument_name": HIGH, "ratio": 1, "direction": "sell"},
]
FAUCET = 1_000_000 * USDC


async def begin(stage: Stage) -> None:
    """The story's market, under rules that know blocks."""
    await opening(stage)
    await stage.operate(commands.set_rules(3))


async def refused(call: Any) -> tuple[int, Any]:
    """The code and data that a call is refused with."""
    with pytest.raises(RpcError) as found:
        await call
    return found.value.code, found.value.data


async def pushed(trader: Trader, channel: str) -> list[Any]:
    """A list that fills with what a channel pushes."""
    found: list[Any] = []
    await trader.session.subscribe([channel], lambda _name, data: found.append(data))
    return found


async def reach(stage: Stage, found: list[Any], count: int) -> None:
    async def is_there() -> bool:
        return len(found) >= count

    await stage.wait_until(is_there, f"{count} pushes")


def quote(number: int, low: float, amount: float, **more: Any) -> dict[str, Any]:
    prices = ({**NAMED[0], "price": low}, {**NAMED[1], "price": 2_000})
    return {"block_rfq_id": number, "direction": "sell", "amount": amount, "legs": list(prices), **more}


def acceptance(number: int, price: float) -> dict[str, Any]:
    return {
        "block_rfq_id": number, "legs": NAMED, "price": price, "amount": 2, "direction": "buy",
        "time_in_force": "fill_or_kill",
    }  # fmt: skip


async def size(trader: Trader, instrument: str) -> float:
    return float((await trader.position(instrument))["size"])


@pytest.mark.asyncio
async def test_a_block_is_signed_by_one_and_executed_by_the_other_and_is_there_after_a_restart(
    tmp_path: Path,
) -> None:
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        await begin(stage)
        maker, taker, neighbour = [await stage.trader(name) for name in ("maker", "taker", "neighbour")]
        side = {"timestamp": NOW_MS, "nonce": "first", "trades": TRADES}
        signature = (await maker.call("private/verify_block_trade", role="maker", **side))["signature"]
        given = {**side, "role": "taker", "counterparty_signature": signature}
        altered = {**given, "trades": [{**TRADES[0], "price": 4_000}, TRADES[1]]}
        code, data = await refused(taker.call("private/execute_block_trade", **altered))
        assert (code, data["reason"]) == (11030, "block_terms_differ")
        forged = {**given, "counterparty_signature": signature[:-4] + "AAAA"}
        code, data = await refused(taker.call("private/execute_block_trade", **forged))
        assert data["reason"] == "block_signature_invalid"
        assert await size(taker, LOW) == 0
        public = await pushed(neighbour, f"trades.{LOW}.100ms")
        block = await taker.call("private/execute_block_trade", **given)
        assert [trade["direction"] for trade in block["trades"]] == ["buy", "sell"]
        assert (await size(taker, LOW), await size(maker, LOW)) == (1.0, -1.0)
        await reach(stage, public, 1)
        assert public[0][0]["block_trade_id"] == block["id"]
        assert "counterparty" not in str(public)
        code, _ = await refused(neighbour.call("private/get_block_trade", id=block["id"]))
        assert code == 13020
        code, data = await refused(taker.call("private/execute_block_trade", **given))
        assert data["reason"] == "block_signature_used"
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        await stage.wait_open()
        maker, taker = await stage.back(maker), await stage.back(taker)
        assert await maker.call("private/get_block_trades") != [block]  # its own side of it
        assert await taker.call("private/get_block_trades") == [block]
        code, data = await refused(taker.call("private/execute_block_trade", **given))
        assert data["reason"] == "block_signature_used"
        trades = await taker.call("private/get_user_trades_by_instrument", instrument_name=LOW)
        assert trades["trades"][0]["block_trade_id"] == block["id"]
        fresh = {**side, "nonce": "second"}
        signed = await taker.call("private/verify_block_trade", role="taker", **fresh)
        other = await maker.call(
            "private/execute_block_trade", role="maker", counterparty_signature=signed["signature"], **fresh
        )
        assert int(other["id"].removeprefix("BLOCK-")) > int(block["id"].removeprefix("BLOCK-"))


@pytest.mark.asyncio
async def test_two_makers_answer_a_request_and_fill_it_together(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        await begin(stage)
        taker, one, two, neighbour = [
            await stage.trader(name) for name in ("taker", "one", "two", "neighbour")
        ]
        asked = [await pushed(maker, "block_rfq.maker.BTC") for maker in (one, two)]
        unasked = await pushed(neighbour, "block_rfq.maker.any")
        traded = await pushed(neighbour, "block_rfq.trades.any")
        infos = [await maker.call("private/get_block_rfq_user_info") for maker in (one, two)]
        names = [info["parent"]["identity"] for info in infos]
        assert set(names) <= set(await taker.call("private/get_block_rfq_makers"))
        rfq = await taker.call("private/create_block_rfq", legs=LEGS, hedge=HEDGE, makers=names)
        number = rfq["block_rfq_id"]
        for found in asked:
            await reach(stage, found, 1)
            assert "taker" not in found[0]
        code, _ = await refused(neighbour.call("private/add_block_rfq_quote", **quote(number, 5_000, 2)))
        assert code == 13020
        await one.call("private/add_block_rfq_quote", **quote(number, 5_000, 1.5))
        await two.call("private/add_block_rfq_quote", **quote(number, 5_005, 1))
        assert await one.call("private/get_block_rfq_quotes", block_rfq_id=number) != []
        (shown,) = (await taker.call("private/get_block_rfqs", block_rfq_id=number))["block_rfqs"]
        assert [ask["makers"] for ask in shown["asks"]] == [["ANONYMOUS"]] * 2
        code, _ = await refused(taker.call("private/accept_block_rfq", **acceptance(number, 3_000)))
        assert code == 13907
        found = await taker.call("private/accept_block_rfq", **acceptance(number, 3_005))
        first, second = found["block_trades"]
        assert [trade["amount"] for trade in first["trades"]] == [1.5, 1.5, 0.75]
        assert [trade["amount"] for trade in second["trades"]] == [0.5, 0.5, 0.25]
        assert {trade["seq"] for block in (first, second) for trade in block["trades"]} == {
            first["trades"][0]["seq"]
        }
        for trader, low, hedge in ((taker, 2.0, -1.0), (one, -1.5, 0.75), (two, -0.5, 0.25)):
            assert (await size(trader, LOW), await size(trader, PERPETUAL)) == (low, hedge)
        await reach(stage, traded, 1)
        assert (traded[0]["id"], traded[0]["amount"], len(traded[0]["trades"])) == (number, 2.0, 2)
        assert not any(name in str(traded) for name in names)
        assert unasked == []
        assert (await neighbour.call("private/get_block_rfqs"))["block_rfqs"] == []
        waits = await taker.call("private/create_block_rfq", legs=LEGS)
        await one.call("private/add_block_rfq_quote", **quote(waits["block_rfq_id"], 5_000, 2))
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        await stage.wait_open()
        taker, one = await stage.back(taker), await stage.back(one)
        lost, filled = (await taker.call("private/get_block_rfqs"))["block_rfqs"]
        assert (lost["state"], lost["cancel_reason"]) == ("cancelled", "venue_restart")
        assert (filled["state"], filled["block_rfq_id"]) == ("filled", number)
        assert await one.call("private/get_block_rfq_quotes") == []
        code, data = await refused(
            taker.call("private/accept_block_rfq", **acceptance(lost["block_rfq_id"], 5_000))
        )
        assert data["reason"] == "block_rfq_closed"
        again = await taker.call("private/create_block_rfq", legs=LEGS)
        assert again["block_rfq_id"] > lost["block_rfq_id"]
        (theirs,) = await one.call("private/get_block_trades", block_rfq_id=number)
        assert theirs["trades"][0]["block_rfq_quote_id"] > 0


@pytest.mark.asyncio
async def test_only_one_of_two_acceptances_at_once_trades(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        await begin(stage)
        taker, maker = await stage.trader("taker"), await stage.trader("maker")
        number = (await taker.call("private/create_block_rfq", legs=LEGS))["block_rfq_id"]
        await maker.call("private/add_block_rfq_quote", **quote(number, 5_000, 2))
        accept = acceptance(number, 3_000)
        found = await asyncio.gather(
            taker.call("private/accept_block_rfq", **accept),
            taker.call("private/accept_block_rfq", **accept),
            return_exceptions=True,
        )
        wrong = [each for each in found if isinstance(each, RpcError)]
        assert len(wrong) == 1
        assert wrong[0].code in (10040, 11030)
        assert await size(taker, LOW) == 2.0


@pytest.mark.asyncio
async def test_a_key_does_what_its_scopes_allow(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        await begin(stage)
        taker = await stage.trader("taker")
        made = await taker.call("private/create_api_key", max_scope=["block_trade:read", "block_rfq:read"])
        key = {name: made[name] for name in ("client_id", "client_secret")}
        reader = await stage.back(Trader(stage, taker.session, {**taker.key, **key}))
        side = {"timestamp": NOW_MS, "nonce": "n", "role": "maker", "trades": TRADES}
        assert (await reader.call("private/verify_block_trade", **side))["signature"]
        assert (await reader.call("private/get_block_rfqs"))["block_rfqs"] == []
        for method, given in (
            ("create_block_rfq", {"legs": LEGS}),
            ("execute_block_trade", {**side, "counterparty_signature": "1.a"}),
            ("get_account_summary", {"currency": "USDC"}),
        ):
            code, _ = await refused(reader.call(f"private/{method}", **given))
            assert code == 13021, method


@pytest.mark.asyncio
async def test_a_maker_s_protection_takes_its_other_quotes_away(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        await begin(stage)
        taker, maker = await stage.trader("taker"), await stage.trader("maker")
        limit = {"index_name": "all", "interval": 60, "frozen_time": 0, "trade_count_limit": 1}
        await maker.call("private/set_mmp_config", block_rfq=True, **limit)
        told = await pushed(maker, "user.mmp_trigger.all")
        numbers = [
            (await taker.call("private/create_block_rfq", legs=LEGS))["block_rfq_id"] for _ in range(2)
        ]
        for number in numbers:
            await maker.call("private/add_block_rfq_quote", **quote(number, 5_000, 2))
        await taker.call("private/accept_block_rfq", **acceptance(numbers[0], 3_000))
        await reach(stage, told, 1)
        assert (told[0]["block_rfq"], told[0]["frozen_until"]) == (True, 0)
        assert await maker.call("private/get_block_rfq_quotes") == []
        code, _ = await refused(maker.call("private/add_block_rfq_quote", **quote(numbers[1], 5_000, 2)))
        assert code == 13030
        code, _ = await refused(taker.call("private/accept_block_rfq", **acceptance(numbers[1], 3_000)))
        assert code == 13907
        await maker.call("private/reset_mmp", index_name="all", block_rfq=True)
        await maker.call("private/add_block_rfq_quote", **quote(numbers[1], 5_000, 2))
