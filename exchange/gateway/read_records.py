"""Records that must be orders and fills."""

from __future__ import annotations

from exchange.domain import events as ev


def read_order(record: bytes) -> ev.Order:
    """The ORDER at the start of `record`.

    Raises:
        EventError: it is something else.
    """
    event = ev.read_event(record)
    if not isinstance(event, ev.Order):
        raise ev.EventError("not an ORDER")
    return event


def read_trade(record: bytes) -> ev.Trade:
    """The TRADE at the start of `record`.

    Raises:
        EventError: it is something else.
    """
    event = ev.read_event(record)
    if not isinstance(event, ev.Trade):
        raise ev.EventError("not a TRADE")
    return event
