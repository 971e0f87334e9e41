"""Positions pass within a family over real sockets and a journal on disk, and are there after a restart.

    the story's market (tests/e2e/test_story.py): calls of 100,000 at 5,000 USDC, the perpetual at 100,000
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exchange.domain import commands
from exchange.gateway.recovery import recent_events
from settlement.ledger import Ledger
from settlement.state import State
from tests.e2e.stage import Stage, Trader
from tests.e2e.test_blocks import FAUCET, LEGS, acceptance, pushed, quote, refused, size
from tests.e2e.test_story import HIGH, LOW, NOW_MS, PERPETUAL, opening


async def log(trader: Trader) -> list[Any]:
    """The account's transaction log, newest first."""
    found = await trader.call(
        "private/get_transaction_log", currency="USDC", start_timestamp=0, end_timestamp=NOW_MS + 1
    )
    return list(found["logs"])


@pytest.mark.asyncio
async def test_a_main_account_moves_positions_to_its_subaccount(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        await opening(stage)
        await stage.operate(*(commands.set_rules(version) for version in (3, 4)))
        main, other = await stage.trader("main"), await stage.trader("other")
        sub = await stage.subaccount(main)
        await main.call(
            "private/submit_transfer_to_subaccount", currency="USDC", amount=100_000, destination=sub.account
        )
        await other.order("sell", LOW, 2, 5_000)
        await main.order("buy", LOW, 2, 5_000)
        await other.order("buy", PERPETUAL, 1, 100_000)
        await main.order("sell", PERPETUAL, 1, 100_000)
        given = {
            "source_uid": main.account,
            "target_uid": sub.account,
            "trades": [
                {"instrument_name": LOW, "amount": 1.5},
                {"instrument_name": PERPETUAL, "amount": 1, "price": 99_000},
            ],
        }
        code, _ = await refused(main.call("private/move_positions", **given))
        assert code == 13028  # before rules 5
        await stage.operate(commands.set_rules(5))
        code, _ = await refused(sub.call("private/move_positions", **given))
        assert code == 13012
        code, _ = await refused(other.call("private/move_positions", **given))
        assert code == 12100
        public = await pushed(other, f"trades.{LOW}.100ms")
        found = await main.call("private/move_positions", **given)
        assert [(each["direction"], each["price"]) for each in found["trades"]] == [
            ("buy", 5_000), ("sell", 99_000),
        ]  # fmt: skip
        too_much = {**given, "trades": [{"instrument_name": LOW, "amount": 1.5}]}
        code, data = await refused(main.call("private/move_positions", **too_much))
        assert (code, data["position"]) == (10021, 0.5)
        assert public == []
        kept = [await log(trader) for trader in (main, sub)]
        assert [logs[0]["change"] for logs in kept] == [7_500, -7_500]
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        await stage.wait_open()
        main, sub = await stage.back(main), await stage.back(sub)
        assert (await size(main, LOW), await size(main, PERPETUAL)) == (0.5, 0)
        assert (await size(sub, LOW), await size(sub, PERPETUAL)) == (1.5, -1)
        assert (await sub.position(PERPETUAL))["average_price"] == 99_000
        assert [await log(trader) for trader in (main, sub)] == kept
        settled = Ledger(State())
        for frame in recent_events(stage._storage, stage.engine.next_seq):
            settled.read(frame)
        assert settled.state.position(sub.account, 0)[0] == 150
        assert not list(settled.state.conservation_faults())


@pytest.mark.asyncio
async def test_a_family_divides_what_it_asks_quotes_for(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        await opening(stage)
        await stage.operate(*(commands.set_rules(version) for version in (3, 4, 5)))
        main, maker = await stage.trader("main"), await stage.trader("maker")
        sub = await stage.subaccount(main)
        await main.call(
            "private/submit_transfer_to_subaccount", currency="USDC", amount=100_000, destination=sub.account
        )
        given = [{"user_id": sub.account, "amount": 0.5}, {"user_id": main.account, "amount": 1.5}]
        rfq = await main.call("private/create_block_rfq", legs=LEGS, trade_allocations=given)
        assert rfq["trade_allocations"] == given
        number = rfq["block_rfq_id"]
        await maker.call("private/add_block_rfq_quote", **quote(number, 5_000, 2))
        found = await main.call("private/accept_block_rfq", **acceptance(number, 3_000))
        assert [block["trades"][0]["amount"] for block in found["block_trades"]] == [0.5, 1.5]
        for trader, low in ((sub, 0.5), (main, 1.5), (maker, -2)):
            assert (await size(trader, LOW), await size(trader, HIGH)) == (low, -low)
    async with Stage(tmp_path, NOW_MS, FAUCET) as stage:
        await stage.wait_open()
        main, sub = await stage.back(main), await stage.back(sub)
        assert await sub.call("private/get_block_trades") == found["block_trades"][:1]
        assert await main.call("private/get_block_trades") == found["block_trades"][1:]
        (filled,) = (await main.call("private/get_block_rfqs"))["block_rfqs"]
        assert filled["trade_allocations"] == given
