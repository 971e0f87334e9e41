"""Margin and sweeps under load: what runs is what was meant, and it is refused where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from loadtest import risk_runs, timing
from loadtest.engine_runs import BaselineRun, SetupRejected
from loadtest.packed import command_batches
from loadtest.risk_market import POSITIONS_COUNT, grouped
from loadtest.workload import ACCOUNT_FIRST, generate


def test_a_refused_set_up_is_told() -> None:
    with pytest.raises(SetupRejected, match="positions"):
        risk_runs.apply_setup(Engine(), [commands.cancel(64, 1)], "positions")


def test_events_are_shifted_back_to_a_start_without_orders() -> None:
    rows = np.array([[1, 21, 5, 5, 0, 5], [16, 13, 22, 23, 5, 5], [17, 24, 0, 0, 0, 0]])
    assert risk_runs.shifted_back(rows, 20, 10).tolist() == [
        [1, 1, 5, 5, 0, 5],
        [16, 3, 2, 3, 5, 5],
        [17, 4, 0, 0, 0, 0],
    ]


def test_both_models_make_the_baseline_s_events() -> None:
    workload = generate(600)
    plain = timing.slices(command_batches(workload, 100), 2)
    moved = timing.slices(command_batches(grouped(workload, risk_runs.ORDERS_BEFORE), 100), 2)
    portfolio = risk_runs.portfolio_engine()
    held = queries.positions(portfolio, ACCOUNT_FIRST + 999)
    assert [position.size_lots != 0 for position in held] == [True] * POSITIONS_COUNT
    runs = (
        BaselineRun(timing.slices(workload.rows(), 2)),
        risk_runs.MarginRun(plain, risk_runs.standard_engine()),
        risk_runs.MarginRun(moved, portfolio, risk_runs.ORDERS_BEFORE, risk_runs.TRADES_BEFORE),
    )
    timing.race(runs, 2)
    assert len({run.checksum() for run in runs}) == 1
    assert runs[1].produced == runs[2].produced > 0


def test_a_sweep_looks_at_everybody_between_batches() -> None:
    sweeps = risk_runs.Sweeps(generate(3_000), 1_000, sweep_accounts=300)
    assert len(sweeps.undisturbed(2)) == 2
    found = sweeps.run()
    assert (found.accounts_count, len(found.slices), len(found.batches)) == (1_000, 4, 4)
    assert found.sum_seconds == pytest.approx(sum(found.slices))
    assert all(batch > slice_ for batch, slice_ in zip(found.batches, found.slices, strict=True))
    assert found.elapsed_seconds >= found.sum_seconds + found.snapshot_seconds


@pytest.mark.parametrize("count", [998, 1_001])
def test_too_few_or_odd_accounts_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="even number of accounts"):
        risk_runs.Sweeps(generate(100), count)


def test_another_answer_is_no_figure() -> None:
    engine = Engine()
    with pytest.raises(SetupRejected, match="REJECTED instead of DONE"):
        risk_runs.must_be(engine.apply(commands_risk.risk_sweep(64, 1)), r.EV_DONE)
