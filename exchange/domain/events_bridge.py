"""Reader of the event of rules version 6 (docs/rules-6.md)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from exchange.domain.event_header import Header

_FORCED: Final = struct.Struct("<qqqq")


class Forced(NamedTuple):
    """A request of the bridge's forced queue (`head.id`) was answered; amounts in micro-USDC."""

    head: Header
    asked_micro: int
    paid_micro: int
    """0: nothing was free."""
    time_ms: int
    cancelled: int
    """Open orders of the account that were cancelled for it."""


def read(head: Header, data: bytes, body: int) -> Forced:
    """The event whose body starts at byte `body`. Raises struct.error where it is cut short."""
    return Forced(head, *_FORCED.unpack_from(data, body))
