"""Builder of FORCED_WITHDRAWAL: what was asked of the bridge on the L1 (docs/rules-6.md).

As in `commands`: integers in, bytes out, `struct.error` where an integer does not fit its field.
"""

from __future__ import annotations

import struct
from typing import Final

from exchange.domain import records as r
from exchange.domain.commands import header

_BODY: Final = struct.Struct("<qqqq")


def forced_withdrawal(account: int, asked_micro: int, request_id: int, *, client_order_id: int = 0) -> bytes:
    """FORCED_WITHDRAWAL of at most `asked_micro`; `request_id` is one above the last answered."""
    head = header(r.FORCED_WITHDRAWAL, 2, account=account, client_order_id=client_order_id)
    return head + _BODY.pack(asked_micro, request_id, 0, 0)
