"""How soon after its acknowledgement an order can be proven: ``python -m loadtest.bench_receipts``.

JSON orders arrive in an open loop. A receipt is available when a signature covers its command; how long that
is after the acknowledgements have left is measured by the venue itself, for every commit batch, and is what
the bar is about. Of every `--every`-th order the receipt is asked for the moment its reply has been read, on
a connection that does nothing else: the time from that reply to the receipt has the way there and back
through the busy venue in it. All these receipts are checked afterwards.
"""

from __future__ import annotations

import argparse
import json
import re
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from exchange.attest.secp256k1 import recover
from exchange.attest.signed_receipts import unpack_signed_receipt, verify_signed_receipt
from loadtest import gateway_client as client
from loadtest import gateway_flow as flow
from loadtest.command_line import positive
from loadtest.gateway_client import JSON_REPLY, Flow
from loadtest.gateway_flow import Market
from loadtest.gateway_processes import venue
from loadtest.timing import last_core, pin

CONNECTIONS: Final = 8
SEED: Final = 11
P99_MS_MAX: Final = 5.0
_RECV: Final = 1 << 20
_ID: Final = re.compile(rb'\{"jsonrpc":"2\.0","id":(\d+),')
_END: Final = b'"testnet":'
_SEQ: Final = re.compile(rb'"seq":(\d+)')


@dataclass
class Seen:
    """What a run saw; times in milliseconds."""

    acks_ms: list[float] = field(default_factory=list)
    receipts_ms: list[float] = field(default_factory=list)
    errors: int = 0
    receipts: list[bytes] = field(default_factory=list)


