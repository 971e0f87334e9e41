"""What rules 3 bring, through real sockets: triggers, links, protection, idempotent orders, compared edits.

The market is that of the trader's story (`tests/e2e/test_story.py`); the last test runs the real process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from clients.rpc import RpcError
from clients.session import Session
from exchange.app.parameters import DEFAULT_RULES
from exchange.core import risk_queries
from exchange.domain import commands, events
from tests.e2e.stage import Stage, Trader
from tests.e2e.test_story import LOW, NOW_MS, PERPETUAL, USDC, market, opening
from tests.e2e.venue import Forks, Venue

LOOK_UP = "private/strikebook_get_order_state_by_client_order_id"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Stage, Trader, Trader]]:
    """A stage under rules 3 with two traders of a million each."""
    async with Stage(folder, NOW_MS, 1_000_000 * USDC) as stage:
        await opening(stage)
        await stage.operate(commands.set_rules(3))
        yield stage, await stage.trader("trader"), await stage.trader("dealer")


class Heard:
    """What a channel pushes."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    async def listen(self, trader: Trader, channel: str) -> Heard:
        await trader.session.subscribe([channel], lambda _, data: self.said.append(data))
        return self

    async def until(self, has_come: Callable[[list[Any]], bool]) -> list[Any]:
        """What was pushed, once that is enough."""
        async with asyncio.timeout(5):
            while not has_come(self.said):
                await asyncio.sleep(0.002)
        return self.said


def reason(refused: pytest.ExceptionInfo[RpcError]) -> Any:
    """Why a call was refused."""
    return refused.value.data


async def state(trader: Trader, order_id: str) -> Any:
    return await trader.call("private/get_order_state", order_id=order_id)


async def test_a_bracket_opens_and_closes_a_position(tmp_path: Path) -> None:
    """A stop entry fires on the index; its fill wakes a take-profit and a stop; the index takes the stop."""
    async with opened(tmp_path) as (stage, trader, dealer):
        heard = await Heard().listen(trader, "user.orders.any.any.raw")
        exits = [
            {"direction": "sell", "type": "limit", "price": 103_000},
            {"direction": "sell", "type": "stop_market", "trigger": "index_price", "trigger_price": 99_000},
        ]
        entry = (
            await trader.call(
                "private/buy", instrument_name=PERPETUAL, amount=1, type="stop_limit", price=101_000,
                trigger="index_price", trigger_price=100_500, label="entry",
                linked_order_type="one_triggers_one_cancels_other", otoco_config=exits,
            )
        )["order"]  # fmt: skip
        take, stop = (str(int(entry["order_id"]) + n) for n in (1, 2))
        await dealer.order("sell", PERPETUAL, 1, 101_000)
        assert (await state(trader, entry["order_id"]))["order_state"] == "untriggered"
        await stage.operate(market(2, 101_000, 5_500, 58, 2_300, 28))
        assert (await state(trader, entry["order_id"]))["order_state"] == "filled"
        assert (await trader.position(PERPETUAL))["size"] == 1
        assert (await state(trader, take))["order_state"] == "open"
        await dealer.order("buy", PERPETUAL, 1, 98_500)
        await stage.operate(market(3, 98_900, 4_500, 50, 1_800, 22))
        assert (await trader.position(PERPETUAL))["size"] == 0
        ended = await state(trader, take)
        assert (ended["order_state"], ended["cancel_reason"]) == ("cancelled", "oco_other_closed")
        wanted = [
            (entry["order_id"], "untriggered"), (take, "untriggered"), (stop, "untriggered"),
            (entry["order_id"], "filled"), (take, "open"), (stop, "filled"), (take, "cancelled"),
        ]  # fmt: skip


        def are_told(said: list[Any]) -> bool:
            return {*wanted} <= {(order["order_id"], order["order_state"]) for order in said}

        await heard.until(are_told)
        history = await trader.http("private/get_trigger_order_history", currency="BTC")
        assert [row["order_state"] for row in history["entries"]] == ["triggered", "triggered"]


