"""Whatever a client writes into the calls of risk and money, it is told what is wrong, and nothing moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from exchange.gateway.methods import auctions, family, margin, settlements, venue, wallet
from tests.unit.gateway.rig import PERPETUAL, CallFailed
from tests.unit.gateway.risk_rig import RiskRig

METHODS: Final = sorted(
    {
        **auctions.METHODS,
        **family.METHODS,
        **margin.METHODS,
        **settlements.METHODS,
        **venue.METHODS,
        **wallet.METHODS,
    }
)
NAMES: Final = (
    "currency", "instrument_name", "index_name", "amount", "price", "destination", "source", "id",
    "sid", "name", "subaccount_id", "user_id", "margin_model", "dry_run", "simulated_positions",
    "add_positions", "address", "count", "offset", "type", "continuation", "length",
    "search_start_timestamp", "start_timestamp", "end_timestamp", "account", "fraction", "max_pay",
    "with_portfolio",
)
GOOD: Final[dict[str, Any]] = {
    "currency": "USDC",
    "instrument_name": PERPETUAL,
    "index_name": "btc_usdc",
    "length": "8h",
    "margin_model": "segregated_pm",
    "dry_run": True,
}
BAD: Final[tuple[Any, ...]] = (
    None,
    "",
    "x",
    "-1",
    -1,
    0,
    1,
    2**63,
    -(2**63),
    10**18,
    1e308,
    0.1,
    True,
    [],
    {},
    [{}],
    {"x": {}},
    "NaN",
    "\u0000",
    "x" * 1_000,
)


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    rig = RiskRig()
    rig.open()
    yield rig
    rig.close()


@pytest.mark.parametrize("method", METHODS)
def test_no_writing_of_a_parameter_breaks_a_method(rig: RiskRig, method: str) -> None:
    alice, bob = rig.main(1_000), rig.main(1_000, "bob")
    before = [rig.venue.figures.account(each.account or 0) for each in (alice, bob)]
    cases = [dict.fromkeys(NAMES, bad) for bad in BAD]
    cases += [{**GOOD, name: bad} for name in NAMES for bad in BAD]
    internal: list[object] = []
    for params in cases:
        if method == "private/create_subaccount" and params.get("name") in (None, "", 0, 1, -1):
            continue  # any name will do
        try:
            alice.call(method, **params)
        except CallFailed as refused:
            if refused.code == 11094:
                internal.append(params)
    assert internal == []
    after = [rig.venue.figures.account(each.account or 0) for each in (alice, bob)]
    assert after[1].cash_micro == before[1].cash_micro
    assert after[0].cash_micro + after[0].held_micro == before[0].cash_micro


@pytest.mark.parametrize("method", [name for name in METHODS if name.startswith("private/")])
def test_nobody_s_session_gets_nothing(rig: RiskRig, method: str) -> None:
    with pytest.raises(CallFailed) as refused:
        rig.connect().call(method, **GOOD)
    assert refused.value.code in (13009, -32602)
