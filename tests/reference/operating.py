"""Random commands of those who run the venue: marks, time, money, settlement, listings, states."""

from __future__ import annotations

from exchange.domain import commands as c
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.aiming import Aim
from tests.reference.engine import ReferenceEngine
from tests.reference.hostile import Hostile
from tests.reference.instruments import Underlying
from tests.reference.listings import Listings
from tests.reference.profiles import Profile


class Operator(Aim):
    """One method a command."""

    def __init__(self, seed: int, engine: ReferenceEngine, profile: Profile) -> None:
        super().__init__(seed, engine, profile)
        self.listings = Listings(self.rng, profile.huge, profile.jumps, roomy=profile.far > 0)
        self.hostile = Hostile(self.rng)
        self.deposit_id = 0
        self.pending_instruments = 0

    def marks(self) -> bytes:
        """MARKS of one underlying: small moves, jumps, and bad blocks."""
        underlying = self.world.underlyings[self.rng.getrandbits(1)]
        mine = [i for i in self.tradable if i.terms.underlying == underlying.id]
        index, units = self.listings.move(underlying, mine)
        feed_seq = self._next_feed(underlying)
        if self._one_in(25):
            index, units = self.hostile.bad_marks(index, units, self.world)
        return c.marks(underlying.id if not self._one_in(100) else 9, index, feed_seq, units)

    def _next_feed(self, underlying: Underlying) -> int:
        return underlying.feed_seq + (1 if not self._one_in(30) else 0)

    def time(self) -> bytes:
        """TIME: steps, and sometimes to an expiry."""
        now = self.world.now_ms + int(self.rng.random() * self.profile.time_step_ms)
        if self._one_in(30):
            now = self.rng.choice((self.world.now_ms - 1, limits.MAX_TIME_MS + 1, self.world.now_ms))
        return c.time(now)

    def _deposit(self, account: int, amount_micro: int) -> bytes:
        self.deposit_id += 1
        return c.deposit(account, amount_micro, self.deposit_id)

    def deposit(self) -> bytes:
        """DEPOSIT, or a repeat, or an amount beyond limits."""
        if self._one_in(10):
            return c.deposit(self._account(), self.profile.deposit_micro, self.deposit_id)
        amount = self.rng.randrange(1, self.profile.deposit_micro)
        if self._one_in(12):
            amount = self.rng.choice((0, -1, limits.MAX_DEPOSIT_MICRO + 1, 1))
        return self._deposit(self._account(), amount)

    def withdraw(self) -> bytes:
        """WITHDRAW: a little, about all there is, too much, nonsense."""
        account = self._account()
        cash = self.world.accounts[account].cash_micro if account in self.world.accounts else 5
        amounts = (1, max(1, cash // 20), max(1, cash // 3), cash, cash + 1, 0, limits.MAX_DEPOSIT_MICRO + 1)
        amount = self.rng.choices(amounts, (4, 4, 2, 1, 1, 0.3, 0.3))[0]
        return c.withdraw(account, self._fit(amount), self.rng.getrandbits(10))

    def settle_perpetual(self) -> bytes:
        """SETTLE_PERPETUAL, near the mark."""
        instrument = self._of_kind(r.KIND_PERPETUAL)
        near = instrument.mark_micro // instrument.terms.tick_micro + self.rng.randrange(-3, 4)
        limit = instrument.terms.price_limit_ticks
        return c.settle_perpetual(
            instrument.id if not self._one_in(30) else 9_999,
            self.rng.choice((0, limit + 1)) if self._one_in(12) else min(max(1, near), limit),
        )

    def funding(self) -> bytes:
        """FUNDING either way."""
        instrument = self._of_kind(r.KIND_PERPETUAL)
        rate = self.rng.randrange(-1_000, 1_001) * (1 + instrument.mark_high // 10**7)
        if self._one_in(12):
            rate = self.rng.choice((limits.I64_MAX, -(1 << 63), limits.MAX_VALUE_MICRO))
        return c.funding(instrument.id if not self._one_in(30) else 9_999, rate)

    def deliver(self) -> bytes:
        """DELIVER an expired option if there is one, else one that is not."""
        now = self.world.now_ms
        expired = [i for i in self.tradable if i.is_option and i.terms.expiry_ms <= now]
        instrument = self.rng.choice(expired) if expired and not self._one_in(6) else self._instrument()
        price = self.listings.index(instrument.terms.underlying) + self.rng.randrange(1_000_000)
        if self._one_in(10):
            price = self.rng.choice((0, limits.MAX_PRICE_MICRO + 1, limits.MAX_PRICE_MICRO))
        return c.deliver(instrument.id if not self._one_in(40) else 9_999, price)

    def configure(self) -> bytes:
        """CONFIGURE_ACCOUNT."""
        return c.configure_account(self._account(), cancel_maker=bool(self.rng.getrandbits(1)))

    def instrument_state(self) -> bytes:
        """SET_INSTRUMENT_STATE; what is closed is opened again soon."""
        closed = [i for i in self.tradable if i.state != r.STATE_OPEN]
        if closed and not self._one_in(4):
            return c.set_instrument_state(self.rng.choice(closed).id, r.STATE_OPEN)
        state = self.rng.choices((0, 1, 2, 3, 4, 77), (2, 2, 2, 4, 1, 1))[0]
        return c.set_instrument_state(self._instrument().id if not self._one_in(20) else 9_999, state)

    def mode(self) -> bytes:
        """SET_MODE; `batch` soon opens a closed venue again."""
        return c.set_mode(self.rng.choice((0, 0, 1, 7)))

    def expire_day(self) -> bytes:
        """EXPIRE_DAY."""
        return c.expire_day(self._instrument().id if not self._one_in(20) else 9_999)

    def label(self) -> bytes:
        """LABEL of an account."""
        return c.label(self._account(), self.rng.getrandbits(3), "ünïcode"[: self.rng.randrange(1, 8)] * 9)

    def rules(self) -> bytes:
        """SET_RULES to the first version, or to one there is not."""
        return c.set_rules(self.rng.choice((self.world.rules_version, 1, 0, 99)))

    def create_account(self) -> bytes:
        """CREATE_ACCOUNT, sometimes under a wrong id."""
        return c.create_account(self.world.next_account + self.rng.choice((0, 0, 1, -1)), bytes(20))

    def _listing(self, underlying: int, *, perpetual: bool) -> bytes:
        instrument = len(self.world.instruments) + self.pending_instruments
        self.pending_instruments += 1
        terms = self.listings.terms(underlying, self.world.now_ms, perpetual=perpetual)
        return c.list_instrument(instrument, terms)

    def list_instrument(self) -> bytes:
        """LIST_INSTRUMENT: good while few are live, otherwise with one term spoiled."""
        underlying = self.rng.getrandbits(1)
        mine = [i for i in self.tradable if i.terms.underlying == underlying]
        options = sum(i.is_option and i.terms.expiry_ms > self.world.now_ms for i in mine)
        if options + self.pending_instruments < self.profile.options:
            return self._listing(underlying, perpetual=False)
        if len(mine) == options:
            return self._listing(underlying, perpetual=True)
        terms = self.listings.spoiled(underlying, self.world.now_ms, perpetual=self._one_in(3))
        return c.list_instrument(len(self.world.instruments) + (1 if self._one_in(20) else 0), terms)
