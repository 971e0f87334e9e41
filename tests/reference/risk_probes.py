"""Short plays at the edges of margin, aimed at the state as it is: what random commands alone seldom meet."""

from __future__ import annotations

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference import margin
from tests.reference.accounts import Account, Seat
from tests.reference.generator import Traffic
from tests.reference.instruments import Instrument, Underlying
from tests.reference.risk_listings import RiskListings
from tests.reference.toward_mark import last_price


class RiskProbes(Traffic):
    """`Traffic` with plays of its own; who sends them is `RiskTraffic`."""

    listings: RiskListings
    withdrawal_id: int
    feeds: dict[int, int]

    def _probe(self) -> bytes:
        """A withdrawal of one more than is free (refused), and of all that is, which is then cancelled."""
        account = self.world.accounts[self._account_that_exists()]
        free = margin.free_micro(self.world, account)
        if not 0 < free <= limits.MAX_DEPOSIT_MICRO:
            return b""
        self.withdrawal_id += 1
        return b"".join(
            (
                c.withdraw(account.id, free + 1, self.withdrawal_id),
                c.withdraw(account.id, free, self.withdrawal_id),
                cr.resolve_withdrawal(self.withdrawal_id, r.WITHDRAWAL_CANCELLED),
            )
        )

    def _squeeze(self) -> bytes:
        """The index goes against an account, which closes what it has before anybody sweeps it."""
        underlying = self._underlying()
        mine = [i for i in self._of_underlying(underlying) if i.state == r.STATE_OPEN]
        held = [
            (account, seat)
            for account in self._users()
            for seat in account.seats.values()
            if seat.size_lots and seat.instrument in mine
        ]
        if not held or not underlying.index_micro:
            return b""
        model = self.rng.getrandbits(1)  # few have the portfolio model: they come as often as the others
        account, worst = self.rng.choice([each for each in held if each[0].model == model] or held)
        is_put = worst.instrument.terms.option_type == r.OPTION_PUT
        falls = (worst.size_lots > 0) != is_put
        steps = (0.85, 0.93, 0.97, 0.995) if falls else (1.005, 1.03, 1.08, 1.17)
        index, units = self.listings.moved_by(self.rng.choice(steps), underlying, mine)
        made = [c.marks(underlying.id, index, self._next_feed(underlying), units)]
        seats = [seat for whose, seat in held if whose is account]
        chosen = self.rng.choices(seats, k=self.rng.randrange(1, 5))
        return b"".join((*made, *(self._closing_order(account, seat) for seat in chosen)))

    def _closing_order(self, account: Account, seat: Seat) -> bytes:
        """An order against a position: at any price, or at the edge, or at the mark; mostly no larger."""
        rng, instrument, size = self.rng, seat.instrument, abs(seat.size_lots)
        lots = max(instrument.terms.min_size_lots, rng.choice((size, size, 1 + size // 2, 1, size + 1)))
        flags = r.FLAG_SELL if seat.size_lots > 0 else 0
        if rng.random() < 0.6:
            flags |= r.TYPE_MARKET << r.TYPE_SHIFT | rng.choice((0, 2, 3)) << r.TIF_SHIFT
            return c.new_order(account.id, instrument.id, flags, 0, lots)
        if self._one_in(3):
            flags |= r.FLAG_REDUCE_ONLY
        mark = last_price(instrument, is_sell=seat.size_lots > 0)
        edge = instrument.min_price if seat.size_lots > 0 else instrument.max_price
        price = rng.choice((mark, edge, self._fit(self._price(instrument))))
        return c.new_order(account.id, instrument.id, flags, price, lots)

    def _within_a_family(self) -> bytes:
        """Two accounts of a family trade with each other, off the mark."""
        rng = self.rng
        one = self.rng.choice(self._users())
        relatives = self.world.family_of(one)
        if not relatives:
            return b""
        other, instrument = rng.choice(relatives), self._instrument()
        price = instrument.valid_at_most(rng.choice((instrument.min_price, instrument.max_price, 1)))
        lots, side = self._lots(instrument), rng.getrandbits(1)
        passive = c.new_order(one.id, instrument.id, side, price or 1, self._fit(lots))
        ioc = r.TIF_IOC << r.TIF_SHIFT
        return passive + c.new_order(other.id, instrument.id, 1 - side | ioc, price or 1, self._fit(lots))

    def _pile_up(self) -> bytes:
        """More withdrawals than an account may have pending."""
        account, first = self._account_that_exists(), self.withdrawal_id + 1
        self.withdrawal_id += limits.MAX_PENDING_PER_ACCOUNT + 1
        return b"".join(c.withdraw(account, 1, n) for n in range(first, self.withdrawal_id + 1))

    # --- picks ---------------------------------------------------------------------------------------

    def _account_that_exists(self) -> int:
        return self.rng.randrange(limits.FIRST_USER_ACCOUNT, self.world.next_account)

    def _users(self) -> list[Account]:
        return [self.world.accounts[n] for n in range(limits.FIRST_USER_ACCOUNT, self.world.next_account)]

    def _underlying(self) -> Underlying:
        return self.world.underlyings[self.rng.getrandbits(1)]

    def _of_underlying(self, underlying: Underlying) -> list[Instrument]:
        return [i for i in self.tradable if i.terms.underlying == underlying.id]

    def _next_feed(self, underlying: Underlying) -> int:
        if not self._one_in(40):
            self.feeds[underlying.id] = self.feeds.get(underlying.id, underlying.feed_seq) + 1
        return self.feeds.get(underlying.id, underlying.feed_seq)

    def _in_liquidation(self, state: int = 0) -> list[Account]:
        return [a for a in self._users() if a.liquidation and (not state or a.liquidation == state)]