class Run:
    """One open loop, and receipts of a sample of it."""

    def __init__(self, port: int, market: Market, per_second: int, seconds: float, every: int) -> None:
        self._per_second = per_second
        self._every = every
        self._total = int(per_second * seconds)
        each = -(-self._total // CONNECTIONS)
        payloads = [flow.order_payloads(market, n, CONNECTIONS, each, SEED) for n in range(CONNECTIONS)]
        self._frames = [[flow.masked(one) for one in part] for part in payloads]
        self._tokens = self._acting(market, each)
        self._flows = [Flow(client.connect(port), ()) for _ in range(CONNECTIONS)]
        self._asking = Flow(client.connect(port), ())
        self._due_s: dict[int, float] = {}
        self.seen = Seen()

    def go(self) -> Seen:
        """Send everything at its time, and wait for what was asked for."""
        selector = selectors.DefaultSelector()
        for one in (*self._flows, self._asking):
            one.sock.setblocking(False)
            selector.register(one.sock, selectors.EVENT_READ, one)
        sent = got = 0
        start_s = time.perf_counter() + 0.01
        give_up_s = start_s + self._total / self._per_second + 30.0
        while got < self._total or self._due_s:
            now_s = time.perf_counter()
            due = min(self._total, max(0, int((now_s - start_s) * self._per_second)))
            if due > sent:
                self._send(sent, due)
                sent = due
            for key, _ in selector.select(0.0002):
                if key.data is self._asking:
                    self._receipts(key.data)
                else:
                    got += self._acks(key.data, start_s)
            for one in (*self._flows, self._asking):
                one.resend()
            if now_s > give_up_s:
                raise client.ClientError(f"{got} of {self._total} answered, {len(self._due_s)} receipts owed")
        selector.close()
        return self.seen

    def close(self) -> None:
        """Close all connections."""
        for one in (*self._flows, self._asking):
            one.sock.close()

    def _send(self, first: int, end: int) -> None:
        for number, one in enumerate(self._flows):
            start = first + (number - first) % CONNECTIONS
            mine = self._frames[number][start // CONNECTIONS : (end - number - 1) // CONNECTIONS + 1]
            if mine:
                one.write(b"".join(mine))

    def _acks(self, one: Flow, start_s: float) -> int:
        """Take replies, and ask for the receipts of some; how many there were."""
        data = one.tail + _received(one.sock)
        now_s = time.perf_counter()
        # The last reply may be cut: it is kept until the next begins, or its end has come.
        parts = data.split(JSON_REPLY)
        one.tail = b"" if len(parts) == 1 else JSON_REPLY + parts.pop()
        if one.tail.endswith(b"}") and _END in one.tail:
            parts.append(one.tail[len(JSON_REPLY) :])
            one.tail = b""
        for reply in parts[1:]:
            number = int(reply[: reply.index(b",")])
            self.seen.acks_ms.append((now_s - start_s - (number - 1) / self._per_second) * 1_000)
            if b'"error"' in reply[:40]:
                self.seen.errors += 1
            elif number % self._every == 0:
                self._ask(number, int(_SEQ.findall(reply)[-1]), now_s)
        return len(parts) - 1

    def _ask(self, number: int, seq: int, now_s: float) -> None:
        params = {"access_token": self._tokens[number], "seq": seq}
        call = {"jsonrpc": "2.0", "id": number, "method": "private/strikebook_get_receipt", "params": params}
        self._due_s[number] = now_s
        self._asking.write(flow.masked(json.dumps(call).encode()))

    def _receipts(self, one: Flow) -> None:
        one.tail += _received(one.sock)
        now_s = time.perf_counter()
        for found in _ID.finditer(one.tail):
            began = self._due_s.pop(int(found[1]), None)
            if began is not None:
                self.seen.receipts_ms.append((now_s - began) * 1_000)
        whole = client.whole_replies(one.tail)
        self.seen.receipts += whole
        one.tail = one.tail[_wire_bytes(whole) :]

    def _acting(self, market: Market, each: int) -> dict[int, str]:
        """The token of whoever sends each order whose receipt is asked for."""
        found = {}
        for connection in range(CONNECTIONS):
            mine = range(connection, len(market.tokens), CONNECTIONS)
            for number in range(each):
                request = 1 + number * CONNECTIONS + connection
                if request % self._every == 0:
                    found[request] = market.tokens[mine[number // flow.TURN % len(mine)]]
        return found


def _received(sock: socket.socket) -> bytes:
    try:
        return sock.recv(_RECV)
    except BlockingIOError:
        return b""


def _wire_bytes(replies: Sequence[bytes]) -> int:
    return sum(len(one) + (2 if len(one) < 126 else 4 if len(one) < 1 << 16 else 10) for one in replies)


def check(replies: Sequence[bytes]) -> int:
    """How many of these are receipts that hold. Raises client.ClientError for one that does not."""
    held = 0
    for reply in replies:
        said = json.loads(reply)
        if "result" not in said:
            raise client.ClientError(f"no receipt: {reply[:300]!r}")
        found = said["result"]
        receipt, command, events, signer = (
            bytes.fromhex(found[name][2:]) for name in ("receipt", "command", "events", "signer")
        )
        proof = unpack_signed_receipt(receipt)
        if proof.receipt.seq != found["seq"]:
            raise client.ClientError(f"asked for {found['seq']}, got {proof.receipt.seq}")
        if not verify_signed_receipt(proof, command, events, signer, recover):
            raise client.ClientError(f"the receipt of {found['seq']} does not hold")
        held += 1
    return held


def signed_after(port: int) -> dict[str, int]:
    """What the venue says of its newest commit batches: {batches, p50, p99, max}, microseconds."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "public/strikebook_get_signed_heads", "params": {"count": 1}}
    sock = client.connect(port)
    try:
        replies: list[bytes] = []
        got = client.ask(sock, flow.masked(json.dumps(call).encode()))
        while not (replies := client.whole_replies(got)):
            got += sock.recv(_RECV)
    finally:
        sock.close()
    found: dict[str, int] = json.loads(replies[0])["result"]["signed_after_us"]
    return found


def quantiles(found: Sequence[float]) -> str:
    """The 50th, 99th and 99.9th percentile and the largest."""
    order = sorted(found)
    shares = (0.5, 0.99, 0.999)
    found_at = [order[min(len(order) - 1, int(share * len(order)))] for share in shares]
    texts = [f"p{100 * share:g} {ms:.2f}" for share, ms in zip(shares, found_at, strict=True)]
    return ", ".join([*texts, f"most {order[-1]:.2f} ms"])


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and check; 1 for a missed bar."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench_receipts", description=__doc__)
    parser.add_argument("--per-second", type=positive, default=30_000)
    parser.add_argument("--seconds", type=positive, default=5)
    parser.add_argument("--every", type=positive, default=100, help="the receipt of one order in so many")
    parser.add_argument("--core", type=int, default=0, help="the venue's core")
    parser.add_argument("--nice", type=int, default=0, help="lower the attestor's priority by so much")
    parser.add_argument("--whole", action="store_true", help="everything on, as `strikebook serve` starts it")
    options = parser.parse_args(argv)
    pin(last_core())
    how = ["--whole"] if options.whole else ["--attestor", "--nice", str(options.nice)]
    with venue(options.core, how) as (server, market):
        warm = Run(server.port, market, options.per_second, 1.0, options.every)
        warm.go()
        warm.close()
        run = Run(server.port, market, options.per_second, options.seconds, options.every)
        before_s, children_s = server.cpu_s(), server.children_cpu_s()
        seen = run.go()
        told = signed_after(server.port)
        cpu_s, others_s = server.cpu_s() - before_s, server.children_cpu_s() - children_s
        run.close()
        held = check(seen.receipts)
    print(
        f"{len(seen.acks_ms)} orders at {options.per_second}/s, {seen.errors} refused, "
        f"on {CONNECTIONS} connections; "
        f"venue {cpu_s / options.seconds:.0%} of a core, its children {others_s / options.seconds:.0%}"
    )
    print(f"order to acknowledgement: {quantiles(seen.acks_ms)}")
    ms = {name: us / 1_000 for name, us in told.items()}
    print(
        f"acknowledgement to signature, the last {told['batches']} commit batches: p50 {ms['p50']:.2f}, "
        f"p99 {ms['p99']:.2f}, most {ms['max']:.2f} ms (bar: p99 {P99_MS_MAX:g})"
    )
    print(f"acknowledgement read to receipt read: {quantiles(seen.receipts_ms)}, {held} hold")
    met = held == len(seen.receipts_ms) and ms["p99"] <= P99_MS_MAX
    print("the bar is met" if met else "the bar is missed")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
