"""No silent outcome: whatever is asked over a real socket is answered, and every error that is told stands
in the registry that the API itself serves."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pytest

from exchange.gateway.methods.table import METHODS
from exchange.wire.unavailable import UNAVAILABLE
from tests.conformance.schema import facts
from tests.unit.gateway.live import Peer, live
from tests.unit.gateway.rig import OPTION

_ENDS_THE_SESSION: Final = ("private/logout", "public/auth", "public/strikebook_sign_up")
_ASKED: Final = sorted({*METHODS, *UNAVAILABLE, "public/no_such_method"} - {*_ENDS_THE_SESSION})
_WRONG: Final[tuple[object, ...]] = (None, "NaN", -1, 10**30, True, [], {"a": [1]}, "x" * 300, 5_000.3)
_INTERNAL: Final = 11094


def _variants(method: str) -> list[dict[str, Any]]:
    """Nothing at all; each wrong value in every parameter; each parameter wrong while others are right."""
    known = facts.methods().get(method)
    names = [fact.path for fact in known.params] if known is not None else ["instrument_name", "amount"]
    right: dict[str, Any] = {"instrument_name": OPTION, "amount": 0.1, "price": 5_000.0, "currency": "USDC"}
    sensible = {name: right[name] for name in names if name in right}
    found: list[dict[str, Any]] = [{}, *(dict.fromkeys(names, value) for value in _WRONG)]
    found += [{**sensible, name: _WRONG[at % len(_WRONG)]} for at, name in enumerate(names)]
    return found


@pytest.mark.asyncio
async def test_every_error_told_is_in_the_registry_that_is_served() -> None:
    async with live() as venue:
        peer = await venue.socket(await venue.account())
        registry = {
            entry["code"]: entry for entry in (await peer.call("public/strikebook_get_errors"))["errors"]
        }
        asked = [(method, params) for method in _ASKED for params in _variants(method)]
        asked.append(("private/change_margin_model", {"margin_model": "cross_sm"}))  # not offered
        told: Counter[int] = Counter()
        for (method, params), reply in zip(asked, await _replies(peer, asked), strict=True):
            if "error" not in reply:
                continue
            wrong = reply["error"]
            assert wrong["code"] in registry, (method, params, wrong)
            assert wrong["message"].startswith(registry[wrong["code"]]["name"]), (method, wrong)
            assert wrong["code"] != _INTERNAL or method == "public/test", (method, params)
            told[wrong["code"]] += 1
        assert len(told) > 10, told
        assert {-32602, -32601, 10020, 10033, 13503} <= set(told)


async def _replies(peer: Peer, asked: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One reply for each request, whatever the order they came in."""
    replies: dict[int, dict[str, Any]] = {}
    numbers: list[int] = []
    for at in range(0, len(asked), 40):
        some = [peer.send(method, **params) for method, params in asked[at : at + 40]]
        numbers += some
        waiting = set(some)
        while waiting:
            message = await peer.raw.reply()
            if message.get("id") in waiting:
                waiting.discard(message["id"])
                replies[message["id"]] = message
    return [replies[number] for number in numbers]
