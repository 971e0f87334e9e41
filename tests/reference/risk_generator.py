"""Seeded random command streams under rules 2: `Traffic` of version 1, and all that risk adds to it.

A stream begins under rules 1 and switches on its way. Makers are rich, takers poor, prices jump: accounts
go insolvent, are swept, closed in slices, auctioned, covered by the fund, and their losses shared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.breaching import breaching
from tests.reference.engine import ReferenceEngine
from tests.reference.hostile import FRAGILE, Hostile
from tests.reference.profiles import Profile
from tests.reference.risk_listings import RiskListings, fee_tiers, parameters
from tests.reference.risk_probes import RiskProbes
from tests.reference.sweeping import covered
from tests.reference.takeover import most_ppm

SUBACCOUNTS = 5
RISK_FRAGILE = FRAGILE | {r.WITHDRAW, r.RISK_SNAPSHOT, r.SET_RULES}


@dataclass(frozen=True)
class RiskProfile(Profile):
    """What a stream under rules 2 is like besides. `whales` are accounts with a hundred times the money."""

    portfolio: float = 0.4  # share of model changes that ask for portfolio margin
    fund_micro: int = 10**9
    whales: int = 2
    options: int = 4
    cranks: float = 14.0  # weight of sweeps and liquidation steps
    locks: float = 0.3
    breaches: float = 0.0  # weight of changes of model that their account does not stand


RISK_PROFILES = tuple(
    replace(profile, breaches=1.2)
    for profile in (
        RiskProfile("risk_mixed", accounts=10, jumps=0.05, deposit_micro=2 * 10**10, sizes=8, options=5),
        RiskProfile("risk_crash", accounts=12, jumps=0.3, deposit_micro=10**9, sizes=12, cranks=22.0),
        RiskProfile("risk_portfolio", jumps=0.15, deposit_micro=10**10, portfolio=0.95, options=5, sizes=20),
        RiskProfile(
            "risk_thin", accounts=9, jumps=0.25, deposit_micro=5 * 10**9, sizes=30, cancels=25.0, cranks=25.0
        ),
        RiskProfile(
            "risk_losses", accounts=14, jumps=0.4, deposit_micro=10**9, sizes=20, fund_micro=1, cranks=30.0
        ),
        RiskProfile("risk_huge", huge=True, deposit_micro=1 << 41, sizes=40, jumps=0.2, fund_micro=1 << 30),
        RiskProfile("risk_hostile", hostility=0.4, jumps=0.1, deposit_micro=10**10),
    )
)


def risk_profile_for(seed: int) -> RiskProfile:
    return RISK_PROFILES[seed % len(RISK_PROFILES)]


class RiskTraffic(RiskProbes):
    """An endless, seeded stream that switches to rules 2 and uses everything there is."""

    profile: RiskProfile

    def __init__(self, seed: int, engine: ReferenceEngine, profile: RiskProfile | None = None) -> None:
        chosen = profile or risk_profile_for(seed)
        super().__init__(seed, engine, chosen)
        self.listings = RiskListings(self.rng, chosen.huge, chosen.jumps, roomy=False)
        self.hostile = Hostile(self.rng, RISK_FRAGILE)
        self.withdrawal_id = 0
        self.feeds: dict[int, int] = {}  # the newest feed sequence sent in this batch
        self.under_risk = False
        self.activate_after = self.rng.choice((40, 150, 600))  # commands under rules 1
        self._base = (list(self._makers), list(self._weights))

    def _mix_risk(self) -> None:
        """What is sent from the activation on; orders and the operator of version 1 go on."""
        makers, weights = self._base
        self._makers, self._weights = list(makers), list(weights)
        for weight, make in (
            (6.0, self.risk_snapshot),
            (self.profile.cranks, self.crank),
            (2.5, self.risk_sweep),
            (1.5, self.liquidate),
            (1.5, self.takeover),
            (0.8, self.share_loss),
            (2.0, self.transfer),
            (1.5, self.resolve_withdrawal),
            (1.5, self.set_margin_model),
            (0.35, self.risk),
            (0.35, self.fees),
            (0.5, self.tier),
            (0.5, self.caps),
            (self.profile.locks, self.lock),
            (0.3, self.underlying_state),
            (0.5, self.forged),
            (0.5, self.endow),
        ):
            self._makers.append(make)
            self._weights.append(weight)
        if self.profile.breaches:
            self._makers.append(self.breach)
            self._weights.append(self.profile.breaches)

    # --- batches -------------------------------------------------------------------------------------

    def opening(self) -> bytes:
        """As under rules 1, and a third underlying that gets no parameters for long."""
        made = [super().opening(), c.list_underlying(2, "DRY")]
        dry, index = self.pending_instruments, self.listings.index(2)
        made.append(self._listing(2, perpetual=True))
        made.append(c.marks(2, index, 1, [c.Mark(dry, 10**9, index, 0, index)]))
        whales = range(limits.FIRST_USER_ACCOUNT, limits.FIRST_USER_ACCOUNT + self.profile.whales)
        made += [self._deposit(account, self.profile.deposit_micro * 100) for account in whales]
        return b"".join(made)

    def batch(self, count: int) -> bytes:
        """`count` commands, aimed at the state as it is now; the first ones of rules 2 when it is time."""
        if not self.under_risk and self.engine.next_seq > self.activate_after:
            self.under_risk = True
            self._mix_risk()
            return self._activation()
        made = b""
        self.feeds = {underlying.id: underlying.feed_seq for underlying in self.world.underlyings}
        for underlying in self.world.underlyings:
            if underlying.index_micro:
                self.listings.set_index(underlying.id, underlying.index_micro)
        if self.under_risk:
            made = self._open_again()
        if self.under_risk and count >= 20:
            made += self.rng.choice((self._probe, self._squeeze, self._squeeze, self._within_a_family))()
            made += self._pile_up() if self._one_in(40) else b""
        return made + super().batch(count - len(c.split(made)))

    def new_order(self) -> bytes:
        """NEW_ORDER as under rules 1; now and then an iceberg that shows about a hundredth."""
        if not self.under_risk or not self._one_in(30):
            return super().new_order()
        rng, instrument = self.rng, self._instrument()
        parts = limits.DISPLAY_PARTS
        size = rng.choice((parts, parts + 1, 2 * parts, 3 * parts - 1))
        display = -(-size // parts) + rng.choice((-1, 0, 0, 1))
        price = self._fit(self._price(instrument))
        return c.new_order(
            self._whale(), instrument.id, rng.getrandbits(1), price, size, display_lots=display
        )

    def mass_quote(self) -> bytes:
        """MASS_QUOTE as under rules 1; now and then with more sides than are looked at."""
        if not self.under_risk or not self._one_in(12):
            return super().mass_quote()
        quotes = [self._quote() for _ in range(self.rng.randrange(limits.QUOTE_LOOKS // 2, 30))]
        return c.mass_quote(self._account(), quotes, quote_label=self.rng.getrandbits(2))

    def _open_again(self) -> bytes:
        """What was closed or locked does not stay so for long."""
        for underlying in self.world.underlyings:
            if underlying.state != r.STATE_OPEN and self._one_in(3):
                return cr.set_underlying_state(underlying.id, r.STATE_OPEN)
        for account in self._users():
            if account.locked and self._one_in(3):
                return cr.set_lock(account.id, False)
            if account.max_orders and self._one_in(4):
                return cr.set_caps(account.id, 0, 0)
        return b""

    def _activation(self) -> bytes:
        """SET_RULES, parameters, fund, fees (sometimes later), subaccounts."""
        made = [self.takeover(), c.set_rules(2)]
        made += [cr.risk(underlying, parameters(self.rng)) for underlying in (0, 1)]
        made.append(self._deposit(limits.ACCOUNT_INSURANCE, self.profile.fund_micro))
        if self._one_in(2):
            made.append(cr.set_fees(fee_tiers(self.rng)))
        first = self.world.next_account
        for n in range(SUBACCOUNTS):
            main = limits.FIRST_USER_ACCOUNT + self.profile.accounts - 1 - n % 2
            made.append(c.create_account(first + n, bytes([n]) * 20, main=main))
            made.append(self._deposit(first + n, max(1, self.profile.deposit_micro >> n)))
        made.append(self.marks())
        return b"".join(made)

    # --- picks ---------------------------------------------------------------------------------------

    def _account(self) -> int:
        if self.under_risk and self._one_in(5):
            span = self.world.next_account - limits.FIRST_USER_ACCOUNT
            return limits.FIRST_USER_ACCOUNT + int(self.rng.random() * span)
        return super()._account()

    def _whale(self) -> int:
        if self._one_in(6):
            return self._account()
        richest = sorted(self._users(), key=lambda a: (-a.cash_micro, a.id))
        return self.rng.choice(richest[:3]).id

    # --- marks and tables ----------------------------------------------------------------------------

    def risk_snapshot(self) -> bytes:
        """RISK_SNAPSHOT: marks of all, tables of some; bad marks or a bad stream now and then."""
        underlying = self._underlying() if not self._one_in(40) else self.world.underlyings[-1]
        mine = self._of_underlying(underlying)
        index, units = self.listings.move(underlying, mine)
        feed_seq = self._next_feed(underlying)
        if self._one_in(25):
            index, units = self.hostile.bad_marks(index, units, self.world)
        if underlying.risk is None:
            return cr.risk_snapshot(underlying.id, index, feed_seq, units, 0, b"")
        if self._one_in(30):
            units = []
        count, stream = self.listings.stream(underlying.risk, mine, units)
        if self._one_in(15):
            other = self.rng.choice(self.world.instruments).id if self._one_in(2) else 9_999
            count, stream = self.listings.spoiled_stream(count, stream, other)
        return cr.risk_snapshot(underlying.id, index, feed_seq, units, count, stream)

    # --- liquidation ---------------------------------------------------------------------------------

    def crank(self) -> bytes:
        """The next step of any liquidation under way, or a sweep."""
        waiting = self._in_liquidation()
        if not waiting:
            return self.risk_sweep()
        account = self.rng.choice(waiting)
        if account.liquidation == r.LIQUIDATION_DEFICIT and not self._one_in(5):
            return self.share_loss()
        if account.liquidation == r.LIQUIDATION_AUCTION and self._one_in(3):
            return self.takeover()
        return cr.liquidate(account.id)

    def risk_sweep(self) -> bytes:
        """RISK_SWEEP over all accounts, a few, or nonsense."""
        count = self.rng.choice((limits.MAX_SWEEP, limits.MAX_SWEEP, 3, 1))
        first = limits.FIRST_USER_ACCOUNT + (self.rng.randrange(12) if count < 4 else 0)
        if self._one_in(25):
            first, count = self.rng.choice(((63, 5), (64, 0), (64, 1_025), (1 << 40, 1), (-1, 1)))
        return cr.risk_sweep(first, count)

    def liquidate(self) -> bytes:
        """LIQUIDATE of whoever: mostly not liquidatable."""
        waiting = self._in_liquidation()
        return cr.liquidate(self.rng.choice(waiting).id if waiting and self._one_in(2) else self._account())

    def takeover(self) -> bytes:
        """TAKEOVER of a part or all of a portfolio in auction, by someone rich."""
        rng, auctions = self.rng, self._in_liquidation(r.LIQUIDATION_AUCTION)
        target = rng.choice(auctions).id if auctions and not self._one_in(12) else self._account()
        fraction = rng.choice((1_000_000, 1_000_000, 500_000, 300_000, 1, 50_000))
        below = [account for account in auctions if not covered(self.world, account)]
        if below and not self._one_in(3):
            account = rng.choice(below)
            target, fraction = account.id, fraction if self._one_in(4) else 0
            if not fraction and any(seat.size_lots for seat in account.seats.values()):
                fraction = most_ppm(self.world, account) + rng.choice((0, 0, -1, 1))
        if self._one_in(30):
            fraction = rng.choice((0, 1_000_001, -1))
        most = rng.choices((1 << 60, 0, -(10**6), rng.randrange(10**9)), (12, 1, 1, 1))[0]
        bidder = self._whale() if not self._one_in(20) else target
        return cr.takeover(
            bidder, target, fraction, most, grant=rng.getrandbits(1), client_order_id=rng.getrandbits(4)
        )

    def share_loss(self) -> bytes:
        """SHARE_LOSS of an account in deficit, most of the time the one already begun."""
        rng, deficits = self.rng, self._in_liquidation(r.LIQUIDATION_DEFICIT)
        account = self._account()
        if deficits and not self._one_in(12):
            under_way = self.world.sharing.account
            account = under_way if under_way and not self._one_in(6) else rng.choice(deficits).id
        count = rng.choice((1, 3, 7, limits.MAX_SWEEP))
        if self._one_in(25):
            count = rng.choice((0, -1, limits.MAX_SWEEP + 1))
        return cr.share_loss(account, count)

    # --- money ---------------------------------------------------------------------------------------

    def withdraw(self) -> bytes:
        """WITHDRAW under the next id, or a used one."""
        if not self.under_risk:
            return super().withdraw()
        account = self._account()
        cash = self.world.accounts[account].cash_micro if account in self.world.accounts else 5
        amounts = (1, max(1, cash // 20), max(1, cash // 3), cash, cash + 1, 0, limits.MAX_DEPOSIT_MICRO + 1)
        amount = self.rng.choices(amounts, (4, 4, 2, 1, 1, 0.3, 0.3))[0]
        if self._one_in(15):
            return c.withdraw(account, self._fit(amount), self.rng.choice((0, -1, self.withdrawal_id)))
        self.withdrawal_id += self.rng.choice((1, 1, 5))
        return c.withdraw(account, self._fit(amount), self.withdrawal_id)

    def resolve_withdrawal(self) -> bytes:
        """RESOLVE_WITHDRAWAL of a pending one, or of none."""
        pending = list(self.world.withdrawals)
        known = pending and not self._one_in(10)
        withdrawal_id = self.rng.choice(pending) if known else self.rng.randrange(-2, self.withdrawal_id + 3)
        return cr.resolve_withdrawal(withdrawal_id, self.rng.choices((0, 1, 2), (5, 4, 0.3))[0])

    def transfer(self) -> bytes:
        """TRANSFER within a family, or to a stranger."""
        source = self._account()
        account = self.world.accounts.get(source)
        destination = self._account()
        if account is not None and not self._one_in(6):
            family = [a.id for a in self._users() if a.family == account.family and a is not account]
            destination = self.rng.choice(family) if family else destination
        cash = account.cash_micro if account else 1
        amount = self.rng.choice((1, max(1, cash // 50), max(1, cash // 4), cash, cash + 1))
        if self._one_in(20):
            amount = self.rng.choice((0, -1, limits.MAX_DEPOSIT_MICRO + 1))
        return cr.transfer(
            source,
            destination if not self._one_in(40) else -5,
            self._fit(amount),
            self.rng.getrandbits(20) - 100,
            grant=self.rng.getrandbits(1),
        )

    def endow(self) -> bytes:
        """DEPOSIT to the insurance fund or to another system account."""
        account = self.rng.choice((2, 2, 2, 1, 3, 4))
        return self._deposit(account, self.rng.randrange(1, self.profile.fund_micro + 1))

    # --- accounts and parameters ---------------------------------------------------------------------

    def create_account(self) -> bytes:
        """CREATE_ACCOUNT: main, subaccount, or of a main account that is none."""
        if not self.under_risk:
            return super().create_account()
        rng, next_id = self.rng, self.world.next_account
        main = rng.choice((0, limits.FIRST_USER_ACCOUNT, self._account(), next_id, 3, -1))
        return c.create_account(next_id + rng.choice((0, 0, 0, 1)), bytes(20), main=main)

    def set_margin_model(self) -> bytes:
        """SET_MARGIN_MODEL, mostly of accounts without orders."""
        quiet = [a.id for a in self._users() if not a.orders]
        account = self.rng.choice(quiet) if quiet and not self._one_in(3) else self._account()
        model = int(self.rng.random() < self.profile.portfolio) if not self._one_in(20) else 2
        return cr.set_margin_model(account, model, grant=self.rng.getrandbits(1))

    def breach(self) -> bytes:
        """SET_MARGIN_MODEL of an account that has not enough for the other model; where all of them have
        orders those of one go first."""
        found = breaching(self.world, self._users())
        if not found:
            return self.set_margin_model()
        account, model = self.rng.choice([each for each in found if not each[0].orders] or found)
        return c.cancel_many(account.id) if account.orders else cr.set_margin_model(account.id, model)

    def risk(self) -> bytes:
        """RISK: other parameters, the same with other rates, or one out of bounds."""
        underlying = self._underlying() if not self._one_in(10) else self.rng.choice(self.world.underlyings)
        wanted = parameters(self.rng)
        if underlying.risk is not None and not self._one_in(3):  # tables live on
            scenarios, quantum_micro, extended_from = underlying.risk[:3]
            wanted = wanted._replace(
                scenarios=scenarios, quantum_micro=quantum_micro, extended_from=extended_from
            )
        if self._one_in(4):
            name = self.rng.choice(wanted._fields)
            wanted = wanted._replace(**{name: self.rng.choice((-1, 0, 1 << 60, getattr(wanted, name) * 3))})
        return cr.risk(underlying.id if not self._one_in(30) else 99, wanted)

    def fees(self) -> bytes:
        """SET_FEES, or a schedule that would pay traders."""
        tiers = fee_tiers(self.rng)
        if self._one_in(5):
            rate = self.rng.choice((-1, limits.MAX_FEE_PPM + 1, -limits.MAX_FEE_PPM - 1, -50_000))
            field = self.rng.choice(tiers[0]._fields)
            tiers[-1] = tiers[-1]._replace(**{field: rate})
        return cr.set_fees(tiers, self.rng.choice((0, 0, 500, 1_000, 1_001, -1)) if self._one_in(4) else 0)

    def tier(self) -> bytes:
        """SET_TIER."""
        return cr.set_tier(self._account(), self.rng.choice((0, 1, 2, 5, 7, 8)))

    def caps(self) -> bytes:
        """SET_CAPS: tight, none, or nonsense."""
        rng = self.rng
        orders = rng.choice((0, 0, 3, 1, limits.MAX_OPEN_ORDERS_PER_ACCOUNT + rng.getrandbits(1), -1))
        positions = rng.choice((0, 0, 2, 4, limits.MAX_SEATS + rng.getrandbits(1), -1))
        return cr.set_caps(self._account(), orders, positions)

    def lock(self) -> bytes:
        """SET_LOCK; `batch` soon unlocks."""
        account = self._account()
        command = cr.set_lock(account, self._one_in(2))
        return command if not self._one_in(20) else c.header(r.SET_LOCK, 1, flags=2, account=account)

    def underlying_state(self) -> bytes:
        """SET_UNDERLYING_STATE; `batch` soon opens again."""
        underlying = self._underlying().id if not self._one_in(10) else 99
        return cr.set_underlying_state(underlying, self.rng.choice((0, 1, 2, 2, 3)))

    def forged(self) -> bytes:
        """A command of the venue's, sent under a grant."""
        theirs = (self.risk_sweep, self.deposit, self.risk, self.share_loss, self.tier, self.time)
        raw = bytearray(self.rng.choice(theirs)())
        raw[24] = 7
        return bytes(raw)
