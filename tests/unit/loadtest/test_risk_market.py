"""The risk benchmark's venues: tables, snapshots, and who trades what."""

from __future__ import annotations

import numpy as np

from exchange.core import queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain import records as r
from loadtest import packed, risk_market
from loadtest.risk_runs import apply_setup
from loadtest.workload import ACCOUNT_FIRST, ACCOUNTS_COUNT, INSTRUMENTS_COUNT, generate


def test_a_perpetual_gains_with_the_index_and_options_as_they_must() -> None:
    terms = [packed.instrument_terms(number) for number in range(12)]
    rows = risk_market.scenario_table(terms, packed.INDEX_MICRO[0])
    assert rows.shape == (12, 35)
    # 16 % of 60,000 USDC on 0.0025 of the underlying are 24 USDC: 2,400 quanta of a cent.
    assert rows[0, 0] == -2_400
    calls = [n for n, term in enumerate(terms) if term.option_type == r.OPTION_CALL]
    puts = [n for n, term in enumerate(terms) if term.option_type == r.OPTION_PUT]
    assert bool((np.diff(rows[calls, 9:18], axis=1) >= 0).all())
    assert bool((np.diff(rows[puts, 9:18], axis=1) <= 0).all())
    assert not rows[2:, 13].any()  # no move, volatility as it is


def test_the_set_up_is_taken_and_later_snapshots_are_differences() -> None:
    snapshots = risk_market.Snapshots()
    engine = Engine()
    assert apply_setup(engine, risk_market.setup_commands(snapshots)) == 0
    assert risk_queries.rules(engine) == 2
    for move_ppm in (1_000, -2_000):
        assert {engine.apply(command)[0] for command in snapshots.commands(move_ppm)} == {r.EV_MARKED}
    for instrument in (0, 1, 150):
        term = packed.instrument_terms(instrument)
        index_micro = packed.INDEX_MICRO[term.underlying] * 998_000 // 1_000_000
        expected = risk_market.scenario_table([term], index_micro)[0].tolist()
        assert risk_queries.table(engine, instrument) == expected
        figures = queries.instrument_figures(engine, instrument)
        assert figures.index_micro == index_micro
        assert figures.mark_micro == risk_market.mark_micro(instrument, -2_000)


def test_an_account_of_a_group_trades_in_its_twenty_instruments_only() -> None:
    workload = generate(2_000)
    grouped = risk_market.grouped(workload, 500)
    group = (grouped.account - ACCOUNT_FIRST) // ACCOUNTS_COUNT
    for number in range(risk_market.GROUPS_COUNT):
        instruments = set(risk_market.group_instruments(number))
        assert len(instruments) == risk_market.POSITIONS_COUNT
        assert set(grouped.instrument[group == number].tolist()) <= instruments
    # One account stands for one of the workload's; who buys and who sells stays apart.
    assert bool(((grouped.account - workload.account) % ACCOUNTS_COUNT == 0).all())
    known = workload.order_id > 0
    assert bool((grouped.order_id[known] == workload.order_id[known] + 500).all())


def test_everybody_gets_twenty_positions() -> None:
    commands = risk_market.scattered_positions(8)
    assert len(commands) == 8 * risk_market.POSITIONS_COUNT
    seats: dict[int, list[int]] = {}
    for command in commands:
        account, instrument = (int.from_bytes(command[at : at + 4], "little") for at in (8, 12))
        seats.setdefault(account, []).append(instrument)
    assert sorted(seats) == list(range(ACCOUNT_FIRST, ACCOUNT_FIRST + 8))
    for instruments in seats.values():
        assert len(set(instruments)) == len(instruments) == risk_market.POSITIONS_COUNT
        assert max(instruments) < INSTRUMENTS_COUNT
    assert len(risk_market.grouped_positions()) == 20_000
