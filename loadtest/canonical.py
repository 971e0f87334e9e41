"""What two engines must agree on: six integers to an event, and one checksum over all of them.

===================  ===============================================================================
first integer        then
===================  ===============================================================================
1…4 (ORDER's kind)   order_id, price_ticks, size_lots, filled_lots, open_lots
16 TRADE             trade_id, maker_order_id, taker_order_id, price_ticks, size_lots
17 REJECTED          order_id named (or 0), 0, 0, 0, 0
===================  ===============================================================================

All other event types and fields (accounts, fees, times, depth) are the production engine's alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

ORDER_PLACED: Final = 1
ORDER_FILLED: Final = 2
ORDER_CANCELLED: Final = 3
ORDER_AMENDED: Final = 4
EVENT_TRADE: Final = 16
EVENT_REJECTED: Final = 17

FIELDS_COUNT: Final = 6


def table(events: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Flat events as rows of six.

    Raises ValueError when the flat length is no multiple of six.
    """
    flat = np.asarray(events, dtype="<i8")
    if flat.size % FIELDS_COUNT:
        raise ValueError(f"{flat.size} integers are no whole number of events of {FIELDS_COUNT}")
    return flat.reshape(-1, FIELDS_COUNT)


class EventDigest:
    """A 64-bit integer that depends on every field of every event and on their order."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, events: Sequence[int] | NDArray[np.int64]) -> None:
        """Take in the next events.

        Raises ValueError when their flat length is no multiple of six.
        """
        self._sha256.update(table(events).tobytes())

    @property
    def value(self) -> int:
        """The first eight bytes of the SHA-256 over all fields as little-endian words."""
        return int.from_bytes(self._sha256.digest()[:8], "little")


def checksum(events: Sequence[int] | NDArray[np.int64]) -> int:
    """The digest of one run of events."""
    digest = EventDigest()
    digest.add(events)
    return digest.value
