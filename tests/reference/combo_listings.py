"""Listings whose legs fit each other mostly, and LIST_COMBO good and bad, for `combo_generator` (rules 4)."""

from __future__ import annotations

import random
from typing import Any

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms
from exchange.domain.legs import ComboLeg
from tests.reference.combos import is_open_combo
from tests.reference.instruments import Instrument
from tests.reference.listings import GRIDS
from tests.reference.risk_listings import RiskListings
from tests.reference.world import World

RATIOS = (1, 1, 1, 1, -1, -1, -1, -1, 2, -2, 3, -3, 4, -4)
FITTING = (((0, 1),), ((0, 1), (100, 5)), ((0, 5), (1_000, 10), (5_000, 50)))


class ComboListings(RiskListings):
    """Terms as ever, but mostly of one grid an underlying and of steps that divide each other."""

    def terms(self, underlying: int, now_ms: int, *, perpetual: bool) -> InstrumentTerms:
        """Acceptable terms."""
        rng, made = self.rng, super().terms(underlying, now_ms, perpetual=perpetual)
        if perpetual or self.huge or rng.random() < 0.1:
            return made
        tick, lot = GRIDS[underlying % 2]
        price_limit = max(50, 8 * self.index(underlying) // tick)
        changes: dict[str, Any] = {"tick_micro": tick, "lot_e8": lot, "price_limit_ticks": price_limit}
        if rng.random() < 0.85:
            changes["tick_steps"] = rng.choice(FITTING)
        if rng.random() < 0.5:
            changes["band_ppm"] = rng.choice((20_000, 100_000, limits.MAX_BAND_PPM))
        if rng.random() < 0.6:  # within a few steps of nothing, where prices round and bands end
            changes["strike_micro"] = self.index(underlying) * rng.choice((98, 100, 100, 102)) // 100
        return made._replace(**changes)


def legs_for(rng: random.Random, able: list[Instrument]) -> list[ComboLeg]:
    """Two to four legs of what there is, mostly such that orders can be implied."""
    count = min(len(able), rng.choice((2, 2, 2, 3, 4)))
    chosen = sorted(rng.sample(able, count), key=lambda instrument: instrument.id)
    if count == 2 and rng.random() < 0.7:
        ratios = [1, rng.choice((1, -1, -1))]
    else:
        ratios = [rng.choice(RATIOS) for _ in chosen]
        ratios[0] = abs(ratios[0])
        if not any(abs(ratio) == 1 for ratio in ratios):
            n = rng.randrange(count)
            ratios[n] = 1 if n == 0 else rng.choice((1, -1))
    return [ComboLeg(leg.id, ratio) for leg, ratio in zip(chosen, ratios, strict=True)]


def spoiled_legs(rng: random.Random, world: World, good: list[ComboLeg]) -> list[ComboLeg]:
    """Legs with something wrong about them; or those of a combo that is there."""
    kind = rng.randrange(9)
    n = rng.randrange(len(good))
    everything = world.instruments
    found = list(good)
    if kind == 0:
        standing = [instrument for instrument in everything if is_open_combo(instrument)]
        if standing:
            return list(rng.choice(standing).terms.legs)
    if kind == 1:
        found[n] = found[n]._replace(ratio=rng.choice((0, 5, -5, (1 << 31) - 1, -(1 << 31))))
    elif kind == 2:
        found[n] = found[n]._replace(instrument=rng.choice((len(everything), 9_999, r.U32)))
    elif kind == 3:
        found[n] = found[n]._replace(instrument=rng.choice(everything).id)
        found.sort()
    elif kind == 4:
        found.reverse()
    elif kind == 5:
        found = [leg._replace(ratio=2 * leg.ratio) for leg in found if abs(leg.ratio) < 3] or found
    elif kind == 6:
        found[0] = found[0]._replace(ratio=-found[0].ratio)
    elif kind == 7:
        of_kind = rng.choice((r.KIND_PERPETUAL, r.KIND_COMBO))
        others = [instrument for instrument in everything if instrument.terms.kind == of_kind]
        if others:
            found[n] = found[n]._replace(instrument=rng.choice(others).id)
            found.sort()
    else:
        found = found[:1] if rng.random() < 0.5 else [found[0]] * rng.choice((2, 4))
    return found
