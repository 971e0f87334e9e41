"""Combos in the canonical state: formats, what is kept, and bytes that are no state."""

from __future__ import annotations

import struct

import pytest

from exchange.core import combo_queries, invariants, queries
from exchange.core.engine import Engine
from exchange.core.state_reader import StateError
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.combos import CALLS, FAR, MARKS, NEAR, SPREAD, TICK_MICRO, WING, ComboMarket, parts
from tests.unit.core.harness import ALICE, BOB, CALL, CAROL, EXPIRY_MS, IOC, MICRO, POST, SELL, last, of


def busy(engine: Engine | ReferenceEngine) -> ComboMarket:
    """A market with combos that are open, delisted and gone with a leg, orders and quotes in them."""
    market = ComboMarket(engine, [CALLS[0], CALLS[1], CALLS[2]._replace(expiry_ms=EXPIRY_MS // 2)])
    market.spread()
    butterfly = market.combo((NEAR, 1), (FAR, -2), (WING, 1))
    market.send(c.time(EXPIRY_MS // 2), c.deliver(WING, 50_000 * MICRO))
    other = market.combo((NEAR, 1), (FAR, 1))
    market.send(c.set_instrument_state(other, r.STATE_DELISTED))
    assert butterfly < other
    market.combo((NEAR, 1), (FAR, 1))
    market.rests(ALICE, -5, 3, POST, at=SPREAD)
    market.rests(ALICE, 0, 2, at=SPREAD)
    market.order(BOB, 0, 1, SELL | IOC, at=SPREAD)
    market.send(c.mass_quote(CAROL, [c.Quote(SPREAD, -7, 4, 9, 2)]))
    market.rests(BOB, 4_100, 2, SELL, at=FAR)
    return market


def test_a_restored_engine_goes_on_alike() -> None:
    market, other = busy(Engine()), busy(ReferenceEngine())
    engine, reference = market.engine, other.engine
    assert isinstance(engine, Engine)
    assert isinstance(reference, ReferenceEngine)
    state = engine.state_bytes()
    assert struct.unpack_from("<q", state) == (4,)
    assert state == reference.state_bytes()
    restored = Engine.restore(state)
    assert restored.state_bytes() == state
    invariants.check(restored)
    more = b"".join(
        [
            c.new_order(CAROL, SPREAD, SELL | IOC, -7, 9),
            c.new_order(BOB, SPREAD, 0, 3_000, 5),
            c.new_order(CAROL, NEAR, SELL | IOC, 7_000, 3),
            c.mass_quote(CAROL, [c.Quote(SPREAD, -8, 4, 7, 0)]),
            c.set_instrument_state(FAR, r.STATE_DELISTED),
            c.cancel_many(BOB, kind=r.KIND_COMBO),
            c.time(EXPIRY_MS),
            c.deliver(FAR, 50_000 * MICRO),
        ]
    )
    events = engine.apply(more)
    assert events == restored.apply(more) == reference.apply(more)
    assert engine.state_bytes() == restored.state_bytes() == reference.state_bytes()
    assert {type(event) for event in e.read_events(events)} >= {e.ComboTrade, e.Instrument, e.Settled}


def test_format_4_says_again_what_the_terms_say() -> None:
    engine = busy(Engine()).engine
    assert isinstance(engine, Engine)
    words = [4, 5, 2, NEAR, 1, FAR, -1, 6, 3, NEAR, 1, FAR, -2, WING, 1]
    words += [7, 2, NEAR, 1, FAR, 1, 8, 2, NEAR, 1, FAR, 1]
    section = struct.pack(f"<{len(words)}q", *words)
    assert engine.state_bytes().endswith(section)


def test_under_rules_3_the_format_is_3() -> None:
    engine = Engine()
    for version in (2, 3):
        engine.apply(c.set_rules(version))
    assert struct.unpack_from("<q", engine.state_bytes()) == (3,)
    engine.apply(c.set_rules(4))
    state = engine.state_bytes()
    assert struct.unpack_from("<q", state) == (4,)
    assert state[-8:] == bytes(8)


@pytest.mark.parametrize("word", range(-26, 0))
def test_a_section_that_contradicts_the_terms(word: int) -> None:
    engine = busy(Engine()).engine
    assert isinstance(engine, Engine)
    state = bytearray(engine.state_bytes())
    at = len(state) + 8 * word
    state[at : at + 8] = struct.pack("<q", 77)
    with pytest.raises(StateError):
        Engine.restore(bytes(state))


@pytest.mark.parametrize(
    ("leg", "ratio"), [(SPREAD, 1), (9, -1), (NEAR, -1), (1, -1), (FAR, 5), (FAR, -5), (FAR, 0)]
)
def test_terms_of_a_combo_that_cannot_be(leg: int, ratio: int) -> None:
    engine = busy(Engine()).engine
    assert isinstance(engine, Engine)
    state = engine.state_bytes()
    legs = struct.pack("<IiIi", NEAR, 1, FAR, -1)
    assert state.count(legs) == 1
    with pytest.raises(StateError):
        Engine.restore(state.replace(legs, struct.pack("<IiIi", NEAR, 1, leg, ratio)))


def test_an_order_beyond_the_combos_prices() -> None:
    engine = busy(Engine()).engine
    assert isinstance(engine, Engine)
    state = engine.state_bytes()
    order = struct.pack("<qqqq", ALICE, SPREAD, -5, 3)
    assert state.count(order) == 1
    with pytest.raises(StateError):
        Engine.restore(state.replace(order, struct.pack("<qqqq", ALICE, SPREAD, -500_000, 3)))


# --- queries -----------------------------------------------------------------------------------------


def test_figures_of_a_combo() -> None:
    market = ComboMarket(Engine(), [call._replace(band_ppm=1_000) for call in CALLS])
    engine = market.engine
    assert isinstance(engine, Engine)
    combo = market.combo((NEAR, 1), (FAR, -2))
    market.mark_calls(MARKS, 1)
    found = combo_queries.combo_figures(engine, combo)
    assert (found.lowest_ticks, found.highest_ticks, found.marked) == (-500_000, 499_998, True)
    assert (found.min_price_ticks, found.max_price_ticks) == (-1_051, -950)
    assert found.mark_micro == -1_000 * MICRO - 1
    assert (found.low_micro, found.high_micro) == (-1_000 * TICK_MICRO - 2, -1_000 * TICK_MICRO + 1)
    figures = queries.instrument_figures(engine, combo)
    assert (figures.marked, figures.mark_micro) == (True, found.mark_micro)
    assert (figures.min_price_ticks, figures.max_price_ticks) == (-1_051, -950)
    assert figures.delta_e9 == -500_000_000
    assert combo_queries.legs_of(engine, combo) == ((NEAR, 1), (FAR, -2))
    assert combo_queries.open_combos_of(engine, FAR) == [combo]
    with pytest.raises(KeyError):
        combo_queries.combo_figures(engine, NEAR)
    with pytest.raises(KeyError):
        combo_queries.legs_of(engine, 99)


def test_a_combo_is_found_by_its_legs() -> None:
    market = ComboMarket(Engine())
    engine = market.engine
    assert isinstance(engine, Engine)
    legs = ((NEAR, 1), (FAR, -1))
    assert combo_queries.combo_of(engine, legs) == -1
    first = market.spread()
    assert combo_queries.combo_of(engine, legs) == first
    market.send(c.set_instrument_state(first, r.STATE_DELISTED))
    assert combo_queries.combo_of(engine, legs) == first
    assert combo_queries.combo_of(engine, legs[:1]) == -1
    assert market.spread() == combo_queries.combo_of(engine, legs)


def test_leg_prices_are_those_of_a_match() -> None:
    market = ComboMarket(Engine())
    engine = market.engine
    assert isinstance(engine, Engine)
    legs = ((NEAR, 2), (FAR, -3), (WING, 1))
    before = engine.state_bytes()
    told = {price: combo_queries.leg_prices(engine, legs, price) for price in (-100, 0, 4_321)}
    assert engine.state_bytes() == before
    combo = market.combo(*legs)
    for price, prices in told.items():
        market.rests(ALICE, price, 1, at=combo)
        found = market.order(BOB, price, 1, SELL | IOC, at=combo)
        assert [one[1] for one in parts(found)] == prices
    for unknown in (((NEAR, 1), (99, 1)), ((99, 1), (NEAR, 1))):
        with pytest.raises(KeyError):
            combo_queries.leg_prices(engine, unknown, 0)
    for impossible in (((NEAR, 2), (FAR, 2)), ((NEAR, 1),), ((FAR, 1), (NEAR, 1))):
        with pytest.raises(ValueError, match="combo"):
            combo_queries.leg_prices(engine, impossible, 0)
    with pytest.raises(ValueError, match="no price"):
        combo_queries.leg_prices(engine, legs, 500_001)
    unmarked = last(market.send(c.list_instrument(market.next_id, CALL)), e.Instrument).head.instrument
    with pytest.raises(ValueError, match="no mark"):
        combo_queries.leg_prices(engine, ((NEAR, 1), (unmarked, 1)), 5_000)
    assert of(market.order(BOB, 0, 1, at=NEAR), e.Rejected)
