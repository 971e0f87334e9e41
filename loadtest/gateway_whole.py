"""The order path with everything on beside it, as `strikebook serve` starts a venue.

Marks at 10 Hz, calendar and risk driver run in the venue's process, settlement, history and snapshots in
processes of their own, all on the server's core. Each client (a connection of the generator) has a second
connection that listens to one book, and to the private streams of every account it acts for.
"""

from __future__ import annotations

import json
import socket
import statistics
from collections.abc import Callable, Sequence
from typing import Final

from loadtest import gateway_client as client
from loadtest import gateway_flow as flow
from loadtest.gateway_client import Flow
from loadtest.gateway_flow import Market
from loadtest.gateway_processes import Process, venue
from loadtest.gateway_rows import Plan, Row

WARM_S: Final = 0.5
LEAST_PERCENT: Final = 60
_STREAM: Final = "user.changes.any.any.raw"

Prepare = Callable[[Market], Callable[[Process], list[Flow]]]
"""What opens the connections of a run, once it is known who trades what."""


class Eavesdropper(Flow):
    """A connection that only listens: what comes is read, and not looked at."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock, ())
        self.bytes = 0

    def push(self, count: int) -> None:
        """Nothing to send."""

    def received(self, data: bytes) -> int:
        """Take bytes from the venue; they answer nothing."""
        self.bytes += len(data)
        return 0


def listeners(server: Process, market: Market, connections: int, *, streams: bool) -> list[Flow]:
    """A listening connection for each of the generator's; whether to private streams too."""
    found: list[Flow] = []
    for number in range(connections):
        sock = client.connect(server.port)
        book = f"book.{market.names[number % len(market.names)]}.100ms"
        client.ask(sock, _subscribe("public/subscribe", {"channels": [book]}))
        for token in market.tokens[number::connections] if streams else ():
            client.ask(sock, _subscribe("private/subscribe", {"access_token": token, "channels": [_STREAM]}))
        found.append(Eavesdropper(sock))
    return found


def _subscribe(method: str, params: dict[str, object]) -> bytes:
    return flow.masked(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())


def beside(
    plan: Plan,
    core: int,
    row: Row,
    prepare: Prepare,
    depth: int,
    more: Sequence[str],
    each: int = 1,
    *,
    streams: bool,
) -> float:
    """Measure a row again with everything on, and print what of it is left; that share in percent. An answer
    counts as `each`."""
    rates: list[float] = []
    server_s = children_s = elapsed_s = 0.0
    heard = 0
    with venue(core, [*more, "--whole"]) as (server, market):
        connect = prepare(market)
        for _ in range(plan.runs):
            flows = connect(server)
            beside_flows = listeners(server, market, len(flows), streams=streams)
            before_s, before_children_s = server.cpu_s(), server.children_cpu_s()
            try:
                found = client.closed_loop([*flows, *beside_flows], depth, plan.seconds, warm_s=WARM_S)
            finally:
                for open_flow in (*flows, *beside_flows):
                    open_flow.sock.close()
            server_s += server.cpu_s() - before_s
            children_s += server.children_cpu_s() - before_children_s
            elapsed_s += found.seconds + WARM_S
            rates.append(each * found.commands / found.seconds)
            heard += sum(one.bytes for one in beside_flows if isinstance(one, Eavesdropper))
    share = 100 * statistics.median(rates) / max(1.0, statistics.median(row.per_second))
    print(
        f"  everything on: {statistics.median(rates):,.0f}/s, {share:.0f} % of that (bar {LEAST_PERCENT} %);"
        f" venue {100 * server_s / elapsed_s:.0f} % of its core, settlement, history and snapshots"
        f" {100 * children_s / elapsed_s:.0f} %; {heard / 1e6:,.1f} MB pushed to listeners"
        f"{'' if share >= LEAST_PERCENT else '  BELOW'}",
        flush=True,
    )
    return share
