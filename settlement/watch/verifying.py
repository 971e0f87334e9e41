"""`strikebook verify`: every account rebuilt from the L1's data alone, and its roots compared."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from exchange.domain.commands import symbol_text
from exchange.domain.events import unpack_terms
from exchange.domain.names import instrument_name
from settlement import verify as format_1
from settlement.l1.port import L1Error
from settlement.l1.rollup import InboxState
from settlement.reports import AccountReport, PositionReport
from settlement.stf.header import unpack_header
from settlement.stf.state import State
from settlement.stf.terms import events_terms
from settlement.watch.connect import SetupError, add_arguments, connect
from settlement.watch.patience import Clock, Patience
from settlement.watch.progress import Progress
from settlement.watch.replica import MissingData, Replica, Taken, WrongBatch
from settlement.watch.store import WatchStore, WatchStoreError

VERIFIED, WRONG, NOT_BEGUN, DATA_MISSING, L1_SILENT = range(5)
EPILOG: Final = """\
What is read: the logs of the inbox, the transactions that posted (header, and payload where it is calldata),
blobs from the node or an archive, an external store. Nothing is asked of the venue.

exit status: 0 every root agrees; 1 a batch is wrong (what, and where, is told); 2 it could not begin;
3 the data of a batch can not be had; 4 the L1 does not answer (with --store it goes on where it stopped).

Data of format 1: strikebook verify --l1 FILE, or --data DIR of a venue that ran with it.
"""


class Problem(msgspec.Struct, frozen=True):
    """Something that is wrong, by a stable name (docs/watchtower.md)."""

    code: str
    batch: int
    text: str
    chunk: int | None = None
    step: int | None = None


class Report(msgspec.Struct):
    """What was found; `fills_per_s` is of this run alone."""

    chain_id: int = 0
    inbox: str = ""
    block: int = 0
    batches: int = 0
    posted: int = 0
    final: int = 0
    steps: int = 0
    fills: int = 0
    payload_bytes: int = 0
    fills_per_s: int = 0
    root: str = ""
    problems: list[Problem] = msgspec.field(default_factory=list)
    accounts: list[AccountReport] = msgspec.field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return not self.problems


class Verifier:
    """One run over the chain."""

    def __init__(self, replica: Replica, clock: Clock, patience: Patience, progress: Progress) -> None:
        self.replica = replica
        self._clock = clock
        self._patience = patience
        self._progress = progress
        self.fills = 0
        self.took_ms = 0

    def run(self) -> Report:
        """Everything up to the L1's head of now. Raises L1Error, WatchStoreError."""
        rollup, replica = self.replica.rollup, self.replica
        began_ms = self._clock.now_ms()
        while self._patience.of(self._turn):
            pass
        self.took_ms = self._clock.now_ms() - began_ms
        self._progress.end()
        replica.snapshot()
        return self._report(self._patience.of(lambda: rollup.inbox(rollup.ethereum.head())))

    def _turn(self) -> bool:
        """Take what is there; whether there may be more."""
        before = self.replica.read_to, self.replica.batch_id
        for happened in self.replica.poll():
            if isinstance(happened, Taken):
                self.fills += happened.header.fills
                self._progress.at(self.replica.batch_id, self.replica.last_known, self.fills)
            elif isinstance(happened, WrongBatch | MissingData):
                return False
        return (self.replica.read_to, self.replica.batch_id) != before

    def _report(self, inbox: InboxState) -> Report:
        replica, where = self.replica, self.replica.rollup.addresses
        report = Report(where.chain_id, "0x" + where.inbox.hex(), replica.read_to)
        report.batches, report.final, report.posted = replica.batch_id, inbox.final_id, inbox.batch_id
        for packed in replica.headers():
            header = unpack_header(packed + bytes(6))
            report.steps += header.steps
            report.fills += header.fills
            report.payload_bytes += header.payload_bytes
        report.fills_per_s = self.fills * 1_000 // max(1, self.took_ms)
        derivation = replica.following.derivation
        report.root = derivation.root.hex()
        report.problems = self._problems(inbox, derivation.state)
        report.accounts = accounts_of(derivation.state)
        return report

    def _problems(self, inbox: InboxState, state: State) -> list[Problem]:
        replica, found = self.replica, list[Problem]()
        if replica.wrong is not None:
            one = replica.wrong.finding
            found.append(Problem(one.wrong.name.lower(), one.batch_id, one.text, one.chunk, one.step))
        elif replica.missing is not None:
            found.append(Problem("data_unavailable", replica.missing.posted.batch_id, replica.missing.why))
        elif replica.batch_id == inbox.batch_id and replica.following.derivation.root != inbox.root:
            found.append(Problem("inbox_root", inbox.batch_id, f"the inbox's is {inbox.root.hex()}"))
        total = sum(account.cash_micro for account in state.accounts.values())
        if total + state.parameters.passage.topped_micro:
            text = f"cash of all accounts adds up to {total} micro-USDC"
            found.append(Problem("conservation", replica.batch_id, text))
        return found


