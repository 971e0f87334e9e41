"""Long differential campaigns: `python -m tests.reference.campaign --commands 100000000 --workers 2`.

Work is cut into streams of `--stream` commands, one seed each; a failing stream is named by its seed and
replayed by `--seeds SEED --commands <stream>`. Seeds take turns at the version they end under.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context

from tests.reference.combo_generator import ComboTraffic
from tests.reference.differential import Disagreement, Run, TrafficOf, compare_stream
from tests.reference.forced_generator import ForcedTraffic
from tests.reference.generator import Traffic
from tests.reference.moves_generator import MoveTraffic
from tests.reference.orders_generator import OrderTraffic
from tests.reference.risk_generator import RiskTraffic
from tests.reference.triggers_generator import TriggerTraffic

STREAM_COMMANDS = 25_000
TRIGGERS = 7  # rules 3 too: mostly orders with a trigger, linked ones, volatility
TRAFFIC: dict[int, TrafficOf] = {
    1: Traffic,
    2: RiskTraffic,
    3: OrderTraffic,
    4: ComboTraffic,
    5: MoveTraffic,
    6: ForcedTraffic,
    TRIGGERS: TriggerTraffic,
}


def _compare(seed: int, stream_commands: int, rules: int) -> Run:
    """`compare_stream`, its batches left behind: they need not travel between processes."""
    outcome = compare_stream(seed, stream_commands, traffic_of=TRAFFIC[rules])
    outcome.batches.clear()
    return outcome


def rules_of(seed: int) -> int:
    """The rules, or the traffic under rules 3, that a stream of a campaign over all of them ends under."""
    return 1 + seed % len(TRAFFIC)


def run(seeds: Iterable[int], stream_commands: int, workers: int, rules: int = 1) -> Iterator[Run]:
    """Compare one stream a seed over worker processes, yielding each as it is done, in seed order.

    `rules`: 1 stays there, 2 to 6 switch to them on the way, `TRIGGERS` to 3, 0 takes turns by seed.

    Raises:
        Disagreement: of the first stream that fails.
    """
    if workers == 1:
        yield from (_compare(seed, stream_commands, rules or rules_of(seed)) for seed in seeds)
        return
    seeds = list(seeds)
    by_seed = [rules or rules_of(seed) for seed in seeds]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(_compare, seeds, repeat(stream_commands), by_seed)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _bar(done: int, total: int, started: float) -> str:
    width = 40
    filled = width * done // total
    elapsed = time.monotonic() - started
    rate = done / elapsed if elapsed else 0.0
    left = (total - done) / rate if rate else 0.0
    return (
        f"\r[{'#' * filled}{'.' * (width - filled)}] {done:,}/{total:,} commands"
        f" · {rate:,.0f}/s · {left:,.0f} s left "
    )


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign; 0 if every stream agreed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--commands", type=int, default=1_000_000, help="commands over all streams")
    parser.add_argument("--seeds", type=int, nargs="*", help="these seeds instead of consecutive ones")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--stream", type=int, default=STREAM_COMMANDS, help="commands per stream")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--rules", type=int, choices=(0, *TRAFFIC), default=0, help="end under these rules; 0: all, by seed"
    )
    chosen = parser.parse_args(arguments)
    streams = len(chosen.seeds) if chosen.seeds else -(-chosen.commands // chosen.stream)
    per_stream = -(-chosen.commands // streams) if chosen.seeds else chosen.stream
    seeds = chosen.seeds or list(range(chosen.first_seed, chosen.first_seed + streams))
    done = events = 0
    started = time.monotonic()
    try:
        for outcome in run(seeds, per_stream, chosen.workers, chosen.rules):
            done += outcome.commands
            events += outcome.events_bytes
            sys.stderr.write(_bar(done, per_stream * streams, started))
            sys.stderr.flush()
    except Disagreement as found:
        sys.stderr.write("\n")
        print(found)
        return 1
    sys.stderr.write("\n")
    print(f"{done:,} commands over {streams} seeds, {events:,} bytes of events: no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
