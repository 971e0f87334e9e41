"""Builders of BLOCK_TRADE and MOVE_POSITIONS: trades agreed elsewhere, positions that pass to another account
of a family; all of them or none (docs/rules-3.md, Block trades; docs/rules-5.md).

As in `commands`: integers in, bytes out, `struct.error` where an integer does not fit its field.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.commands import header

_BODY: Final = struct.Struct("<qqqq")
_UNIT: Final = struct.Struct("<IIqqII")
_MOVES: Final = struct.Struct("<IIqqq")
_MOVE: Final = struct.Struct("<IIqqq")


class BlockTrade(NamedTuple):
    """One trade of a block."""

    maker_account: int
    instrument: int
    size_lots: int
    """Of the taker: bought > 0, sold < 0."""
    price_ticks: int
    taker_account: int = 0
    """Whose trade it is, from rules 5 on; 0: that of the block's taker."""


class PositionMove(NamedTuple):
    """A position, or a part of it, that passes to another account."""

    instrument: int
    size_lots: int
    """Of the source, with its sign."""
    per_lot_micro: int
    """What a lot passes at."""


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


def move_positions(
    source_account: int,
    destination_account: int,
    moves: Sequence[PositionMove],
    *,
    grant: int = 0,
    client_order_id: int = 0,
) -> bytes:
    """MOVE_POSITIONS of 1 to `limits.BLOCK_MOST` positions; `client_order_id` comes back in DONE or
    REJECTED."""
    units = b"".join(_MOVE.pack(move.instrument, 0, move.size_lots, move.per_lot_micro, 0) for move in moves)
    head = header(
        r.MOVE_POSITIONS,
        2 + len(moves),
        account=source_account,
        client_order_id=client_order_id,
        grant=grant,
    )
    return head + _MOVES.pack(destination_account, 0, len(moves), 0, 0) + units