async def test_a_crowd_of_stops_fires_before_a_later_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as (stage, trader, dealer):
        count = 130
        for _ in range(count):
            await trader.call(
                "private/buy", instrument_name=PERPETUAL, amount=0.001, type="stop_limit", price=101_000,
                trigger="mark_price", trigger_price=100_500,
            )  # fmt: skip
        await dealer.order("sell", PERPETUAL, 0.001 * count, 101_000)
        # The marks, and at once an order for the same offer.
        done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        stage.venue.submit(market(2, 101_000, 5_500, 58, 2_300, 28))
        stage.venue.submit(
            commands.new_order(dealer.account, 2, price_ticks=202_000, size_lots=1, flags=0), done.set_result
        )
        late = [event for event in events.read_events(await done) if isinstance(event, events.Order)][-1]
        assert (late.filled_lots, late.state) == (0, 1), "nothing was left for it"
        assert (await trader.position(PERPETUAL))["size"] == pytest.approx(0.13)
        assert stage.engine.due_count == 0


async def test_protection_trips_is_told_and_is_reset(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, maker, dealer):
        heard = await Heard().listen(maker, "user.mmp_trigger.btc_usdc")
        config = {"index_name": "btc_usdc", "mmp_group": "mm", "interval": 60, "frozen_time": 0}
        await maker.call("private/set_mmp_config", **config, quantity_limit=0.5, max_quote_quantity=5)
        quotes = [{"instrument_name": LOW, "bid": {"price": 4_900, "amount": 1}}]

        async def quote() -> Any:
            return await maker.call("private/mass_quote", quote_id="q", mmp_group="mm", quotes=quotes)

        assert (await quote())["errors"] == []
        await dealer.order("sell", LOW, 0.5, 4_900)
        (told,) = await heard.until(bool)
        assert (told["mmp_group"], told["frozen_until"]) == ("mm", 0)
        assert await maker.call("private/get_open_orders") == []
        assert [wrong["code"] for wrong in (await quote())["errors"]] == [13030]
        assert await maker.call("private/reset_mmp", index_name="btc_usdc", mmp_group="mm") == "ok"
        assert (await quote())["errors"] == []
        await maker.call("private/cancel_quotes", cancel_type="all", freeze_quotes=True)
        with pytest.raises(RpcError) as refused:
            await quote()
        assert refused.value.code == 13043


async def test_an_order_sent_again_after_a_restart_is_the_first_one(tmp_path: Path) -> None:
    order = {"instrument_name": PERPETUAL, "amount": 0.2, "price": 100_000}
    async with opened(tmp_path) as (stage, trader, dealer):
        await dealer.order("sell", PERPETUAL, 0.1, 100_000)
        # Its reply is not waited for: a look-up behind it finds it.
        asked = asyncio.ensure_future(trader.call("private/buy", client_order_id="41", **order))
        await asyncio.sleep(0)  # it is sent
        found = await trader.call(LOOK_UP, client_order_id="41")
        first = await asked
        assert found["order"]["order_id"] == first["order"]["order_id"]
        for number in ("40", "41x"):
            with pytest.raises(RpcError):
                await trader.call("private/buy", client_order_id=number, **order)
    async with Stage(tmp_path, NOW_MS, 0) as stage:
        await stage.wait_open()
        trader = await stage.back(trader)
        again = await trader.call("private/buy", client_order_id="41", **order)
        assert again["repeated"] is True
        assert again["order"]["order_id"] == first["order"]["order_id"]
        assert [t["trade_id"] for t in again["trades"]] == [t["trade_id"] for t in first["trades"]]
        assert (await trader.position(PERPETUAL))["size"] == 0.1, "nothing was bought twice"
        with pytest.raises(RpcError) as expired:
            await trader.call("private/buy", client_order_id="40", **order)
        assert reason(expired) == {"reason": "id_expired", "last_client_order_id": "41"}


