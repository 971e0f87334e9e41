"""LIST_COMBO, and what becomes of combos when they or their legs go (docs/rules-4.md, Listing)."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_blocks as cb
from exchange.domain import commands_combos as cc
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.legs import ComboLeg
from tests.reference.engine import ReferenceEngine
from tests.unit.core.combos import CALLS, FAR, NEAR, SPREAD, WING, ComboMarket, kinds
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CALL,
    EXPIRY_MS,
    MICRO,
    OPTION,
    PERPETUAL,
    SELL,
    last,
    of,
    only,
    reason,
)


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> ComboMarket:
    return ComboMarket(request.param())


def refused(events: list[e.Event]) -> tuple[str, int]:
    """The reason and its detail."""
    return reason(events), only(events, e.Rejected).detail


def test_instrument_tells_what_was_listed(market: ComboMarket) -> None:
    found = only(market.listing((NEAR, 1), (FAR, -1)), e.Instrument)
    assert (found.head.instrument, found.state) == (SPREAD, r.STATE_OPEN)
    assert found.terms == CALL._replace(
        kind=r.KIND_COMBO,
        option_type=r.OPTION_NONE,
        strike_micro=0,
        position_limit_lots=0,
        legs=(ComboLeg(NEAR, 1), ComboLeg(FAR, -1)),
    )


def test_terms_follow_the_legs(engine_class: type[Engine | ReferenceEngine]) -> None:
    first = CALLS[0]._replace(min_size_lots=3, price_limit_ticks=900, tick_steps=((0, 5),))
    second = CALLS[1]._replace(
        expiry_ms=EXPIRY_MS - 1, price_limit_ticks=170, tick_steps=((0, 1), (100, 10)), min_size_lots=2
    )
    market = ComboMarket(engine_class(), (first, second), {NEAR: 50, FAR: 40})
    terms = only(market.listing((NEAR, 1), (FAR, 1)), e.Instrument).terms
    assert terms.expiry_ms == EXPIRY_MS - 1
    assert (terms.min_size_lots, terms.price_limit_ticks, terms.tick_steps) == (3, 170, ((0, 10),))


@pytest.mark.parametrize(
    ("legs", "why"),
    [
        ([(NEAR, 1), (9, 1)], ("unknown_instrument", 1)),
        ([(9, 1), (NEAR, 1)], ("unknown_instrument", 0)),
        ([(PERPETUAL, 1), (NEAR, 1)], ("bad_value", 0)),
        ([(NEAR, 1), (NEAR, 1)], ("bad_value", 1)),
        ([(FAR, 1), (NEAR, 1)], ("bad_value", 1)),
        ([(NEAR, 5), (FAR, 1)], ("bad_value", 0)),
        ([(NEAR, 1), (FAR, -5)], ("bad_value", 1)),
        ([(NEAR, 0), (FAR, 1)], ("bad_value", 0)),
        ([(NEAR, -1), (FAR, 1)], ("bad_value", -1)),
        ([(NEAR, 2), (FAR, -2)], ("bad_value", -1)),
    ],
)
def test_legs_are_checked_in_order(
    market: ComboMarket, legs: list[tuple[int, int]], why: tuple[str, int]
) -> None:
    assert refused(market.listing(*legs)) == why


def test_ratios_up_to_four(market: ComboMarket) -> None:
    market.combo((NEAR, 4), (FAR, -4), (WING, 1))


@pytest.mark.parametrize(
    "legs",
    [
        [(NEAR, 1)],
        [(NEAR, 1)] * 5,
        [],
    ],
)
def test_two_to_four_legs(market: ComboMarket, legs: list[tuple[int, int]]) -> None:
    packed = cc.list_combo(market.next_id, [ComboLeg(*leg) for leg in legs[:4]])
    packed = packed[:32] + struct.pack("<q", len(legs)) + packed[40:]
    assert reason(market.send(packed)) == "malformed"


@pytest.mark.parametrize("word", [5, 6, 7, 10, 11])
def test_what_has_no_meaning_is_zero(market: ComboMarket, word: int) -> None:
    packed = bytearray(cc.list_combo(market.next_id, [ComboLeg(NEAR, 1), ComboLeg(FAR, -1)]))
    packed[8 * word] = 1
    assert reason(market.send(bytes(packed))) == "malformed"


def test_it_is_the_venues_and_takes_the_next_id(market: ComboMarket) -> None:
    legs = [ComboLeg(NEAR, 1), ComboLeg(FAR, -1)]
    assert reason(market.send(cc.list_combo(SPREAD, legs, grant=1))) == "not_authorised"
    assert reason(market.send(cc.list_combo(SPREAD + 1, legs))) == "bad_id"


def test_under_rules_3_there_are_no_combos(market_3: ComboMarket) -> None:
    legs = [ComboLeg(0, 1), ComboLeg(1, -1)]
    assert reason(market_3.send(cc.list_combo(2, legs))) == "malformed"
    assert reason(market_3.send(c.cancel_many(ALICE, kind=r.KIND_COMBO))) == "bad_flags"


@pytest.mark.parametrize(
    "changed",
    [
        {"tick_micro": 2 * MICRO},
        {"lot_e8": 2_000_000},
        {"price_limit_ticks": 15},
        {"tick_steps": ((0, 2), (10, 5))},
    ],
)
def test_terms_that_do_not_fit(engine_class: type[Engine | ReferenceEngine], changed: dict[str, Any]) -> None:
    second = CALLS[1]._replace(**changed)
    market = ComboMarket(engine_class(), (CALLS[0], second), {NEAR: 5, FAR: 5})
    own = "lot_e8" in changed or "tick_micro" in changed
    assert refused(market.listing((NEAR, 1), (FAR, 1))) == ("bad_terms", 1 if own else -1)


def test_sixteen_steps_are_enough(engine_class: type[Engine | ReferenceEngine]) -> None:
    second = CALLS[1]._replace(price_limit_ticks=17, tick_steps=((0, 1),))
    market = ComboMarket(engine_class(), (CALLS[0], second), {NEAR: 5, FAR: 5})
    market.combo((NEAR, 1), (FAR, 1))


def test_the_same_combo_is_listed_once_while_it_is_open(market: ComboMarket) -> None:
    spread = market.spread()
    assert refused(market.listing((NEAR, 1), (FAR, -1))) == ("bad_value", spread)
    market.combo((NEAR, 1), (FAR, -2))
    market.combo((NEAR, 1), (FAR, -1), (WING, 1))
    only(market.send(c.set_instrument_state(spread, r.STATE_DELISTED)), e.Instrument)
    market.spread()


def test_a_leg_is_named_by_sixteen_open_combos(market: ComboMarket) -> None:
    ratios = [ratio for ratio in range(-4, 5) if ratio]
    listed = [market.combo((NEAR, 1), (FAR, ratio)) for ratio in ratios]
    listed += [market.combo((NEAR, 1), (WING, ratio)) for ratio in ratios]
    assert len(listed) == limits.COMBOS_OF_LEG
    assert refused(market.listing((NEAR, 2), (FAR, 1))) == ("limit_reached", 0)
    assert refused(market.listing((OPTION, 1), (NEAR, 1))) == ("limit_reached", 1)
    market.send(c.set_instrument_state(listed[0], r.STATE_DELISTED))
    market.combo((OPTION, 1), (NEAR, 1))


def test_the_shard_has_so_many_open_combos(
    market: ComboMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(market.engine, Engine):
        market.engine.world.combos_open = limits.MAX_COMBOS
    else:
        monkeypatch.setattr(limits, "MAX_COMBOS", 0)
    assert refused(market.listing((NEAR, 1), (FAR, 1))) == ("limit_reached", -1)
    if isinstance(market.engine, Engine):
        market.engine.world.combos_open = limits.MAX_COMBOS - 1
    else:
        monkeypatch.undo()
    market.combo((NEAR, 1), (FAR, 1))


def test_legs_past_their_expiry(market: ComboMarket) -> None:
    market.send(c.time(EXPIRY_MS))
    assert refused(market.listing((NEAR, 1), (FAR, 1))) == ("instrument_not_open", 0)


def test_a_halted_leg_may_be_named_and_no_order_enters(market: ComboMarket) -> None:
    spread = market.spread()
    for state in (r.STATE_CANCEL_ONLY, r.STATE_HALTED):
        market.send(c.set_instrument_state(FAR, state))
        assert reason(market.order(ALICE, 3_000, 1, at=spread)) == "instrument_not_open"
    market.combo((NEAR, 1), (FAR, 1))
    market.send(cr.set_underlying_state(0, r.STATE_CANCEL_ONLY))
    assert reason(market.order(ALICE, 3_000, 1, at=spread)) == "underlying_not_open"
    market.send(c.set_instrument_state(NEAR, r.STATE_HALTED))
    assert reason(market.order(ALICE, 3_000, 1, at=spread)) == "instrument_not_open"


def test_its_own_state(market: ComboMarket) -> None:
    spread = market.spread()
    order_id = market.rests(ALICE, 3_000, 1, at=spread)
    only(market.send(c.set_instrument_state(spread, r.STATE_HALTED)), e.Instrument)
    assert reason(market.order(ALICE, 3_000, 1, at=spread)) == "instrument_not_open"
    assert reason(market.send(c.set_instrument_state(spread, r.STATE_DELISTED))) == "not_empty"
    market.send(c.cancel(ALICE, order_id))
    only(market.send(c.set_instrument_state(spread, r.STATE_DELISTED)), e.Instrument)
    assert reason(market.send(c.set_instrument_state(spread, r.STATE_OPEN))) == "instrument_not_open"


def test_what_is_nothing_for_a_combo(market: ComboMarket) -> None:
    spread = market.spread()
    unit = c.Mark(spread, 0, MICRO, 0, MICRO)
    assert refused(market.send(c.marks(0, 50_000 * MICRO, 99, [unit]))) == ("unknown_instrument", 0)
    snapshot = cr.risk_snapshot(0, 50_000 * MICRO, 99, [], 1, cr.table_stream([(spread, [0, 0, 0])]))
    assert refused(market.send(snapshot)) == ("unknown_instrument", 0)
    assert reason(market.send(c.settle_perpetual(spread, 1))) == "bad_value"
    assert reason(market.send(c.funding(spread, 1))) == "bad_value"
    assert reason(market.send(c.deliver(spread, MICRO))) == "bad_value"
    block = cb.block_trade(ALICE, 1, [cb.BlockTrade(BOB, spread, 1, 3_000)])
    assert reason(market.send(block)) == "bad_value"


def test_day_orders_of_a_combo_expire(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, -3_000, 1, r.TIF_GTD << r.TIF_SHIFT, at=spread)
    market.rests(ALICE, 0, 1, at=spread)
    found = market.send(c.expire_day(spread))
    assert only(of(found, e.Order), e.Order).reason == r.CANCEL_DAY_END
    assert last(found, e.Done).affected == 1


def test_a_delisted_leg_takes_its_combos_along(market: ComboMarket) -> None:
    spread = market.spread()
    other = market.combo((FAR, 1), (WING, -1))
    order_id = market.rests(ALICE, 0, 1, at=other)
    assert reason(market.send(c.set_instrument_state(FAR, r.STATE_DELISTED))) == "not_empty"
    market.send(c.cancel(ALICE, order_id))
    found = of(market.send(c.set_instrument_state(FAR, r.STATE_DELISTED)), e.Instrument)
    assert [(event.head.instrument, event.state) for event in found] == [
        (spread, r.STATE_DELISTED),
        (other, r.STATE_DELISTED),
        (FAR, r.STATE_DELISTED),
    ]
    assert reason(market.order(ALICE, 3_000, 1, at=spread)) == "instrument_not_open"


def test_delivery_with_open_combos(market: ComboMarket) -> None:
    spread = market.spread()
    other = market.combo((FAR, 1), (WING, -1))
    market.rests(ALICE, 3_000, 4, at=spread)
    market.rests(ALICE, 3_200, 2, SELL, at=spread)
    market.rests(BOB, 3_050, 3, at=spread)
    market.order(BOB, 3_000, 5, SELL | r.TIF_IOC << r.TIF_SHIFT, at=spread)  # his own bid stops him
    market.rests(BOB, -5, 1, at=other)
    market.rests(ALICE, 3_900, 1, at=FAR)
    market.send(c.time(EXPIRY_MS))
    found = market.send(c.deliver(FAR, 51_000 * MICRO))
    assert [
        (event.head.instrument, event.price_ticks, event.reason) for event in of(found, e.Order)
    ] == [
        (spread, 3_050, r.CANCEL_DELIVERY),
        (spread, 3_000, r.CANCEL_DELIVERY),
        (spread, 3_200, r.CANCEL_DELIVERY),
        (other, -5, r.CANCEL_DELIVERY),
        (FAR, 3_900, r.CANCEL_DELIVERY),
    ]
    assert kinds(found) == ["Order"] * 3 + ["Instrument", "Order", "Instrument", "Order", "Instrument"]
    assert [event.head.instrument for event in of(found, e.Instrument)] == [spread, other, FAR]
    # Nothing is open any more: the other legs are free of the combos' lots.
    assert only(market.send(c.deliver(NEAR, 51_000 * MICRO)), e.Instrument).head.instrument == NEAR
