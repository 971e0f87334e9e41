"""Block trades and requests for their approval as the objects clients read."""

from __future__ import annotations

from collections.abc import Sequence

from exchange.gateway.deals.block_approvals import Approval
from exchange.gateway.deals.block_desk import unpack_trades
from exchange.gateway.deals.block_index import block_name
from exchange.gateway.deals.block_signatures import Term
from exchange.gateway.deals.block_store import Part
from exchange.gateway.read_records import read_trade
from exchange.gateway.registry import Registry
from exchange.gateway.rendering import Rendering
from exchange.wire.names import direction
from exchange.wire.objects import JsonObject


def block_object(part: Part, account: int, rendering: Rendering) -> JsonObject:
    """`<block_trade>`: what one maker and the taker traded in a block, as one of them sees it."""
    trades = [
        rendering.trade(read_trade(record), account, None, tick)
        for record, tick in unpack_trades(part.trades)
    ]
    return {"id": block_name(part.id), "timestamp": part.time_ms, "trades": trades}


def terms_objects(terms: Sequence[Term], registry: Registry) -> list[JsonObject]:
    """The trades of a block as they were agreed, directions as the maker's."""
    found: list[JsonObject] = []
    for term in terms:
        view = registry.instruments[term.instrument]
        found.append(
            {
                "instrument_name": view.name,
                "direction": direction(term.lots < 0),
                "price": view.price(term.price_ticks),
                "amount": view.amount(abs(term.lots)),
            }
        )
    return found


def approval_object(
    request: Approval, other: Approval | None, registry: Registry, username: str
) -> JsonObject:
    """`<pending_block_trade>`; the other side's state where that side needs an approval too."""
    found: JsonObject = {
        "nonce": request.side.nonce,
        "timestamp": request.side.timestamp_ms,
        "trades": terms_objects(request.terms, registry),
        "app_name": request.key_name,
        "username": username,
        "role": "maker" if request.side.is_maker else "taker",
        "user_id": request.side.account,
        "state": {"value": request.state, "timestamp": request.state_ms},
    }
    if other is not None:
        found["counterparty_state"] = {"value": other.state, "timestamp": other.state_ms}
    return found