async def test_an_edit_that_lost_a_race_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, trader, dealer):
        order = (await trader.order("buy", PERPETUAL, 1, 100_000))["order"]["order_id"]
        await dealer.order("sell", PERPETUAL, 0.25, 100_000)
        with pytest.raises(RpcError) as refused:
            await trader.call("private/edit", order_id=order, new_total=2, expected_filled=0)
        assert reason(refused) == {"reason": "filled_mismatch", "filled_amount": 0.25}
        assert (await state(trader, order))["amount"] == 1
        edited = await trader.call("private/edit", order_id=order, new_remaining=0.5, expected_filled=0.25)
        assert edited["order"]["amount"] == 0.75


async def test_a_lost_connection_is_the_reason_of_its_cancels(tmp_path: Path) -> None:
    async with opened(tmp_path) as (stage, trader, _):
        await trader.call("private/enable_cancel_on_disconnect", scope="connection")
        rests = (await trader.order("buy", PERPETUAL, 1, 99_000))["order"]["order_id"]
        waits = (
            await trader.call(
                "private/buy", instrument_name=PERPETUAL, amount=1, type="stop_market",
                trigger="mark_price", trigger_price=105_000,
            )
        )["order"]["order_id"]  # fmt: skip
        await trader.session.close()
        again = await stage.back(trader)

        async def are_gone() -> bool:
            return not await again.call("private/get_open_orders")

        await stage.wait_until(are_gone, "the orders to be cancelled")
        reasons = [(await state(again, each))["cancel_reason"] for each in (rests, waits)]
        assert reasons == ["cancel_on_disconnect"] * 2


async def test_the_process_runs_the_newest_rules_and_follows_volatility(tmp_path: Path) -> None:
    """An order for a volatility moves with the simulated market."""
    with Forks() as forks, Venue(tmp_path / "data", "--no-children", forks=forks) as venue:
        venue.wait_open()
        assert venue.call("public/strikebook_risk_parameters")["rules"] == DEFAULT_RULES
        key = venue.call("public/strikebook_sign_up", name="vola")
        socket = venue.url.replace("http", "ws", 1) + "/ws/api/v2"
        async with (
            asyncio.timeout(40),
            Session(socket, key["client_id"], key["client_secret"]) as session,
        ):
            await session.wait_ready()
            usdc = {"currency": "USDC"}
            while not (await session.call("private/get_account_summary", usdc))["balance"]:
                await asyncio.sleep(0.02)
            params = {"instrument_name": await _at_the_money(session), "amount": 1, "price": 20}
            order = (await session.call("private/buy", {**params, "advanced": "implv"}))["order"]
            assert (order["advanced"], order["implv"], order["order_state"]) == ("implv", 20.0, "open")
            first = order["price"]
            while order["price"] == first:
                await asyncio.sleep(0.02)
                asked = {"order_id": order["order_id"]}
                order = await session.call("private/get_order_state", asked)
            assert order["implv"] == 20.0


async def _at_the_money(session: Session) -> str:
    """The call of the last expiry whose strike is nearest to the index."""
    chain = await session.call("public/get_instruments", {"currency": "BTC", "kind": "option"})
    index = (await session.call("public/get_index_price", {"index_name": "btc_usdc"}))["index_price"]
    last = max(each["expiration_timestamp"] for each in chain)
    calls = [c for c in chain if c["expiration_timestamp"] == last and c["option_type"] == "call"]
    name: str = min(calls, key=lambda each: abs(each["strike"] - index))["instrument_name"]
    return name


async def test_a_store_of_rules_2_is_brought_to_3(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, 1_000_000 * USDC) as stage:
        await opening(stage)
        trader = await stage.trader("trader")
        order = (await trader.order("buy", PERPETUAL, 1, 99_000))["order"]["order_id"]
        with pytest.raises(RpcError) as refused:
            await trader.order("buy", PERPETUAL, 1, 99_000, mmp=True)
        assert refused.value.code == 11047
        assert risk_queries.rules(stage.engine) == 2
        await stage.operate(commands.set_rules(3))
        assert (await state(trader, order))["order_state"] == "open"
    async with Stage(tmp_path, NOW_MS, 0) as stage:
        await stage.wait_open()
        assert risk_queries.rules(stage.engine) == 3
        trader = await stage.back(trader)
        again = (await trader.call("private/get_open_orders"))[0]
        assert again["order_id"] == order
