"""A small market to write the rules' cases in, over the production engine or the reference.

Prices are in ticks of 1 USDC, a lot is 0.01 of the underlying (multiplier 10,000 micro-USDC), the index
is 50,000 USDC, no fees and no band unless a test lists its own terms.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects
from tests.reference.rates import RATES

ALICE, BOB, CAROL = 64, 65, 66
OPTION, PERPETUAL = 0, 1
INDEX = 50_000
EXPIRY_MS = 1_000_000
MICRO = 1_000_000
USDC = MICRO
IOC = r.TIF_IOC << r.TIF_SHIFT
FOK = r.TIF_FOK << r.TIF_SHIFT
DAY = r.TIF_GTD << r.TIF_SHIFT
MARKET = r.TYPE_MARKET << r.TYPE_SHIFT
MARKET_LIMIT = r.TYPE_MARKET_LIMIT << r.TYPE_SHIFT
SELL = r.FLAG_SELL
POST = r.FLAG_POST_ONLY
REJECT_POST = r.FLAG_POST_ONLY | r.FLAG_REJECT_POST_ONLY
REDUCE = r.FLAG_REDUCE_ONLY

CALL = c.InstrumentTerms(
    kind=r.KIND_OPTION,
    option_type=r.OPTION_CALL,
    underlying=0,
    expiry_ms=EXPIRY_MS,
    strike_micro=40_000 * MICRO,
    tick_micro=MICRO,
    lot_e8=1_000_000,
    min_size_lots=1,
    price_limit_ticks=500_000,
    position_limit_lots=10_000,
    maker_fee_ppm=0,
    taker_fee_ppm=0,
    fee_cap_permille=0,
    delivery_fee_ppm=0,
    band_ppm=0,
)
PERP = CALL._replace(kind=r.KIND_PERPETUAL, option_type=r.OPTION_NONE, expiry_ms=0, strike_micro=0)

RISK = RATES._replace(
    scenarios=3,
    shock_threshold_micro=10**12,
    liquidation_slice_micro=10**11,
    liquidation_band_ppm=7_000,
)

E = TypeVar("E", bound=e.Event)


class Engine(Protocol):
    """What the tests need of an engine."""

    def apply(self, batch: bytes) -> bytes: ...


class Market:
    """An engine with one underlying, two instruments and three accounts of 1,000,000 USDC."""

    def __init__(
        self, engine: Engine, option: c.InstrumentTerms = CALL, perpetual: c.InstrumentTerms = PERP
    ) -> None:
        self.engine = engine
        self.deposits = 0
        self.feed = 0
        self.send(c.list_underlying(0, "BTC"))
        for account in (ALICE, BOB, CAROL):
            self.send(c.create_account(account))
            self.deposit(account, 1_000_000 * USDC)
        self.send(c.list_instrument(OPTION, option), c.list_instrument(PERPETUAL, perpetual))
        self.mark(option_ticks=12_000)

    def send(self, *commands: bytes) -> list[e.Event]:
        """Apply commands as one batch; their events."""
        return list(e.read_events(self.engine.apply(b"".join(commands))))

    def deposit(self, account: int, amount_micro: int) -> None:
        self.deposits += 1
        self.send(c.deposit(account, amount_micro, self.deposits))

    def mark(self, option_ticks: int = 12_000, index: int = INDEX) -> None:
        """Mark both instruments: the option, and the perpetual at the index."""
        self.feed += 1
        units = [
            c.Mark(OPTION, 0, option_ticks * MICRO, 0, index * MICRO),
            c.Mark(PERPETUAL, 0, index * MICRO, 0, index * MICRO),
        ]
        found = self.send(c.marks(0, index * MICRO, self.feed, units))
        assert isinstance(found[0], e.Marked), found

    def order(
        self, account: int, price_ticks: int, lots: int, flags: int = 0, at: int = OPTION, display: int = 0
    ) -> list[e.Event]:
        """Send a NEW_ORDER."""
        return self.send(c.new_order(account, at, flags, price_ticks, lots, display_lots=display))

    def rests(
        self, account: int, price_ticks: int, lots: int, flags: int = 0, at: int = OPTION, display: int = 0
    ) -> int:
        """Send a NEW_ORDER that must rest whole; its order_id."""
        placed = last(self.order(account, price_ticks, lots, flags, at, display), e.Order)
        assert (placed.state, placed.open_lots) == (r.ORDER_STATE_OPEN, lots), placed
        return placed.order_id

    def long(self, account: int, other: int, lots: int, price_ticks: int, at: int = OPTION) -> None:
        """Give `account` a long position against `other`."""
        self.rests(other, price_ticks, lots, SELL, at)
        assert last(self.order(account, price_ticks, lots, IOC, at), e.Order).filled_lots == lots

    def balance(self, account: int) -> int:
        """Cash in micro-USDC: what a deposit of one micro-unit shows, less that unit."""
        self.deposits += 1
        return last(self.send(c.deposit(account, 1, self.deposits)), e.Cash).balance_micro - 1


def under_rules_2(market: Market, risk: cr.RiskParameters = RISK) -> Market:
    """The same market once rules version 2 is in force and its underlying has risk parameters."""
    market.send(c.set_rules(2))
    only(market.send(cr.risk(0, risk)), e.Risk)
    return market


def under_rules_3(market: Market) -> Market:
    """The same market once rules version 3 is in force and its underlying has risk parameters."""
    under_rules_2(market).send(c.set_rules(3))
    return market


def only(events: Iterable[e.Event], kind: type[E]) -> E:
    """The single event, of this kind."""
    (found,) = events
    assert isinstance(found, kind), found
    return found


def last(events: list[e.Event], kind: type[E]) -> E:
    """The last event, of this kind."""
    assert isinstance(events[-1], kind), events
    return events[-1]


def of(events: list[e.Event], kind: type[E]) -> list[E]:
    """All events of a kind."""
    return [event for event in events if isinstance(event, kind)]


def reason(events: list[e.Event]) -> str:
    """The name of the only event's reject reason."""
    return rejects.REJECT_NAMES[only(events, e.Rejected).reason]
