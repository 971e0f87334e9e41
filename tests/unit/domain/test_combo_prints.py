"""Prints of combos: one record that reads like a TRADE, with the TRADEs of its legs behind it."""

from __future__ import annotations

import pytest

from exchange.domain import events as ev
from exchange.domain.combo_prints import TRADE_BYTES, combo_of, combo_print, is_print, leg_print, legs_of
from exchange.domain.events import Trade
from tests.unit.domain import combo_events as made


def read(record: bytes) -> Trade:
    event = ev.read_event(record)
    assert isinstance(event, Trade)
    return event


def test_a_match_of_the_combos_book_is_told_with_both_sides_and_all_fees() -> None:
    told = combo_print(made.of_the_book(), 0)
    trade = read(told)
    assert trade.head.instrument == made.COMBO
    assert (trade.trade_id, trade.trade_seq, trade.price_ticks, trade.size_lots) == (100, 6, 40, 2)
    assert (trade.maker_account, trade.taker_account) == (made.MAKER, made.TAKER)
    assert (trade.maker_order_id, trade.taker_order_id) == (made.MAKER_ORDER, made.TAKER_ORDER)
    assert (trade.maker_fee_micro, trade.taker_fee_micro) == (6, 14)
    assert trade.mark_micro == 900 - 500
    assert trade.value_micro == 2 * (100 - 60)
    assert (trade.maker_label, trade.taker_label) == (21, 22)


def test_what_implied_orders_traded_has_one_side() -> None:
    trade = read(combo_print(made.implied_in(), 0))
    assert (trade.maker_account, trade.maker_order_id, trade.maker_fee_micro) == (0, 0, 0)
    assert (trade.taker_account, trade.taker_fee_micro) == (made.TAKER, 14)
    out = read(combo_print(made.implied_out(), 0))
    assert (out.taker_account, out.taker_order_id, out.taker_fee_micro) == (0, 0, 0)
    # The seller of the combo is the maker of one TRADE and the resting taker of the other.
    assert (out.maker_account, out.maker_order_id) == (made.MAKER, made.MAKER_ORDER)
    assert out.maker_fee_micro == 3 + 7
    assert out.mark_micro == 900 - 500
    assert out.maker_label == 22  # of the TRADE it was the resting taker of


def test_the_legs_stand_behind_it_and_know_their_combo() -> None:
    told = combo_print(made.of_the_book(), 0)
    assert is_print(told)
    assert len(told) == 3 * TRADE_BYTES
    legs = legs_of(told)
    assert [read(leg).head.instrument for leg in legs] == [made.LOW, made.HIGH]
    assert [combo_of(leg) for leg in legs] == [(made.COMBO, 100)] * 2


def test_a_marked_leg_reads_as_before() -> None:
    events = made.of_the_book()
    plain = events[96 : 96 + TRADE_BYTES]
    marked = leg_print(plain, made.COMBO, 1)
    assert not is_print(marked)
    assert combo_of(marked) == (made.COMBO, 100)
    assert read(marked)._replace(zero=0) == read(plain)


def test_other_trades_are_of_no_combo() -> None:
    plain = made.of_the_book()[96 : 96 + TRADE_BYTES]
    assert combo_of(plain) == (-1, 0)


def test_the_legs_of_the_next_match_are_not_taken() -> None:
    twice = made.of_the_book() + made.combo_trade(0, trade_id=103) + made.of_the_book()[96:]
    assert len(legs_of(combo_print(twice, 0))) == 2


def test_a_match_without_legs_is_refused() -> None:
    with pytest.raises(ValueError, match="no leg follows"):
        combo_print(made.combo_trade(0), 0)
