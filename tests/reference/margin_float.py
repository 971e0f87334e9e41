"""Both margin engines once more, in floats: what the integer engines say within their roundings.

Written from the finance (docs/rules-2.md, Margin; Deribit's and Derive's public rules), to be read. Money
is in USDC and prices in USDC per 1 of the underlying; sizes are in lots of `unit` of the underlying. Shares
that the rules write in parts per million are plain fractions here. No rounding anywhere; how far an integer
engine may be from these figures is derived in `tests/reference/margin_bounds.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from exchange.domain.commands_risk import RiskParameters

CALL, PUT, PERPETUAL = "call", "put", "perpetual"
MICRO = 1e6


@dataclass(frozen=True)
class Parameters:
    """An underlying's parameters, as fractions and USDC."""

    im: float = 0.15
    floor: float = 0.10
    mm: float = 0.075
    perpetual_im: float = 0.05
    perpetual_mm: float = 0.025
    uncovered_im: float = 1.2
    uncovered_mm: float = 1.1
    extended_from: int = 27
    dampener: float = 0.0
    portfolio_mm: float = 0.8
    roll: float = 0.0
    shock: float = 0.0
    shock_threshold: float = 0.0
    short: float = 0.0

    @classmethod
    def of(cls, p: RiskParameters) -> Parameters:
        """The same parameters as the RISK command has them."""
        return cls(
            im=p.sm_im_ppm / MICRO,
            floor=p.sm_floor_ppm / MICRO,
            mm=p.sm_mm_ppm / MICRO,
            perpetual_im=p.perp_im_ppm / MICRO,
            perpetual_mm=p.perp_mm_ppm / MICRO,
            uncovered_im=p.uncovered_im_ppm / MICRO,
            uncovered_mm=p.uncovered_mm_ppm / MICRO,
            extended_from=p.extended_from,
            dampener=p.dampener_micro / MICRO,
            portfolio_mm=p.pm_mm_ppm / MICRO,
            roll=p.roll_ppm / MICRO,
            shock=p.shock_ppm / MICRO,
            shock_threshold=p.shock_threshold_micro / MICRO,
            short=p.short_ppm / MICRO,
        )


@dataclass(frozen=True)
class Holding:
    """A position and the open orders of one account in one instrument.

    `size`, `bids` and `offers` are in lots; `gains` is what one lot long gains in each scenario, weights of
    extended scenarios applied, None where the instrument has no table; `hold` and `entry` are sums;
    `delivery` is the fee of a delivery as a share of the underlying's price.
    """

    kind: str
    size: float
    mark: float
    forward: float
    index: float
    strike: float = 0.0
    expiry: object = None
    underlying: object = 0
    unit: float = 1.0
    delta: float = 1.0
    bids: float = 0.0
    offers: float = 0.0
    hold: float = 0.0
    entry: float = 0.0
    delivery: float = 0.0
    gains: Sequence[float] | None = None

    @property
    def is_option(self) -> bool:
        return self.kind != PERPETUAL

    @property
    def value(self) -> float:
        """At its mark; of a perpetual, its unsettled profit."""
        marked = self.size * self.unit * self.mark
        return marked if self.is_option else marked - self.entry

    @property
    def worst_size(self) -> float:
        """The largest position either way that fills of its orders can make."""
        return max(abs(self.size + self.bids), abs(self.size - self.offers))

    def payoff(self, price: float) -> float:
        """At expiry, per 1 of the underlying."""
        return max(0.0, price - self.strike if self.kind == CALL else self.strike - price)


Margins = tuple[float, float]
"""Initial and maintenance margin."""


# --- one position by itself ---------------------------------------------------------------------------


def isolated(holding: Holding, p: Parameters) -> Margins:
    """Of one short option or one perpetual, per 1 of the underlying (Deribit's standard margin)."""
    mark, forward = holding.mark, holding.forward
    if holding.kind == PERPETUAL:
        return mark * p.perpetual_im, mark * p.perpetual_mm
    outside = max(0.0, holding.strike - forward if holding.kind == CALL else forward - holding.strike)
    initial = max(p.im * forward - outside, p.floor * forward) + mark
    if holding.kind == CALL:
        return initial, p.mm * forward + mark
    maintenance = max(p.mm * forward, p.mm * mark) + mark
    return max(initial, maintenance), maintenance


# --- standard margin ----------------------------------------------------------------------------------


def standard(holdings: Iterable[Holding], parameters: Callable[[object], Parameters]) -> Margins:
    """Position by position, options relieved expiry by expiry; orders as if all of them were filled."""
    initial = maintenance = 0.0
    expiries: dict[object, list[Holding]] = defaultdict(list)
    for held in holdings:
        initial += held.hold
        if held.is_option:
            expiries[held.underlying, held.expiry].append(held)
        else:
            im, mm = isolated(held, parameters(held.underlying))
            initial += held.worst_size * held.unit * im
            maintenance += abs(held.size) * held.unit * mm
    for options in expiries.values():
        p = parameters(options[0].underlying)
        initial += expiry_margin([(o, o.size - o.offers, isolated(o, p)[0]) for o in options], p.uncovered_im)
        maintenance += expiry_margin([(o, o.size, isolated(o, p)[1]) for o in options], p.uncovered_mm)
    return initial, maintenance


