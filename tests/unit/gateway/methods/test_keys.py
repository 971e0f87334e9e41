"""API keys: what they may, who may change them, and that a change is felt at once."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exchange.keys.key_table import Key
from exchange.keys.live_sessions import CLOSE_KEY_REVOKED
from exchange.wire.auth import websocket_message
from tests.unit.gateway.live import Live, Peer, Refused, grant, live, request
from tests.unit.gateway.rig import OPTION

pytestmark = pytest.mark.asyncio(loop_scope="module")
ALL = ["account:read_write", "trade:read_write", "wallet:read_write"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def venue() -> AsyncIterator[Live]:
    async with live() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def owner(venue: Live) -> AsyncIterator[Peer]:
    """A session of a new account's first key."""
    peer = await venue.socket(await venue.account())
    yield peer
    await peer.close()


def named(made: dict[str, Any], venue: Live) -> Key:
    key = venue.credentials.key(made["client_id"])
    assert key is not None
    return key


async def refused(peer: Peer, method: str, **params: object) -> tuple[int, Any]:
    with pytest.raises(Refused) as caught:
        await peer.call(method, **params)
    return caught.value.code, caught.value.data.get("reason")


async def test_a_key_is_made_shown_once_and_works(venue: Live, owner: Peer) -> None:
    made = await owner.call("private/create_api_key", max_scope=["trade:read", "wallet:none"], name="reader")
    assert (made["id"], made["default"], made["enabled"], made["name"]) == (2, False, True, "reader")
    assert made["max_scope"] == ["trade:read"]
    peer = await venue.socket(named(made, venue))
    assert await peer.call("private/get_positions") == []
    assert (await refused(peer, "private/buy", instrument_name=OPTION, amount=1, price=4000))[0] == 13021
    assert (await refused(peer, "private/list_api_keys"))[0] == 13021
    assert (await refused(peer, "private/subscribe", channels=["user.portfolio.USDC"]))[0] == 13021
    assert await peer.call("private/subscribe", channels=["user.orders.any.any.raw"])
    listed = await owner.call("private/list_api_keys")
    assert [key["id"] for key in listed] == [1, 2]
    assert [key["default"] for key in listed] == [True, False]
    assert {key["client_secret"] for key in listed} == {""}
    assert set(listed[1]) == set(made)
    await peer.close()


async def test_an_account_has_at_most_eight(owner: Peer) -> None:
    for _ in range(7):
        await owner.call("private/create_api_key", max_scope=["trade:read"])
    assert await refused(owner, "private/create_api_key", max_scope=[]) == (11030, "too_many_api_keys")
    assert await owner.call("private/remove_api_key", id=8) == "ok"
    assert (await owner.call("private/create_api_key", max_scope=[]))["id"] == 9  # a number is not used twice


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"max_scope": ["trade:write"]},
        {"max_scope": ["mainaccount"]},
        {"max_scope": ["trade:read", "trade:none"]},
        {"max_scope": 7},
        {"max_scope": [7]},
        {"max_scope": ["trade:read"] * 20},
        {"max_scope": [], "name": "a b"},
        {"max_scope": [], "name": "x" * 17},
        {"max_scope": [], "name": "é"},
        {"max_scope": [], "enabled_features": ["flying"]},
        {"max_scope": [], "public_key": "no key"},
        {"max_scope": [], "public_key": 5},
        {"max_scope": [], "public_key": "x" * 5_000},
    ],
)
async def test_what_makes_no_key(owner: Peer, params: dict[str, object]) -> None:
    assert (await refused(owner, "private/create_api_key", **params))[0] == -32602
    assert len(await owner.call("private/list_api_keys")) == 1


async def test_nobody_makes_or_changes_a_key_that_may_more(venue: Live, owner: Peer) -> None:
    made = await owner.call("private/create_api_key", max_scope=["account:read_write"])
    peer = await venue.socket(named(made, venue))
    assert (await refused(peer, "private/create_api_key", max_scope=["trade:read"]))[0] == 13403
    assert (await refused(peer, "private/change_scope_in_api_key", id=2, max_scope=ALL))[0] == 13403
    for method in ("reset_api_key", "edit_api_key", "change_scope_in_api_key", "enable_api_key"):
        assert (await refused(peer, f"private/{method}", id=1, max_scope=[]))[0] == 13403
    assert (await peer.call("private/create_api_key", max_scope=["account:read"]))["id"] == 3
    await peer.close()


async def test_the_key_of_another_account_is_not_found(venue: Live, owner: Peer) -> None:
    stranger = await venue.socket(await venue.account())
    await stranger.call("private/create_api_key", max_scope=[])
    for method in (
        "edit_api_key",
        "change_api_key_name",
        "change_scope_in_api_key",
        "enable_api_key",
        "disable_api_key",
        "reset_api_key",
        "remove_api_key",
    ):
        assert (await refused(owner, f"private/{method}", id=2, max_scope=[], name="mine"))[0] == 13020
    assert [key["name"] for key in await stranger.call("private/list_api_keys")] == ["", ""]
    await stranger.close()


