"""A venue under rules version 4: three calls and two puts to make combos of."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands, events
from exchange.domain import records as r
from exchange.domain.commands import Mark
from tests.unit.gateway.rig import EXPIRY_MS, OPTION, PUT, CallFailed, Client, option_terms
from tests.unit.gateway.risk_rig import INDEX_MICRO, TIERS, RiskRig, marks, prepared

HIGHER = "BTC_USDC-27DEC26-110000-C"
LOWER_PUT = "BTC_USDC-27DEC26-90000-P"
FAR = "BTC_USDC-29JAN27-100000-C"
FAR_MS = EXPIRY_MS + 33 * 86_400_000
SPREAD = "BTC_USDC-CS-27DEC26-100000_110000"
STRADDLE = "BTC_USDC-STRD-27DEC26-100000"
MARKS = {4: 3_000, 5: 2_000, 6: 6_000}
"""Of the options beyond the usual rig's, in USDC; those are at 5,000."""


def listings() -> list[bytes]:
    """The options beyond the usual rig's."""
    call, put = option_terms(r.OPTION_CALL), option_terms(r.OPTION_PUT)
    return [
        commands.list_instrument(4, call._replace(strike_micro=110_000_000_000)),
        commands.list_instrument(5, put._replace(strike_micro=90_000_000_000)),
        commands.list_instrument(6, call._replace(expiry_ms=FAR_MS)),
    ]


def all_marks(**moved: int) -> list[Mark]:
    """Marks of all BTC instruments; `moved` by `m{instrument}`, in USDC."""
    found = marks()
    for number, usdc in MARKS.items():
        found.append(Mark(number, 400_000_000, usdc * 1_000_000, 90_000_000, INDEX_MICRO))
    return [
        mark._replace(mark_micro=moved.get(f"m{mark.instrument}", mark.mark_micro // 1_000_000) * 1_000_000)
        for mark in found
    ]


def prepared_for_combos(rules: int = 4) -> tuple[Engine, list[bytes]]:
    """As `risk_rig.prepared`, with more options and later rules."""
    engine, found = prepared()
    block = commands.marks(0, INDEX_MICRO, 101, all_marks())
    for command in (*listings(), commands.set_rules(rules), block):
        found.append(engine.apply(command))
        event = events.read_event(found[-1])
        assert not isinstance(event, events.Rejected), event
    return engine, found


def failure(client: Client, method: str, **params: Any) -> CallFailed:
    """The error a call must end with."""
    with pytest.raises(CallFailed) as caught:
        client.call(method, **params)
    return caught.value


class ComboRig(RiskRig):
    """The risk rig's market under rules 4, with a discount on combos."""

    def __init__(self, **ports: Any) -> None:
        engine = ports.pop("engine", None) or prepared_for_combos(ports.pop("rules", 4))[0]
        super().__init__(engine=engine, **ports)
        self._feed_seq = 101

    @staticmethod
    def prologue() -> list[bytes]:
        return prepared_for_combos()[1]

    def discount(self, permille: int = 500) -> None:
        """The discount on the fees of combos."""
        from exchange.domain import commands_risk

        found = self.order(commands_risk.set_fees(TIERS, permille))
        assert isinstance(found[0], events.Fees), found

    def mark(self, **moved: int) -> None:
        """Mark BTC anew; see `all_marks`."""
        self._feed_seq += 1
        found = self.order(commands.marks(0, INDEX_MICRO, self._feed_seq, all_marks(**moved)))
        assert isinstance(found[0], events.Marked), found


def legs(*named: tuple[str, int]) -> list[dict[str, Any]]:
    """(instrument, signed lots of 0.01) as `create_combo` wants them."""
    return [
        {"instrument_name": name, "amount": abs(lots) / 100, "direction": "buy" if lots > 0 else "sell"}
        for name, lots in named
    ]


def spread(client: Client) -> dict[str, Any]:
    """The call spread, made by a client."""
    made: dict[str, Any] = client.call("private/create_combo", trades=legs((OPTION, 1), (HIGHER, -1)))
    return made


def straddle(client: Client) -> dict[str, Any]:
    """The straddle, made by a client."""
    made: dict[str, Any] = client.call("private/create_combo", trades=legs((OPTION, 1), (PUT, 1)))
    return made
