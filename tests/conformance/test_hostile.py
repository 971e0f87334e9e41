"""Whatever a client writes into any call, it gets a documented code, and what was refused has no effect.

Every method × every parameter of the dialect (names: Deribit API v2 documentation, facts only) × wrong
types, missing, null, huge, negative and not-a-number; then prices off tick and ids that are another's.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from exchange.domain import events as ev
from exchange.gateway.methods.table import METHODS
from exchange.wire import errors
from tests.conformance.schema import calls, facts
from tests.conformance.schema.market import Market
from tests.unit.gateway.rig import OPTION, PERPETUAL, PUT, CallFailed, Client

MISSING: Final = object()
VALUES: Final[tuple[Any, ...]] = (
    MISSING,
    None,
    "",
    "x" * 1_100,
    "\u202e\x00'\"<",
    "NaN",
    "-1",
    -0.5,
    0,
    1e300,
    2**63,
    10**40,
    True,
    [],
    [[[]]],
    {},
    {"a": {"b": []}},
)
# Beside those of the facts: what clients add.
COMMON: Final = ("access_token_ignored", "label", "subaccount_id", "count", "offset")
_SHELL_CODES: Final = frozenset({errors.INTERNAL_ERROR})
_NOT_CALLED: Final = frozenset({"private/logout"})  # never answered


@pytest.fixture(scope="module")
def market() -> Iterator[Market]:
    made = Market()
    yield made
    made.close()


def params_of(market: Market, method: str) -> tuple[Client, dict[str, Any]]:
    """A call that is good."""
    if method == "private/remove_subaccount":  # there are but twenty to make; this one is not empty
        return market.alice, {"subaccount_id": market.sub.account}
    if method in facts.methods():
        return calls.params_of(market, method)
    client = market.alice if method.startswith("private/") else market.rig.connect()
    return client, dict(_OWN.get(method, {}))


_OWN: Final[Mapping[str, dict[str, Any]]] = {
    "private/strikebook_take_over": {"account": 64, "fraction": 1, "max_pay": 1},
}


def is_nothing(event: ev.Event) -> bool:
    """Whether an event changes no order, position, money or setting."""
    return isinstance(event, ev.Rejected | ev.Done)


def tried(market: Market, client: Client, method: str, params: dict[str, Any]) -> int:
    """The code a call is refused with, 0 if it is not; a refusal must leave no trace."""
    before = len(market.rig.journal.event_frames)
    try:
        client.call(method, **params)
    except CallFailed as refused:
        code, why = refused.code, str(refused)
    else:
        return 0
    frames = market.rig.journal.event_frames[before:]
    found = [event for frame in frames for event in ev.read_events(frame[3])]
    assert all(is_nothing(event) for event in found), (method, params, why, found)
    assert code in errors.MESSAGES, (method, params, why)
    assert code not in _SHELL_CODES, (method, params, why)
    return code


def parameters(method: str) -> list[str]:
    known = facts.methods().get(method)
    names = [fact.path for fact in known.params if "." not in fact.path] if known else []
    return list(dict.fromkeys([*(name.partition("[")[0] for name in names), *COMMON]))


@pytest.mark.parametrize("method", sorted(set(METHODS) - _NOT_CALLED))
def test_no_value_of_any_parameter_breaks_anything(
    market: Market, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    client, good = params_of(market, method)
    with caplog.at_level(logging.ERROR):
        for name in (*good, *parameters(method)):
            for value in VALUES:
                params = {key: kept for key, kept in good.items() if key != name}
                if value is not MISSING:
                    params[name] = value
                tried(market, client, method, params)
        tried(market, client, method, {})
    assert caplog.records == []
    assert not market.rig.venue.halted
    market.rig.tick(5.0)  # quotes that a cancel has frozen are free again


def places(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where something stands inside the lists and objects of a call's parameters; of a list the first."""
    if len(at) > 1:
        yield at
    value = dict(enumerate(value[:1])) if isinstance(value, list) else value
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from places(inner, (*at, key))


