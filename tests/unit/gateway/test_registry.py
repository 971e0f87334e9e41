"""Listings by id, name, currency and kind."""

from __future__ import annotations

import pytest

from exchange.domain import records as r
from exchange.gateway.registry import Registry
from tests.unit.gateway.rig import ETH_PERPETUAL, OPTION, PERPETUAL, PUT, option_terms, perpetual_terms


def listed() -> Registry:
    registry = Registry()
    registry.add_underlying(0, "BTC")
    registry.add_underlying(1, "ETH")
    for number, terms in enumerate(
        [option_terms(r.OPTION_CALL), option_terms(r.OPTION_PUT), perpetual_terms(0), perpetual_terms(1)]
    ):
        registry.add_instrument(number, terms, r.STATE_OPEN, 7)
    return registry


@pytest.mark.parametrize(
    ("currency", "kind", "names"),
    [
        ("any", 0, [OPTION, PUT, PERPETUAL, ETH_PERPETUAL]),
        ("USDC", r.KIND_PERPETUAL, [PERPETUAL, ETH_PERPETUAL]),
        ("BTC", 0, [OPTION, PUT, PERPETUAL]),
        ("BTC", r.KIND_OPTION, [OPTION, PUT]),
        ("ETH", r.KIND_OPTION, []),
        ("SOL", 0, []),
    ],
)
def test_selection(currency: str, kind: int, names: list[str]) -> None:
    registry = listed()
    assert [view.name for view in registry.select(currency, kind)] == names
    for view in registry.instruments:
        assert registry.covers(currency, kind, view) == (view.name in names)


def test_ended_instruments_are_listed_apart() -> None:
    registry = listed()
    registry.by_name[OPTION].state = r.STATE_DELIVERED
    assert OPTION not in [view.name for view in registry.select()]
    assert [view.name for view in registry.select(ended=True)] == [OPTION]


def test_ids_are_dense() -> None:
    registry = listed()
    assert registry.currencies == ["USDC", "BTC", "ETH"]
    with pytest.raises(ValueError, match="underlying 5"):
        registry.add_underlying(5, "SOL")
    with pytest.raises(ValueError, match="instrument 9"):
        registry.add_instrument(9, perpetual_terms(0), 0, 0)


def test_an_underlying_that_is_not_open_shows_in_its_instruments() -> None:
    registry = listed()
    registry.instruments[0].state = r.STATE_HALTED
    changed = registry.set_underlying_state(0, 1)
    assert [view.name for view in changed] == [PUT, PERPETUAL]
    assert [view.state_name for view in registry.members[0]] == ["halted", "locked", "locked"]
    assert registry.instruments[3].state_name == "open"
    assert [view.name for view in registry.set_underlying_state(0, 2)] == [PUT, PERPETUAL]
    late = registry.add_instrument(4, option_terms(r.OPTION_CALL)._replace(expiry_ms=9), r.STATE_OPEN, 7)
    assert late.state_name == "halted"
    late.state = r.STATE_DELIVERED
    assert late.state_name == "delivered"


def test_expired_options_are_found_once() -> None:
    registry = listed()
    expiry_ms = registry.instruments[0].terms.expiry_ms
    assert registry.next_expiry_ms(0, 1) == expiry_ms
    assert registry.next_expiry_ms(1, 1) is None
    assert registry.expire(expiry_ms - 1) == []
    registry.instruments[1].state = r.STATE_DELIVERED
    assert [view.name for view in registry.expire(expiry_ms)] == [OPTION]
    assert registry.instruments[0].state_name == "settlement"
    assert registry.expire(expiry_ms) == []
    assert registry.next_expiry_ms(0, expiry_ms) is None


@pytest.mark.parametrize(
    ("index", "underlying"), [("btc_usdc", 0), ("btc_usd", 0), ("eth_usdc", 1), ("usdc", None), ("", None)]
)
def test_an_index_has_an_underlying(index: str, underlying: int | None) -> None:
    assert listed().underlying_of_index(index) == underlying
