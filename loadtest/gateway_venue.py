"""The venue under the gateway's benchmark, one process: ``python -m loadtest.gateway_venue --data DIR …``.

The order path as `strikebook serve` wires it (engine, journal with fdatasync, views, private streams,
credentials), on the benchmark's own market and without what runs beside it: no oracle, no calendar, no
attestor (so nobody hashes the chain), no settlement and no history. With `--whole` it is the venue of
`strikebook serve` itself on that market: marks at 10 Hz, calendar, risk driver; attestor, settlement,
history and snapshots in processes of their own. With `--attestor` that one process keeps the chain and makes
receipts. It prints one line of JSON when it listens: its port and a token for each account.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import functools
import gc
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from exchange.app.attesting.handing import HandingJournal
from exchange.app.attesting.link import AttestorLink
from exchange.app.config import Config
from exchange.app.key_file import KeyFile
from exchange.app.ports import SystemClock, SystemEntropy
from exchange.app.serve import VenueProcess
from exchange.app.snapshots import machine
from exchange.app.telemetry import Telemetry
from exchange.attest import chain
from exchange.domain.limits import FIRST_USER_ACCOUNT
from exchange.gateway.dispatch import Dispatcher
from exchange.gateway.express import Express
from exchange.gateway.methods.table import METHODS
from exchange.gateway.packed_lane import FastLane
from exchange.gateway.ports import ThreadCommitter
from exchange.gateway.replay_guard import ReplayGuard
from exchange.gateway.sockets.config import ServerConfig
from exchange.gateway.sockets.server import Server
from exchange.gateway.venue import Venue
from exchange.journal import DiskStorage, recover
from exchange.keys.authentication import CredentialAuthenticator
from exchange.keys.credentials import Credentials
from exchange.keys.replays import ReplayLog
from exchange.keys.sealing import fixed_key
from exchange.wire.auth import DEFAULT_SCOPES, Token, scope_text
from exchange.wire.credits import CreditPolicy, Pool
from loadtest.gateway_world import RESERVE_ORDERS, World, write_journal
from loadtest.timing import keep_heap, pin, unpinned

_PLENTY = Pool(1 << 40, 1 << 40, 1)
BUDGET = CreditPolicy(_PLENTY, _PLENTY, _PLENTY, (_PLENTY,))
_DAY_MS = 86_400_000


def tokens(credentials: Credentials, authenticator: CredentialAuthenticator, world: World) -> list[str]:
    """An access token for each account, whose rows and keys are made here."""
    found = []
    for index in range(world.accounts):
        account = FIRST_USER_ACCOUNT + index
        credentials.adopt(account, f"account {index}", bytes(20))
        key = credentials.add_key(account)
        token = Token(
            account, key.client_id, scope_text(DEFAULT_SCOPES), world.now_ms + _DAY_MS, "", world.now_ms + 1
        )
        found.append(authenticator.signer.issue(token))
    return found


async def run_whole(world: World, data: Path) -> None:
    """Serve with everything on until SIGTERM or until the parent is gone."""
    write_journal(world, data / "journal")
    server = ServerConfig(connections_of_loopback_max=0, connections_max=0, credits=BUDGET)
    process = VenueProcess(
        Config(
            data=data,
            port=0,
            reserve_orders=RESERVE_ORDERS,
            quotes_need_cancel_on_disconnect=False,
            server=server,
            settlement=1,  # the journal's deposits were never made on a chain
        )
    )
    port = await process.start()
    venue = process.venue
    while venue.phase != "open":
        await asyncio.sleep(0.01)
    known: dict[str, object] = {"port": port}
    known["tokens"] = tokens(process.credentials, venue.authenticator, world)
    known["names"] = [view.name for view in venue.registry.instruments[: world.instruments]]
    gc.collect()
    gc.freeze()
    print(json.dumps(known), flush=True)
    await _until_told()
    if venue.halted:
        print(f"halted: {venue.sequencer.halt_reason!r}", file=sys.stderr)
    os._exit(1 if venue.halted else 0)  # the children see their parent gone


async def _until_told() -> None:
    """Return on SIGTERM, or when the parent is gone."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    parent = os.getppid()
    while not stopped.is_set() and os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), timeout=1.0)


