"""The bytes of BLOCK_TRADE and MOVE_POSITIONS, as docs/formats.md has them."""

from __future__ import annotations

import struct

import pytest

from exchange.domain import records as r
from exchange.domain.commands_blocks import BlockTrade, PositionMove, block_trade, move_positions


def test_a_unit_per_trade_behind_the_block() -> None:
    packed = block_trade(64, 9, [BlockTrade(65, 3, -5, 1_200), BlockTrade(66, 4, 7, 80)])
    assert len(packed) == 4 * 32
    assert (packed[0], struct.unpack_from("<H", packed, 2)[0]) == (r.BLOCK_TRADE, 4)
    assert struct.unpack_from("<I", packed, 8) == (64,)
    assert struct.unpack_from("<qqqq", packed, 32) == (9, 2, 0, 0)
    assert struct.unpack_from("<IIqqq", packed, 64) == (65, 3, -5, 1_200, 0)
    assert struct.unpack_from("<IIqqq", packed, 96) == (66, 4, 7, 80, 0)


def test_a_trade_may_name_its_taker() -> None:
    packed = block_trade(64, 9, [BlockTrade(65, 3, -5, 1_200, 70), BlockTrade(66, 4, 7, 80)])
    assert struct.unpack_from("<IIqqII", packed, 64) == (65, 3, -5, 1_200, 70, 0)


def test_a_unit_per_position_behind_its_destination() -> None:
    packed = move_positions(64, 65, [PositionMove(3, -5, 1_200)], client_order_id=7)
    assert len(packed) == 3 * 32
    assert (packed[0], struct.unpack_from("<H", packed, 2)[0]) == (r.MOVE_POSITIONS, 3)
    assert struct.unpack_from("<IIQ", packed, 8) == (64, 0, 7)
    assert struct.unpack_from("<IIqqq", packed, 32) == (65, 0, 1, 0, 0)
    assert struct.unpack_from("<IIqqq", packed, 64) == (3, 0, -5, 1_200, 0)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(struct.error):
        block_trade(64, 1, [BlockTrade(65, 3, 1 << 63, 1)])
    with pytest.raises(struct.error):
        move_positions(64, 65, [PositionMove(3, 1, -(1 << 63) - 1)])