async def test_a_narrowed_key_loses_at_once_what_it_may_not(venue: Live, owner: Peer) -> None:
    made = await owner.call("private/create_api_key", max_scope=ALL)
    key = named(made, venue)
    peer = await venue.socket(key)
    _, reply = await venue.http(request("GET", "/api/v2/public/auth?" + query(key)))
    token = reply["result"]["access_token"]
    await peer.call("private/subscribe", channels=["user.orders.any.any.raw", "user.portfolio.USDC"])
    changed = await owner.call("private/change_scope_in_api_key", id=2, max_scope=["account:read"])
    assert changed["max_scope"] == ["account:read"]
    assert (await refused(peer, "private/get_positions"))[0] == 13021
    assert await peer.call("private/get_account_summary", currency="USDC")
    left = ["user.orders.any.any.raw", "user.portfolio.USDC"]
    assert await peer.call("private/unsubscribe", channels=left) == ["user.portfolio.USDC"]
    header = f"Authorization: Bearer {token}"
    for method, status in (("get_positions", 400), ("get_account_summary?currency=USDC", 200)):
        assert (await venue.http(request("GET", f"/api/v2/private/{method}", b"", header)))[0] == status
    refreshed = await venue.socket()
    again = await refreshed.call(
        "public/auth", grant_type="refresh_token", refresh_token=reply["result"]["refresh_token"]
    )
    assert again["scope"] == "account:read connection mainaccount"
    await refreshed.close()
    await peer.close()


def query(key: Key) -> str:
    return "&".join(f"{name}={value}" for name, value in grant(key).items())


@pytest.mark.parametrize("how", ["disable_api_key", "remove_api_key", "reset_api_key", "edit_api_key"])
async def test_an_ended_key_closes_its_connections_and_tokens(venue: Live, owner: Peer, how: str) -> None:
    made = await owner.call("private/create_api_key", max_scope=ALL)
    key = named(made, venue)
    peer = await venue.socket(key)
    _, reply = await venue.http(request("GET", "/api/v2/public/auth?" + query(key)))
    more = {"max_scope": ALL, "enabled": False} if how == "edit_api_key" else {}
    found = await owner.call(f"private/{how}", id=2, **more)
    assert (await peer.raw.close_code())[0] == CLOSE_KEY_REVOKED
    header = f"Authorization: Bearer {reply['result']['access_token']}"
    status, answer = await venue.http(request("GET", "/api/v2/private/get_positions", b"", header))
    assert (status, answer["error"]["code"]) == (400, 13009)
    fresh = await venue.socket()
    assert (await refused(fresh, "public/auth", **grant(key)))[0] == 13004
    token = {"grant_type": "refresh_token", "refresh_token": reply["result"]["refresh_token"]}
    assert (await refused(fresh, "public/auth", **token))[0] == 13009
    if how == "reset_api_key":
        assert found["client_secret"] not in ("", key.secret)
        assert await fresh.call("public/auth", **{**grant(key), "client_secret": found["client_secret"]})
    elif how != "remove_api_key":
        assert (await owner.call("private/enable_api_key", id=2))["enabled"] is True
        assert await fresh.call("public/auth", **grant(key))
        assert (await refused(fresh, "public/auth", **token))[0] == 13009
    await fresh.close()


async def test_the_last_key_stays(owner: Peer) -> None:
    for method in ("disable_api_key", "remove_api_key"):
        assert await refused(owner, f"private/{method}", id=1) == (11030, "last_api_key")


async def test_a_key_is_used_from_its_addresses_alone(venue: Live, owner: Peer) -> None:
    made = await owner.call("private/create_api_key", max_scope=ALL)
    key = named(made, venue)
    inside, peer = await venue.socket(key), await venue.socket(key)
    changed = await owner.call("private/edit_api_key", id=2, max_scope=ALL, ip_whitelist=["127.0.0.1"])
    assert changed["ip_whitelist"] == ["127.0.0.1"]
    assert await inside.call("private/get_positions") == []
    await owner.call("private/edit_api_key", id=2, max_scope=ALL, ip_whitelist=["10.0.0.1", "::1"])
    assert (await peer.raw.close_code())[0] == CLOSE_KEY_REVOKED
    fresh = await venue.socket()
    assert await refused(fresh, "public/auth", **grant(key)) == (13009, "ip_not_allowed")
    status, reply = await venue.http(venue.signed(key, "private/get_positions"))
    assert (status, reply["error"]["data"]["reason"]) == (400, "ip_not_allowed")
    wrong = {"id": 2, "max_scope": ALL, "ip_whitelist": ["10.0.0.300"]}
    assert (await refused(owner, "private/edit_api_key", **wrong))[0] == -32602
    await owner.call("private/edit_api_key", id=2, max_scope=ALL, ip_whitelist=[])
    assert await fresh.call("public/auth", **grant(key))
    await fresh.close()


