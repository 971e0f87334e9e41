"""Scenario rows and margin states as clients read them."""

from __future__ import annotations

from exchange.wire.margins import ScenarioValues, margin_state_object, scenarios_object
from tests.unit.gateway.risk_rig import PARAMETERS


def test_the_worst_row_is_named() -> None:
    values = ScenarioValues(
        [5, -7, -9, 4], [0, 7, 9_000_000, 0], 9_000_000, 1, 2, 3, -4, 15_000_000, 12_000_000
    )
    found = scenarios_object("BTC", PARAMETERS, values)
    assert (found["index_name"], found["worst_scenario"], found["worst_case"]) == ("btc_usdc", 2, 9)
    rows = found["scenarios"]
    assert isinstance(rows, list)
    assert [row["scenario"] for row in rows] == [0, 1, 2, 3]
    assert [row["extended"] for row in rows] == [False, False, False, True]
    assert rows[1] == {"scenario": 1, "extended": False, "profit_loss": -7e-6, "loss": 7e-6}


def test_nothing_is_worst_where_nothing_is_lost() -> None:
    found = scenarios_object("ETH", PARAMETERS, ScenarioValues([1, 2, 3, 4], [0] * 4, 0, 0, 0, 0, 0, 0, 0))
    assert (found["worst_scenario"], found["worst_case"]) == (None, 0)


def test_a_margin_state_is_a_fraction_of_the_balance() -> None:
    found = margin_state_object(3_000_000, 2_000_000, 10_000_000)
    assert found["initial_margin_rate"] == 0.3
    assert found["maintenance_margin_rate"] == 0.2
    assert found["available_balance"] == 7
    empty = margin_state_object(3_000_000, 2_000_000, 0)
    assert (empty["initial_margin_rate"], empty["available_balance"]) == (0, 0)
