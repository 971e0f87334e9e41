"""From the engine's journal to the L1 and back: what `verify` rebuilds is what the engine holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from exchange.attest import chain
from exchange.core import queries
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as ev
from exchange.domain import limits
from exchange.domain import records as r
from exchange.journal import DiskStorage, JournalWriter
from exchange.journal.chainlog import ChainLog
from settlement.l1.mock import MockL1
from settlement.process import parse, run
from settlement.running import Ports
from settlement.status import read_status
from settlement.verify import verify
from tests.reference.engine import ReferenceEngine
from tests.reference.generator import Traffic
from tests.reference.profiles import profile_for
from tests.reference.risk_generator import RiskTraffic, risk_profile_for
from tests.unit.settlement.journals import Chain
from tests.unit.settlement.rig import Clock, is_settled
from tests.unit.settlement.streams import TIME_MS

NOBODY = limits.MAX_ACCOUNTS - 1


class CancellingTraffic(RiskTraffic):
    """Everything of rules 2, except that no withdrawal is called paid: nobody pays here."""

    def __init__(self, seed: int, engine: ReferenceEngine) -> None:
        super().__init__(seed, engine, replace(risk_profile_for(seed), hostility=0.0))

    def resolve_withdrawal(self) -> bytes:
        command = super().resolve_withdrawal()
        return command[:4] + r.WITHDRAWAL_CANCELLED.to_bytes(4, "little") + command[8:]


class Day:
    """A venue's day: the engine fed with the reference's traffic, journaled batch by batch."""

    def __init__(self, path: Path, seed: int, *, rules_2: bool) -> None:
        self.engine, self.reference = Engine(), ReferenceEngine()
        traffic = CancellingTraffic(seed, self.reference) if rules_2 else None
        self.traffic = traffic or Traffic(seed, self.reference, profile_for(seed))
        self.storage = DiskStorage(path / "journal", writer=True)
        self.writer = JournalWriter(self.storage, segment_bytes=200_000)
        self.log = ChainLog(self.storage, Chain())
        self.l1 = MockL1(path / "l1.sqlite", Clock(1), block_ms=1)
        self.deposit_id = 0

    def run(self, batches: int) -> None:
        self.batch(self.traffic.opening())
        for _ in range(batches):
            self.batch(self.traffic.batch(80))

    def batch(self, commands: bytes) -> None:
        first, count = self.engine.next_seq, len(c.split(commands))
        events = self.engine.apply(commands)
        self.reference.apply(commands)
        self.writer.append_commands(first, commands, count)
        self.writer.sync()
        self.writer.append_events(first, count, 0, events)
        self.log.append(first, count, chain.batch_root(0, first, commands, events))
        for event in ev.read_events(events):
            if isinstance(event, ev.Cash) and event.kind == r.CASH_DEPOSIT:
                self.fund(event)

    def fund(self, credit: ev.Cash) -> None:
        """The L1 has every credited deposit, and ones to nobody for the numbers the traffic left out."""
        for _ in range(self.deposit_id + 1, credit.head.id):
            self.l1.faucet(NOBODY, 1)
        self.l1.faucet(credit.head.account, credit.delta_micro)
        self.deposit_id = credit.head.id

    def end(self) -> int:
        self.l1.tick()
        self.l1.close()
        self.writer.sync_events()
        self.storage.close()
        return self.engine.next_seq - 1

    def books(self) -> dict[int, tuple[int, dict[int, tuple[int, int]]]]:
        found = {}
        for account in (1, 2, 3, 4, *range(limits.FIRST_USER_ACCOUNT, self.engine.account_count)):
            positions = queries.positions(self.engine, account)
            found[account] = (
                queries.account_figures(self.engine, account).cash_micro,
                {p.instrument: (p.size_lots, p.entry_value_micro) for p in positions if any(p[1:3])},
            )
        return found


@pytest.mark.parametrize(("seed", "rules_2"), [(0, False), (3, False), (5, False), (1, True), (4, True)])
def test_the_l1_alone_gives_the_engines_books(tmp_path: Path, seed: int, *, rules_2: bool) -> None:
    day = Day(tmp_path, seed, rules_2=rules_2)
    day.run(30)
    books, last_seq = day.books(), day.end()
    options, clock, reports = parse(["--data", str(tmp_path), "--batch-fills=100"]), Clock(), list[str]()

    def wait(seconds: float) -> bool:
        clock.advance(400)
        told = read_status(options.status)
        assert clock() < TIME_MS + 400 * 2_000, f"not settled: {told}"
        return told is not None and (told.alarm != "" or is_settled(told, last_seq))

    assert run(options, Ports(clock, wait, reports.append)) == 0
    assert reports == []
    report = verify(options.l1)
    assert report.problems == []
    found = {
        account.account: (
            account.cash_micro,
            {p.instrument: (p.size_lots, p.entry_value_micro) for p in account.positions},
        )
        for account in report.accounts
    }
    assert {n: book for n, book in found.items() if book != (0, {})} == {
        n: book for n, book in books.items() if book != (0, {})
    }
    assert report.fills > 100 or rules_2
    assert (report.withdrawals_cancelled > 0) == rules_2
    assert 0 < report.last_seq <= last_seq
