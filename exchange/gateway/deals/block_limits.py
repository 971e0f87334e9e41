"""What bounds blocks and requests for quotes."""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.domain.limits import BLOCK_MOST
from exchange.wire.limits import BLOCK_SMALLEST_ORDERS

SIGNATURE_WINDOW_MS: Final = 5 * 60_000
"""How far a signature's timestamp may be from now."""
TRADES_MAX: Final = 20
"""Trades of a signed block."""
LEGS_MAX: Final = 20
"""Legs of a request for quotes, its hedge not counted."""
RATIO_MAX: Final = 1_000
NONCE_BYTES_MAX: Final = 64
UNITS_MOST: Final = BLOCK_MOST
AONS_WEIGHED: Final = 8
"""Of the quotes that are all or none, how many an acceptance weighs against each other."""


class BlockLimits(NamedTuple):
    """The venue's own bounds."""

    smallest_orders: int = BLOCK_SMALLEST_ORDERS
    """The smallest leg of a block in smallest orders of its instrument."""
    rfq_open_ms: int = 300_000
    """How long a request for quotes is open."""
    grace_ms: int = 5_000
    """How long its taker sees and accepts nothing, so that every maker has time to answer."""
    rfqs_open_max: int = 20
    """Open requests of one taker."""
    rfqs_all_max: int = 2_000
    """Open requests of all takers."""
    rfqs_a_minute: int = 60
    """Requests that one taker makes in a minute."""
    quotes_max: int = 8
    """Open quotes of one maker for one request."""
    quotes_side_max: int = 4
    """Of these, on one side."""
    quotes_all_max: int = 256
    """Open quotes of all makers for one request."""
    deals_of_account_max: int = 8
    """Blocks of one account that are being executed at a time."""
    deals_max: int = 64
    """Blocks that are being executed at a time."""
    refused_a_minute: int = 60
    """Blocks of one account that the core may refuse in a minute."""


BLOCK_LIMITS: Final = BlockLimits()
