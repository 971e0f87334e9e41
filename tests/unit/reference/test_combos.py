"""Every valid price of a combo can be divided among its legs, whatever their marks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exchange.domain.limits import LEG_STEPS
from tests.reference.combos import divided, listed
from tests.reference.engine import ReferenceEngine
from tests.reference.instruments import Instrument, Leg
from tests.reference.scenarios import OPTION

WORLD = ReferenceEngine().world


@st.composite
def combos(draw: st.DrawFn) -> Instrument:
    """Two to four legs of any ratios that are allowed, with room for few steps and marks anywhere."""
    step, tick = draw(st.sampled_from((1, 2, 5))), draw(st.sampled_from((1, 7)))
    ratios = draw(st.lists(st.sampled_from((-4, -3, -2, -1, 1, 2, 3, 4)), min_size=2, max_size=4))
    ratios[0] = abs(ratios[0])
    single = draw(st.integers(0, len(ratios) - 1))
    ratios[single] = 1 if single == 0 else draw(st.sampled_from((1, -1)))
    legs = []
    for n, ratio in enumerate(ratios):
        most = step * draw(st.integers(LEG_STEPS, LEG_STEPS + 6)) + draw(st.integers(0, step - 1))
        terms = OPTION._replace(tick_micro=tick, price_limit_ticks=most, tick_steps=((0, step),))
        leg = Instrument(n, terms, b"", multiplier_micro=1, strike_per_lot=0)
        leg.mark_micro = draw(st.integers(0, 2 * tick * most))
        legs.append(Leg(leg, ratio))
    return listed(9, legs, step)


@given(combos(), st.data())
def test_every_valid_price_can_be_divided(combo: Instrument, data: st.DataObject) -> None:
    step = combo.step_at(0)
    steps = st.integers(combo.lowest_price // step, combo.highest_price // step)
    for price in (combo.lowest_price, combo.highest_price, data.draw(steps) * step):
        parts = divided(WORLD, combo, price)
        assert sum(leg.ratio * part for leg, part in zip(combo.legs, parts, strict=True)) == price
        for leg, part in zip(combo.legs, parts, strict=True):
            assert step <= part <= leg.instrument.terms.price_limit_ticks
            assert part % step == 0
