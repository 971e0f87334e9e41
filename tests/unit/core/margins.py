"""A market under rules 2 whose margins can be worked out on paper.

Ticks of 1 USDC, lots of 0.01: with the index at 50,000 USDC a lot is 500 USDC of index. No trading fees.
DORA is the other side of every position. Per lot, in USDC (docs/rules-2.md, "Per lot"), with initial rate
0.15, floor 0.10, maintenance 0.075; perpetual 0.02 and 0.01:

    instrument   mark   out of the money   initial                       maintenance
    CALL_50        20                  0   75 + 20 = 95                   37.5 + 20 = 57.5
    CALL_55        10                 50   max(25, 50) + 10 = 60          37.5 + 10 = 47.5
    PUT_40          3                100   max(-25, 50) + 3 = 53          37.5 + 3  = 40.5
    PUT_50         20                  0   75 + 20 = 95                   37.5 + 20 = 57.5
    CALL_50_LATER  30                  0   75.75 + 30 = 105.75            37.875 + 30 = 67.875
    PERPETUAL   500.1                      10.002                         5.001
"""

from __future__ import annotations

from collections.abc import Mapping

from exchange.core import margin
from exchange.core.engine import Engine as CoreEngine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from tests.reference.rates import RATES
from tests.unit.core.harness import CALL, IOC, MICRO, PERP, SELL, USDC, Engine, last, of, only

ALICE, BOB, DORA = 64, 65, 66
CALL_50, CALL_55, PUT_40, PUT_50, CALL_50_LATER, PERPETUAL = range(6)
INDEX = 50_000
SOON_MS, LATER_MS = 10**9, 2 * 10**9

RISK = RATES._replace(
    scenarios=4,
    extended_from=3,
    dampener_micro=5 * USDC,
    uncovered_im_ppm=1_200_000,
    uncovered_mm_ppm=1_100_000,
    shock_ppm=20_000,
    shock_threshold_micro=1_000 * USDC,
    liquidation_slice_micro=2_500 * USDC,
)
# Per lot, in milli-USDC (the quantum): the index falls, stays, rises, doubles (the extended scenario).
TABLES = {
    CALL_50: (-10_000, 0, 15_000, 30_000),
    CALL_55: (-6_000, 0, 9_000, 20_000),
    PERPETUAL: (-80_000, 0, 80_000, 90_000),
}
# mark in USDC, delta in parts per thousand, forward in USDC
MARKS = {
    CALL_50: (2_000, 550, 50_000),
    CALL_55: (1_000, 350, 50_000),
    PUT_40: (300, -100, 50_000),
    PUT_50: (2_000, -450, 50_000),
    CALL_50_LATER: (3_000, 600, 50_500),
    PERPETUAL: (50_010, 1_000, 50_000),
}


def terms() -> dict[int, c.InstrumentTerms]:
    """What is listed."""
    call = CALL._replace(strike_micro=50_000 * MICRO, expiry_ms=SOON_MS)
    put = call._replace(option_type=r.OPTION_PUT)
    return {
        CALL_50: call,
        CALL_55: call._replace(strike_micro=55_000 * MICRO),
        PUT_40: put._replace(strike_micro=40_000 * MICRO),
        PUT_50: put,
        CALL_50_LATER: call._replace(expiry_ms=LATER_MS),
        PERPETUAL: PERP,
    }


