"""The transaction log adds up: row by row, and to the cash and the lots the engine holds."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.domain import events
from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT
from exchange.history.ledger import TAG, LedgerRow
from exchange.history.past import MAX, LedgerQuery, Past
from exchange.history.store import HistoryWriter
from tests.reference.engine import ReferenceEngine
from tests.reference.risk_generator import RiskTraffic
from tests.reference.risk_scenarios import RISK_SCENARIOS

SCENARIOS = ("takeovers", "closing", "families_pay", "families", "neutral")


def log_of(past: Past, account: int) -> list[LedgerRow]:
    """The whole log of an account, oldest first."""
    return past.ledger(LedgerQuery(account, 0, MAX, 0, None, MAX, 1_000_000))[::-1]


def check(engine: Engine, path: Path) -> list[LedgerRow]:
    """Every account's log against the engine; all rows."""
    past = Past(path)
    found: list[LedgerRow] = []
    for account in range(FIRST_USER_ACCOUNT, engine.account_count):
        rows = log_of(past, account)
        found += rows
        assert [row.user_seq for row in rows] == list(range(1, len(rows) + 1))
        for before, row in pairwise(rows):
            assert row.balance_micro == before.balance_micro + row.change_micro
            assert (row.seq, row.event_index, row.side) > (before.seq, before.event_index, before.side)
        cash = queries.account_figures(engine, account).cash_micro
        assert sum(row.change_micro for row in rows) == cash
        for row in rows:
            if row.record and row.record[0] in (r.EV_CASH, r.EV_SETTLED):
                event = events.read_event(row.record)
                assert isinstance(event, (events.Cash, events.Settled))
                assert row.balance_micro == event.balance_micro
        standing, holdings = past.standing(account)
        assert standing.balance_micro == cash
        held = {(account, p.instrument): p.size_lots for p in queries.positions(engine, account)}
        assert holdings == {key: lots for key, lots in held.items() if lots}
    past.close()
    assert len({row.ident for row in found}) == len(found)
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_adds_up_through_liquidations_takeovers_and_losses(name: str, tmp_path: Path) -> None:
    engine = Engine()
    writer = HistoryWriter(tmp_path / "history.db")
    for batch in RISK_SCENARIOS[name]():
        writer.add_events([engine.apply(batch)], engine.next_seq)
    rows = check(engine, tmp_path / "history.db")
    wanted = {"takeovers": "takeover", "families_pay": "socialized_fund"}.get(name)
    assert wanted is None or any(row.tags & TAG[wanted] for row in rows)
    writer.close()


@pytest.mark.parametrize("seed", range(2))
def test_it_adds_up_whatever_happens(seed: int, tmp_path: Path) -> None:
    """A random stream, its writer restarted every now and then."""
    engine, reference = Engine(), ReferenceEngine()
    traffic = RiskTraffic(seed, reference)
    sizes = random.Random(seed)
    writer = HistoryWriter(tmp_path / "history.db")
    batch = traffic.opening()
    for number in range(45):
        reference.apply(batch)
        writer.add_events([engine.apply(batch)], engine.next_seq)
        if number % 15 == 14:
            writer.close()
            writer = HistoryWriter(tmp_path / "history.db")
        batch = traffic.batch(sizes.choice((1, 20, 50)))
    rows = check(engine, tmp_path / "history.db")
    assert any(row.tags & TAG["trade"] for row in rows)
    writer.close()
