"""Random portfolios on a real engine, and the same portfolios as the float twins take them.

A world lists two underlyings with a perpetual and two expiries each, sets random risk parameters and fees,
lets accounts of both models trade and place orders, and moves the market several times. Positions, cash and
entry values are read back from the engine; marks, gains per scenario and holds are worked out here.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as ev
from exchange.domain import limits
from exchange.domain import records as r
from pricing.european import black76
from pricing.scenarios import DeribitParameters, DeriveParameters, Scenario, grid_of, scenario_values
from tests.reference.margin_engines import Books
from tests.reference.margin_float import CALL, MICRO, PERPETUAL, PUT, Holding, Parameters, order_hold

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
FEE_CAP = 0.125


@dataclass
class Line:
    """One listed instrument and its market now. `gains` per lot, USDC; None without a table."""

    number: int
    kind: str
    underlying: int
    terms: c.InstrumentTerms
    index_micro: int = 0
    mark_micro: int = 0
    forward_micro: int = 0
    delta_e9: int = 0
    table: list[int] | None = None
    gains: list[float] | None = None

    @property
    def unit(self) -> float:
        return self.terms.lot_e8 / 1e8


@dataclass(frozen=True)
class Portfolio:
    """One account at one moment: what the twin takes, and whose figures the engine is asked for."""

    account: int
    model: int
    cash: float
    holdings: list[Holding]
    has_orders: bool


@dataclass
class World:
    """An engine with a market on it; `portfolios` reads all accounts as they are now."""

    seed: int
    engine: Books
    accounts: int = 16

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.lines: list[Line] = []
        self.grids: list[tuple[Scenario, ...]] = []
        self.risk: list[cr.RiskParameters] = []
        self.feed_seq = 0
        self.index = [self.rng.uniform(20_000, 150_000), self.rng.uniform(500, 6_000)]
        self.holds: dict[tuple[int, int], float] = defaultdict(float)
        self.models: dict[int, int] = {}
        self._open()
        self.move(first=True)
        self._trade()
        self._order()

    # --- the market ---------------------------------------------------------------------------------

    def _open(self) -> None:
        rng = self.rng
        self.tiers = [
            cr.FeeTier(*(rng.randint(*ends) for ends in ((-200, 300), (300, 600), (-100, 200), (100, 500))))
            for _ in range(rng.randint(1, 3))
        ]
        made = [c.set_rules(2), c.time(NOW_MS), cr.set_fees(self.tiers)]
        for underlying, symbol in enumerate(("BTC", "ETH")):
            made.append(c.list_underlying(underlying, symbol))
            self.grids.append(rng.choice((DeribitParameters(), DeriveParameters())).scenarios())
            self.risk.append(self._parameters(len(self.grids[-1])))
            made.append(cr.risk(underlying, self.risk[-1]))
            self._list(underlying)
        made += [c.list_instrument(line.number, line.terms) for line in self.lines]
        for n in range(self.accounts):
            account = limits.FIRST_USER_ACCOUNT + n
            self.models[account] = n % 2
            made += [c.create_account(account), c.deposit(account, 1 << 50, n + 1)]
            made.append(cr.set_margin_model(account, n % 2))
        self._must(b"".join(made))

    def _parameters(self, scenarios: int) -> cr.RiskParameters:
        rng = self.rng
        im, perp = rng.randint(50_000, 300_000), rng.randint(10_000, 100_000)
        floor = rng.randint(im // 2, im)
        return cr.RiskParameters(
            scenarios=scenarios,
            quantum_micro=rng.choice((1, 10, 1_000, 50_000)),
            extended_from=rng.choice((27, 27, scenarios, 20)),
            dampener_micro=rng.choice((0, rng.randint(1, 10**12))),
            sm_im_ppm=im,
            sm_floor_ppm=floor,
            sm_mm_ppm=rng.randint(floor // 2, floor),
            perp_im_ppm=perp,
            perp_mm_ppm=rng.randint(perp // 2, perp),
            uncovered_im_ppm=rng.randint(1_100_000, 1_300_000),
            uncovered_mm_ppm=rng.randint(1_000_000, 1_100_000),
            pm_mm_ppm=rng.choice((800_000, rng.randint(500_000, 1_000_000))),
            roll_ppm=rng.choice((0, rng.randint(1, 20_000))),
            shock_ppm=rng.choice((0, rng.randint(1, 50_000))),
            shock_threshold_micro=rng.choice((0, rng.randint(1, 10**12))),
            short_ppm=rng.choice((0, rng.randint(1, 20_000))),
            liquidation_fee_ppm=100,
            liquidation_slice_micro=10**10,
            liquidation_band_ppm=50_000,
            jump_factor=10,
            auction_ms=60_000,
            auction_discount_ppm=100_000,
        )

    def _list(self, underlying: int) -> None:
        rng = self.rng
        lot, tick = (1_000_000, 1_000_000) if underlying == 0 else (10_000_000, 100_000)
        perpetual = c.InstrumentTerms(
            kind=r.KIND_PERPETUAL, option_type=r.OPTION_NONE, underlying=underlying, expiry_ms=0,
            strike_micro=0, tick_micro=tick, lot_e8=lot, min_size_lots=1, price_limit_ticks=1_000_000,
            position_limit_lots=10_000, maker_fee_ppm=0, taker_fee_ppm=0, fee_cap_permille=125,
            delivery_fee_ppm=150, band_ppm=0,
        )
        self.lines.append(Line(len(self.lines), PERPETUAL, underlying, perpetual))
        for days in (rng.uniform(0.5, 25), rng.uniform(30, 300)):
            expiry = NOW_MS + round(days * DAY_MS)
            # Now and then an expiry has one option with lots of its own, so that nothing nets in it.
            odd = rng.random() < 0.1
            for n in range(3):
                strike = self.index[underlying] * math.exp(rng.gauss(0, 0.6 * math.sqrt(days / 365) + 0.02))
                for kind in (CALL, PUT):
                    option = perpetual._replace(
                        kind=r.KIND_OPTION,
                        option_type=r.OPTION_CALL if kind == CALL else r.OPTION_PUT,
                        expiry_ms=expiry,
                        strike_micro=round(strike) * 1_000_000,
                        lot_e8=lot * 2 if odd and n == 0 else lot,
                    )
                    self.lines.append(Line(len(self.lines), kind, underlying, option))

    def move(self, *, first: bool = False) -> None:
        """A new index, new volatilities, marks and tables of everything."""
        for underlying in (0, 1):
            if not first:
                self.index[underlying] *= math.exp(self.rng.gauss(0, 0.08))
            index_micro = round(self.index[underlying] * MICRO)
            lines = [line for line in self.lines if line.underlying == underlying]
            before = {line.number: line.table or [0] * len(self.grids[underlying]) for line in lines}
            self._price(underlying, lines, index_micro)
            units = [
                c.Mark(line.number, line.delta_e9, line.mark_micro, 0, line.forward_micro) for line in lines
            ]
            tables = [
                (line.number, [new - old for old, new in zip(before[line.number], line.table, strict=True)])
                for line in lines
                if line.table is not None
            ]
            self.feed_seq += 1
            stream = cr.table_stream(tables)
            self._must(cr.risk_snapshot(underlying, index_micro, self.feed_seq, units, len(tables), stream))

    def _price(self, underlying: int, lines: list[Line], index_micro: int) -> None:
        """Marks and gains of an underlying's lines, and tables of nine in ten."""
        moves, rules, weights = grid_of(self.grids[underlying])
        perpetual, *options = lines
        mark = round(index_micro * self.rng.uniform(0.99, 1.01))
        perpetual.mark_micro, perpetual.forward_micro, perpetual.delta_e9 = mark, mark, 10**9
        gains = {perpetual.number: mark / MICRO * moves * weights}
        years = np.array([(line.terms.expiry_ms - NOW_MS) / (365 * DAY_MS) for line in options])
        for line, left in zip(options, years, strict=True):
            line.forward_micro = round(index_micro * math.exp(0.05 * left))
        forward = np.array([line.forward_micro / MICRO for line in options])
        strike = np.array([line.terms.strike_micro / MICRO for line in options])
        vol = np.array([self.rng.uniform(0.3, 1.4) for _ in options])
        is_call = np.array([line.kind == CALL for line in options])
        values = black76(forward, strike, years, vol, is_call)
        moved = scenario_values(forward, strike, years, vol, is_call, moves, rules)
        for n, line in enumerate(options):
            line.mark_micro = round(float(values.price[n]) * MICRO)
            line.delta_e9 = round(float(values.delta[n]) * 1e9)
            gains[line.number] = (moved[:, n] - line.mark_micro / MICRO) * weights
        quantum = self.risk[underlying].quantum_micro
        for line in lines:
            line.index_micro = index_micro
            if line.table is not None or self.rng.random() < 0.9:
                line.gains = (gains[line.number] * line.unit).tolist()
                line.table = np.floor(np.array(line.gains) * MICRO / quantum).astype(int).tolist()

    # --- what accounts do ----------------------------------------------------------------------------

    def _ticks(self, line: Line, factor: float) -> int:
        ticks = round(line.mark_micro * factor / line.terms.tick_micro)
        return min(max(ticks, 1), line.terms.price_limit_ticks)

    def _trade(self) -> None:
        """Pairs of accounts meet at prices around the mark, so that nothing is left in the books."""
        for _ in range(6 * self.accounts):
            line = self.rng.choice(self.lines)
            maker, taker = self.rng.sample(sorted(self.models), 2)
            lots, price = self.rng.choice((1, 3, 17, 250)), self._ticks(line, self.rng.uniform(0.9, 1.1))
            side = self.rng.randrange(2)
            ioc = r.TIF_IOC << r.TIF_SHIFT
            self._must(
                c.new_order(maker, line.number, side, price, lots)
                + c.new_order(taker, line.number, (1 - side) | ioc, price, lots)
            )

    def _order(self) -> None:
        """Two thirds of the accounts place orders; those in one instrument all on one side of its book."""
        for account in sorted(self.models):
            if account % 3 == 0:
                continue
            for line in self.rng.sample(self.lines, 4):
                sell, price = line.number % 2 == 1, self._ticks(line, self.rng.uniform(0.7, 1.3))
                lots = self.rng.randint(1, 200)
                self._must(c.new_order(account, line.number, int(sell), price, lots))
                option = line.kind != PERPETUAL
                rates = [max(t[:2] if option else t[2:]) for t in self.tiers]
                per_unit = order_hold(
                    self._holding(line, 0),
                    price * line.terms.tick_micro / MICRO,
                    sell=sell,
                    fee_rate=max(rates) / MICRO,
                    fee_cap=FEE_CAP,
                    portfolio_model=self.models[account] == r.MODEL_PORTFOLIO,
                )
                self.holds[account, line.number] += per_unit * lots * line.unit

    def _must(self, batch: bytes) -> None:
        for event in ev.read_events(self.engine.apply(batch)):
            if isinstance(event, ev.Rejected):
                raise AssertionError(f"world {self.seed}: {event}")

    # --- reading -------------------------------------------------------------------------------------

    def _holding(self, line: Line, size: float, bids: float = 0, offers: float = 0) -> Holding:
        return Holding(
            kind=line.kind,
            size=size,
            mark=line.mark_micro / MICRO,
            forward=line.forward_micro / MICRO,
            index=line.index_micro / MICRO,
            strike=line.terms.strike_micro / MICRO,
            expiry=line.terms.expiry_ms,
            underlying=line.underlying,
            unit=line.unit,
            delta=line.delta_e9 / 1e9,
            delivery=line.terms.delivery_fee_ppm / MICRO,
            bids=bids,
            offers=offers,
            gains=line.gains,
        )

    def portfolios(self) -> Iterator[Portfolio]:
        """Every account as it is now."""
        for account, model in sorted(self.models.items()):
            holdings = []
            for seat in self.engine.seats(account):
                line = self.lines[seat.instrument]
                held = self._holding(line, seat.size_lots, seat.open_buy_lots, seat.open_sell_lots)
                hold = self.holds[account, line.number]
                entry = seat.entry_value_micro / MICRO
                holdings.append(replace(held, hold=hold, entry=entry))
            has_orders = any(held.bids or held.offers for held in holdings)
            yield Portfolio(account, model, self.engine.cash_micro(account) / MICRO, holdings, has_orders)

    def parameters(self) -> dict[object, Parameters]:
        """Of each underlying, as the twins take them."""
        return {n: Parameters.of(p) for n, p in enumerate(self.risk)}

    def quanta(self) -> dict[object, int]:
        """Of each underlying's tables, micro-USDC."""
        return {n: p.quantum_micro for n, p in enumerate(self.risk)}
