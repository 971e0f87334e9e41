"""Seeded random command streams with triggers, links and volatility (rules 3): `OrderTraffic` and these."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

from exchange.domain import commands_orders as co
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_orders import Member, Trigger
from tests.reference import triggers_plays
from tests.reference.accounts import Order
from tests.reference.engine import ReferenceEngine
from tests.reference.instruments import Instrument
from tests.reference.orders_generator import ORDER_PROFILES, OrderProfile, OrderTraffic

LEAST_PLAY = 20
POST_BITS = r.FLAG_POST_ONLY | r.FLAG_REJECT_POST_ONLY
TRIGGER_PROFILES = (
    *(replace(profile, name=f"triggers_{profile.name}") for profile in ORDER_PROFILES),
    OrderProfile("triggers_calm", accounts=6, options=1, deposit_micro=10**14, sizes=16, jumps=0.0),
    OrderProfile("triggers_thin", accounts=5, options=1, deposit_micro=10**14, sizes=6, cancels=30.0),
)


class TriggerTraffic(OrderTraffic):
    """A stream under rules 3 where many orders wait for a price or for another order."""

    filters = (0, 0, 1, 2, 3, 3, 4, 4, 5, 5, 6)

    def __init__(self, seed: int, engine: ReferenceEngine, profile: OrderProfile | None = None) -> None:
        super().__init__(seed, engine, profile or TRIGGER_PROFILES[seed % len(TRIGGER_PROFILES)])

    def batch(self, count: int) -> bytes:
        """A play alone (it names orders by the ids they will have), or `count` commands."""
        if self.under_orders and count >= LEAST_PLAY and not self._one_in(6):
            self.tradable = self._alive()
            for underlying in self.world.underlyings:
                self.feeds[underlying.id] = underlying.feed_seq
                if underlying.index_micro:
                    self.listings.set_index(underlying.id, underlying.index_micro)
            made = triggers_plays.play(self, most=count)
            if made:
                return made
        return super().batch(count)

    def _mix_orders(self) -> None:
        super()._mix_orders()
        for weight, make in (
            (30.0, self.extended_order),
            (8.0, self.amend_waiting),
            (3.0, self.reprice),
            (2.0, self.fire),
            (1.5, self.expire_day),
            (4.0, self.risk_snapshot),
            (2.0, self.spoiled),
        ):
            self._makers.append(make)
            self._weights.append(weight)

    # --- commands ------------------------------------------------------------------------------------

    def source_micro(self, instrument: Instrument, source: int) -> int:
        """About where a source's price is."""
        if source == r.SOURCE_INDEX:
            return self.world.underlying_of(instrument).index_micro or 10**9
        if source == r.SOURCE_LAST and instrument.last_micro:
            return instrument.last_micro
        return instrument.mark_micro or 10**6

    def trigger(self, instrument: Instrument, near: float = 0.01) -> Trigger:
        """A trigger near its source's price, mostly good."""
        rng = self.rng
        kind, source = rng.randrange(1, 4), rng.randrange(1, 4)
        price = self.source_micro(instrument, source)
        at = max(1, min(int(price * (1 + rng.gauss(0, near))), limits.MAX_PRICE_MICRO))
        offset = max(1, int(price * abs(rng.gauss(0, near))))
        if self._one_in(25):
            kind, source = rng.choice(((0, 1), (4, 1), (1, 0), (2, 4), (3, 9), (0, 0), (255, 255)))
        if self._one_in(25):
            at = rng.choice((0, -1, limits.MAX_PRICE_MICRO, limits.MAX_PRICE_MICRO + 1, limits.I64_MAX))
            offset = at
        trailing = kind == r.TRIGGER_TRAILING
        if self._one_in(60):
            trailing = not trailing
        return Trigger(kind, source, 0 if trailing else at, offset if trailing else 0)

    def _flags(self) -> int:
        """An order's flags without market-limit, mostly; protected now and then."""
        flags = self._order_flags() | (r.FLAG_REDUCE_ONLY if self._one_in(7) else 0)
        if flags >> r.TYPE_SHIFT & r.TYPE_MASK == r.TYPE_MARKET_LIMIT and not self._one_in(20):
            flags &= ~(r.TYPE_MASK << r.TYPE_SHIFT)
        return flags | (r.FLAG_MMP if self._one_in(8) else 0)

    def member(self, instrument: Instrument) -> Member:
        """A member of a link."""
        rng, flags = self.rng, self._flags()
        is_limit = flags >> r.TYPE_SHIFT & r.TYPE_MASK == r.TYPE_LIMIT
        price = self._fit(self._price(instrument)) if is_limit or self._one_in(40) else 0
        lots = self._fit(self._lots(instrument))
        trigger = self.trigger(instrument) if self._one_in(2) else co.NO_TRIGGER
        display = rng.choice((0, 1, 2, lots)) if self._one_in(8) else 0
        return Member(flags, price, lots, self._fit(display), rng.getrandbits(2), trigger)

    def extended_order(self) -> bytes:
        """EXTENDED_ORDER of any trigger, link, condition and volatility; spoiled now and then."""
        rng, instrument = self.rng, self._instrument()
        kind = rng.random()
        link = rng.choice((1, 2, 2, 3, 3)) if kind < 0.55 else 0
        trigger = self.trigger(instrument) if kind > 0.7 or (link and self._one_in(2)) else co.NO_TRIGGER
        volatility, flags = 0, self._flags()
        if 0.55 <= kind < 0.7:
            options = [i for i in self.tradable if i.is_option]
            instrument = rng.choice(options) if options and not self._one_in(9) else instrument
            flags &= ~0xFE if not self._one_in(7) else ~0
            volatility = rng.choice((1, 650_000, 10**9, 10**9 + 1, -1, 0, 800_000))
        is_limit = flags >> r.TYPE_SHIFT & r.TYPE_MASK == r.TYPE_LIMIT
        price = self._fit(self._price(instrument)) if is_limit or self._one_in(40) else 0
        lots = self._fit(self._lots(instrument))
        members = [self.member(instrument) for _ in range(r.LINK_MEMBERS.get(link, 0))]
        condition = rng.randrange(3) if link > 1 else 0
        if self._one_in(30):
            link, condition = rng.choice(((4, 0), (0, 1), (1, 2), (2, 3), (3, 9), (2, 0), (3, 0), (1, 0)))
        made = co.extended_order(
            self._account(),
            instrument.id if not self._one_in(150) else 9_999,
            flags,
            price,
            lots,
            trigger=trigger,
            link=link,
            condition=condition,
            members=members,
            volatility_e6=volatility,
            display_lots=self._fit(rng.choice((0, 0, 1, lots, lots + 1))) if self._one_in(9) else 0,
            valid_until_ms=self._valid_until(),
            label=rng.getrandbits(2),
            grant=rng.getrandbits(1),
        )
        return self.with_id(made)

    def untriggered(self) -> list[Order]:
        return [order for order in self.world.orders.values() if order.untriggered]

    def amend_waiting(self) -> bytes:
        """AMEND of an untriggered order, or of one with a volatility: trigger, offset, volatility, others."""
        rng = self.rng
        kept = [o for o in self.world.orders.values() if o.extra and o.extra.volatility_e6]
        waiting = self.untriggered()
        if not waiting:
            return self.amend()
        place = rng.choice(sorted({order.place for order in waiting}))
        pool = [order for order in waiting if order.place is place]
        order = rng.choice(kept if kept and self._one_in(3) else pool)
        extra = order.extra
        assert extra is not None
        near = self.trigger(order.instrument, 0.004)
        price = near.trigger_micro or near.offset_micro
        what = rng.choice(("size", "price", "all", "trigger", "trigger", "trigger", "volatility"))
        values: dict[str, int] = {}
        if what in ("size", "all"):
            lots = order.open_lots + rng.choice((-1, 1, 3, -order.open_lots))
            values["remaining_lots" if self._one_in(3) else "size_lots"] = self._fit(lots)
        if what in ("price", "all") and (order.type == r.TYPE_LIMIT or self._one_in(5)):
            values["price_ticks"] = self._fit(self._price(order.instrument))
        if what in ("trigger", "all") or self._one_in(12):
            values["offset_micro" if extra.is_trailing != self._one_in(9) else "trigger_micro"] = price
        if what == "volatility" or (extra.volatility_e6 and self._one_in(2)):
            values["volatility_e6"] = rng.choice((1, 10**9, 700_000, 700_000, 10**9 + 1, extra.volatility_e6))
        account = order.account.id if not self._one_in(30) else self._account()
        given: dict[str, Any] = {name: self._fit(value) for name, value in values.items()}
        raw = bytearray(co.amend(account, order.id, **given))
        if self._one_in(5):
            self._give_bits(raw)
        return bytes(raw)

    def _give_bits(self, raw: bytearray) -> None:
        """Display and bits 5 to 7 as well."""
        rng, flags = self.rng, int.from_bytes(raw[4:8], "little")
        if self._one_in(2):
            flags |= r.AMEND_POST | rng.choice((0, r.FLAG_POST_ONLY, POST_BITS))
        if self._one_in(2):
            flags |= r.AMEND_REDUCE | rng.choice((0, r.FLAG_REDUCE_ONLY))
        if self._one_in(2):
            flags |= r.AMEND_DISPLAY
            struct.pack_into("<q", raw, 56, rng.choice((0, 1, 2, 10**6, -1)))
        struct.pack_into("<I", raw, 4, flags)

    def reprice(self) -> bytes:
        """REPRICE of what has a volatility, and of some that has none."""
        rng = self.rng
        kept = [o for o in self.world.orders.values() if o.extra and o.extra.volatility_e6]
        chosen = rng.sample(kept, min(len(kept), rng.choice((1, 3, 8))))
        units = [(o.id, self._fit(self._price(o.instrument))) for o in chosen]
        if chosen and self._one_in(3):
            units.append((chosen[0].id, chosen[0].price_ticks))
        if self.live and self._one_in(3):
            units.insert(0, (rng.choice(self.live).id, 5))
        if self._one_in(12):
            units.append((rng.choice((0, 1 << 60, self.world.next_order)), 1))
        return co.reprice(units)

    def fire(self) -> bytes:
        """FIRE, under a grant now and then."""
        raw = bytearray(co.fire())
        raw[24] = int(self._one_in(15))
        return bytes(raw)

    def spoiled(self) -> bytes:
        """A command of these with a bit or a word wrong."""
        made = self.rng.choice((self.extended_order, self.extended_order, self.reprice, self.fire))()
        return self.hostile.spoil(made)
