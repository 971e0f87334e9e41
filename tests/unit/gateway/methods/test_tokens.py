"""Sessions of tokens: named, forked, exchanged, pushed out, logged out of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from exchange.keys.key_table import Key
from exchange.keys.live_sessions import CLOSE_SESSION_REPLACED
from exchange.keys.sign_ins import REVOKED_PER_KEY_MAX, SESSIONS_PER_KEY_MAX
from tests.unit.gateway.live import Live, Peer, Refused, grant, live, request

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def venue() -> AsyncIterator[Live]:
    async with live() as made:
        yield made


async def code(peer: Peer, method: str, **params: object) -> int:
    with pytest.raises(Refused) as caught:
        await peer.call(method, **params)
    return caught.value.code


async def opens(venue: Live, reply: Any) -> bool:
    """Whether an access token still opens anything."""
    header = f"Authorization: Bearer {reply['access_token']}"
    return (await venue.http(request("GET", "/api/v2/private/get_positions", b"", header)))[0] == 200


async def auth(venue: Live, key: Key, scope: str = "") -> tuple[Peer, Any]:
    peer = await venue.socket()
    return peer, await peer.call("public/auth", **grant(key), scope=scope)


async def test_a_named_session_is_forked_into_another(venue: Live) -> None:
    key = await venue.account()
    peer, first = await auth(venue, key, "session:desk trade:read")
    assert "session:desk" in first["scope"].split()
    token = first["refresh_token"]
    second = await peer.call("public/fork_token", refresh_token=token, session_name="robot")
    assert second["scope"] == "mainaccount session:robot trade:read"
    assert second["sid"] != first["sid"]
    assert await opens(venue, second)
    assert await peer.call("public/fork_token", refresh_token=token, session_name="robot")  # not used up
    assert await code(peer, "public/fork_token", refresh_token=token, session_name="a b") == -32602
    assert await code(peer, "public/fork_token", refresh_token="no", session_name="x") == 13009
    _, plain = await auth(venue, key)
    forked = {"refresh_token": plain["refresh_token"], "session_name": "x"}
    assert await code(peer, "public/fork_token", **forked) == 13021


async def test_the_same_name_is_the_same_session(venue: Live) -> None:
    key = await venue.account()
    _, first = await auth(venue, key, "session:desk")
    _, second = await auth(venue, key, "session:desk")
    assert first["sid"] == second["sid"]


async def test_the_oldest_of_more_than_16_named_sessions_goes(venue: Live) -> None:
    key = await venue.account()
    made = [await auth(venue, key, f"session:s{n}") for n in range(SESSIONS_PER_KEY_MAX)]
    plain = [await auth(venue, key) for _ in range(3)]  # not counted
    assert await made[0][0].call("private/get_positions") == []
    _, last = await auth(venue, key, "session:one-more")
    assert (await made[0][0].raw.close_code())[0] == CLOSE_SESSION_REPLACED
    assert not await opens(venue, made[0][1])
    fresh = await venue.socket()
    token = {"grant_type": "refresh_token", "refresh_token": made[0][1]["refresh_token"]}
    assert await code(fresh, "public/auth", **token) == 13009
    for peer, reply in (*made[1:], *plain):
        assert await peer.call("private/get_positions") == []
        assert await opens(venue, reply)
    assert await opens(venue, last)
    for peer, _ in made:
        await peer.close()


async def test_a_main_accounts_token_is_exchanged_for_its_subaccount(venue: Live) -> None:
    main = await venue.account()
    sub = await venue.account(0, main.account)
    stranger = await venue.account()
    peer, first = await auth(venue, main, "session:desk")
    params: dict[str, object] = {"refresh_token": first["refresh_token"], "subject_id": sub.account}
    reply = await peer.call("public/exchange_token", **params)
    assert "mainaccount" not in reply["scope"].split()
    on = await venue.socket()
    found = await on.call("private/get_account_summary", currency="USDC", access_token=reply["access_token"])
    assert found["id"] == sub.account
    assert await code(on, "private/get_subaccounts") == 13012
    narrow = await peer.call("public/exchange_token", **params, scope="trade:read")
    assert "account:read_write" not in narrow["scope"].split()
    for subject in (stranger.account, 1, 10**9):
        assert await code(peer, "public/exchange_token", **{**params, "subject_id": subject}) == 13021
    # A subaccount goes nowhere.
    back = {"refresh_token": reply["refresh_token"], "subject_id": main.account}
    assert await code(peer, "public/exchange_token", **back) == 13021
    # Where the subaccount's login is off, nobody is let in.
    await peer.call("private/toggle_subaccount_login", sid=sub.account, state="disable")
    assert not await opens(venue, reply)
    assert await code(peer, "public/exchange_token", **params) == 13021


async def test_logout_closes_the_connection_and_ends_its_tokens(venue: Live) -> None:
    key = await venue.account()
    for invalidate, scope in ((True, ""), (False, ""), (True, "session:desk")):
        peer, reply = await auth(venue, key, scope)
        peer.send("private/logout", invalidate_token=invalidate)
        assert await peer.raw.close_code() == (1000, "logout")
        assert await opens(venue, reply) is not invalidate
        fresh = await venue.socket()
        token = {"grant_type": "refresh_token", "refresh_token": reply["refresh_token"]}
        if invalidate:
            assert await code(fresh, "public/auth", **token) == 13009
        else:
            assert await fresh.call("public/auth", **token)


async def test_logout_is_for_websockets(venue: Live) -> None:
    key = await venue.account()
    status, reply = await venue.http(venue.signed(key, "private/logout"))
    assert (status, reply["error"]["code"]) == (400, 10030)


async def test_a_key_that_logs_out_without_end_loses_all_its_tokens_instead_of_memory(venue: Live) -> None:
    key = await venue.account()
    sign_ins = venue.credentials.sign_ins
    until_ms = venue.clock.now_ms() + 1_000
    for n in range(REVOKED_PER_KEY_MAX):
        assert sign_ins.end_session(key.client_id, f"c-{n}", until_ms)
    other, reply = await auth(venue, key)
    peer, _ = await auth(venue, key)
    peer.send("private/logout")
    await peer.raw.close_code()
    venue.clock.advance_ms(1)
    assert not await opens(venue, reply)
    await other.close()


async def test_sessions_survive_a_restart(venue: Live) -> None:
    key = await venue.account()
    _, kept = await auth(venue, key, "session:desk")
    gone_peer, gone = await auth(venue, key)
    gone_peer.send("private/logout")
    await gone_peer.raw.close_code()
    again = type(venue.credentials.sign_ins)(
        venue.credentials._db, venue.credentials._entropy, venue.credentials._clock
    )
    assert again.is_alive(kept["sid"])
    assert not again.is_alive(gone["sid"])
