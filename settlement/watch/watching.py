"""`strikebook watch`: follows the L1, says what is wrong, and challenges it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

import msgspec

from exchange.attest.eip712 import Domain
from exchange.journal.errors import JournalError
from settlement.l1.judging import Judges
from settlement.l1.port import L1Error
from settlement.l1.sender import Sender
from settlement.watch.alarms import CRITICAL, NOTE, Alarm, Alarms
from settlement.watch.challenge import Challenger, secret_of
from settlement.watch.connect import (
    KEY_HELP,
    SetupError,
    add_arguments,
    connect,
    has_key,
    key_of_user,
)
from settlement.watch.heads import HeadFolder, HeadRule, HeadSource, VenueHeads
from settlement.watch.lateness import LATE_S, Lateness
from settlement.watch.log_rule import LogFolder, LogRule
from settlement.watch.patience import Clock, Patience
from settlement.watch.progress import Progress
from settlement.watch.replica import Replica
from settlement.watch.store import WatchStore, WatchStoreError
from settlement.watch.tower import Means, Rule, Watchtower

NOTHING_WRONG, ALARMED, NOT_BEGUN, _, L1_SILENT = range(5)
EPILOG: Final = f"""\
Every batch is rebuilt from the L1's data. A wrong one is proven on the L1 (a chunk executed, two openings);
data that is kept back is demanded, and where nobody shows it the batch is voided. Who proves it has half of
the bond.

It challenges by itself where it has a key, which pays for gas and, in the venue's token, the stake of a
demand.
{KEY_HELP}
Without a key, or with --no-challenge, it only tells.

Alarms are lines on standard output (--json: one object a line) with stable codes: docs/watchtower.md. It runs
until Ctrl-C; with --once until it has caught up and there is nothing left to do at once.

exit status: 0 no alarm was raised that still stands, and none critical; 1 one was; 2 it could not begin;
4 the L1 did not answer (--once).
"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; SystemExit with a message for a wrong one."""
    parser = argparse.ArgumentParser(
        prog="strikebook watch", description="Watch the venue's settlement from the L1.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_arguments(parser)
    add = parser.add_argument
    heads: list[Path] = []
    venues: list[str] = []
    add("--heads", action="append", default=heads, type=Path, metavar="DIR", help="signed heads, receipts")
    add("--venue", action="append", default=venues, metavar="URL", help="ask it for its signed heads")
    add("--log", type=Path, metavar="DIR", help="the command log: segments from the first on")
    add("--shard", type=int, default=0, metavar="N", help="the log's shard (%(default)s)")
    add("--no-challenge", action="store_true", help="only tell, also where there is a key")
    add("--store", type=Path, metavar="FILE", help="keep what was read, and go on there next time")
    add("--late-s", type=int, default=LATE_S, metavar="S", help="alarm without a batch for so long")
    add("--every", type=float, default=2.0, metavar="S", help="look so often (%(default)s s)")
    add("--once", action="store_true", help="catch up, say what is wrong, and end")
    add("--json", action="store_true", help="alarms and events as JSON, one a line")
    add("--quiet", action="store_true", help="alarms alone, no events")
    add("--patience", type=float, default=60.0, metavar="S", help="how long to wait for the L1 at first")
    return parser.parse_args(argv)


class Teller:
    """Writes alarms."""

    def __init__(self, out: TextIO, *, as_json: bool, quiet: bool) -> None:
        self._out = out
        self._as_json = as_json
        self._quiet = quiet

    def __call__(self, alarm: Alarm) -> None:
        if self._quiet and alarm.severity == NOTE:
            return
        text = msgspec.json.encode(alarm).decode() if self._as_json else alarm.line()
        print(text, file=self._out, flush=True)


class Watch:
    """One run."""

    def __init__(self, options: argparse.Namespace, clock: Clock, out: TextIO) -> None:
        """Raises SetupError, WatchStoreError, L1Unavailable."""
        self._options = options
        self._clock = clock
        progress = Progress(clock, sys.stderr)
        patience = Patience(clock, options.patience, progress.waiting)
        key = None if options.no_challenge or not has_key() else key_of_user()
        connection = patience.of(lambda: connect(options))
        rollup = connection.rollup
        where = rollup.addresses
        if not (where.dispute and where.demands and where.runner and where.others and where.escape):
            raise SetupError("the watchtower needs all contracts, the judges too: name --contracts")
        self._store = WatchStore(options.store or ":memory:", where.chain_id, where.inbox)
        alarms = Alarms(Teller(out, as_json=options.json, quiet=options.quiet), clock.now_ms)
        replica = Replica(rollup, self._store, connection.feed_from, self._is_open)
        self._replica = replica
        judges, means = Judges(rollup), None
        if key is not None:
            means = Means(Sender(rollup.ethereum, key), Challenger(judges, key.address, secret_of(key)))
        lateness = Lateness(replica, alarms, options.late_s)
        rule = HeadRule(_sources(options), self._store, judges, alarms, means.challenger if means else None)
        rules: list[Rule] = [rule]
        if options.log is not None:
            rules.append(log_rule(options, Domain(where.chain_id, where.inbox), alarms))
        self.tower = Watchtower(replica, judges, alarms, lateness, means, rules)

    def _is_open(self, batch_id: int) -> bool:
        """Whether a batch can still be challenged: then every root of its trace is compared."""
        return batch_id > self._replica.final_id

    def run(self) -> int:
        """Until Ctrl-C, or with --once until there is nothing to do; the exit status."""
        try:
            while True:
                before = self._replica.read_to, self._replica.batch_id
                answered = self.tower.turn()
                is_idle = (self._replica.read_to, self._replica.batch_id) == before
                is_idle = is_idle and not self.tower.is_busy
                if self._options.once and not answered:
                    return L1_SILENT
                if self._options.once and is_idle:
                    return self._status()
                if is_idle or not answered:
                    self._clock.sleep(self._options.every)
        except KeyboardInterrupt:
            return self._status()
        finally:
            self._replica.snapshot()
            self._store.close()

    def _status(self) -> int:
        return ALARMED if self.tower.alarms.standing or self.tower.alarms.worst == CRITICAL else NOTHING_WRONG


def _sources(options: argparse.Namespace) -> list[HeadSource]:
    """Where signed heads come from. Raises SetupError."""
    found: list[HeadSource] = [HeadFolder(folder) for folder in options.heads]
    try:
        return [*found, *map(VenueHeads, options.venue)]
    except ValueError as error:
        raise SetupError(f"--venue: {error}") from error


def log_rule(options: argparse.Namespace, domain: Domain, alarms: Alarms) -> LogRule:
    """The rule over a command log. Raises SetupError."""
    try:
        return LogRule(LogFolder(options.log, options.shard), options.shard, domain, alarms)
    except (OSError, JournalError) as error:
        raise SetupError(f"--log: {error}") from error


def main(argv: Sequence[str] | None = None) -> int:
    """`strikebook watch`: the exit status."""
    options = parse(sys.argv[1:] if argv is None else argv)
    try:
        watch = Watch(options, Clock(), sys.stdout)
        return watch.run()
    except (SetupError, WatchStoreError) as error:
        print(f"strikebook watch: {error}", file=sys.stderr)
        return NOT_BEGUN
    except L1Error as error:
        print(f"strikebook watch: the L1 does not answer: {error}", file=sys.stderr)
        return L1_SILENT
    except KeyboardInterrupt:
        return 130