def put(params: dict[str, Any], at: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """The parameters with another value (or none) at one place inside."""
    found = copy.deepcopy(params)
    inner: Any = found
    for key in at[:-1]:
        inner = inner[key]
    if value is MISSING:
        del inner[at[-1]]
    else:
        inner[at[-1]] = value
    return found


_STOP: Final = {"direction": "sell", "type": "stop_limit", "trigger": "mark_price", "trigger_price": 9.0}
_LINKED: Final[dict[str, Any]] = {
    "instrument_name": PERPETUAL,
    "amount": 0.1,
    "price": 96_000,
    "linked_order_type": "one_triggers_other",
    "otoco_config": [{**_STOP, "price": 90_000, "amount": 0.1, "time_in_force": "good_til_cancelled"}],
}


@pytest.mark.parametrize("method", sorted(set(METHODS) - _NOT_CALLED))
def test_nor_does_any_value_inside_of_one(
    market: Market, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Quotes, members of links, legs, positions: each field of their first."""
    client, good = params_of(market, method)
    if method in ("private/buy", "private/sell"):
        good = _LINKED
        assert tried(market, client, method, good) == 0
    with caplog.at_level(logging.ERROR):
        for at in places(good):
            for value in VALUES:
                tried(market, client, method, put(good, at, value))
    assert caplog.records == []
    assert not market.rig.venue.halted
    market.rig.tick(5.0)


ORDER: Final[dict[str, Any]] = {"instrument_name": OPTION, "amount": 1, "price": 4_000}


@pytest.mark.parametrize("method", ["private/buy", "private/sell", "private/mass_quote", "private/edit"])
@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("price", 4_000.01, errors.PRICE_WRONG_TICK),
        ("price", "4000.000001", errors.PRICE_WRONG_TICK),
        ("price", 0, errors.INVALID_PRICE),
        ("price", -5, errors.INVALID_PRICE),
        ("price", "NaN", errors.INVALID_PRICE),
        ("price", 10**15, errors.INVALID_PRICE),
        ("amount", 0.0001, errors.INVALID_AMOUNT),
        ("amount", -1, errors.INVALID_AMOUNT),
        ("amount", "Infinity", errors.INVALID_AMOUNT),
        ("amount", 10**18, errors.INVALID_AMOUNT),
    ],
)
def test_prices_and_sizes_that_are_none(
    market: Market, method: str, name: str, value: object, code: int
) -> None:
    params: dict[str, Any] = {**ORDER, name: value}
    if method == "private/mass_quote":
        side = {key: params[key] for key in ("amount", "price")}
        quotes = [{"instrument_name": PUT, "bid": side}]
        reply = market.alice.call(method, quotes=quotes)
        assert [error["code"] for error in reply["errors"]] == [code]
        return
    if method == "private/edit":
        params = {"order_id": market.resting(), name: value}
    assert tried(market, market.alice, method, params) == code


def test_what_belongs_to_another_is_not_touched(market: Market) -> None:
    """Orders, accounts, keys and withdrawals of bob's, named by alice."""
    bob, alice = market.bob, market.alice
    order = market.resting(bob)
    withdrawal = bob.call("private/withdraw", currency="USDC", amount=5)["id"]
    key = bob.call("private/create_api_key", max_scope=["trade:read"])["id"]
    mine = {k["id"] for k in alice.call("private/list_api_keys")}
    foreign_key = key if key not in mine else max(mine) + 1
    foreign: list[tuple[str, dict[str, Any], set[int]]] = [
        ("private/edit", {"order_id": order, "amount": 1, "price": 4_000}, {10029}),
        ("private/cancel", {"order_id": order}, {10029, 10004}),
        ("private/get_order_state", {"order_id": order}, {10029, 10004}),
        ("private/get_user_trades_by_order", {"order_id": order}, {10029}),
        ("private/cancel_withdrawal", {"currency": "USDC", "id": withdrawal}, {13020}),
        ("private/remove_api_key", {"id": foreign_key}, {13020}),
        ("private/reset_api_key", {"id": foreign_key}, {13020}),
        ("private/get_positions", {"subaccount_id": bob.account}, {13021}),
        ("private/get_account_summary", {"currency": "USDC", "subaccount_id": bob.account}, {13021}),
        ("private/change_subaccount_name", {"sid": bob.account, "name": "mine"}, {13021}),
        ("private/remove_subaccount", {"subaccount_id": bob.account}, {13021}),
        ("private/toggle_subaccount_login", {"sid": bob.account, "state": "disable"}, {13021}),
        (
            "private/submit_transfer_between_subaccounts",
            {"currency": "USDC", "amount": 1, "destination": bob.account},
            {12100, 13021},
        ),
    ]
    for method, params, codes in foreign:
        assert tried(market, alice, method, params) in codes, method
    assert bob.call("private/get_order_state", order_id=order)["order_state"] == "open"
    assert key in {k["id"] for k in bob.call("private/list_api_keys")}


def test_a_stranger_gets_nothing_private(market: Market) -> None:
    """No private method looks at anything before it knows who asks."""
    nobody = market.rig.connect()
    for method in sorted(name for name in METHODS if name.startswith("private/")):
        if method in _NOT_CALLED or method.endswith(("subscribe", "unsubscribe_all")):
            continue
        assert tried(market, nobody, method, {"instrument_name": PERPETUAL}) != 0, method
