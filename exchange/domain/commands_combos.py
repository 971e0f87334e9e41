"""Builder of LIST_COMBO (docs/rules-4.md).

As in `commands`: integers in, bytes out, `struct.error` where an integer does not fit its field.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from exchange.domain import records as r
from exchange.domain.commands import header
from exchange.domain.legs import ComboLeg, pack_legs

_BODY: Final = struct.Struct("<qqqq")


def list_combo(instrument: int, legs: Sequence[ComboLeg], *, grant: int = 0) -> bytes:
    """LIST_COMBO under the next instrument id; the legs by rising instrument id."""
    head = header(r.LIST_COMBO, 3, instrument=instrument, grant=grant)
    return head + _BODY.pack(len(legs), 0, 0, 0) + pack_legs(legs)