class MarginMarket:
    """An engine under rules 2; ALICE and BOB have 10,000 USDC each, DORA all there is."""

    def __init__(self, engine: Engine, risk: cr.RiskParameters | None = RISK) -> None:
        self.engine = engine
        self.numbers = 0
        self.feed = 0
        self.send(c.set_rules(2), c.time(1), c.list_underlying(0, "BTC"))
        for number, each in terms().items():
            self.must(c.list_instrument(number, each), e.Instrument)
        if risk is not None:
            self.must(cr.risk(0, risk), e.Risk)
        for account, usdc in ((ALICE, 10_000), (BOB, 10_000), (DORA, 100_000_000)):
            self.must(c.create_account(account), e.Account)
            self.deposit(account, usdc * USDC)
        self.mark()

    def send(self, *commands: bytes) -> list[e.Event]:
        """Apply commands as one batch; their events."""
        return list(e.read_events(self.engine.apply(b"".join(commands))))

    def must(self, command: bytes, kind: type[e.Event]) -> e.Event:
        """Apply one command that must be answered by one event of this kind."""
        return only(self.send(command), kind)

    def deposit(self, account: int, amount_micro: int) -> None:
        self.numbers += 1
        self.must(c.deposit(account, amount_micro, self.numbers), e.Cash)

    def units(self, index: int = INDEX, marks: Mapping[int, int] | None = None) -> list[c.Mark]:
        """The mark units at an index, with other marks (USDC) where given."""
        found = []
        for number, (mark, delta, forward) in MARKS.items():
            mark = (marks or {}).get(number, mark)
            forward = forward + index - INDEX
            found.append(c.Mark(number, delta * 10**6, mark * MICRO, 0, forward * MICRO))
        return found

    def mark(self, index: int = INDEX, marks: Mapping[int, int] | None = None) -> None:
        self.feed += 1
        self.must(c.marks(0, index * MICRO, self.feed, self.units(index, marks)), e.Marked)

    def tables(self, tables: Mapping[int, tuple[int, ...]] = TABLES, index: int = INDEX) -> None:
        """A snapshot that gives these tables to instruments without one."""
        self.feed += 1
        stream = cr.table_stream(sorted(tables.items()))
        units = self.units(index)
        self.must(cr.risk_snapshot(0, index * MICRO, self.feed, units, len(tables), stream), e.Marked)

    def portfolio(self, *accounts: int) -> None:
        for account in accounts:
            self.must(cr.set_margin_model(account, r.MODEL_PORTFOLIO), e.Account)

    def order(self, account: int, at: int, price: int, lots: int, flags: int = 0) -> list[e.Event]:
        return self.send(c.new_order(account, at, flags, price, lots))

    def rests(self, account: int, at: int, price: int, lots: int, flags: int = 0) -> int:
        """An order that must rest whole; its order_id."""
        placed = last(self.order(account, at, price, lots, flags), e.Order)
        assert (placed.state, placed.open_lots) == (r.ORDER_STATE_OPEN, lots), placed
        return placed.order_id

    def hold(self, account: int, at: int, lots: int, price: int | None = None) -> None:
        """Give an account a position (negative: short) at the mark, against DORA."""
        price = MARKS[at][0] if price is None else price
        self.rests(DORA, at, price, abs(lots), SELL if lots > 0 else 0)
        events = self.order(account, at, price, abs(lots), IOC | (0 if lots > 0 else SELL))
        assert sum(trade.size_lots for trade in of(events, e.Trade)) == abs(lots), events

    def withdraw(self, account: int, amount_micro: int) -> e.Event:
        self.numbers += 1
        return self.send(c.withdraw(account, amount_micro, self.numbers))[0]

    def has_free(self, account: int, micro: int) -> None:
        """The account may withdraw exactly this much: min(cash, balance) less initial margin."""
        assert isinstance(self.withdraw(account, micro + 1), e.Rejected)
        assert isinstance(self.withdraw(account, micro), e.Cash)
        (back,) = self.send(cr.resolve_withdrawal(self.numbers, 1))
        assert isinstance(back, e.Cash), back


def figures(market: MarginMarket, account: int) -> tuple[int, int, int, int]:
    """Initial margin, maintenance margin, balance and equity of the production engine, micro-USDC."""
    assert isinstance(market.engine, CoreEngine)
    w = market.engine.world
    margin.figures(w, account)
    return w.m_initial, w.m_maintenance, w.m_balance, w.m_equity
