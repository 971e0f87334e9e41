"""Sessions that the key of a grant opens: their orders come under it, and they do nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clients import authorising
from exchange.attest import grants as g
from exchange.attest.authorisation import GRANT, class_of_grant
from exchange.attest.eip712 import DEVELOPMENT
from exchange.attest.secp256k1 import Signer
from exchange.domain import records as r
from exchange.gateway.express import Express
from exchange.gateway.methods.table import METHODS
from exchange.keys import grant_sessions
from exchange.keys.grant_sessions import SCOPES
from exchange.keys.live_sessions import CLOSE_KEY_REVOKED
from exchange.wire.auth import allows, check_access
from exchange.wire.method_scopes import UNDER_GRANT, changes_state
from exchange.wire.session import RpcError
from tests.unit.gateway.rig import NOW_MS, CallFailed, Client
from tests.unit.gateway.rig import PERPETUAL as NAME
from tests.unit.keys.grant_world import ETH, KEY, OWNER, PERPETUAL, THIEF, World, order

OPEN = "public/strikebook_open_session"
PRICE = 100_000.0


@pytest.fixture
def world() -> World:
    return World()


def entry(world: World, signer: Signer = KEY, valid_ms: int = 30_000, **changes: Any) -> dict[str, Any]:
    """Parameters of an entry."""
    world.nonce += 1
    until_ms = world.rig.clock.now_ms() + valid_ms
    message = g.Entry(world.account, changes.get("grant", 7), world.nonce, until_ms)
    return authorising.entry(DEVELOPMENT, message, signer)


def opened(world: World, **changes: Any) -> Client:
    """A session under a grant with these terms."""
    world.activate(world.grant(**changes))
    client = world.rig.connect()
    said = client.call(OPEN, **entry(world))
    assert (said["grant"], said["state"], said["rights"]) == (7, "active", changes.get("scope", g.SCOPE))
    return client


def reason(client: Client, method: str, **params: Any) -> str:
    with pytest.raises(CallFailed) as caught:
        client.call(method, **params)
    return str((caught.value.data or {}).get("reason", caught.value.message))


def sell(client: Client, **more: Any) -> str:
    params = {"instrument_name": NAME, "amount": 0.005, "price": PRICE, **more}
    return str(client.call("private/sell", **params)["order"]["order_id"])


def test_orders_of_such_a_session_name_the_grant(world: World) -> None:
    client = opened(world)
    order_id = sell(client, label="mine")
    (record, command) = world.log()[-2:]
    assert (record[0], command[0], command[24:28]) == (r.LABEL, r.NEW_ORDER, (7).to_bytes(4, "little"))
    assert client.call("private/get_open_orders")[0]["order_id"] == order_id
    assert class_of_grant(7) == GRANT


CALLS: dict[str, Callable[[str], dict[str, Any]]] = {
    "buy": lambda _: {"instrument_name": NAME, "amount": 0.005, "price": PRICE / 2},
    "sell": lambda _: {"instrument_name": NAME, "amount": 0.005, "price": PRICE},
    "close_position": lambda _: {"instrument_name": NAME, "type": "limit", "price": PRICE},
    "edit": lambda order_id: {"order_id": order_id, "amount": 0.004},
    "edit_by_label": lambda _: {"instrument_name": NAME, "label": "mine", "amount": 0.004},
    "cancel": lambda order_id: {"order_id": order_id},
    "cancel_by_label": lambda _: {"label": "mine"},
    "cancel_all": lambda _: {},
    "cancel_all_by_instrument": lambda _: {"instrument_name": NAME},
    "cancel_all_by_currency": lambda _: {"currency": "BTC"},
    "cancel_all_by_currency_pair": lambda _: {"currency_pair": "btc_usdc"},
    "cancel_all_by_kind_or_type": lambda _: {"currency": ["BTC", "ETH"]},
}


def test_all_that_such_a_session_may_send_is_tried_below() -> None:
    assert {f"private/{name}" for name in CALLS} == UNDER_GRANT


@pytest.mark.parametrize("name", CALLS)
def test_whatever_it_may_send_names_the_grant(world: World, name: str) -> None:
    client = opened(world)
    maker = world.rig.client()
    maker.sell(NAME, 0.003, PRICE)
    client.call("private/buy", instrument_name=NAME, amount=0.003, price=PRICE)  # a position to close
    resting = {"instrument_name": NAME, "amount": 0.005, "price": PRICE / 2, "label": "mine"}
    order_id = client.call("private/buy", **resting)["order"]["order_id"]
    before = len(world.log())
    client.call(f"private/{name}", **CALLS[name](order_id))
    sent = world.log()[before:]
    assert sent
    assert {int.from_bytes(each[24:28], "little") for each in sent} == {7}


def test_what_changes_anything_else_is_refused() -> None:
    for method in METHODS:
        if method in UNDER_GRANT or not changes_state(method) or method == "private/logout":
            continue
        with pytest.raises(RpcError) as caught:
            check_access(method, True, SCOPES, {}, 7)
        assert caught.value.code == 13021, method
    for method in UNDER_GRANT:
        check_access(method, True, SCOPES, {}, 7)
        with pytest.raises(RpcError):
            check_access(method, True, SCOPES)  # the same scopes without a grant


def test_the_fast_ways_are_closed_to_it(world: World) -> None:
    client = opened(world)
    assert not Express(world.rig.venue).intake.is_open_to(client.session)
    assert not allows(client.session.scopes, "trade", write=True)  # what the packed lane asks


@pytest.mark.parametrize(
    ("terms", "params", "why"),
    [
        ({"scope": g.CANCEL}, {}, "out_of_scope"),
        ({"max_order_lots": 4}, {}, "order_too_large"),
        ({"instruments": (ETH,)}, {}, "instrument_not_granted"),
        ({}, {"type": "stop_limit", "trigger": "mark_price", "trigger_price": PRICE}, "out_of_scope"),
    ],
    ids=range(4),
)
def test_what_the_grant_does_not_allow_is_not_sequenced(
    world: World, terms: dict[str, Any], params: dict[str, Any], why: str
) -> None:
    client = opened(world, **terms)
    before = len(world.log())
    asked = {"instrument_name": NAME, "amount": 0.005, "price": PRICE, **params}
    assert reason(client, "private/sell", **asked) == why
    assert len(world.log()) == before


def test_edits_and_cancels_are_held_against_the_grant_too(world: World) -> None:
    client = opened(world, scope=g.NEW, instruments=(PERPETUAL,))
    order_id = sell(client)
    assert reason(client, "private/edit", order_id=order_id, amount=0.004) == "out_of_scope"
    assert reason(client, "private/cancel", order_id=order_id) == "out_of_scope"
    assert reason(client, "private/cancel_all") == "out_of_scope"


def test_the_session_ends_with_its_grant(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grant_sessions, "LOOK_S", 20.0)
    client = opened(world, expiry_ms=NOW_MS + 60_000)
    sell(client)
    world.rig.clock.ms = NOW_MS + 59_000
    world.rig.loop.advance(20.0)
    assert client.session.close_code == 0
    world.rig.clock.ms = NOW_MS + 60_000
    assert reason(client, "private/sell", instrument_name=NAME, amount=0.005, price=PRICE) == "grant_expired"
    world.rig.loop.advance(1.0)
    assert (client.session.close_code, client.session.close_reason) == (CLOSE_KEY_REVOKED, "grant_expired")
    assert not client.session.authenticated


def test_a_revoked_grant_takes_its_sessions_with_it(world: World) -> None:
    client, other, gone = opened(world), world.rig.connect(), world.rig.connect()
    other.call(OPEN, **entry(world))
    gone.call(OPEN, **entry(world))
    world.rig.venue.on_close(gone.session)
    owner = world.rig.connect(world.account)
    owner.call("private/strikebook_revoke_grant", grant=7)
    for each in (client, other):
        assert (each.session.close_code, each.session.close_reason) == (CLOSE_KEY_REVOKED, "grant_revoked")
        assert each.session.account is None
    assert gone.session.close_code == 0
    assert reason(world.rig.connect(), OPEN, **entry(world)) == "grant_revoked"


def test_who_signs_in_with_a_key_afterwards_stays(world: World) -> None:
    client = opened(world)
    client.session.authenticate(world.account, "key", frozenset({"trade:read_write"}))
    assert client.session.grant == 0
    owner = world.rig.connect(world.account)
    owner.call("private/strikebook_revoke_grant", grant=7)
    assert client.session.close_code == 0
    sell(client)
    assert world.log()[-1][24:28] == bytes(4)


def test_entries_that_are_not_taken(world: World) -> None:
    world.activate(world.grant())
    client = world.rig.connect()
    for signer in (OWNER, THIEF):
        assert reason(client, OPEN, **entry(world, signer)) == "not_the_signature_of_this_key"
    assert reason(client, OPEN, **entry(world, valid_ms=0)) == "entry_expired"
    assert reason(client, OPEN, **entry(world, valid_ms=61_000)) == "entry_too_far_ahead"
    assert reason(client, OPEN, **entry(world, grant=8)) == "no such grant"
    good = entry(world)
    for changes in ({"nonce": "999"}, {"valid_until": good["valid_until"] + 1}):
        assert reason(client, OPEN, **{**good, **changes}) == "not_the_signature_of_this_key"
    assert client.session.account is None
    client.call(OPEN, **good)
    assert "already" in reason(client, OPEN, **entry(world))
    assert reason(world.rig.connect(), OPEN, **good) == "replayed_request"
    http = world.rig.connect()
    http.session.is_websocket = False
    with pytest.raises(CallFailed) as caught:
        http.call(OPEN, **entry(world))
    assert caught.value.code == 10030


def test_a_removed_account_trades_no_more_and_nobody_enters_it(world: World) -> None:
    client = opened(world)
    world.rig.venue.retiring.add(world.account)
    assert "account" in reason(client, "private/sell", instrument_name=NAME, amount=0.005, price=PRICE)
    assert "account" in reason(world.rig.connect(), OPEN, **entry(world))


def test_such_a_session_logs_out_like_any(world: World) -> None:
    client = opened(world)
    client.send("private/logout")
    world.rig.loop.run()
    assert client.session.close_code
    assert client.session.logged_out


def test_a_frame_cannot_be_passed_for_an_entry(world: World) -> None:
    world.activate(world.grant())
    signed = world.signed(order())
    asked = {name: signed[name] for name in ("account", "grant", "nonce", "valid_until", "signature")}
    assert reason(world.rig.connect(), OPEN, **asked) == "not_the_signature_of_this_key"


def test_lists_of_a_grant_may_be_text_as_in_a_query(world: World) -> None:
    said = world.activate(world.grant(underlyings=(0, 1), instruments=(2,)), underlyings="[0,1]",
                          instruments="[2]")  # fmt: skip
    assert (said["underlyings"], said["instruments"]) == ([0, 1], [2])
