"""Conservation over millions of commands: `python -m tests.reference.conservation --commands 10000000`.

The production engine alone, under traffic with every feature on. The engine itself checks after each command
that what it booked adds up to zero and halts if not; here a second set of books is kept from the events
alone (`tests.reference.ledger`), and after every batch cash of all accounts adds up to zero, every few
batches each account's cash and every position are those the events tell.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from typing import Final

from exchange.core import queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain.events_combos import ComboTrade
from exchange.domain.rejects import REJECT_NAMES
from tests.reference.conservation_combos import ConservationCombos
from tests.reference.conservation_forced import ConservationForced
from tests.reference.conservation_orders import ConservationOrders
from tests.reference.conservation_traffic import ConservationTraffic
from tests.reference.invariants import must
from tests.reference.ledger import Ledger

STREAM_COMMANDS: Final = 50_000
COMPARE_EVERY: Final = 20  # batches
TRAFFIC: Final = {
    2: ConservationTraffic,
    3: ConservationOrders,
    4: ConservationCombos,
    6: ConservationForced,
}


def compare(engine: Engine, books: Ledger) -> None:
    """Each account's cash and every position are what the events told; sizes add up to zero."""
    lots: Counter[int] = Counter()
    for account in range(engine.account_count):
        cash = queries.account_figures(engine, account).cash_micro
        must(cash == books.cash[account], f"events tell another cash of {account}")
        for seat in queries.positions(engine, account):
            told = books.lots[account, seat.instrument]
            must(told == seat.size_lots, f"events tell another position of {account} in {seat.instrument}")
            lots[seat.instrument] += seat.size_lots
    must(not any(lots.values()), "positions do not add up to zero")
    must(sum(books.cash.values()) == 0, "the events do not conserve cash")


def stream(seed: int, commands_count: int, rules: int = 2) -> tuple[int, Counter[str]]:
    """Run one stream under these rules: how many commands, and how often each kind of event was seen.

    Raises:
        AssertionError: something was not conserved; names the seed.
    """
    engine, books = Engine(), Ledger()
    traffic = TRAFFIC[rules](seed, engine)
    seen: Counter[str] = Counter()
    batch, batches = traffic.opening(), 0
    while engine.next_seq <= commands_count:
        try:
            for event in e.read_events(engine.apply(batch)):
                books.book(event)
                traffic.see(event)
                seen[_kind(event)] += 1
            must(risk_queries.total_cash(engine) == 0, "cash does not add up to zero")
            if batches % COMPARE_EVERY == 0:
                compare(engine, books)
        except Exception as error:
            raise AssertionError(f"seed {seed}, before command {engine.next_seq}: {error}") from error
        batch, batches = traffic.batch(), batches + 1
    compare(engine, books)
    return engine.next_seq - 1, seen


def _kind(event: e.Event) -> str:
    name = r.EVENT_NAMES[event.head.type]
    if isinstance(event, e.Rejected):
        return f"{name} {REJECT_NAMES[event.reason]}"
    if isinstance(event, e.Liquidation):
        return f"{name} {r.LIQUIDATION_NAMES[event.kind]}"
    if isinstance(event, e.Cash | e.Order):
        return f"{name} {event.kind}"
    if isinstance(event, e.Settled):
        return f"{name} {event.head.id}"
    if isinstance(event, ComboTrade):
        return f"{name} {event.kind}"
    if isinstance(event, e.Trade) and event.flags & r.TRADE_BLOCK:
        return f"{name} in a block"
    if isinstance(event, e.Forced):
        return f"{name} paid" if event.paid_micro else f"{name} of nothing"
    if isinstance(event, e.Done):
        return f"{name} {r.COMMAND_NAMES[event.command]}"
    return name


def run(
    seeds: Iterable[int], commands_count: int, workers: int, rules: int
) -> Iterator[tuple[int, Counter[str]]]:
    """One stream a seed over worker processes, in seed order. Raises AssertionError as `stream` does."""
    if workers == 1:
        yield from (stream(seed, commands_count, rules) for seed in seeds)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(stream, seeds, repeat(commands_count), repeat(rules))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign; 0 if everything was conserved."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--commands", type=int, default=10_000_000, help="commands over all streams")
    parser.add_argument("--stream", type=int, default=STREAM_COMMANDS, help="commands per stream")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    rules = tuple(TRAFFIC)
    parser.add_argument("--rules", type=int, choices=rules, default=max(rules), help="end under these rules")
    chosen = parser.parse_args(arguments)
    streams = -(-chosen.commands // chosen.stream)
    seeds = range(chosen.first_seed, chosen.first_seed + streams)
    done, seen, started = 0, Counter[str](), time.monotonic()
    try:
        for count, kinds in run(seeds, chosen.stream, chosen.workers, chosen.rules):
            done += count
            seen += kinds
            rate = done / (time.monotonic() - started)
            left = (chosen.commands - done) / rate
            bar = f"\r{done:,}/{chosen.commands:,} commands · {rate:,.0f}/s · {max(0, left):,.0f} s left "
            sys.stderr.write(bar)
            sys.stderr.flush()
    except AssertionError as found:
        print(f"\n{found}")
        return 1
    sys.stderr.write("\n")
    for name, count in sorted(seen.items()):
        print(f"{count:>12,}  {name}")
    print(f"{done:,} commands over {streams} seeds: cash and positions conserved after every one")
    return 0


if __name__ == "__main__":
    sys.exit(main())
