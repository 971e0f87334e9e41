"""The benchmark of the gateway: ``python -m loadtest.bench_gateway``.

The server on one core, the generator on another, loopback, real sockets. Rates are judged as ratios to an
echo server of `websockets` in the same run: each row is measured beside it, run by run.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from exchange.core import is_compiled
from loadtest import gateway_client as client
from loadtest import gateway_flow as flow
from loadtest import gateway_schema as schema
from loadtest.gateway_client import Counted, Flow, LaneFlow
from loadtest.gateway_fanout import fanout_row
from loadtest.gateway_flow import Market
from loadtest.gateway_processes import Process, echo, venue
from loadtest.gateway_rows import FULL, QUICK, Plan, Row
from loadtest.gateway_whole import Prepare, beside
from loadtest.timing import last_core, pin

SEED: Final = 20_261_122
WARM_S: Final = 0.5
LATENCY_PER_SECOND: Final = 30_000
LATENCY_MS_MAX: Final = ((0.50, 1.0), (0.99, 5.0), (0.999, 20.0))
LANE_TURN: Final = 20

HELP: Final = """\
Rows:
  websockets, picows   echo servers on uvloop under the frames of the first row, 8 connections × 32 in flight;
                       `lean` is the gateway's own WebSocket stream with nothing behind it
  orders               private/buy and private/sell, one order a JSON frame, 8 × 32
  single               the same, 64 × 1
  quotes               JSON mass_quote of 100 one-sided quotes a frame, 8 × 4
  lane                 strikebook.v1, messages of 100 orders, 8 × 4
  fanout               book changes to 1,000 subscribers of 100 conflated books each, read and parsed, beside
                       `websockets.broadcast` of frames as long to as many connections
  latency              JSON orders in an open loop at 30,000/s: time from when a request was due to its reply