async def test_a_token_may_be_bound_to_an_address(venue: Live, owner: Peer) -> None:
    key = await venue.account()
    fresh = await venue.socket()
    assert await refused(fresh, "public/auth", **grant(key), scope="ip:10.0.0.1") == (13009, "ip_not_allowed")
    for scope in ("ip:127.0.0.1", "ip:*"):
        assert scope in (await fresh.call("public/auth", **grant(key), scope=scope))["scope"].split()
    await fresh.close()


# --- public keys -----------------------------------------------------------------------------------


def pem(private: Any) -> str:
    text: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


RSA = rsa.generate_private_key(65_537, 2_048)
EDWARDS = ed25519.Ed25519PrivateKey.generate()


def signed(private: Any, message: bytes) -> bytes:
    by_rsa: bytes = RSA.sign(message, padding.PKCS1v15(), hashes.SHA256())
    by_edwards: bytes = EDWARDS.sign(message)
    return by_rsa if private is RSA else by_edwards


@pytest.mark.parametrize("private", [RSA, EDWARDS], ids=["rsa", "ed25519"])
async def test_an_owner_may_sign_with_a_key_of_their_own(venue: Live, owner: Peer, private: Any) -> None:
    made = await owner.call("private/create_api_key", max_scope=ALL, public_key=pem(private))
    assert (made["client_secret"], made["public_key"]) == ("", pem(private))
    now_ms = venue.clock.now_ms()
    raw = signed(private, websocket_message(now_ms, "n", "d"))
    asked = {"grant_type": "client_signature", "client_id": made["client_id"], "timestamp": now_ms}
    asked |= {"nonce": "n", "data": "d"}
    peer = await venue.socket()
    urlsafe = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    for text in (raw.hex(), base64.b64encode(raw).decode(), urlsafe):
        assert await peer.call("public/auth", **asked, signature=text)
    changed = (*raw[:-1], raw[-1] ^ 1)
    for text in (bytes(changed).hex(), "", "!", "é", "ab"):
        assert (await refused(peer, "public/auth", **asked, signature=text))[0] in (13004, -32602)
    other = {**asked, "data": "other"}
    assert (await refused(peer, "public/auth", **other, signature=raw.hex()))[0] == 13004
    # Nothing else opens it: it has no secret, not even an empty one.
    secretless = {"grant_type": "client_credentials", "client_id": made["client_id"], "client_secret": ""}
    assert (await refused(peer, "public/auth", **secretless))[0] in (13004, -32602)
    basic = base64.b64encode(f"{made['client_id']}:".encode()).decode()
    header = f"Authorization: Basic {basic}"
    status, reply = await venue.http(request("GET", "/api/v2/private/get_positions", b"", header))
    assert (status, reply["error"]["code"]) == (400, 13004)
    assert await refused(owner, "private/reset_api_key", id=made["id"]) == (11030, "asymmetric_api_key")
    await peer.close()


async def test_weak_and_other_public_keys_are_refused(owner: Peer) -> None:
    for private in (rsa.generate_private_key(65_537, 1_024), ec.generate_private_key(ec.SECP256R1())):
        code, _ = await refused(owner, "private/create_api_key", max_scope=ALL, public_key=pem(private))
        assert code == -32602


# --- the access log and logins ---------------------------------------------------------------------


async def test_the_access_log_tells_who_came_and_what_changed(owner: Peer) -> None:
    await owner.call("private/create_api_key", max_scope=[])
    found = await owner.call("private/get_access_log")
    assert [line["log"] for line in found] == ["api_key_created", "login"]
    assert {line["ip"] for line in found} == {"127.0.0.1"}
    assert (await owner.call("private/get_access_log", offset=1, count=1)) == found[1:]
    assert (await refused(owner, "private/get_access_log", count=0))[0] == -32602


async def test_the_login_of_a_subaccount_is_its_main_accounts_to_switch(venue: Live) -> None:
    main_key = await venue.account()
    sub_key = await venue.account(0, main_key.account)
    main, sub = await venue.socket(main_key), await venue.socket(sub_key)
    stranger = await venue.socket(await venue.account())
    off = {"sid": sub_key.account, "state": "disable"}
    assert (await refused(stranger, "private/toggle_subaccount_login", **off))[0] == 13021
    assert await main.call("private/toggle_subaccount_login", **off) == "ok"
    assert (await sub.raw.close_code())[0] == CLOSE_KEY_REVOKED
    fresh = await venue.socket()
    assert (await refused(fresh, "public/auth", **grant(sub_key)))[0] == 13004
    await main.call("private/toggle_subaccount_login", **{**off, "state": "enable"})
    assert await fresh.call("public/auth", **grant(sub_key))
    for peer in (main, stranger, fresh):
        await peer.close()
