"""The benchmark's workload through the order books one finds on PyPI.

Each peer runs in a process of its own (one of them is C++ behind ctypes and takes the process down when
asked to cancel what it does not know) on a core of its own choosing, with its logging off, fed the same
rows as the baseline. None has amends or immediate-or-cancel, so both are spelled with what it has:

=====================  ===================================================================================
peer                   how the workload is put to it
=====================  ===================================================================================
lightmatchingengine    amend: cancel and new (so size-down loses priority); immediate-or-cancel: new, then
                       cancel what is left
limit-order-book       the same; it reports no fills and no open sizes, so nothing is produced as events
                       and an amended order comes back with its whole new total
order-matching         one engine per instrument, place and match per order; the rest as above. Its cost
                       grows with the orders in the book, so it gets the first few thousand operations only
=====================  ===================================================================================

Operation codes from ``OP_CANCEL`` up name an order that exists. The adapters keep one dict from our order
id to the peer's order, because a peer cannot be asked to change what it has already filled; that is the
whole of their overhead.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any, Final

from loadtest.workload import INSTRUMENTS_COUNT, OP_CANCEL, OP_NEW_IOC, Row, generate

CHILD_SECONDS_MAX: Final = 300


@dataclass(frozen=True)
class PeerResult:
    """What one peer did; ``problem`` says why there is no figure."""

    name: str
    version: str
    operations_count: int
    operations_per_second: float
    traded_lots: int | None
    problem: str = ""


class LightMatchingEngineAdapter:
    """lightmatchingengine: one engine holds all instruments."""

    def __init__(self) -> None:
        module = importlib.import_module("lightmatchingengine.lightmatchingengine")
        self._engine: Any = module.LightMatchingEngine()
        self._orders: dict[int, Any] = {}
        self.traded_lots: int | None = 0

    def apply(self, rows: Sequence[Row]) -> None:
        """Run the operations in order; the trades it returns are summed."""
        engine, orders = self._engine, self._orders
        traded = 0
        for op, instrument, side, price, size, order_id, _account in rows:
            if op >= OP_CANCEL:
                order = orders.pop(order_id, None)
                if order is None or not order.leaves_qty:
                    continue
                left = order.leaves_qty
                engine.cancel_order(order.order_id, instrument)
                if op == OP_CANCEL:
                    continue
                size -= order.qty - left
                if size <= 0:
                    continue
            order, trades = engine.add_order(instrument, price, size, side + 1)
            if trades:
                traded += order.cum_qty
            if order.leaves_qty:
                if op == OP_NEW_IOC:
                    engine.cancel_order(order.order_id, instrument)
                else:
                    orders[order_id] = order
        self.traded_lots = (self.traded_lots or 0) + traded


class LimitOrderBookAdapter:
    """limit-order-book: one C++ book per instrument, one ctypes call per step, no events."""

    def __init__(self) -> None:
        module = importlib.import_module("limit_order_book")
        self._books: list[Any] = [module.LimitOrderBook() for _ in range(INSTRUMENTS_COUNT)]
        self.traded_lots: int | None = None

    def apply(self, rows: Sequence[Row]) -> None:
        """Run the operations in order."""
        books = self._books
        for op, instrument, side, price, size, order_id, _account in rows:
            book = books[instrument]
            if op >= OP_CANCEL:
                if not book.has(order_id):
                    continue
                book.cancel(order_id)
                if op == OP_CANCEL:
                    continue
            if side:
                book.limit_sell(order_id, size, price)
            else:
                book.limit_buy(order_id, size, price)
            if op == OP_NEW_IOC and book.has(order_id):
                book.cancel(order_id)


class OrderMatchingAdapter:
    """order-matching: one engine per instrument; every order is placed and matched by itself."""

    def __init__(self) -> None:
        importlib.import_module("loguru").logger.disable("order_matching")
        engines = importlib.import_module("order_matching.matching_engine")
        self._limit_order: Any = importlib.import_module("order_matching.order").LimitOrder
        self._orders_class: Any = importlib.import_module("order_matching.orders").Orders
        side = importlib.import_module("order_matching.enums").Side
        self._sides = (side.BUY, side.SELL)
        self._engines: list[Any] = [engines.MatchingEngine(seed=1) for _ in range(INSTRUMENTS_COUNT)]
        self._orders: dict[int, tuple[Any, int]] = {}
        self._now = datetime(2024, 1, 1)
        self.traded_lots: int | None = 0

    def apply(self, rows: Sequence[Row]) -> None:
        """Run the operations in order; the trades it returns are summed."""
        orders = self._orders
        tick = timedelta(microseconds=1)
        traded = 0
        for op, instrument, side, price, size, order_id, _account in rows:
            engine = self._engines[instrument]
            self._now += tick
            if op >= OP_CANCEL:
                order, placed = orders.pop(order_id, (None, 0))
                if order is None or not order.size:
                    continue
                left = int(order.size)
                engine.cancel_order(order.order_id)
                if op == OP_CANCEL:
                    continue
                size -= placed - left
                if size <= 0:
                    continue
            order = self._limit_order(
                side=self._sides[side],
                price=price,
                size=size,
                timestamp=self._now,
                order_id=str(order_id),
                trader_id="t",
            )
            engine.place(self._orders_class([order]))
            for trade in engine.match(self._now).trades:
                traded += int(trade.size)
            if order.size:
                if op == OP_NEW_IOC:
                    engine.cancel_order(order.order_id)
                else:
                    orders[order_id] = (order, size)
        self.traded_lots = (self.traded_lots or 0) + traded


Adapter = LightMatchingEngineAdapter | LimitOrderBookAdapter | OrderMatchingAdapter


@dataclass(frozen=True)
class Peer:
    """A package on PyPI, and how many operations it gets at most."""

    name: str
    make: Callable[[], Adapter]
    operations_max: int


PEERS: Final = {
    peer.name: peer
    for peer in (
        Peer("lightmatchingengine", LightMatchingEngineAdapter, 1_000_000),
        Peer("limit-order-book", LimitOrderBookAdapter, 1_000_000),
        Peer("order-matching", OrderMatchingAdapter, 5_000),
    )
}


def run_here(name: str, operations_count: int, runs_count: int) -> PeerResult:
    """Time the peer in this process: median of ``runs_count`` runs, each on fresh books."""
    peer = PEERS[name]
    rows = generate(min(operations_count, peer.operations_max)).rows()
    seconds: list[float] = []
    traded: int | None = None
    for _ in range(runs_count):
        adapter = peer.make()
        gc.collect()
        start = time.perf_counter()
        adapter.apply(rows)
        seconds.append(time.perf_counter() - start)
        traded = adapter.traded_lots
    return PeerResult(name, version(name), len(rows), len(rows) / statistics.median(seconds), traded)


def measure(name: str, operations_count: int, runs_count: int) -> PeerResult:
    """Time the peer in a child process, which inherits this one's core; a failure is a result too."""
    command = [sys.executable, "-m", "loadtest.peers", "--peer", name]
    command += ["--ops", str(operations_count), "--runs", str(runs_count)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired:
        return PeerResult(name, "", 0, 0.0, None, f"no result within {CHILD_SECONDS_MAX} s")
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return PeerResult(name, "", 0, 0.0, None, f"exit code {done.returncode}: {last[0]}")
    return PeerResult(**json.loads(done.stdout))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: time one peer and print the result as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.peers",
        description="Time one order book from PyPI on the benchmark's workload.",
    )
    parser.add_argument("--peer", choices=sorted(PEERS), required=True, help="the package to time")
    parser.add_argument("--ops", type=int, default=100_000, help="operations at most (default 100000)")
    parser.add_argument("--runs", type=int, default=1, help="runs; the median counts (default 1)")
    parser.add_argument("--pin", type=int, help="core to run on")
    options = parser.parse_args(arguments)
    if options.pin is not None:
        os.sched_setaffinity(0, {options.pin})
    print(json.dumps(asdict(run_here(options.peer, options.ops, options.runs))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
