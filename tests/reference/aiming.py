"""What random commands are aimed at: accounts, instruments, prices and sizes, mostly ones that make sense."""

from __future__ import annotations

import random

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.accounts import Order, Seat
from tests.reference.engine import ReferenceEngine
from tests.reference.instruments import Instrument
from tests.reference.profiles import Profile


class Aim:
    """Seeded picks from the state of `engine`; `look` makes them see it as it is now."""

    def __init__(self, seed: int, engine: ReferenceEngine, profile: Profile) -> None:
        self.rng = random.Random(seed)
        self._random = self.rng.random
        self.engine = engine
        self.world = engine.world
        self.profile = profile
        self.live: list[Order] = []
        self.tradable: list[Instrument] = []

    def look(self) -> None:
        """Take note of the live orders and of what may be traded."""
        self.live = list(self.world.orders.values())
        self.tradable = self._alive()

    def _alive(self) -> list[Instrument]:
        """What may be traded or settled still; of combos `combo_generator` knows."""
        ended = (r.STATE_DELISTED, r.STATE_DELIVERED)
        return [i for i in self.world.instruments if i.state not in ended and not i.is_combo]

    def _one_in(self, n: int) -> bool:
        return self._random() * n < 1

    def _account(self) -> int:
        if self._one_in(150):
            return self.rng.choice((0, 1, 3, 63, self.world.next_account, 0xFFFFFFFF))
        return limits.FIRST_USER_ACCOUNT + int(self.rng.random() * self.profile.accounts)

    def _instrument(self) -> Instrument:
        if not self.tradable or self._one_in(60):
            return self.rng.choice(self.world.instruments)
        return self.tradable[int(self.rng.random() * len(self.tradable))]

    def _of_kind(self, kind: int) -> Instrument:
        fitting = [i for i in self.tradable if i.terms.kind == kind]
        return self.rng.choice(fitting) if fitting and not self._one_in(12) else self._instrument()

    def _price(self, instrument: Instrument) -> int:
        rng, terms = self.rng, instrument.terms
        if self._one_in(50):
            edges = (0, -1, 1, terms.price_limit_ticks, terms.price_limit_ticks + 1)
            return rng.choice((*edges, instrument.max_price + 1, instrument.min_price - 1, limits.I64_MAX))
        if rng.random() < self.profile.far:
            anywhere = int(terms.price_limit_ticks ** rng.random())
            return instrument.valid_at_most(max(anywhere, 1)) or instrument.lowest_price
        centre = max(1, instrument.mark_micro // terms.tick_micro)
        if self._one_in(12):
            edge = rng.choice((instrument.min_price, instrument.min_price, instrument.max_price, centre * 3))
            centre = max(1, edge)
        step = instrument.step_at(centre)
        price = max(1, centre + int(rng.gauss(0, self.profile.spread_steps)) * step)
        if self._one_in(30):
            return price
        return instrument.valid_at_most(price) or step

    def _lots(self, instrument: Instrument) -> int:
        rng, terms = self.rng, instrument.terms
        if self._one_in(40):
            edges = (0, -1, terms.min_size_lots - 1, terms.position_limit_lots, limits.MAX_ORDER_LOTS)
            return rng.choice((*edges, terms.position_limit_lots + 1, limits.MAX_ORDER_LOTS + 1, -(1 << 63)))
        most = terms.position_limit_lots // 4 if self.profile.huge else self.profile.sizes
        return terms.min_size_lots + int(rng.random() * max(1, most))

    def _client_id(self) -> int:
        return self.rng.getrandbits(64 if self._one_in(20) else 8)

    def _position(self, account_id: int) -> Seat | None:
        """Any seat of the account with a position."""
        account = self.world.accounts.get(account_id)
        seats = [s for s in account.seats.values() if s.size_lots] if account else []
        return self.rng.choice(seats) if seats else None

    def _valid_until(self) -> int:
        if self._one_in(25):
            return self.world.now_ms + self.rng.choice((-1, 0, 1, 10_000)) if self._one_in(2) else -1
        return 0

    def _target(self) -> tuple[int, int, Order | None]:
        """(account, order_id, order): mostly an account's own live order."""
        rng = self.rng
        if not self.live or self._one_in(40):
            order_id = rng.choice((0, self.world.next_order, rng.randrange(1, self.world.next_order + 1), -1))
            return self._account(), order_id, None
        order = self.live[int(rng.random() * len(self.live))]
        if order.is_quote and not self._one_in(4):
            order = self.live[int(rng.random() * len(self.live))]
        account = order.account.id if not self._one_in(40) else self._account()
        return account, order.id, order

    @staticmethod
    def _fit(value: int) -> int:
        return max(-(1 << 63), min(value, limits.I64_MAX))
