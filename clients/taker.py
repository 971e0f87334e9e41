"""A taker: random market, limit and immediate orders, amends and cancels at a steady rate, seeded."""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from clients.bot import (
    TOKEN_CODES,
    add_common_arguments,
    at_most,
    every,
    keep_trading,
    parse,
    read_positions,
    run_bot,
    watch,
)
from clients.flow import Action, Flow, FlowConfig, OpenOrder, read_prices
from clients.instruments import Instrument, to_micro, usable_instruments
from clients.rpc import RpcError
from clients.session import CallTimeout, ConnectionLost, Session

log = logging.getLogger("clients.taker")

GONE_CODES: Final = frozenset({10004, 10010, 11008, 11044})
"""Refusals that say the order is no longer open."""


@dataclass(frozen=True, slots=True)
class TakerConfig:
    """How fast the bot acts; what it does stands in :class:`FlowConfig`."""

    flow: FlowConfig = field(default_factory=FlowConfig)
    rate_per_s: float = 20.0
    max_in_flight: int = 32
    prices_every_s: float = 1.0
    positions_every_s: float = 5.0
    listings_every_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.rate_per_s <= 10_000:
            raise ValueError("the rate lies above 0 and at most at 10,000 a second")
        if self.max_in_flight < 1:
            raise ValueError("at least one request must be allowed in flight")


class Taker:
    """The bot on one session. :meth:`run` trades until cancelled and survives lost connections."""

    def __init__(self, session: Session, config: TakerConfig, rng: random.Random) -> None:
        self.flow = Flow(config.flow, rng)
        self.counts: Counter[str] = Counter()
        """Requests by kind, and ``refused:<code>`` for those the venue refused."""
        self._session = session
        self._config = config
        self._rng = rng
        self._listed: list[Instrument] = []

    async def run(self) -> None:
        """Trade until cancelled, then cancel what rests. SessionEnded if the credentials are refused."""
        try:
            await keep_trading(self._session, self._trade)
        finally:
            if self._session.is_ready:
                async with at_most(2.0):
                    await self._leave()

    async def _leave(self) -> None:
        try:
            await self._session.call("private/cancel_all")
        except (RpcError, ConnectionLost, CallTimeout) as error:
            log.warning("open orders could not be cancelled: %s", error)

    async def _trade(self, generation: int) -> None:
        self.flow.open_orders = {}
        await self._session.call("private/cancel_all")
        await self._load_listings()
        await self._load_prices()
        await self._load_positions()
        config = self._config
        async with asyncio.TaskGroup() as group:
            group.create_task(watch(self._session, generation))
            group.create_task(every(config.prices_every_s, self._load_prices))
            group.create_task(every(config.positions_every_s, self._load_positions))
            group.create_task(every(config.listings_every_s, self._load_listings))
            group.create_task(every(60.0, self._report))
            group.create_task(self._act_for_ever())

    async def _load_listings(self) -> None:
        raw = await self._session.call("public/get_instruments", {"currency": "USDC"})
        found, complaints = usable_instruments(raw)
        for complaint in complaints[:3]:
            log.warning("%s", complaint)
        self._listed = sorted(found, key=lambda instrument: instrument.name)

    async def _load_prices(self) -> None:
        summaries = await self._session.call("public/get_book_summary_by_currency", {"currency": "USDC"})
        self.flow.set_market(self._listed, read_prices(summaries))

    async def _load_positions(self) -> None:
        raw = await self._session.call("private/get_positions", {"currency": "USDC"})
        self.flow.position_micro = read_positions(raw)

    async def _act_for_ever(self) -> None:
        """Act at random moments, on average at the configured rate; at the limit of requests, wait."""
        slots = asyncio.Semaphore(self._config.max_in_flight)
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        async with asyncio.TaskGroup() as group:
            while True:
                due_s = max(due_s + self._rng.expovariate(self._config.rate_per_s), loop.time() - 1.0)
                await asyncio.sleep(max(0.0, due_s - loop.time()))
                await slots.acquire()
                action = self.flow.next_action()
                if action is None:
                    slots.release()
                    continue
                group.create_task(self._act(action, slots))

    async def _act(self, action: Action, slots: asyncio.Semaphore) -> None:
        self.counts[action.kind] += 1
        try:
            result = await self._session.call(action.method, action.params)
            self._learn(action, result)
        except RpcError as error:
            # Refusals are part of trading at random: no funds, no liquidity, an order that is already gone.
            self.counts[f"refused:{error.code}"] += 1
            log.debug("refused: %s", error)
            if action.kind == "cancel" or error.code in GONE_CODES:
                self.flow.open_orders.pop(action.order_id, None)
            if error.code in TOKEN_CODES:
                raise
        finally:
            slots.release()

    def _learn(self, action: Action, result: Any) -> None:
        """Keep the open orders and positions current from a reply."""
        if action.kind == "cancel":
            self.flow.open_orders.pop(action.order_id, None)
            return
        order = result["order"]
        order_id = order["order_id"]
        if order["order_state"] == "open":
            self.flow.open_orders[order_id] = OpenOrder(
                order_id,
                action.instrument,
                order["direction"] == "buy",
                to_micro(order["price"]),
                to_micro(order["amount"]),
            )
        else:
            self.flow.open_orders.pop(order_id, None)
        for trade in result.get("trades", []):
            self.counts["fills"] += 1
            name = trade["instrument_name"]
            signed = to_micro(trade["amount"]) * (1 if trade["direction"] == "buy" else -1)
            self.flow.position_micro[name] = self.flow.position_micro.get(name, 0) + signed

    async def _report(self) -> None:
        counts = ", ".join(f"{kind} {count}" for kind, count in sorted(self.counts.items()))
        log.info("%d orders resting; %s", len(self.flow.open_orders), counts)


