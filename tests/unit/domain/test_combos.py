"""Combos on the wire: LIST_COMBO, COMBO_TRADE and the legs of a listing."""

from __future__ import annotations

import struct

import pytest

from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain.commands_combos import list_combo
from exchange.domain.legs import ComboLeg

LEGS = [ComboLeg(7, 1), ComboLeg(9, -2)]


def test_list_combo_is_laid_out_as_the_formats_say() -> None:
    made = list_combo(11, LEGS, grant=2)
    assert c.split(made) == [made]
    assert made[:4] == bytes((52, 1, 3, 0))
    assert struct.unpack_from("<I", made, 12) == (11,)
    assert struct.unpack_from("<4q", made, 32) == (2, 0, 0, 0)
    assert struct.unpack_from("<IiIi16x", made, 64) == (7, 1, 9, -2)


def test_five_legs_do_not_fit() -> None:
    with pytest.raises(struct.error, match="5 legs"):
        list_combo(11, [ComboLeg(n, 1) for n in range(5)])


def test_combo_trade_is_read_word_by_word() -> None:
    head = struct.pack("<BBHIQIIq", r.EV_COMBO_TRADE, 1, 3, 4, 77, 64, 11, 5)
    body = struct.pack("<8q", -3, 6, 21, 22, 65, 99, 1 | r.COMBO_OUT << 8, 8)
    (event,) = e.read_events(head + body)
    assert event == e.ComboTrade(
        e.Header(r.EV_COMBO_TRADE, 1, 3, 4, 77, 64, 11, 5),
        price_ticks=-3,
        lots=6,
        taker_order_id=21,
        maker_order_id=22,
        maker_account=65,
        time_ms=99,
        side=1,
        kind=r.COMBO_OUT,
        trade_seq=8,
    )
    assert event.trade_id == 5
