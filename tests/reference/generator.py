"""Seeded random command streams: mostly plausible traffic, salted with what a hostile client would send.

`Traffic` looks at the reference's state (live orders, marks, positions) to aim its commands and never at
the engine under test. The same seed and profile give the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from exchange.domain import commands as c
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.accounts import Order, Seat
from tests.reference.engine import ReferenceEngine
from tests.reference.hostile import Hostile
from tests.reference.instruments import Instrument, Underlying
from tests.reference.listings import Listings


@dataclass(frozen=True)
class Profile:
    """What a stream is like. Amounts in micro-USDC, sizes in lots, time in ms."""

    name: str
    accounts: int = 8
    options: int = 3  # live per underlying
    deposit_micro: int = 4 * 10**11
    sizes: int = 12
    spread_steps: float = 4.0
    time_step_ms: int = 3_000
    huge: bool = False
    hostility: float = 0.03
    jumps: float = 0.02  # share of marks blocks that move the index by a lot
    far: float = 0.0  # share of prices from anywhere within the price limit
    cancels: float = 10.0


PROFILES = (
    Profile("busy"),
    Profile("poor", deposit_micro=10**9, sizes=16, jumps=0.25),
    Profile("deep", accounts=12, sizes=60, spread_steps=15.0, deposit_micro=10**13),
    Profile("huge", huge=True, deposit_micro=1 << 52, sizes=40),
    Profile("crowded", accounts=3, options=1, spread_steps=2.0),
    Profile("hostile", hostility=0.5),
    Profile("wide", deposit_micro=10**14, spread_steps=400.0, far=0.5, cancels=3.0, time_step_ms=150),
)


def profile_for(seed: int) -> Profile:
    return PROFILES[seed % len(PROFILES)]


class Traffic:
    """An endless, seeded stream of batches aimed at the state of `engine`."""

    def __init__(self, seed: int, engine: ReferenceEngine, profile: Profile | None = None) -> None:
        self.rng = random.Random(seed)
        self.engine = engine
        self.world = engine.world
        self.profile = profile or profile_for(seed)
        self.listings = Listings(
            self.rng, self.profile.huge, self.profile.jumps, roomy=self.profile.far > 0
        )
        self.hostile = Hostile(self.rng)
        self.deposit_id = 0
        self.pending_instruments = 0
        self.live: list[Order] = []
        self.tradable: list[Instrument] = []
        self._makers: list[Callable[[], bytes]] = []
        self._weights: list[float] = []
        self._mix()

    def _mix(self) -> None:
        for weight, make in (
            (46, self.new_order),
            (14, self.amend),
            (self.profile.cancels, self.cancel),
            (0.12 * self.profile.cancels, self.cancel_many),
            (11, self.mass_quote),
            (5, self.marks),
            (2.5, self.time),
            (1.2, self.deposit),
            (1.2, self.withdraw),
            (0.5, self.settle_perpetual),
            (0.5, self.funding),
            (1.0, self.deliver),
            (0.5, self.configure),
            (0.9, self.instrument_state),
            (0.4, self.mode),
            (0.4, self.expire_day),
            (0.3, self.label),
            (0.1, self.rules),
            (0.1, self.create_account),
            (1.0, self.list_instrument),
        ):
            self._makers.append(make)
            self._weights.append(weight)

    # --- batches -------------------------------------------------------------------------------------

    def opening(self) -> bytes:
        """The commands every stream begins with: underlyings, accounts, money, listings, marks."""
        made = [c.time(1_000), c.list_underlying(0, "BTC"), c.list_underlying(1, "ETH")]
        for n in range(self.profile.accounts):
            account = limits.FIRST_USER_ACCOUNT + n
            made.append(c.create_account(account, bytes([n]) * 20))
            made.append(self._deposit(account, self.profile.deposit_micro))
            made.append(c.configure_account(account, cancel_maker=n % 2 == 1))
        for underlying in (0, 1):
            kinds = (True, *(False,) * self.profile.options)
            made.extend(self._listing(underlying, perpetual=perpetual) for perpetual in kinds)
        return b"".join(made)

    def batch(self, count: int) -> bytes:
        """`count` commands, aimed at the state as it is now."""
        self.pending_instruments = 0
        self.live = list(self.world.orders.values())
        self.tradable = self._alive()
        made = []
        if self.world.mode != r.MODE_OPEN and self._one_in(2):
            made.append(c.set_mode(r.MODE_OPEN))
            count -= 1
        for make in self.rng.choices(self._makers, self._weights, k=count):
            command = make()
            if self.rng.random() < self.profile.hostility:
                command = self.hostile.spoil(command)
            made.append(command)
        return b"".join(made)

    def _alive(self) -> list[Instrument]:
        """What may be traded or settled still; of combos `combo_generator` knows."""
        ended = (r.STATE_DELISTED, r.STATE_DELIVERED)
        return [i for i in self.world.instruments if i.state not in ended and not i.is_combo]

    # --- picks ---------------------------------------------------------------------------------------

    def _one_in(self, n: int) -> bool:
        return self.rng.random() * n < 1

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

    # --- orders --------------------------------------------------------------------------------------

    def _order_flags(self) -> int:
        rng = self.rng
        if self._one_in(50):
            return rng.getrandbits(8 if self._one_in(2) else 32)
        flags = rng.getrandbits(1)
        kind = rng.random()
        if kind < 0.10:
            return flags | r.TYPE_MARKET << r.TYPE_SHIFT | rng.choice((0, 2, 2, 3)) << r.TIF_SHIFT
        if kind < 0.16:
            return flags | r.TYPE_MARKET_LIMIT << r.TYPE_SHIFT | rng.getrandbits(1) << r.TIF_SHIFT
        tif = rng.choices((r.TIF_GTC, r.TIF_GTD, r.TIF_IOC, r.TIF_FOK), (60, 15, 15, 10))[0]
        flags |= tif << r.TIF_SHIFT
        if tif < r.TIF_IOC and self._one_in(4):
            flags |= r.FLAG_POST_ONLY | rng.getrandbits(1) * r.FLAG_REJECT_POST_ONLY
        return flags

    def new_order(self) -> bytes:
        """NEW_ORDER of any type, time in force and flag."""
        rng, account, instrument, flags = self.rng, self._account(), self._instrument(), self._order_flags()
        if self._one_in(7):
            flags |= r.FLAG_REDUCE_ONLY
            seat = self._position(account)
            if seat is not None and not self._one_in(6):
                instrument = seat.instrument
                flags = flags & ~r.FLAG_SELL | (seat.size_lots > 0)
        lots = self._lots(instrument)
        price = self._price(instrument)
        if self.profile.far and not self._one_in(6):  # passive, so that far levels stay
            flags = flags & ~r.FLAG_SELL | (price * instrument.terms.tick_micro > instrument.mark_micro)
        limit = flags >> r.TYPE_SHIFT & r.TYPE_MASK == r.TYPE_LIMIT
        display = 0
        if self._one_in(7 if limit and not flags & 1 << 4 else 60):
            display = rng.choice((1, 2, 3, lots // 3, lots, lots + 1, -1))
        return c.new_order(
            account,
            instrument.id if not self._one_in(200) else len(self.world.instruments) + rng.getrandbits(2),
            flags,
            price if limit or self._one_in(60) else 0,
            lots,
            display_lots=display,
            valid_until_ms=self._valid_until(),
            client_order_id=self._client_id(),
            label=rng.getrandbits(2),
            grant=rng.getrandbits(1),
        )

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

    def amend(self) -> bytes:
        """AMEND of any subset of fields."""
        rng = self.rng
        account, order_id, order = self._target()
        if order is None:
            return c.amend(account, order_id, size_lots=5, client_order_id=self._client_id())
        what = rng.choices((1, 2, 3, 4, 8, 16, rng.getrandbits(5)), (6, 6, 3, 2, 1, 1, 4))[0]
        size = None
        if what & 2:
            now = order.open_lots
            open_lots = rng.choice((now - 1, now + 1, now // 2, 0, self._lots(order.instrument)))
            size = order.filled_lots + open_lots
        post = bool(rng.getrandbits(1)) if what & 8 else None
        return c.amend(
            account,
            order_id,
            price_ticks=self._fit(self._price(order.instrument)) if what & 1 else None,
            size_lots=self._fit(size) if size is not None else None,
            display_lots=rng.choice((0, 1, 3, order.size_lots, order.size_lots + 1)) if what & 4 else None,
            post_only=post,
            reject_post_only=bool(post) and self._one_in(2),
            reduce_only=bool(rng.getrandbits(1)) if what & 16 else None,
            valid_until_ms=self._valid_until(),
            client_order_id=self._client_id(),
            grant=rng.getrandbits(1),
        )

    @staticmethod
    def _fit(value: int) -> int:
        return max(-(1 << 63), min(value, limits.I64_MAX))

    def cancel(self) -> bytes:
        """CANCEL by id. Large books are thinned first."""
        account, order_id, _ = self._target()
        return c.cancel(account, order_id, client_order_id=self._client_id())

    def cancel_many(self) -> bytes:
        """CANCEL_MANY of every scope, kind and which."""
        rng, scope = self.rng, self.rng.randrange(1, 5)
        if self._one_in(6):
            scope = rng.choice((0, 5, 15))
        target = self._instrument().id if scope == r.SCOPE_INSTRUMENT else rng.getrandbits(1)
        if self._one_in(20):
            target += 1_000
        return c.cancel_many(
            self._account(),
            scope,
            target=target,
            kind=rng.choice((0, 0, 1, 2, 3)),
            which=rng.choice((0, 0, 1, 2, 3)),
            label=rng.getrandbits(2),
            client_order_id=self._client_id(),
        )

    def mass_quote(self) -> bytes:
        """MASS_QUOTE: steady quotes, moves through oneself, single sides, cancels."""
        rng = self.rng
        quotes = [self._quote() for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 5)))]
        return c.mass_quote(
            self._account(),
            quotes,
            quote_label=rng.getrandbits(2),
            mmp_group=int(self._one_in(80)),
            valid_until_ms=self._valid_until(),
            client_order_id=self._client_id(),
            grant=rng.getrandbits(1),
        )

    def _quote(self) -> c.Quote:
        rng, instrument = self.rng, self._instrument()
        bid = self._fit(self._price(instrument))
        ask = self._fit(bid + rng.choice((1, 2, 3, 5)) * instrument.step_at(max(bid, 1)))
        if self._one_in(12):
            ask = self._fit(self._price(instrument))
        post = self._one_in(5)
        return c.Quote(
            instrument.id if not self._one_in(80) else len(self.world.instruments) + 7,
            bid,
            self._quote_lots(instrument),
            ask,
            self._quote_lots(instrument),
            set_label=rng.getrandbits(2),
            post_only=post,
            reject_post_only=self._one_in(3) if post else self._one_in(150),
        )

    def _quote_lots(self, instrument: Instrument) -> int | None:
        kind = self.rng.random()
        if kind < 0.08:
            return None
        if kind < 0.16:
            return 0
        return max(0, min(self._lots(instrument), r.QUOTE_SIZE_MASK))

    # --- the operator ----------------------------------------------------------------------------------

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