The venue: 1,000 instruments, 1,000 accounts (a connection acts for one after the other), standard margin,
every acknowledged command behind an fdatasync; three orders of ten cross. Replies of each row are decoded
with the dialect's required fields. CPU is that of the server's process on its core. Beside
orders, quotes and lane the same is measured with everything on, as `strikebook serve` starts it: marks at
10 Hz, risk driver, settlement, history, snapshots, all on the server's core; for each connection one that
listens to a book and to the private streams of all its accounts (in the lane: its own FILLS). The bar: 60 %.
"""


Connect = Callable[[Process], list[Flow]]
"""Opens the connections of one run."""


class Bench:
    """One benchmark: the echo server of the denominator stays up all the time."""

    def __init__(self, plan: Plan, core: int, denominator: Process, *, whole: bool = False) -> None:
        self.plan = plan
        self.whole = whole
        """Whether each row is measured with everything on as well."""
        self.core = core
        self._denominator = denominator
        self._echo_frames = _echo_frames(8)

    def race(
        self, name: str, server: Process, connect: Connect, depth: int, least: float, each: int = 1
    ) -> tuple[Row, list[bytes]]:
        """Measure a server run by run, the denominator in front of each run. An answer counts as `each`."""
        rates: list[float] = []
        ratios: list[float] = []
        cpu_s = elapsed_s = base_cpu_s = 0.0
        commands = errors = base_commands = 0
        kept: list[bytes] = []
        for _ in range(self.plan.runs):
            before_s = self._denominator.cpu_s()
            base = self._measure(
                self._denominator, lambda process: json_flows(process, self._echo_frames), 32
            )
            base_cpu_s += self._denominator.cpu_s() - before_s
            base_commands += base.commands
            before_s = server.cpu_s()
            found = self._measure(server, connect, depth)
            cpu_s += server.cpu_s() - before_s
            elapsed_s += found.seconds + WARM_S
            rates.append(each * found.commands / found.seconds)
            ratios.append(rates[-1] / (base.commands / base.seconds))
            commands += each * found.commands
            errors += found.errors
            kept = found.kept
        per_cpu = (commands / cpu_s) / (base_commands / base_cpu_s)
        shares = (100 * cpu_s / elapsed_s, 100 * errors * each / max(1, commands))
        row = Row(name, rates, ratios, per_cpu, *shares, least)
        print(row.text(), flush=True)
        return row, kept

    def _measure(self, server: Process, connect: Connect, depth: int) -> Counted:
        flows = connect(server)
        try:
            return client.closed_loop(flows, depth, self.plan.seconds, warm_s=WARM_S)
        finally:
            for each in flows:
                each.sock.close()


def _echo_frames(connections: int) -> list[list[bytes]]:
    market = Market(["t" * 220] * 1_000, [f"BTC_USDC-27DEC26-{n}-C" for n in range(1_000)])
    return [flow.frames(flow.order_payloads(market, n, connections, 2_000, SEED)) for n in range(connections)]


def json_flows(server: Process, frames: Sequence[Sequence[bytes]]) -> list[Flow]:
    """One connection for each list of frames."""
    return [Flow(client.connect(server.port), mine) for mine in frames]


def echo_row(bench: Bench, kind: str) -> Row:
    """An echo server under the frames of single orders."""
    frames = _echo_frames(8)
    with echo(kind, bench.core) as server:
        return bench.race(
            f"{kind} echo, 8 × 32", server, lambda process: json_flows(process, frames), 32, 0.0
        )[0]


def venue_row(
    bench: Bench,
    name: str,
    prepare: Prepare,
    depth: int,
    least: float,
    more: Sequence[str],
    whole: Prepare | None = None,
    each: int = 1,
) -> tuple[Row, list[bytes]]:
    """One row on a venue of its own, and again with everything on: there by `whole`, if its connections bring
    their private streams themselves."""
    with venue(bench.core, more) as (server, market):
        row, kept = bench.race(name, server, prepare(market), depth, least, each)
    if bench.whole:
        beside(bench.plan, bench.core, row, whole or prepare, depth, more, each, streams=whole is None)
    return row, kept


def orders_row(bench: Bench, connections: int, depth: int, least: float, more: Sequence[str]) -> Row:
    """`private/buy` and `private/sell`, one order a frame."""
    count = max(500, bench.plan.frames * 8 // connections)

    def prepare(market: Market) -> Connect:
        frames = [
            flow.frames(flow.order_payloads(market, n, connections, count, SEED)) for n in range(connections)
        ]
        return lambda process: json_flows(process, frames)

    row, kept = venue_row(bench, f"JSON orders, {connections} × {depth}", prepare, depth, least, more)
    checked = sum(schema.check(client.whole_replies(each), schema.PLACED) for each in kept)
    print(f"  {checked} replies carry every required field")
    return row


def quotes_row(bench: Bench, connections: int, depth: int, least: float, more: Sequence[str]) -> Row:
    """`private/mass_quote` with a hundred quotes a frame."""

    def prepare(market: Market) -> Connect:
        frames = [
            flow.frames(flow.quote_payloads(market, n, connections, 100, SEED)) for n in range(connections)
        ]
        return lambda process: json_flows(process, frames)

    name = f"JSON mass_quote of {flow.QUOTES}, {connections} × {depth} (quotes)"
    row, kept = venue_row(bench, name, prepare, depth, least, more, each=flow.QUOTES)
    checked = sum(schema.check(client.whole_replies(each), schema.QUOTED) for each in kept)
    print(f"  {checked} replies carry every required field")
    return row


def lane_row(bench: Bench, connections: int, depth: int, least: float, more: Sequence[str]) -> Row:
    """`strikebook.v1`, a hundred orders a message."""

    def prepare(market: Market, fills: bool = False) -> Connect:
        runs = [flow.lane_runs(market, n, 100, SEED, sell=bool(n % 2)) for n in range(connections)]
        hellos = [flow.lane_hellos(market, n, connections, fills=fills) for n in range(connections)]

        def connect(process: Process) -> list[Flow]:
            socks = [client.connect(process.port, protocol="strikebook.v1") for _ in runs]
            return [LaneFlow(*each, LANE_TURN) for each in zip(socks, runs, hellos, strict=True)]

        return connect

    name = f"strikebook.v1, frames of 100, {connections} × {depth}"
    with_fills = functools.partial(prepare, fills=True)
    return venue_row(bench, name, prepare, depth, least, more, with_fills)[0]


def latency_row(bench: Bench, more: Sequence[str]) -> None:
    """JSON orders in an open loop."""
    with venue(bench.core, more) as (server, market):
        connections = 8
        seconds = min(2.0, bench.plan.seconds)
        total = int(LATENCY_PER_SECOND * seconds)
        each = [
            flow.frames(flow.order_payloads(market, n, connections, -(-total // connections), SEED))
            for n in range(connections)
        ]
        frames = [frame for group in zip(*each, strict=True) for frame in group]
        socks = [client.connect(server.port) for _ in range(connections)]
        found = sorted(client.open_loop(socks, frames, LATENCY_PER_SECOND, seconds))
        texts = [
            f"p{100 * share:g} {found[min(len(found) - 1, int(share * len(found)))]:,.1f} ms (bar {most:g})"
            for share, most in LATENCY_MS_MAX
        ]
        print(f"{'JSON orders, open loop at 30,000/s':44} " + ", ".join(texts), flush=True)


@contextlib.contextmanager
def machine(core: int) -> Iterator[None]:
    """Say where this runs."""
    compiled = "compiled" if is_compiled() else "interpreted"
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; server on core {core}, ",
        end="",
    )
    print(f"generator on core {last_core()}; Python {platform.python_version()}, core {compiled}; ", end="")
    print("an order is a JSON frame of about 190 bytes, or 64 bytes packed, and a journal record of 64")
    load = os.getloadavg()[0]
    if load > 1.0:
        print(
            f"others use this machine (load {load:.1f}): ratios are of the same run, rates not the machine's"
        )
    yield


ROWS: Final = ("picows", "lean", "orders", "single", "quotes", "lane", "fanout", "latency")


def main(argv: Sequence[str]) -> int:
    """The command; the exit status: 1 if a row is below its bar."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.bench_gateway",
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one short run of each row")
    parser.add_argument("--only", default=",".join(ROWS), help="rows, with commas (%(default)s)")
    parser.add_argument("--path-alone", action="store_true", help="not with everything on as well")
    parser.add_argument("--profile", default="", metavar="FILE", help="profile the venue of the last row")
    options = parser.parse_args(argv)
    wanted = options.only.split(",")
    unknown = set(wanted) - set(ROWS)
    if unknown:
        parser.error(f"no row is called {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    plan = QUICK if options.quick else FULL
    core = min(os.sched_getaffinity(0))
    pin(last_core())
    more = ["--profile", options.profile] if options.profile else []
    rows: list[Row] = []
    with machine(core), echo("websockets", core) as denominator:
        bench = Bench(plan, core, denominator, whole=not options.path_alone)
        rows += [echo_row(bench, kind) for kind in ("picows", "lean") if kind in wanted]
        if "orders" in wanted:
            rows.append(orders_row(bench, 8, 32, 2.4, more))
        if "single" in wanted:
            rows.append(orders_row(bench, 64, 1, 0.5, more))
        if "quotes" in wanted:
            rows.append(quotes_row(bench, 8, 4, 10.0, more))
        if "lane" in wanted:
            rows.append(lane_row(bench, 8, 4, 50.0, more))
        if "fanout" in wanted:
            rows.append(fanout_row(plan, core, 10.0, more))
        if "latency" in wanted:
            latency_row(bench, more)
    return int(any(statistics.median(row.ratios) < row.least for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
