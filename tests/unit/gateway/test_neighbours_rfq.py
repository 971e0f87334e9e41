"""Requests for quotes harm nobody else: what a neighbour gets done beside those who ask, quote and accept as
fast as they can, on a whole venue behind real sockets."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import pairwise
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from exchange.gateway.deals.block_limits import BLOCK_LIMITS
from exchange.gateway.deals.block_store import BlockStore
from exchange.gateway.deals.blocks import BlockSetup
from exchange.gateway.dispatch import Handler
from exchange.gateway.methods.table import METHODS
from exchange.gateway.ports import InlineCommitter
from exchange.gateway.sockets.config import ServerConfig
from exchange.gateway.venue import Venue
from exchange.wire.credits import CreditPolicy
from exchange.wire.session import Request, Session
from tests.unit.gateway.live import Live, Peer, Refused, live
from tests.unit.gateway.loopback import ManualClock
from tests.unit.gateway.rfq_rig import LEGS, named

QUOTES = 60
"""Of each of two makers, for one request."""
WANTED = [{**leg, "amount": 5 * leg["amount"]} for leg in LEGS]
"""An amount of 10: of quotes of 0.1 an acceptance weighs all it may, and never has enough."""
CROWDED = BLOCK_LIMITS._replace(grace_ms=0, quotes_max=QUOTES, quotes_side_max=QUOTES)
SLOWEST_S = 1.0  # of an answer, beside whatever others do
FLOOD = 900


def crowded() -> BlockSetup:
    """Blocks in memory, on the running loop."""
    return BlockSetup(BlockStore(None, InlineCommitter(asyncio.get_running_loop())), None, CROWDED)


async def crowd(venue: Live) -> tuple[Peer, int, list[Peer]]:
    """A taker, its request, and two makers who have quoted all they may, half of it all or nothing."""
    taker = await venue.socket(await venue.account())
    makers = [await venue.socket(await venue.account()) for _ in range(2)]
    number: int = (await taker.call("private/create_block_rfq", legs=WANTED))["block_rfq_id"]
    for maker in makers:
        for at in range(QUOTES):
            whole = "all_or_none" if at % 2 else "any_part_of"
            await maker.call("private/add_block_rfq_quote", execution_instruction=whole, **quote(number))
    return taker, number, makers


def quote(number: int) -> dict[str, Any]:
    """A quote for a small part of what is asked for."""
    return {"block_rfq_id": number, "direction": "sell", "amount": 0.1, "legs": named(5_000, 5_000)}


def acceptance(number: int) -> dict[str, Any]:
    """Of all: every combination of quotes is weighed, and nothing trades."""
    return {
        "block_rfq_id": number, "legs": named(), "direction": "buy", "price": -4_000, "amount": 10,
        "time_in_force": "fill_or_kill",
    }  # fmt: skip


def flood(calls: list[tuple[str, dict[str, Any]]], count: int) -> bytes:
    """Frames of these calls in turn."""
    made = [
        Frame(
            Opcode.TEXT,
            json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode(),
        ).serialize(mask=True)
        for method, params in calls
    ]
    return b"".join(made[at % len(made)] for at in range(count))


class RunningClock(ManualClock):
    """Time that passes as it does: turns end by it."""

    def now_us(self) -> int:
        return self.at_us + time.perf_counter_ns() // 1_000


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sessions in the order their requests are handled."""
    found: list[int] = []

    def counted(handle: Handler) -> Handler:
        def handler(venue: Venue, session: Session, request: Request) -> None:
            found.append(session.session_id)
            handle(venue, session, request)

        return handler

    for name, handle in METHODS.items():
        monkeypatch.setitem(METHODS, name, counted(handle))
    return found


async def test_a_neighbour_keeps_its_turns_beside_a_flood_of_acceptances_and_quotes(order: list[int]) -> None:
    async with live(blocks=crowded(), clock=RunningClock()) as venue:
        taker, number, makers = await crowd(venue)
        neighbour = await venue.socket(await venue.account())
        await neighbour.call("private/get_block_rfqs")
        mine = order[-1]
        reads = ("private/get_block_rfqs", {"count": 1_000})
        taker.raw.write(flood([("private/accept_block_rfq", acceptance(number)), reads], FLOOD))
        for maker in makers:
            add = ("private/add_block_rfq_quote", quote(number))  # one too many: 13905
            maker.raw.write(flood([add, ("private/get_block_rfq_quotes", {})], FLOOD))
        clock, start = asyncio.get_running_loop().time, len(order)
        for _ in range(20):
            sent = clock()
            await neighbour.call("public/get_index_price", index_name="btc_usdc")
            assert clock() - sent <= SLOWEST_S
        turns = [at for at, who in enumerate(order) if at >= start and who == mine]
        gaps = [later - earlier for earlier, later in pairwise(turns)]
        assert max(gaps) <= 1_000, gaps  # of 2,700: what some turns of 3 ms have room for


async def test_budgets_bound_quotes_and_cancels_are_always_admitted() -> None:
    policy = CreditPolicy.of_the_field()._replace(terminate=False)
    config = ServerConfig(close_timeout_s=0.3, credits=policy)
    async with live(blocks=crowded(), config=config) as venue:
        taker = await venue.socket(await venue.account())
        maker = await venue.socket(await venue.account())
        number = (await taker.call("private/create_block_rfq", legs=LEGS))["block_rfq_id"]
        burst = policy.matching[0].burst
        sent = [maker.send("private/add_block_rfq_quote", **quote(number)) for _ in range(burst + 5)]
        answers = [await maker.envelope(each) for each in sent]
        refused = [answer["error"]["code"] for answer in answers if "error" in answer]
        assert refused == [10028] * 5
        assert await maker.call("private/cancel_all_block_rfq_quotes") == burst
        with pytest.raises(Refused) as late:
            await maker.call("private/add_block_rfq_quote", **quote(number))
        assert late.value.code == 10028
        venue.clock.advance_ms(1_000)
        assert (await maker.call("private/add_block_rfq_quote", **quote(number)))["quote_state"] == "open"
        found = await taker.call("private/get_block_rfqs", block_rfq_id=number)
        assert len(found["block_rfqs"][0]["asks"]) == 1  # the taker's budget is its own
