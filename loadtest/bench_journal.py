"""The journal's benchmark: ``python -m loadtest.bench_journal``.

Writes the workload of the core's benchmark as a venue would (commit groups with fdatasync, events, chain
heads), then restarts from it: recovery with events and heads present, and replay alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from exchange.attest import chain
from exchange.core import is_compiled
from exchange.core.engine import Engine
from exchange.gateway.handing_out import count_events
from exchange.journal import ChainLog, DiskStorage, JournalWriter, Kind, Machine, recover, scan
from loadtest.packed import command_batches, setup_commands
from loadtest.workload import DEFAULT_SEED, generate

REPLAY_PER_SECOND_MIN: Final = 1_000_000
RESTART_S_MAX: Final = 5.0
RESERVE_ORDERS: Final = 1 << 16

HELP: Final = """\
Writes a journal of a million commands (the workload of bench_core, commit groups of 1,000, each with a
real fdatasync), then measures what a restart takes: recovery (snapshot-less: every command is replayed,
every stored event compared with what replay gives) and replay alone.
"""


def machine() -> Machine[Engine]:
    """The engine as the journal sees it."""
    return Machine(
        fresh=lambda: Engine(reserve_orders=RESERVE_ORDERS),
        restore=lambda state: Engine.restore(state, RESERVE_ORDERS),
        apply=lambda engine, batch: engine.apply(batch),
        next_seq=lambda engine: engine.next_seq,
    )


def write(folder: Path, operations_count: int, seed: int) -> tuple[int, float, bytes]:
    """Write the journal; (commands, seconds, the engine's state hash at the end)."""
    batches = command_batches(generate(operations_count, seed), 1_000)
    engine = Engine(reserve_orders=RESERVE_ORDERS)
    started_s = time.perf_counter()
    with DiskStorage(folder, writer=True) as storage:
        writer = JournalWriter(storage, rules_version=1)
        heads = ChainLog(storage, chain, 0)
        for batch in [b"".join(setup_commands()), *batches]:
            first = engine.next_seq
            events = engine.apply(batch)
            count = engine.next_seq - first
            writer.append_commands(first, batch, count)
            writer.sync()
            writer.append_events(first, count, count_events(events), events)
            writer.note_head(
                first + count, heads.append(first, count, chain.batch_root(0, first, batch, events))
            )
        writer.sync_events()
        heads.sync()
    return engine.next_seq - 1, time.perf_counter() - started_s, engine.state_hash()


def restart(folder: Path) -> tuple[float, bytes]:
    """Recover as the venue does; (seconds, the state hash)."""
    started_s = time.perf_counter()
    with DiskStorage(folder, writer=True) as storage:
        recovered = recover(storage, machine(), chain=chain)
        took_s = time.perf_counter() - started_s
        return took_s, recovered.engine.state_hash()


def replay_alone(folder: Path) -> float:
    """Seconds to read, check and apply every command, events dropped."""
    engine = Engine(reserve_orders=RESERVE_ORDERS)
    started_s = time.perf_counter()
    with DiskStorage(folder) as storage:
        for frame in scan(storage, Kind.COMMANDS, 0, 1):
            engine.apply(frame.payload)
    return time.perf_counter() - started_s


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench_journal", description=HELP)
    parser.add_argument("--ops", type=int, default=1_000_000, help="operations (default %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="runs; the best counts (default %(default)s)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="strikebook-journal-") as name:
        folder = Path(name)
        print(f"core {'compiled' if is_compiled() else 'interpreted'}; writing …", flush=True)
        count, took_s, expected = write(folder, options.ops, options.seed)
        size_mb = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        rate = count / took_s
        print(f"written    {count:,} commands, {size_mb:,.0f} MB in {took_s:.1f} s ({rate:,.0f}/s, durable)")
        replay_s = min(replay_alone(folder) for _ in range(options.runs))
        print(f"replay     {replay_s:.2f} s ({count / replay_s:,.0f} commands/s)")
        restarts = [restart(folder) for _ in range(options.runs)]
        restart_s = min(took for took, _ in restarts)
        same = all(found == expected for _, found in restarts)
        print(f"restart    {restart_s:.2f} s, state hash {'equal' if same else 'DIFFERS'}")
    scale = options.ops / 1_000_000
    met = same and count / replay_s >= REPLAY_PER_SECOND_MIN and restart_s <= RESTART_S_MAX * scale
    print("every bar is met" if met else "a bar is missed: 1,000,000 commands/s replayed, restart within 5 s")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
