"""What a trade's object says of the combo it belongs to: `combo_id`, `combo_trade_id`, and `legs`."""

from __future__ import annotations

from collections.abc import Callable

from exchange.domain import records as r
from exchange.domain.combo_prints import combo_of, is_print, legs_of
from exchange.gateway.registry import Registry
from exchange.wire.objects import JsonObject

_FLAGS_AT = 88


def is_of_combo(trade: bytes) -> bool:
    """Whether a TRADE is a combo's print or one of its legs."""
    return bool(trade[_FLAGS_AT] & r.TRADE_COMBO)


def combo_fields(trade: bytes, registry: Registry) -> JsonObject:
    """The combo of a print or of a marked TRADE, and the id of its print; nothing of any other trade."""
    if is_print(trade):
        combo, ident = int.from_bytes(trade[20:24], "little"), int.from_bytes(trade[24:32], "little")
    else:
        combo, ident = combo_of(trade)
    if combo < 0:
        return {}
    return {"combo_id": registry.instruments[combo].name, "combo_trade_id": str(ident)}


def own_combo_fields(
    trade: bytes, registry: Registry, leg: Callable[[bytes], JsonObject]
) -> JsonObject:
    """As `combo_fields`; a print's also has the account's side of each leg, which `leg` makes."""
    found = combo_fields(trade, registry)
    if is_print(trade):
        found["legs"] = [leg(each) for each in legs_of(trade)]
    return found
