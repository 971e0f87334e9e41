"""Builder of BLOCK_TRADE: trades agreed elsewhere, all of them or none (docs/rules-3.md, Block trades).

As in `commands`: integers in, bytes out, `struct.error` where an integer does not fit its field.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.commands import header

_BODY: Final = struct.Struct("<qqqq")
_UNIT: Final = struct.Struct("<IIqqq")


class BlockTrade(NamedTuple):
    """One trade of a block."""

    maker_account: int
    instrument: int
    size_lots: int
    """Of the taker: bought > 0, sold < 0."""
    price_ticks: int


def block_trade(
    taker_account: int,
    block_id: int,
    trades: Sequence[BlockTrade],
    *,
    grant: int = 0,
    client_order_id: int = 0,
) -> bytes:
    """BLOCK_TRADE of 1 to `limits.BLOCK_MOST` trades; `block_id` grows from block to block, and
    `client_order_id` comes back in DONE or REJECTED."""
    units = b"".join(_UNIT.pack(*trade, 0) for trade in trades)
    head = header(
        r.BLOCK_TRADE,
        2 + len(trades),
        account=taker_account,
        client_order_id=client_order_id,
        grant=grant,
    )
    return head + _BODY.pack(block_id, len(trades), 0, 0) + units
