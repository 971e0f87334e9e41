"""Seeded random command streams: mostly plausible traffic, salted with what a hostile client would send.

`Traffic` looks at the reference's state (live orders, marks, positions) to aim its commands and never at
the engine under test. The same seed and profile give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from exchange.domain import commands as c
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.reference.instruments import Instrument
from tests.reference.operating import Operator
from tests.reference.profiles import Profile, profile_for


class Traffic(Operator):
    """An endless, seeded stream of batches aimed at the state of `engine`."""

    def __init__(self, seed: int, engine: ReferenceEngine, profile: Profile | None = None) -> None:
        super().__init__(seed, engine, profile or profile_for(seed))
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
        self.look()
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