async def run(
    world: World, data: Path, profile: Path | None = None, attestor_nice: int | None = None
) -> None:
    """Serve until SIGTERM or until the parent is gone; `attestor_nice`: with an attestor of this priority."""
    clock, loop = SystemClock(), asyncio.get_running_loop()
    write_journal(world, data / "journal")
    storage = DiskStorage(data / "journal", writer=True)
    recovered = recover(storage, machine(RESERVE_ORDERS), chain=chain)
    recovered.writer.set_rules_version(recovered.engine.rules_version)
    credentials = Credentials(":memory:", SystemEntropy(), clock, fixed_key(b"k" * 32))
    replays = ReplayLog(data, clock)
    authenticator = CredentialAuthenticator(credentials, clock, replays)
    telemetry = Telemetry(clock)
    attestor = None
    if attestor_nice is not None:
        attestor = AttestorLink(Config(data, attestor_nice=attestor_nice), loop)
    handing = None
    if attestor is not None:
        handing = HandingJournal(recovered.writer, attestor.hand_over, clock.monotonic_us)
    venue = Venue(
        recovered.engine,
        handing or recovered.writer,
        ReplayGuard(ThreadCommitter(loop), replays),
        loop,
        clock,
        authenticator=authenticator,
        quotes_need_cancel_on_disconnect=False,
        receipts=attestor,
    )
    if attestor is not None:
        KeyFile(Config(data).sealing_key)(False)
        with unpinned():
            attestor.start()
    venue.sequencer.add_listener(telemetry.on_batch)
    config = ServerConfig(connections_of_loopback_max=0, connections_max=0, credits=BUDGET)
    server = Server(
        Dispatcher(venue, METHODS),
        clock,
        config,
        authenticator=authenticator,
        on_close=venue.on_close,
        on_reply=telemetry.on_reply,
        tier_of=venue.tier_of,
        express=Express(venue),
        lane=FastLane(venue),
    )
    if handing is not None:
        handing.attach(venue.sequencer)
    venue.start()
    port = await server.start("127.0.0.1", 0)
    while venue.phase != "open":
        await asyncio.sleep(0.01)
    known = {"port": port, "tokens": tokens(credentials, authenticator, world)}
    known["names"] = [view.name for view in venue.registry.instruments]
    gc.collect()
    gc.freeze()
    watcher = cProfile.Profile() if profile is not None else None
    if watcher is not None:
        watcher.enable()
    print(json.dumps(known), flush=True)
    await _until_told()
    if watcher is not None:
        watcher.disable()
        watcher.dump_stats(str(profile))
    if venue.halted:
        print(f"halted: {venue.sequencer.halt_reason!r}", file=sys.stderr)
    os._exit(1 if venue.halted else 0)  # the directory is thrown away: there is nothing to finish


def main(argv: Sequence[str]) -> None:
    """The process."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.gateway_venue")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--instruments", type=int, default=1_000)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--profile", type=Path, help="write a cProfile of the whole run there")
    parser.add_argument("--whole", action="store_true", help="everything on, as `strikebook serve` starts it")
    parser.add_argument("--attestor", action="store_true", help="a process keeps the chain and signs")
    parser.add_argument("--nice", type=int, default=0, help="lower that process's priority by so much")
    options = parser.parse_args(argv)
    pin(options.core)
    keep_heap()
    world = World(options.accounts, options.instruments, SystemClock().now_ms(), not options.whole)
    nice = options.nice if options.attestor else None
    alone = functools.partial(run, world, options.data, options.profile, nice)
    uvloop.run(run_whole(world, options.data) if options.whole else alone())


if __name__ == "__main__":
    main(sys.argv[1:])
