"""What the gateway's benchmark sends: masked WebSocket frames, packed before anything is timed.

Seven orders of ten rest near the touch, three are immediate-or-cancel and take from the other side. A
connection acts for one account after the other: every `TURN`-th request carries the access token of the
next one, so that all of them trade.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from websockets.frames import Frame, Opcode

from clients import fast_lane
from exchange.domain import lane
from exchange.domain import records as r
from loadtest.gateway_world import anchor_ticks

TURN: Final = 50
CROSSING: Final = 0.3
REACH_TICKS: Final = 10
QUOTES: Final = 100
_TICK_USDC: Final = ((60.0, 1.0), (2.5, 0.05))  # by underlying: perpetual, option
_LOT: Final = (0.0025, 0.025)


class Market(NamedTuple):
    """What the venue told when it started."""

    tokens: list[str]
    names: list[str]


def masked(payload: bytes, opcode: Opcode = Opcode.TEXT) -> bytes:
    """One client frame."""
    return Frame(opcode, payload).serialize(mask=True)


def usdc(instrument: int, ticks: int) -> float:
    """A price as the dialect writes it."""
    tick = _TICK_USDC[instrument % 2][instrument >= 2]
    return round(ticks * tick, 2)


def _call(request_id: int, method: str, params: dict[str, Any]) -> bytes:
    return json.dumps(
        {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}, separators=(",", ":")
    ).encode()


def auth_frame(token: str) -> bytes:
    """A first request that binds the connection to an account."""
    return masked(_call(0, "private/get_positions", {"access_token": token, "currency": "any"}))


def order_payloads(market: Market, connection: int, connections: int, count: int, seed: int) -> list[bytes]:
    """`private/buy` and `private/sell`, one order a frame; ids count from 1 over all connections."""
    rng = random.Random(f"{seed}/{connection}")
    mine = range(connection, len(market.tokens), connections)
    account = mine[0]
    found = []
    for number in range(count):
        params: dict[str, Any] = {}
        if number % TURN == 0:
            account = mine[number // TURN % len(mine)]
            params["access_token"] = market.tokens[account]
        instrument = rng.randrange(len(market.names))
        sell = account % 2 == 1
        crossing = rng.random() < CROSSING
        away = -rng.randint(1, REACH_TICKS) if crossing else rng.randint(1, REACH_TICKS)
        ticks = anchor_ticks(instrument) + (away if sell else -away)
        params["instrument_name"] = market.names[instrument]
        params["amount"] = _LOT[instrument % 2]
        params["type"] = "limit"
        params["price"] = usdc(instrument, ticks)
        if crossing:
            params["time_in_force"] = "immediate_or_cancel"
        method = "private/sell" if sell else "private/buy"
        found.append(_call(1 + number * connections + connection, method, params))
    return found


def quote_payloads(market: Market, connection: int, connections: int, count: int, seed: int) -> list[bytes]:
    """`private/mass_quote` of a hundred one-sided quotes; three of ten cross."""
    rng = random.Random(f"{seed}/quotes/{connection}")
    mine = range(connection, len(market.tokens), connections)
    found = []
    for number in range(count):
        account = mine[number % len(mine)]
        side = "ask" if account % 2 else "bid"
        quotes = []
        for instrument in rng.sample(range(len(market.names)), min(QUOTES, len(market.names))):
            crossing = rng.random() < CROSSING
            away = -1 if crossing else rng.randint(1, REACH_TICKS)
            ticks = anchor_ticks(instrument) + (away if side == "ask" else -away)
            quote = {"price": usdc(instrument, ticks), "amount": _LOT[instrument % 2]}
            quotes.append({"instrument_name": market.names[instrument], side: quote})
        params = {"access_token": market.tokens[account], "quotes": quotes, "detailed": False}
        found.append(_call(1 + number * connections + connection, "private/mass_quote", params))
    return found


def lane_runs(market: Market, connection: int, count: int, seed: int, *, sell: bool) -> list[bytes]:
    """Messages of a hundred orders of the fast lane, as frames whose mask is zero."""
    rng = random.Random(f"{seed}/lane/{connection}")
    found = []
    for _ in range(count):
        orders = []
        for _ in range(lane.COMMANDS_MAX):
            instrument = rng.randrange(len(market.names))
            crossing = rng.random() < CROSSING
            away = -rng.randint(1, REACH_TICKS) if crossing else rng.randint(1, REACH_TICKS)
            ticks = anchor_ticks(instrument) + (away if sell else -away)
            flags = r.TIF_IOC << r.TIF_SHIFT if crossing else 0
            orders.append(
                fast_lane.new_order(instrument, sell=sell, price_ticks=ticks, size_lots=1, flags=flags)
            )
        found.append(unmasked(fast_lane.Lane().commands(orders)))
    return found


def lane_hellos(
    market: Market, connection: int, connections: int, *, fills: bool = False
) -> list[bytes]:
    """HELLOs of the accounts that share a connection, all on one side of the market; whether they ask to be
    told of fills."""
    mine = range(connection, len(market.tokens), connections + connections % 2)
    return [unmasked(fast_lane.hello(market.tokens[account], fills=fills)) for account in mine]


def unmasked(payload: bytes) -> bytes:
    """One binary client frame with a mask of zeros, so that it can be changed in place."""
    head = bytes((0x82, 0x80 | 126)) + len(payload).to_bytes(2, "big")
    if len(payload) < 126:
        head = bytes((0x82, 0x80 | len(payload)))
    return head + bytes(4) + payload


def frames(payloads: Sequence[bytes]) -> list[bytes]:
    """The payloads as masked text frames."""
    return [masked(payload) for payload in payloads]
