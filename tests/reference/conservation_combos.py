"""Conservation's traffic under rules 4: combos, traded in their books and by implied orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_combos as cc
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.legs import ComboLeg
from tests.reference.conservation_orders import ConservationOrders
from tests.reference.conservation_traffic import TERMS

STEP_TICKS: Final = max(step for _, step in TERMS.tick_steps)
RATIOS: Final = (1, 1, 1, -1, -1, -1, 2, -2, 3)


class ConservationCombos(ConservationOrders):
    """`ConservationOrders` after the switch to rules 4. Every listing is one that is taken: ids run on."""

    def __init__(self, seed: int, engine: Engine) -> None:
        super().__init__(seed, engine)
        self.combos: dict[int, tuple[ComboLeg, ...]] = {}
        made: list[tuple[int, Callable[[], bytes]]] = [
            (140, self._combo_order),
            (30, self._combo_quote),
        ]
        self._weights += [weight for weight, _ in made]
        self._makers += [maker for _, maker in made]

    def opening(self) -> bytes:
        """As under rules 3, the switch, the first combos."""
        before = super().opening()
        return b"".join([before, c.set_rules(4), *(self._list_combo() for _ in range(6))])

    def batch(self, commands_count: int = 50) -> bytes:
        """Now and then a combo is listed between a move of the market and the commands."""
        made = self._move() if self.rng.random() < 0.6 else []
        self.combos = {n: legs for n, legs in self.combos.items() if self._lives(legs)}
        if len(self.combos) < 6 or self.rng.random() < 0.1:
            made.append(self._list_combo())
        for maker in self.rng.choices(self._makers, self._weights, k=commands_count):
            made.append(maker())
        return b"".join(made)

    def _lives(self, legs: tuple[ComboLeg, ...]) -> bool:
        return all(leg.instrument in self.alive for leg in legs)

    def _list_combo(self) -> bytes:
        """Two to four options of one underlying; nothing where it is listed, or a leg is in too many."""
        rng, underlying = self.rng, self.rng.getrandbits(1)
        mine = [n for n in self.alive if self.terms[n].underlying == underlying]
        options = [n for n in mine if self.terms[n].kind == r.KIND_OPTION]
        count = min(rng.choice((2, 2, 2, 3, 4)), len(options))
        ratios = [1, *(rng.choice(RATIOS) for _ in range(count - 1))]
        legs = tuple(map(ComboLeg, sorted(rng.sample(options, count)), ratios))
        named = Counter(leg.instrument for known in self.combos.values() for leg in known)
        often = max(named[leg.instrument] for leg in legs)
        if legs in self.combos.values() or often >= limits.COMBOS_OF_LEG:
            return b""
        instrument = len(self.terms)
        self.terms.append(TERMS._replace(kind=r.KIND_COMBO, underlying=underlying))
        self.combos[instrument] = legs
        return cc.list_combo(instrument, legs)

    def _combo_price(self, combo: int) -> int:
        """On step, around what the legs' marks make; may be negative."""
        rng = self.rng
        worth = sum(leg.ratio * self.marks[leg.instrument] for leg in self.combos[combo])
        spread = rng.choice((0.0, 0.001, 0.005, 0.03))
        around = worth + int(self.index_micro[self.terms[combo].underlying] * rng.uniform(-spread, spread))
        return around // TERMS.tick_micro // STEP_TICKS * STEP_TICKS

    def _combo_order(self) -> bytes:
        rng, combo = self.rng, self.rng.choice(list(self.combos))
        flags, price = rng.getrandbits(1), self._combo_price(combo)
        kind = rng.random()
        if kind < 0.1:
            flags |= r.TYPE_MARKET << r.TYPE_SHIFT
            price = 0
        elif kind < 0.25:
            flags |= rng.choice((r.TIF_IOC, r.TIF_FOK)) << r.TIF_SHIFT
        elif kind < 0.35:
            flags |= r.FLAG_POST_ONLY
        return c.new_order(self._account(), combo, flags, price, self._lots(), grant=rng.getrandbits(2))

    def _combo_quote(self) -> bytes:
        combo = self.rng.choice(list(self.combos))
        bid, lots = self._combo_price(combo), self.rng.randint(0, 40)
        return c.mass_quote(
            self._account(), [c.Quote(combo, bid, lots, bid + STEP_TICKS * self.rng.randint(1, 400), lots)]
        )
