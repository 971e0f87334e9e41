"""Seeded random command streams under rules 4: `TriggerTraffic`, and combos with what they imply."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_combos import list_combo
from tests.reference import combo_parts, combo_plays
from tests.reference.combo_listings import ComboListings, legs_for, spoiled_legs
from tests.reference.combos import is_open_combo
from tests.reference.engine import ReferenceEngine
from tests.reference.instruments import Instrument
from tests.reference.orders_generator import OrderProfile
from tests.reference.risk_listings import fee_tiers
from tests.reference.triggers_generator import LEAST_PLAY, TriggerTraffic


@dataclass(frozen=True)
class ComboProfile(OrderProfile):
    """What a stream under rules 4 is like besides."""

    standing: int = 5  # open combos kept per underlying
    combos: float = 0.35  # share of the usual commands that are about a combo
    options: int = 5


COMBO_PROFILES = (
    ComboProfile("combos_rich", accounts=8, deposit_micro=10**14, sizes=8, spread_steps=3.0, jumps=0.01),
    ComboProfile("combos_poor", accounts=9, deposit_micro=2 * 10**10, sizes=8, jumps=0.12, cranks=10.0),
    ComboProfile(
        "combos_portfolio", accounts=7, deposit_micro=10**11, sizes=6, jumps=0.08, portfolio=0.95, cranks=8.0
    ),
    ComboProfile(
        "combos_huge", accounts=6, huge=True, deposit_micro=1 << 47, sizes=40, jumps=0.05, patience=30.0
    ),
    ComboProfile("combos_hostile", accounts=6, hostility=0.3, deposit_micro=10**13, sizes=8),
    ComboProfile("combos_thin", accounts=3, deposit_micro=10**14, sizes=5, spread_steps=1.5, jumps=0.02),
)


class ComboTraffic(TriggerTraffic):
    """A stream that ends under rules 4, where many orders are of combos or meet what they imply."""

    profile: ComboProfile

    def __init__(self, seed: int, engine: ReferenceEngine, profile: ComboProfile | None = None) -> None:
        chosen = profile or COMBO_PROFILES[seed % len(COMBO_PROFILES)]
        super().__init__(seed, engine, chosen)
        self.listings = ComboListings(self.rng, chosen.huge, chosen.jumps, roomy=False)
        self.activate_after = self.rng.choice((20, 40))
        self.orders_after = self.activate_after + 60
        self.combos_after = self.orders_after + self.rng.choice((60, 120))
        self.under_combos = False
        self._playing: Iterator[bytes] = iter(())

    # --- batches -------------------------------------------------------------------------------------

    def batch(self, count: int) -> bytes:
        """The next part of a play, or `count` commands; the first ones of rules 4 when it is time."""
        if self.under_orders and not self.under_combos and self.engine.next_seq > self.combos_after:
            self.under_combos = True
            self._mix_combos()
            return self._activation_of_combos()
        if not self.under_combos:
            return super().batch(count)
        self._look_around()
        if made := next(self._playing, b""):
            return made
        if count >= LEAST_PLAY and not self._one_in(4):
            self._playing = combo_plays.play(self)
            if made := next(self._playing, b""):
                return made
        return super().batch(count)

    def _look_around(self) -> None:
        """What the world is like now, for who makes commands outside of a batch."""
        self.pending_instruments = 0
        self.tradable = self._alive()
        self.live = list(self.world.orders.values())
        for underlying in self.world.underlyings:
            self.feeds[underlying.id] = underlying.feed_seq
            if underlying.index_micro:
                self.listings.set_index(underlying.id, underlying.index_micro)

    def _mix_combos(self) -> None:
        for weight, make in (
            (6.0, self.list_combo),
            (14.0, self.new_order),
            (1.0, self.fees),
            (2.0, self.combo_state),
            (1.5, self.spoiled_combo),
        ):
            self._makers.append(make)
            self._weights.append(weight)

    def _activation_of_combos(self) -> bytes:
        """What rules 4 add is refused once more, then SET_RULES, and combos of what there is."""
        self._look_around()
        account = limits.FIRST_USER_ACCOUNT
        made = [self.list_combo(), c.cancel_many(account, kind=r.KIND_COMBO), c.set_rules(4)]
        self.pending_instruments = 0
        made += [cr.set_fees(fee_tiers(self.rng), self.rng.choice((0, 250, 500, 1_000)))]
        made += [self.list_combo() for _ in range(2 * self.profile.standing)]
        return b"".join(made)

    # --- picks ---------------------------------------------------------------------------------------

    def combos(self) -> list[Instrument]:
        """The open ones."""
        return [instrument for instrument in self.world.instruments if is_open_combo(instrument)]

    def open_combos(self) -> list[Instrument]:
        """Those that can be traded now."""
        able = [i for underlying in (0, 1) for i in self.open_of(underlying)]
        standing = [i for i in self.combos() if i.state == r.STATE_OPEN and i.marked]
        return [i for i in standing if all(leg.instrument in able for leg in i.legs)]

    def _instrument(self) -> Instrument:
        if self.under_combos and self.rng.random() < self.profile.combos:
            standing = self.combos()
            if standing:
                return self.rng.choice(standing)
        return super()._instrument()

    def _price(self, instrument: Instrument) -> int:
        """Near the mark, or what is implied; of a combo also zero, its ends and beyond."""
        if not instrument.is_combo:
            return super()._price(instrument)
        rng, step = self.rng, instrument.step_at(0)
        if self._one_in(40):
            low, high = instrument.lowest_price, instrument.highest_price
            ends = (low, high, low - step, high + step, low - 1, high + 1, limits.I64_MAX, -(1 << 63))
            return rng.choice((*ends, 0, step // 2, instrument.min_price - step, instrument.max_price + step))
        centre = combo_parts.at_mark(instrument)
        if self._one_in(10):
            centre = rng.choice((instrument.min_price, instrument.max_price, instrument.min_price, 0))
        elif self._one_in(3):
            centre = combo_parts.implied_price(instrument, is_sell=bool(rng.getrandbits(1))) or centre
        price = centre + int(rng.gauss(0, self.profile.spread_steps)) * step
        return price if self._one_in(40) else price // step * step

    # --- commands ------------------------------------------------------------------------------------

    def list_combo(self) -> bytes:
        """LIST_COMBO: good while few are open, then mostly with something wrong."""
        rng, instrument = self.rng, len(self.world.instruments) + self.pending_instruments
        underlying = rng.getrandbits(1)
        now = self.world.now_ms
        mine = [i for i in self.tradable if i.is_option and i.terms.underlying == underlying]
        able = [i for i in mine if now < i.terms.expiry_ms]
        mine = [i for i in self.tradable if i.is_option] if self._one_in(12) else able
        if len(mine) < 2:
            return self.list_instrument()
        legs = legs_for(rng, mine)
        standing = sum(i.terms.underlying == underlying for i in self.combos())
        if standing >= self.profile.standing and not self._one_in(4):
            legs = spoiled_legs(rng, self.world, legs)
        else:
            self.pending_instruments += 1
        if self._one_in(30):
            instrument += rng.choice((1, -1, 1 << 21))
        return list_combo(instrument, legs, grant=int(self._one_in(40)))

    def new_order(self) -> bytes:
        """NEW_ORDER; of a combo mostly without what no combo's order may have."""
        made = super().new_order()
        if not self.under_combos:
            return made
        number = int.from_bytes(made[12:16], "little")
        known = self.world.instruments
        if number >= len(known) or not known[number].is_combo or self._one_in(12):
            return made
        raw = bytearray(made)
        flags = int.from_bytes(raw[4:8], "little") & ~(r.FLAG_REDUCE_ONLY | r.FLAG_MMP)
        struct.pack_into("<I", raw, 4, flags)
        struct.pack_into("<q", raw, 48, 0)
        return bytes(raw)

    def extended_order(self) -> bytes:
        """EXTENDED_ORDER; of a combo half the time with nothing that only others may have."""
        made = super().extended_order()
        number = int.from_bytes(made[12:16], "little")
        known = self.world.instruments
        if number >= len(known) or not known[number].is_combo or self._one_in(2):
            return made
        raw = bytearray(made[:96])
        raw[2] = 3
        raw[64:] = bytes(32)
        flags = int.from_bytes(raw[4:8], "little") & ~(r.FLAG_REDUCE_ONLY | r.FLAG_MMP)
        struct.pack_into("<I", raw, 4, flags & ~(r.TYPE_MASK << r.TYPE_SHIFT))
        return bytes(raw)

    def amend(self) -> bytes:
        """AMEND; of a combo mostly without a display."""
        raw = bytearray(super().amend())
        order = self.world.orders.get(int.from_bytes(raw[32:40], "little"))
        if order is None or not order.instrument.is_combo or self._one_in(8):
            return bytes(raw)
        flags = int.from_bytes(raw[4:8], "little") & ~(r.AMEND_DISPLAY | r.FLAG_REDUCE_ONLY)
        struct.pack_into("<I", raw, 4, flags)
        struct.pack_into("<q", raw, 56, 0)
        return bytes(raw)

    def marks(self) -> bytes:
        """MARKS; of a combo now and then, which has none."""
        if self.under_combos and self._one_in(25):
            combos = self.combos()
            if combos:
                combo = self.rng.choice(combos)
                underlying = self.world.underlyings[combo.terms.underlying]
                index = max(1, underlying.index_micro)
                units = [c.Mark(combo.id, 0, index, 0, index)]
                return c.marks(underlying.id, index, self._next_feed(underlying), units)
        return super().marks()

    def fees(self) -> bytes:
        """SET_FEES with a discount of combos, mostly."""
        if not self.under_combos or self._one_in(4):
            return super().fees()
        return cr.set_fees(fee_tiers(self.rng), self.rng.choice((0, 1, 250, 500, 999, 1_000)))

    def combo_state(self) -> bytes:
        """SET_INSTRUMENT_STATE of a combo; those that are closed are opened again soon."""
        rng, standing = self.rng, self.combos()
        closed = [combo for combo in standing if combo.state != r.STATE_OPEN]
        if closed and not self._one_in(3):
            return c.set_instrument_state(rng.choice(closed).id, r.STATE_OPEN)
        if not standing:
            return self.list_combo()
        return c.set_instrument_state(rng.choice(standing).id, rng.choice((0, 1, 2, 3, 3, 4)))

    def spoiled_combo(self) -> bytes:
        """LIST_COMBO with a bit, a word or its count wrong."""
        made = self.list_combo()
        if self._one_in(2):
            raw = bytearray(made)
            raw[32:40] = self.rng.choice((0, 1, 2, 3, 4, 5, 1 << 40)).to_bytes(8, "little")
            return bytes(raw)
        return self.hostile.spoil(made)
