"""Where a row of a batch's tables falls: the one thing TableChecks.vy has to be told."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Final

from settlement.coding.tables import MAKER_MODES, ORDER_MODES, SEEN_RELATIONS, WIDTHS

_HEAD: Final = 21


def falls_at(tables: bytes) -> int:
    """The byte of a number of a row that is above the next; 0 if none is, or they end before."""
    if len(tables) < _HEAD:
        return 0
    instruments, makers, takers = tables[1:4]
    maker, size, price, order, mode = tables[12:17]
    listed = tables[19] + tables[17]
    at = _HEAD + 4 * tables[19] + 2 * tables[20] + 8 * (instruments + 1) + takers + 1 + makers + 1
    groups = (
        (1, instruments + 2),
        (1, takers),
        (1, 1),
        (order, ORDER_MODES - 1),
        (maker, makers),
        (2 * mode, MAKER_MODES - 1),
        (size, listed),
        (SEEN_RELATIONS * price + 2 * WIDTHS, tables[18]),
    )
    widths = [2 * width for rows, width in groups for _ in range(rows)]
    for start, width in zip(accumulate(widths, initial=at), widths, strict=False):
        row = tables[start : start + width]
        numbers = [int.from_bytes(row[k : k + 2], "big") for k in range(0, len(row), 2)]
        for k, (one, other) in enumerate(pairwise(numbers)):
            if one > other:
                return start + 2 * k
    return 0
