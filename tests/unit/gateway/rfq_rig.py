"""Requests for quotes as tests make them: two legs, an amount of 2, ratios 1 and 2."""

from __future__ import annotations

from typing import Any

from tests.unit.gateway.rig import OPTION, PERPETUAL, PUT, Client

LEGS: list[dict[str, Any]] = [
    {"instrument_name": OPTION, "amount": 2, "direction": "buy"},
    {"instrument_name": PUT, "amount": 4, "direction": "sell"},
]
"""An amount of 2, ratios 1 and 2."""
HEDGE: dict[str, Any] = {
    "instrument_name": PERPETUAL, "amount": 1, "direction": "sell", "price": 100_000,
}  # fmt: skip


def asked(client: Client, **more: Any) -> Any:
    return client.call("private/create_block_rfq", **{"legs": LEGS, "label": "mine", **more})


def named(call_price: float | None = None, put_price: float | None = None) -> list[dict[str, Any]]:
    """The legs as quotes and acceptances name them."""
    found: list[dict[str, Any]] = []
    for leg, ratio, price in zip(LEGS, (1, 2), (call_price, put_price), strict=True):
        one = {"instrument_name": leg["instrument_name"], "direction": leg["direction"], "ratio": ratio}
        found.append(one if price is None else {**one, "price": price})
    return found


def quoted(client: Client, rfq: Any, side: str, call_price: float, put_price: float, **more: Any) -> Any:
    given = {"amount": 2, "legs": named(call_price, put_price), "direction": side, **more}
    return client.call("private/add_block_rfq_quote", block_rfq_id=rfq["block_rfq_id"], **given)


def accepted(client: Client, rfq: Any, side: str, price: float, amount: float = 2, **more: Any) -> Any:
    given = {"legs": named(), "direction": side, "price": price, "amount": amount, **more}
    given.setdefault("time_in_force", "fill_or_kill")
    return client.call("private/accept_block_rfq", block_rfq_id=rfq["block_rfq_id"], **given)


def seen(client: Client, rfq: Any, **more: Any) -> Any:
    found = client.call("private/get_block_rfqs", block_rfq_id=rfq["block_rfq_id"], **more)["block_rfqs"]
    return found[0] if found else None
