"""A small market under rules 2 to write the cases of sweeps, liquidations, takeovers and losses in.

As in `harness`: ticks of 1 USDC, lots of 0.01, the index at 50,000 USDC, so that a lot is 500 USDC of index;
no fees but the liquidation's 0.2 %. Three options of one expiry and a perpetual. DORA is the other side of
every position and has all the money there is; a case gives ALICE, BOB and CAROL what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from tests.reference.rates import RATES
from tests.unit.core.harness import CALL, IOC, MICRO, PERP, SELL, USDC, Engine, last, of

ALICE, BOB, CAROL, DORA = 64, 65, 66, 67
FUND = 2
CALL_50, PERPETUAL, PUT_50, CALL_60 = 0, 1, 2, 3
INSTRUMENTS = (CALL_50, PERPETUAL, PUT_50, CALL_60)
INDEX = 50_000
START_MS = 1_000
RISK = RATES._replace(
    scenarios=3,
    quantum_micro=MICRO,
    extended_from=3,
    uncovered_im_ppm=1_200_000,
    uncovered_mm_ppm=1_100_000,
    roll_ppm=0,
    shock_ppm=0,
    shock_threshold_micro=0,
    short_ppm=0,
    liquidation_slice_micro=2_500 * USDC,
)
# What one lot long gains in each scenario, in USDC: the index falls, stays, rises by a tenth.
TABLES = {CALL_50: (-20, 0, 30), PERPETUAL: (-50, 0, 50), PUT_50: (30, 0, -20), CALL_60: (-5, 0, 12)}
MARKS = {CALL_50: 3_000, PUT_50: 3_000, CALL_60: 1_000}


class RiskMarket:
    """An engine under rules 2 with one underlying, four instruments and four accounts."""

    def __init__(
        self, engine: Engine, risk: cr.RiskParameters = RISK, fund_micro: int = 0, fee_cap_permille: int = 0
    ) -> None:
        self.engine = engine
        self.numbers = 0
        self.feed = 0
        self.tables: dict[int, tuple[int, ...]] = {}
        option = CALL._replace(
            strike_micro=50_000 * MICRO, expiry_ms=10**9, fee_cap_permille=fee_cap_permille
        )
        terms = {
            CALL_50: option,
            PERPETUAL: PERP,
            PUT_50: option._replace(option_type=r.OPTION_PUT),
            CALL_60: option._replace(strike_micro=60_000 * MICRO),
        }
        self.send(c.set_rules(2), c.time(START_MS), c.list_underlying(0, "BTC"))
        self.send(*(c.list_instrument(n, terms[n]) for n in INSTRUMENTS))
        self.must(cr.risk(0, risk), e.Risk)
        for account in (ALICE, BOB, CAROL, DORA):
            self.must(c.create_account(account), e.Account)
        self.deposit(DORA, 100_000_000 * USDC)
        if fund_micro:
            self.deposit(FUND, fund_micro)
        self.mark(tables=TABLES)

    def send(self, *commands: bytes) -> list[e.Event]:
        """Apply commands as one batch; their events."""
        return list(e.read_events(self.engine.apply(b"".join(commands))))

    def must(self, command: bytes, kind: type[e.Event]) -> e.Event:
        """Apply one command that must be answered by one event of this kind."""
        (found,) = self.send(command)
        assert isinstance(found, kind), found
        return found

    def deposit(self, account: int, amount_micro: int) -> None:
        self.numbers += 1
        self.must(c.deposit(account, amount_micro, self.numbers), e.Cash)

    def mark(
        self,
        index: int = INDEX,
        marks: Mapping[int, int] | None = None,
        tables: Mapping[int, tuple[int, ...]] | None = None,
        deltas: Mapping[int, int] | None = None,
    ) -> None:
        """A risk snapshot: prices in USDC, deltas in 1e-9, tables in quanta (those not named stay)."""
        self.feed += 1
        marked = {**MARKS, PERPETUAL: index, **(marks or {})}
        units = [
            c.Mark(n, (deltas or {}).get(n, 0), marked[n] * MICRO, 0, index * MICRO) for n in INSTRUMENTS
        ]
        rows = []
        for n, table in sorted((tables or {}).items()):
            before = self.tables.get(n, (0,) * len(table))
            rows.append((n, [new - old for new, old in zip(table, before, strict=True)]))
            self.tables[n] = table
        stream = cr.table_stream(rows)
        self.must(cr.risk_snapshot(0, index * MICRO, self.feed, units, len(rows), stream), e.Marked)

    def rests(self, account: int, at: int, price: int, lots: int, flags: int = 0) -> int:
        """An order that must rest whole; its order_id."""
        placed = last(self.send(c.new_order(account, at, flags, price, lots)), e.Order)
        assert (placed.state, placed.open_lots) == (r.ORDER_STATE_OPEN, lots), placed
        return placed.order_id

    def give(self, account: int, at: int, lots: int, price: int) -> None:
        """A position against DORA at this price: long for lots > 0, else short."""
        theirs, ours = (SELL, 0) if lots > 0 else (0, SELL)
        self.rests(DORA, at, price, abs(lots), theirs)
        placed = last(self.send(c.new_order(account, at, ours | IOC, price, abs(lots))), e.Order)
        assert placed.filled_lots == abs(lots), placed

    def cash(self, account: int) -> int:
        """Cash in micro-USDC: what a deposit of one micro-unit shows, less that unit."""
        self.numbers += 1
        return last(self.send(c.deposit(account, 1, self.numbers)), e.Cash).balance_micro - 1

    def sweep(self, first: int = ALICE, count: int = 4) -> list[e.Liquidation]:
        """A sweep; the liquidations it started."""
        return of(self.send(cr.risk_sweep(first, count)), e.Liquidation)

    def step(self, account: int = ALICE) -> list[e.Event]:
        """One step of a liquidation."""
        return self.send(cr.liquidate(account))

    def told(self, account: int = ALICE) -> e.Liquidation:
        """The LIQUIDATION that one step must end with."""
        return last(self.step(account), e.Liquidation)

    def to_auction(self, account: int = ALICE, steps_most: int = 20) -> None:
        """Steps until the auction starts."""
        for _ in range(steps_most):
            event = self.step(account)[-1]
            if isinstance(event, e.Liquidation) and event.kind == r.LIQ_AUCTION:
                return
        raise AssertionError("no auction")


def kinds(events: Sequence[e.Event]) -> list[int]:
    """The kinds of the LIQUIDATION events among these, in order."""
    return [event.kind for event in events if isinstance(event, e.Liquidation)]


def long_perpetual(market: RiskMarket, deposit: int = 2_000, index: int = 48_480) -> None:
    """ALICE: a perpetual on one whole coin, bought at 50,000; then the index moves."""
    market.deposit(ALICE, deposit * USDC)
    market.give(ALICE, PERPETUAL, 100, 50_000)
    market.mark(index)
