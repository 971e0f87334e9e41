"""Limits that never kill a session, over real sockets: whoever is beyond its budget is told how long to wait,
keeps its connection, and can always cancel."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.gateway.sockets.config import ServerConfig
from exchange.keys.key_table import Key
from exchange.wire.credits import CreditPolicy, Pool
from tests.unit.gateway.live import Live, Peer, live
from tests.unit.gateway.rig import OPTION

ORDERS = 8
POLICY = CreditPolicy(general=Pool(20_000, 500, 500), matching=(Pool(ORDERS, 1, 1),))
ORDER: dict[str, Any] = {"instrument_name": OPTION, "amount": 0.1, "price": 4_900.0}
CANCELS: dict[str, dict[str, Any]] = {
    "cancel_all": {},
    "cancel_by_label": {"label": "mine"},
    "cancel_all_by_instrument": {"instrument_name": OPTION},
    "cancel_all_by_currency": {"currency": "BTC"},
    "cancel_all_by_currency_pair": {"currency_pair": "btc_usdc"},
    "cancel_all_by_kind_or_type": {"currency": "any"},
    "cancel_quotes": {"cancel_type": "all"},
}


async def asked(peer: Peer, method: str, **params: Any) -> Any:
    """The whole reply."""
    return await peer.envelope(peer.send(method, **params))


async def spent(venue: Live, key: Key) -> tuple[Peer, list[str]]:
    """A session that has spent its budget for orders, and what it placed for it."""
    peer = await venue.socket(key)
    replies = [
        await asked(peer, "private/buy", **ORDER, **({"label": "mine"} if at % 2 else {}))
        for at in range(ORDERS)
    ]
    assert [reply["budget"] for reply in replies] == list(range(ORDERS - 1, -1, -1))
    return peer, [reply["result"]["order"]["order_id"] for reply in replies]


async def test_beyond_the_budget_orders_wait_and_cancels_pass() -> None:
    async with live(config=ServerConfig(credits=POLICY, close_timeout_s=0.3)) as venue:
        peer, placed = await spent(venue, await venue.account())
        burst = [peer.send(f"private/{side}", **ORDER) for side in ("buy", "sell") for _ in range(50)]
        first = peer.send("private/cancel", order_id=placed[0])
        for each in burst:
            refused = await peer.envelope(each)
            assert (refused["error"]["code"], refused["error"]["data"]["wait_ms"]) == (10028, 1_000)
            assert refused["budget"] == 0
        gone = await peer.envelope(first)
        assert (gone["result"]["order_state"], gone["budget"]) == ("cancelled", 0)
        while "error" not in (other := await asked(peer, "public/get_time")):
            pass
        assert other["error"]["code"] == 10028
        for name, params in {"cancel": {"order_id": placed[1]}, **CANCELS}.items():
            reply = await asked(peer, f"private/{name}", **params)
            assert "error" not in reply, name
        venue.clock.advance_ms(1_000)
        assert (await asked(peer, "private/get_open_orders"))["result"] == []
        assert (await asked(peer, "private/buy", **ORDER))["budget"] == 0


async def test_a_cancel_passes_over_http_too_and_takes_only_its_own_orders() -> None:
    async with live(config=ServerConfig(credits=POLICY, close_timeout_s=0.3)) as venue:
        key = await venue.account()
        _, placed = await spent(venue, key)
        other = await venue.socket(await venue.account())
        theirs = (await asked(other, "private/buy", **ORDER))["result"]["order"]["order_id"]
        status, reply = await venue.http(venue.signed(key, "private/buy", ORDER))
        assert (status, reply["error"]["code"]) == (429, 10028)
        status, reply = await venue.http(venue.signed(key, "private/cancel_all"))
        assert (status, reply["result"], reply["budget"]) == (200, len(placed), 0)
        left = (await asked(other, "private/get_open_orders"))["result"]
        assert [order["order_id"] for order in left] == [theirs]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("public/get_time", {}),
        ("public/ticker", {"instrument_name": OPTION}),
        ("public/ticker", {"instrument_name": "nothing"}),
        ("public/subscribe", {"channels": ["platform_state"]}),
        ("private/get_positions", {"currency": "any"}),
        ("private/cancel", {"order_id": "7"}),
        ("private/mass_quote", {"quotes": []}),
        ("private/edit", {"order_id": "7", "amount": 1}),
        ("public/no_such_method", {}),
    ],
)
async def test_every_reply_tells_what_is_left(method: str, params: dict[str, Any]) -> None:
    """Of the requests of its kind; of an error as of a result."""
    async with live(config=ServerConfig(credits=POLICY, close_timeout_s=0.3)) as venue:
        peer = await venue.socket(await venue.account())
        before, after = [(await asked(peer, method, **params))["budget"] for _ in range(2)]
        assert after == before - 1

