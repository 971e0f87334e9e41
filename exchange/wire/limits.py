"""Bounds of what a client may send, as the dialect documents them."""

from __future__ import annotations

from typing import Final

FRAME_BYTES_MAX: Final = 32_768  # one WebSocket message or HTTP body; beyond it: -32600
CHANNELS_MAX: Final = 500  # channels named in one subscription call
CHANNEL_CHARS_MAX: Final = 128
LABEL_CHARS_MAX: Final = 64
METHOD_CHARS_MAX: Final = 64
QUERY_FIELDS_MAX: Final = 200
TEXT_BYTES_MAX: Final = 1_024  # any string parameter without a bound of its own (tokens included)
NUMBER_CHARS_MAX: Final = 40  # a number written as a string
BLOCK_SMALLEST_ORDERS: Final = 10
"""The smallest leg of a block in smallest orders, where the venue does not say otherwise."""
