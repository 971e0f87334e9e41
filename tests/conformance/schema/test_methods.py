"""Every served method answers with every required field of the dialect, of the documented type, and with what
the venue itself declares, no more and no less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from exchange.gateway.methods.table import METHODS
from tests.conformance.schema import calls, declared, facts
from tests.conformance.schema.market import Market
from tests.unit.gateway.rig import CallFailed

SERVED: Final = sorted(
    name for name in facts.methods() if name in METHODS and name != "private/logout"  # never answered
)
# Called last: they end what the others show.
_LAST: Final = (
    "private/cancel_by_label",
    "private/cancel_all_by_instrument",
    "private/cancel_all_by_currency",
    "private/cancel_all_by_currency_pair",
    "private/cancel_all_by_kind_or_type",
    "private/cancel_all",
    "private/remove_subaccount",
)


@pytest.fixture(scope="module")
def market() -> Iterator[Market]:
    market = Market()
    yield market
    market.close()


@pytest.mark.parametrize("method", sorted(SERVED, key=lambda name: (name in _LAST, name)))
def test_a_reply_has_every_required_field(market: Market, method: str) -> None:
    client, params = calls.params_of(market, method)
    with declared.undeclared_parameters() as undeclared:
        try:
            result = client.call(method, **params)
        except CallFailed as refused:
            pytest.fail(f"{method} {params}: {refused.code} {refused.message} {refused.data}")
    assert undeclared == set(), "parameters for exchange/wire/messages/methods.py"
    assert declared.wrong_result(method, result) == [], f"{method}: see exchange/wire/messages"
    walk = facts.walk_result(method, result)
    assert walk.wrong == [], method
    bare = [path for path in walk.bare if f"{method} {path}" not in calls.MAY_BE_BARE]
    assert bare == [], f"{method} showed nothing in {bare}: its fields went unseen"
