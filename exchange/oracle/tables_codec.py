"""The stream of scenario tables in a RISK_SNAPSHOT (docs/formats.md), packed from arrays.

Per table the instrument id (4 bytes, little-endian), then one zigzag LEB128 integer per scenario: seven bits
a byte, least significant first, the top bit set on all but the last.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_ID_BYTES: Final = 4
_GROUP: Final = np.uint64(7)
_LOW: Final = np.uint64(0x7F)
_MORE: Final = np.uint64(0x80)
DIFFERENCE_MAX: Final = 1 << 61
"""Nothing larger is a difference of two tables; nine bytes would hold 2**62."""


def pack_tables(instruments: Integers, differences: Integers) -> bytes:
    """The stream of tables with these ids, ascending, and `differences` (tables, scenarios), in quanta.

    ValueError for a difference beyond :data:`DIFFERENCE_MAX` or ids that do not ascend.
    """
    if not instruments.size:
        return b""
    if bool((instruments[1:] <= instruments[:-1]).any()):
        raise ValueError("tables must come with ascending instrument ids")
    if int(differences.max()) > DIFFERENCE_MAX or int(differences.min()) < -DIFFERENCE_MAX:
        raise ValueError("a difference of scenario values does not fit the stream")
    zigzag = ((differences << 1) ^ (differences >> 63)).view(np.uint64)
    longest = max(1, -(-int(zigzag.max()).bit_length() // 7))
    # One cell per byte a number could take, then those that are used, in order.
    shape = (instruments.size, 1 + differences.shape[1], max(longest, _ID_BYTES))
    cells = np.zeros(shape, dtype=np.uint8)
    used = np.zeros(shape, dtype=np.bool_)
    cells[:, 0, :_ID_BYTES] = instruments.astype("<u4").view(np.uint8).reshape(-1, _ID_BYTES)
    used[:, 0, :_ID_BYTES] = True
    rest = zigzag
    for byte in range(longest):
        more = rest >= _MORE
        cells[:, 1:, byte] = (rest & _LOW).astype(np.uint8) | (more.view(np.uint8) << 7)
        used[:, 1:, byte] = True if byte == 0 else rest > 0
        rest = rest >> _GROUP
    return cells[used].tobytes()
