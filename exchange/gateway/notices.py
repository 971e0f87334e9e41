"""What the venue itself has ordered, as public notices: states, parameters, fees, auctions, losses.

Every command of the venue that concerns all is sequenced and journaled like any other; these are its
events in words. Orders about one account (tier, caps, lock) are shown to that account alone.
"""

from __future__ import annotations

from typing import Final

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.registry import Registry
from exchange.wire import names
from exchange.wire.instruments import usdc
from exchange.wire.objects import JsonObject

_STATES: Final = {0: "open", 1: "cancel_only", 2: "halted"}
_PPM: Final = 1_000_000
_PUBLIC_STEPS: Final = frozenset({r.LIQ_AUCTION, r.LIQ_TAKEOVER, r.LIQ_FUND, r.LIQ_DEFICIT})


def mode_name(mode: int) -> str:
    """`open` or `cancel_only`."""
    return _STATES[mode]


def notice(event: ev.Event, registry: Registry) -> JsonObject | None:
    """The notice of an event, or None if it is nobody's business. Call it before the registry takes a
    listing, so that a change of state is told from one."""
    found = _of_parameters(event, registry) or _of_states(event, registry)
    if found is None and isinstance(event, ev.Liquidation) and event.kind in _PUBLIC_STEPS:
        found = {
            "command": "liquidation",
            "step": r.LIQUIDATION_NAMES[event.kind],
            "account": event.head.account,
            "amount": usdc(event.amount_micro),
            "timestamp": event.time_ms,
        }
    if found is not None:
        found["seq"] = event.head.seq
    return found


def _of_parameters(event: ev.Event, registry: Registry) -> JsonObject | None:
    if isinstance(event, ev.Risk):
        return {
            "command": "risk",
            "index_name": names.index_name(registry.symbols[event.head.instrument]),
            "parameters": event.parameters._asdict(),
        }
    if isinstance(event, ev.Fees):
        return {
            "command": "set_fees",
            "timestamp": event.time_ms,
            "combo_discount_permille": event.combo_discount_permille,
            "tiers": [tier._asdict() for tier in event.tiers],
        }
    if isinstance(event, ev.Done) and event.command == r.SET_RULES:
        return {"command": "set_rules", "timestamp": event.time_ms}
    return None


def _of_states(event: ev.Event, registry: Registry) -> JsonObject | None:
    if isinstance(event, ev.Instrument):
        instrument = event.head.instrument
        if instrument >= len(registry.instruments):
            return None  # listings have a channel of their own
        return {
            "command": "deliver" if event.state == r.STATE_DELIVERED else "set_instrument_state",
            "instrument_name": registry.instruments[instrument].name,
            "state": names.instrument_state(event.state),
            "timestamp": event.time_ms,
        }
    if isinstance(event, ev.Underlying):
        underlying = event.head.instrument
        listed = underlying < len(registry.symbols)
        found: JsonObject = {"command": "set_underlying_state" if listed else "list_underlying"}
        if listed:
            found["index_name"] = names.index_name(registry.symbols[underlying])
            found["state"] = _STATES.get(event.state, "halted")
        found["timestamp"] = event.time_ms
        return found
    return None


def liquidation_step(event: ev.Liquidation, registry: Registry) -> JsonObject:
    """One step of an account's liquidation, as the account itself sees it."""
    found: JsonObject = {
        "step": r.LIQUIDATION_NAMES.get(event.kind, f"kind_{event.kind}"),
        "account": event.head.account,
        "maintenance_margin": usdc(event.maintenance_micro),
        "margin_balance": usdc(event.balance_micro),
        "timestamp": event.time_ms,
        "seq": event.head.seq,
    }
    if event.kind in (r.LIQ_PERPETUAL, r.LIQ_OPTION):
        view = registry.instruments[event.head.instrument]
        found["instrument_name"] = view.name
        found["amount"] = view.amount(event.lots)
        found["fee"] = usdc(event.amount_micro)
        found["order_id"] = str(event.head.id)
    elif event.kind == r.LIQ_ORDERS:
        found["orders_cancelled"] = event.lots
    elif event.kind == r.LIQ_TAKEOVER:
        found["fraction"] = event.lots / _PPM
        found["discount"] = usdc(event.amount_micro)
    elif event.amount_micro:
        found["loss"] = usdc(event.amount_micro)
        if event.kind == r.LIQ_FAMILY:
            found["paid_by"] = event.counter_account
    return found
