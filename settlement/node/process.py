"""The settlement process of format 2: `python -m settlement.node --data DIR`.

Reads the event segments in DIR/journal, keeps its database in DIR/rollup.sqlite, posts to the contracts of
DIR/settlement-contracts.json through the node of DIR/settlement-l1.json, and tells its status in
DIR/settlement-status.json. One process a directory.
"""

from __future__ import annotations

import argparse
import gc
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from exchange.journal import DiskStorage
from settlement.data.costs import Policy
from settlement.node.limits import NodeLimits
from settlement.node.places import Places, PlacesError
from settlement.node.signers import Keys
from settlement.node.wiring import Build, Wire
from settlement.running import IDLE_WAIT_S, Ports, last_status, locked, system_ports, teller
from settlement.store import StoreError

_LAYERS: Final = ("calldata", "blobs", "external")


class Options(NamedTuple):
    """The command line, read."""

    places: Places
    limits: NodeLimits
    policy: Policy
    confirmations: int
    shard: int
    netted: bool
    nice: int
    parent: int


def parse(argv: Sequence[str]) -> Options:
    """Read the command line; SystemExit with a message for a wrong one."""
    parser = argparse.ArgumentParser(
        prog="python -m settlement.node", description="Settle on an Ethereum chain, in format 2."
    )
    usual = NodeLimits()
    parser.add_argument("--data", type=Path, required=True, help="the venue's data directory")
    parser.add_argument("--batch-fills", type=int, default=usual.fills, help="close a batch at so many")
    parser.add_argument(
        "--batch-seconds", type=float, default=usual.interval_ms / 1_000, help="or so long after its first"
    )
    parser.add_argument(
        "--latency-seconds", type=float, default=usual.latency_ms / 1_000,
        help="or up to this age where fuller blobs would be cheaper",
    )  # fmt: skip
    parser.add_argument(
        "--layers", default="calldata,blobs", help="where data may go, of calldata, blobs, external"
    )
    parser.add_argument(
        "--least-fill", type=int, default=0, help="percent: emptier blobs only where calldata can not be"
    )
    parser.add_argument("--confirmations", type=int, default=3, help="blocks until a batch is confirmed")
    parser.add_argument(
        "--netted", action="store_true", help="post what fills come to, in blobs; fills go into DATA/external"
    )
    parser.add_argument("--shard", type=int, default=0)
    parser.add_argument("--nice", type=int, default=5, help="lower this process's priority by so much")
    parser.add_argument("--parent", type=int, default=0, help="stop when this is not the parent any more")
    found = parser.parse_args(argv)
    layers = set(found.layers.split(","))
    if not layers or not layers.issubset(_LAYERS):
        parser.error(f"--layers is a list out of {', '.join(_LAYERS)}")
    if found.batch_fills < 1 or found.batch_seconds <= 0 or found.confirmations < 1:
        parser.error("batch size, batch time and confirmations must be positive")
    interval_ms = round(found.batch_seconds * 1_000)
    latency_ms = max(interval_ms, round(found.latency_seconds * 1_000))
    return Options(
        Places(found.data),
        NodeLimits(found.batch_fills, interval_ms, latency_ms),
        Policy(**{layer: layer in layers for layer in _LAYERS})._replace(least_fill_percent=found.least_fill),
        found.confirmations,
        found.shard,
        found.netted,
        found.nice,
        found.parent,
    )


def run(options: Options, ports: Ports) -> int:
    """Settle until `ports.wait` says stop; returns the exit status."""
    places = options.places
    try:
        with locked(places.database.with_suffix(".lock")), DiskStorage(places.journal) as storage:
            return _run_locked(options, ports, storage)
    except BlockingIOError:
        ports.report(f"another process settles {places.data}")
        return 1
    except (StoreError, PlacesError, sqlite3.Error, OSError) as error:
        ports.report(f"settlement can not start: {error}")
        return 1


def _run_locked(options: Options, ports: Ports, storage: DiskStorage) -> int:
    places, address = options.places, options.places.address()
    keys = Keys.of(address.devnet)
    if keys.service is None:
        ports.report("no service key: nobody here finalises, pays withdrawals out or answers demands")

    build = Build(
        places, address, keys, options.limits, options.policy, options.confirmations, ports.now_ms,
        options.shard, options.netted,
    )  # fmt: skip
    with Wire(build, storage, teller(places.status), last_status(places.status)) as wire:
        # The state lives as long as the process: full collections need not look at it again.
        gc.collect()
        gc.freeze()
        _loop(wire, ports)
        return int(wire.is_broken)


def _loop(wire: Wire, ports: Ports) -> None:
    reported = ""
    stop = False
    # Broken, it ends: the venue starts it again.
    while not stop and not wire.is_broken:
        worked = wire.building.step()
        wire.reporting.step()
        code, text = wire.reporting.alarm
        if code != reported:
            ports.report(f"ALARM {code}: {text}" if code else "the alarm is over")
            reported = code
        stop = ports.wait(0.0 if worked else IDLE_WAIT_S)


def main(argv: Sequence[str] | None = None) -> int:
    """The process with the system's clock, signals and standard error."""
    options = parse(sys.argv[1:] if argv is None else argv)
    return run(options, system_ports(options.nice, options.parent))
