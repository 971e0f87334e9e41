"""The JSON objects of margin: scenario rows of the portfolio model, and a change of model.

`private/pme/simulate` has no documented result in the dialect; this one is ours (docs/api-deviations.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from exchange.domain.commands_risk import RiskParameters
from exchange.wire.instruments import usdc
from exchange.wire.messages import account as account_messages
from exchange.wire.names import index_name
from exchange.wire.objects import JsonObject


class ScenarioValues(NamedTuple):
    """The portfolio margin of one underlying, in micro-USDC, by its parts.

    `gains` by scenario, weights of extended ones applied; `losses` as they count: with open orders, less
    the dampener where it applies, 0 where nothing is lost.
    """

    gains: Sequence[int]
    losses: Sequence[int]
    worst_micro: int
    roll_micro: int
    shock_micro: int
    charges_micro: int
    delta_micro: int
    initial_micro: int
    maintenance_micro: int


def scenarios_object(symbol: str, parameters: RiskParameters, values: ScenarioValues) -> JsonObject:
    """One underlying of `private/pme/simulate`."""
    rows: list[JsonObject] = []
    for number, (gain, loss) in enumerate(zip(values.gains, values.losses, strict=True)):
        rows.append(
            {
                "scenario": number,
                "extended": number >= parameters.extended_from,
                "profit_loss": usdc(gain),
                "loss": usdc(loss),
            }
        )
    worst = max(range(len(rows)), key=lambda number: values.losses[number], default=None)
    return {
        "index_name": index_name(symbol),
        "scenarios": rows,
        "worst_scenario": worst if values.worst_micro > 0 else None,
        "worst_case": usdc(values.worst_micro),
        "roll_shock": usdc(values.roll_micro),
        "delta_shock": usdc(values.shock_micro),
        "charges": usdc(values.charges_micro),
        "delta_total_usd": usdc(values.delta_micro),
        "initial_margin": usdc(values.initial_micro),
        "maintenance_margin": usdc(values.maintenance_micro),
    }


def margin_state_object(
    initial_micro: int, maintenance_micro: int, balance_micro: int
) -> account_messages.MarginState:
    """`old_state` or `new_state` of a change of model: margins as fractions of the balance (0 where there
    is none), and what is left of it."""
    return {
        "initial_margin_rate": initial_micro / balance_micro if balance_micro > 0 else 0.0,
        "maintenance_margin_rate": maintenance_micro / balance_micro if balance_micro > 0 else 0.0,
        "available_balance": usdc(max(0, balance_micro - initial_micro)),
        "initial_margin": usdc(initial_micro),
        "maintenance_margin": usdc(maintenance_micro),
        "margin_balance": usdc(balance_micro),
    }