def expiry_margin(legs: Sequence[tuple[Holding, float, float]], uncovered: float) -> float:
    """The better of each short by itself and the worst loss at expiry; `legs`: (holding, lots, rate)."""
    legs = [leg for leg in legs if leg[1] or leg[0].size]
    alone = sum(max(0.0, -lots) * option.unit * rate for option, lots, rate in legs)
    if len({option.unit for option, _, _ in legs}) > 1:
        return alone  # lots of different sizes do not net
    prices = [0.0, *(option.strike for option, _, _ in legs)]
    worst = max(-sum(lots * option.unit * option.payoff(at) for option, lots, _ in legs) for at in prices)
    # Beyond the highest strike the loss grows with the net short calls, without end.
    naked = max(0.0, -sum(lots * option.unit for option, lots, _ in legs if option.kind == CALL))
    forward = max((option.forward for option, _, _ in legs), default=0.0)
    # All that is held may come to delivery, and costs its fee; an open sale takes nothing of that away.
    fees = sum(
        max(abs(lots), abs(option.size)) * option.unit * option.forward * option.delivery
        for option, lots, _ in legs
    )
    return min(alone, max(0.0, worst) + naked * forward * uncovered + fees)


# --- portfolio margin ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parts:
    """What the portfolio margin of one underlying is made of, in USDC."""

    worst: float
    roll: float
    shock: float
    charges: float

    @property
    def total(self) -> float:
        return self.worst + self.roll + self.shock + self.charges


def portfolio(holdings: Sequence[Holding], parameters: Callable[[object], Parameters]) -> Margins:
    """Worst scenario, roll and delta shocks, contingencies and open orders of each underlying."""
    initial, maintenance = sum(held.hold for held in holdings), 0.0
    by_underlying: dict[object, list[Holding]] = defaultdict(list)
    for held in holdings:
        by_underlying[held.underlying].append(held)
    for underlying, group in by_underlying.items():
        p = parameters(underlying)
        initial += portfolio_parts(group, p, with_orders=True).total
        maintenance += p.portfolio_mm * portfolio_parts(group, p, with_orders=False).total
    return initial, maintenance


def portfolio_parts(group: Sequence[Holding], p: Parameters, *, with_orders: bool) -> Parts:
    """The parts for one underlying's holdings, before the maintenance factor."""
    deltas = expiry_deltas(group)
    net = abs(sum(deltas.values()))
    offset = (sum(map(abs, deltas.values())) - net) / 2  # long in one expiry, short in another
    return Parts(
        worst=max([0.0, *losses(group, p, with_orders=with_orders)]),
        roll=p.roll * offset,
        shock=p.shock * max(0.0, net - p.shock_threshold),
        charges=sum(charge(held, p, with_orders=with_orders) for held in group),
    )


def losses(group: Sequence[Holding], p: Parameters, *, with_orders: bool) -> list[float]:
    """Per scenario, the extended ones dampened; an order counts where its fill would lose."""
    tables = [(held, held.gains) for held in group if held.gains is not None]
    found = []
    for k in range(max((len(gains) for _, gains in tables), default=0)):
        loss = -sum(held.size * gains[k] for held, gains in tables)
        if with_orders:
            loss += sum(
                held.bids * max(0.0, -gains[k]) + held.offers * max(0.0, gains[k]) for held, gains in tables
            )
        found.append(loss if k < p.extended_from else max(0.0, loss - p.dampener))
    return found


def expiry_deltas(group: Iterable[Holding]) -> dict[object, float]:
    """USDC of delta by expiry; the perpetual is an expiry of its own."""
    deltas: dict[object, float] = defaultdict(float)
    for held in group:
        deltas[held.expiry if held.is_option else PERPETUAL] += held.size * held.unit * dollar_delta(held)
    return deltas


def dollar_delta(held: Holding) -> float:
    """USDC of delta per 1 of the underlying held."""
    return held.index * held.delta if held.is_option else held.index


def charge(held: Holding, p: Parameters, *, with_orders: bool) -> float:
    """Contingency for naked shorts, for what orders do to the deltas, and for a missing table."""
    offers = held.offers if with_orders else 0.0
    short = max(0.0, offers - held.size)
    total = short * p.short * held.index if held.is_option else 0.0
    if with_orders:
        total += max(held.bids, held.offers) * abs(dollar_delta(held)) * (p.roll + p.shock)
    if held.gains is None:
        lots = short if held.is_option else held.worst_size if with_orders else abs(held.size)
        total += lots * isolated(held, p)[0 if with_orders else 1]
        if held.is_option:  # what nobody knows the scenarios of may become worthless
            total += max(0.0, held.size + (held.bids if with_orders else 0.0)) * held.mark
    return total * held.unit


# --- what stands against it ---------------------------------------------------------------------------


def standard_balance(cash: float, holdings: Iterable[Holding]) -> float:
    """Cash and the unsettled profit of perpetuals; options are no collateral."""
    return cash + sum(held.value for held in holdings if not held.is_option)


def equity(cash: float, holdings: Iterable[Holding]) -> float:
    """Cash and everything held, at its mark: the balance of the portfolio model."""
    return cash + sum(held.value for held in holdings)


def order_hold(held: Holding, price: float, *, sell: bool, fee_rate: float, fee_cap: float | None,
               portfolio_model: bool) -> float:
    """USDC set aside per 1 of the underlying ordered: the fee, and what the fill would cost at once.

    `fee_rate` is of the index (the largest of maker and taker over all tiers), `fee_cap` of the price.
    """
    fee = max(0.0, fee_rate) * held.index
    if held.is_option and fee_cap is not None:
        fee = min(fee, fee_cap * price)
    if held.is_option and not portfolio_model:
        if not sell:
            return price + fee
        return max(0.0, fee - price) if fee_cap is None else 0.0
    return fee + max(0.0, held.mark - price if sell else price - held.mark)
