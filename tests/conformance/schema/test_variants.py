"""The same fields for every instrument, currency and account: also where there is little to show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.conformance.schema import calls, declared, facts
from tests.conformance.schema.market import SOON, STRADDLE, Market
from tests.conformance.schema.test_methods import SERVED
from tests.unit.gateway.rig import ETH_PERPETUAL, PERPETUAL, PUT, CallFailed, Client

READS: Final = [name for name in SERVED if "/get_" in name or name == "public/ticker"]
_VALUES: Final = {
    "instrument_name": (PERPETUAL, ETH_PERPETUAL, PUT, SOON, STRADDLE),
    "currency": ("BTC", "ETH", "USDT", "EURR"),
    "kind": ("option", "future", "spot", "option_combo"),
    "type": ("settlement", "delivery", "bankruptcy"),
    "resolution": ("1D",),
    "count": (1,),
    "sorting": ("asc", "desc"),
    "block_rfq": (True,),
}
# What a reply may refuse of these: an instrument or a currency that a method has no answer for, a word that
# is not among a parameter's, what is another account's.
_REFUSALS: Final = frozenset({-32602, 10020, 10031, 10033, 13020, 10029, 10004, 11097})


@pytest.fixture(scope="module")
def market() -> Iterator[Market]:
    market = Market()
    yield market
    market.close()


@pytest.mark.parametrize("method", READS)
def test_whatever_is_asked_of_it_a_reply_has_every_field(market: Market, method: str) -> None:
    client, params = calls.params_of(market, method)
    known = {fact.path for fact in facts.methods()[method].params}
    variants: list[dict[str, Any]] = [
        {**params, name: value}
        for name, values in _VALUES.items()
        if name in known
        for value in values
    ]
    stranger = market.rig.main(0, "stranger")
    for asked in (*variants, params):
        who = stranger if asked is params and method.startswith("private/") else client
        assert _wrong(who, method, asked) == [], (method, asked)


def _wrong(who: Client, method: str, asked: dict[str, Any]) -> list[str]:
    try:
        result = who.call(method, **asked)
    except CallFailed as refused:
        return [] if refused.code in _REFUSALS else [f"answers {refused}"]
    return [*facts.walk_result(method, result).wrong, *declared.wrong_result(method, result)]
