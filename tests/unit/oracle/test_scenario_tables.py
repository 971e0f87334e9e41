"""Scenario tables: hand-checked entries, rounding, weights, caps, the averaging window."""

import math

import numpy as np
import pytest

from exchange.oracle.scenario_tables import Grid, Valuer
from pricing.chain import Chain
from pricing.european import MS_PER_YEAR, black76
from pricing.forward import FlatCarry
from pricing.scenarios import UNCHANGED, DeribitParameters, Scenario, VolRule
from pricing.simulated_surface import simulated_surface

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
INDEX = 100_000.0
STRIKES = [80_000.0, 100_000.0, 130_000.0]
LOT_E8 = 1_000_000


def make_chain(left_ms: int = 30 * DAY_MS) -> Chain:
    strikes = [strike for strike in STRIKES for _ in "CP"]
    calls = [True, False] * len(STRIKES)
    expiry = [NOW_MS + left_ms] * len(strikes)
    chain = Chain(strikes, expiry, calls, simulated_surface("BTC"), FlatCarry(0.0))
    chain.refresh(INDEX, NOW_MS, INDEX)
    return chain


def make_valuer(chain: Chain, grid: Grid | None = None, limit: int = 10_000) -> Valuer:
    count = len(chain) + 1
    return Valuer(grid or Grid(), chain, [LOT_E8] * count, [limit] * count)


def test_no_move_gains_nothing_and_a_perpetual_gains_its_move() -> None:
    tables = make_valuer(make_chain()).tables(INDEX, NOW_MS)
    scenarios = DeribitParameters().scenarios()
    assert tables.shape == (7, 35)
    still = scenarios.index(Scenario(0.0, UNCHANGED))
    assert (tables[:, still] == 0).all()
    # 0.01 BTC of a move of 16 %: 160 USDC, 16,000 quanta of a cent.
    assert tables[6, 8] == 16_000
    assert tables[6, 0] == -16_000
    assert tables[6, 26] == 16_000  # volatility is nothing to a perpetual
    up = scenarios[34]
    assert tables[6, 34] == math.floor(INDEX * up.move * up.weight * 0.01 * 100)


def test_entries_are_the_revalued_option_less_its_mark_rounded_down() -> None:
    chain = make_chain()
    grid = Grid()
    tables = make_valuer(chain, grid).tables(INDEX, NOW_MS)
    years = 30 * DAY_MS / MS_PER_YEAR
    for row in range(6):
        for column in (0, 4, 8, 9, 17, 18, 26, 27, 34):
            scenario = grid.scenarios[column]
            forward, vol = INDEX * (1.0 + scenario.move), float(chain.iv[row])
            shocked = float(scenario.rule.apply([vol], [years])[0])
            moved = black76(forward, chain.strike[row], years, shocked, chain.is_call[row]).price
            gain = (float(moved) - float(chain.mark[row])) * scenario.weight * 0.01 * 100
            assert tables[row, column] == pytest.approx(gain, abs=1.0)
            assert tables[row, column] <= gain + 1e-6


def test_the_pull_of_the_book_is_in_the_volatility() -> None:
    chain = make_chain()
    plain = make_valuer(chain).tables(INDEX, NOW_MS)
    pull = np.zeros(6)
    pull[2] = 60.0
    chain.set_pull(pull)
    chain.refresh(INDEX, NOW_MS, INDEX)
    pulled = make_valuer(chain).tables(INDEX, NOW_MS)
    assert (pulled[[0, 1, 3, 4, 5]] == plain[[0, 1, 3, 4, 5]]).all()
    assert (pulled[2] != plain[2]).any()
    grid = DeribitParameters().scenarios()
    assert pulled[2, grid.index(Scenario(0.0, UNCHANGED))] == 0


def test_in_the_averaging_window_only_the_rest_of_the_average_moves() -> None:
    chain = make_chain(left_ms=15 * 60_000)  # half of it is known
    tables = make_valuer(chain).tables(INDEX, NOW_MS)
    call = 0  # far in the money: its gain is that of the forward
    assert tables[call, 8] == pytest.approx(8_000, abs=2)
    assert tables[6, 8] == 16_000


def test_what_the_core_would_refuse_is_cut_and_counted() -> None:
    chain = make_chain()
    grid = Grid((Scenario(5.0, VolRule(0.0)),), 10_000)
    limit = (1 << 48) // 1_000_000_000  # entries of up to 1,000 USDC a lot
    valuer = Valuer(grid, chain, [LOT_E8] * 7, [limit] * 7)
    tables = valuer.tables(INDEX, NOW_MS)
    assert valuer.capped_count == 4  # the calls and the perpetual, which gain thousands
    assert (np.abs(tables) + 1).max() * grid.quantum_micro <= (1 << 48) // limit
    with pytest.raises(ValueError, match="quantum"):
        Grid(quantum_micro=0)
