"""What codec 5 refuses to exceed, and the error it refuses with."""

from __future__ import annotations

from typing import Final

CHUNK_STEPS_MAX: Final = 64
CHUNK_BYTES_MAX: Final = 16_384
CHUNKS_MAX: Final = 1 << 16
PAYLOAD_BYTES_MAX: Final = 16 << 20
TABLES_BYTES_MAX: Final = 1 << 16

CLASSES_MAX: Final = 254
"""Classes that tables may name; a dictionary may have one more."""
CONTEXTS_MAX: Final = 64
SCALES_MAX: Final = 16
SIZE_LIST_MAX: Final = 128
SIZE_BUCKETS_MAX: Final = 128
PRICE_BUCKETS_MAX: Final = 128

TRADE_ID_BOUND: Final = 1 << 63
PRICE_BOUND: Final = 1 << 62
"""A price's magnitude stays below this, so that sums of differences never leave 64 bits."""


class DecodeError(ValueError):
    """Bytes that codec 5 does not write."""