def accounts_of(state: State) -> list[AccountReport]:
    """Every account of a state."""
    names = _Names(state)
    return [
        AccountReport(
            number, "0x" + account.owner.hex(), account.cash_micro,
            [
                PositionReport(instrument, names.of(instrument), size, entry)
                for page in sorted(account.pages) for instrument, (size, entry)
                in sorted(account.pages[page].items())
            ],
        )
        for number, account in sorted(state.accounts.items())
    ]  # fmt: skip


class _Names:
    def __init__(self, state: State) -> None:
        self._state = state
        self._known: dict[int, str] = {}

    def of(self, instrument: int) -> str:
        if instrument not in self._known:
            self._known[instrument] = self._made(instrument)
        return self._known[instrument]

    def _made(self, instrument: int) -> str:
        terms = unpack_terms(events_terms(self._state.instruments[instrument].terms.words), 0)
        try:
            symbol = self._state.parameters.underlyings.by_id[terms.underlying].symbol
            return instrument_name(symbol_text(symbol), terms)
        except (KeyError, ValueError):
            return f"instrument {instrument}"


def status_of(report: Report) -> int:
    """The exit status."""
    if report.ok:
        return VERIFIED
    return DATA_MISSING if all(one.code == "data_unavailable" for one in report.problems) else WRONG


def printed(report: Report, account: int | None) -> str:
    """The report for people; all accounts, or one with its positions."""
    per_fill = f"{report.payload_bytes / report.fills:.2f} a fill" if report.fills else "no fills"
    lines = [
        f"inbox {report.inbox} of chain {report.chain_id}, read to block {report.block}",
        f"batches {report.batches:,} of {report.posted:,} ({report.final:,} final)  steps {report.steps:,}",
        f"fills {report.fills:,}  bytes {report.payload_bytes:,} ({per_fill})",
        f"{report.fills_per_s:,} fills/s",
        f"root {report.root}",
    ]
    for one in report.accounts:
        if account is None or account == one.account:
            head = f"account {one.account}  cash {_usdc(one.cash_micro)} USDC  positions {len(one.positions)}"
            lines.append(head)
        for position in one.positions if account == one.account else ():
            entry = _usdc(position.entry_value_micro)
            lines.append(f"  {position.name}  {position.size_lots} lots  entry value {entry} USDC")
    for problem in report.problems:
        place = "" if problem.chunk is None else f", chunk {problem.chunk}, step {problem.step or 0}"
        lines.append(f"WRONG {problem.code}: batch {problem.batch}{place}: {problem.text}")
    lines.append("verified: every root agrees" if report.ok else "NOT VERIFIED")
    return "\n".join(lines)


def _usdc(micro: int) -> str:
    sign, micro = ("-", -micro) if micro < 0 else ("", micro)
    return f"{sign}{micro // 1_000_000:,}.{micro % 1_000_000:06d}"


def is_format_1(options: argparse.Namespace) -> bool:
    """Whether the data asked about is of format 1: a file, or a directory without contracts."""
    if options.contracts is not None or options.inbox is not None:
        return False
    if options.l1 is not None:
        return not options.l1.startswith(("http://", "https://"))
    where = options.data or Path("data")
    return not (where / "settlement-contracts.json").exists()


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; SystemExit with a message for a wrong one."""
    parser = argparse.ArgumentParser(
        prog="strikebook verify", epilog=EPILOG,
        description="Rebuild every account from the L1's data alone, and compare roots.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_arguments(parser)
    add = parser.add_argument
    add("--store", type=Path, metavar="FILE", help="keep what was read, and go on there next time")
    add("--trace", action="store_true", help="compare the root behind every chunk too (slower)")
    add("--account", type=int, metavar="N", help="show this account's positions")
    add("--json", action="store_true", help="print the whole report as JSON")
    add("--patience", type=float, default=60.0, metavar="S", help="how long a silent L1 is waited for")
    return parser.parse_args(argv)


def verify(options: argparse.Namespace, clock: Clock) -> Report:
    """Raises SetupError, L1Error, WatchStoreError."""
    progress = Progress(clock, sys.stderr)
    patience = Patience(clock, options.patience, progress.waiting)
    connection = patience.of(lambda: connect(options))
    where = connection.rollup.addresses
    store = WatchStore(options.store or ":memory:", where.chain_id, where.inbox)
    try:
        replica = Replica(connection.rollup, store, connection.feed_from, lambda _: options.trace)
        return Verifier(replica, clock, patience, progress).run()
    finally:
        store.close()


def main(argv: Sequence[str] | None = None) -> int:
    """`strikebook verify`: the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = parse(arguments)
    if is_format_1(options):
        return format_1.main(arguments)
    try:
        report = verify(options, Clock())
    except (SetupError, WatchStoreError) as error:
        print(f"strikebook verify: {error}", file=sys.stderr)
        return NOT_BEGUN
    except L1Error as error:
        again = "" if options.store is None else "; the same command goes on where it stopped"
        print(f"strikebook verify: the L1 does not answer: {error}{again}", file=sys.stderr)
        return L1_SILENT
    except KeyboardInterrupt:
        print("\nstrikebook verify: stopped", file=sys.stderr)
        return 130
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        print(printed(report, options.account))
    return status_of(report)