def build_parser() -> argparse.ArgumentParser:
    """The command line, with defaults taken from the configuration classes."""
    flow, taker = FlowConfig(), TakerConfig()
    parser = argparse.ArgumentParser(
        prog="python -m clients.taker",
        description="Trade at random on every option and perpetual of the venue until stopped: market, "
        "immediate and resting limit orders, amends, cancels. Ctrl-C cancels what rests and leaves.",
        epilog="example: python -m clients.taker --url http://127.0.0.1:8080 "
        "--client-id taker --client-secret … --seed 11 --rate 50",
    )
    add_common_arguments(parser)
    group = parser.add_argument_group("flow")
    group.add_argument(
        "--rate", type=float, default=taker.rate_per_s, metavar="PER_S",
        help="requests a second on average (default: %(default)s)",
    )
    group.add_argument(
        "--max-size", type=int, default=flow.max_multiple, metavar="N",
        help="largest order in minimum amounts of the instrument (default: %(default)s)",
    )
    group.add_argument(
        "--max-open", type=int, default=flow.max_open_orders, metavar="N",
        help="orders left resting at most (default: %(default)s)",
    )
    group.add_argument(
        "--position-limit", type=int, default=flow.position_limit_multiple, metavar="N",
        help="net position per instrument, in minimum amounts (default: %(default)s)",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the bot from a command line; the exit code."""
    parser = build_parser()
    arguments = parse(parser, argv)
    try:
        config = TakerConfig(
            flow=FlowConfig(
                max_multiple=arguments.max_size,
                max_open_orders=arguments.max_open,
                position_limit_multiple=arguments.position_limit,
            ),
            rate_per_s=arguments.rate,
        )
    except ValueError as error:
        parser.error(str(error))

    async def trade() -> None:
        rng = random.Random(arguments.seed)
        async with Session(arguments.url, arguments.client_id, arguments.client_secret) as session:
            await Taker(session, config, rng).run()

    return run_bot(trade, arguments.log_level, arguments.parent)


if __name__ == "__main__":
    sys.exit(main())
