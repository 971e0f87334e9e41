"""How far an integer margin may lie from its float twin: the sum of the roundings docs/rules-2.md names.

Each bound is derived where it stands, in micro-USDC; x̂ is the integer for the real x. Σ over lots is
meant where a bound is per lot. Nearly all roundings go against the account: the integer is the larger one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.reference.margin_float import CALL, MICRO, Holding, Parameters

HOLD = 2.2
"""fee_hold = ⌈⌈Î·ppm/1000⌉/1000⌉ with Î < I + 1, ppm ≤ 10⁵: < 0.1 + 0.001 + 1; the mark: < 1."""
OPTION_IM = 4.0
"""ppm_ceil(F̂, p ≤ 1) < 2 above; − ⌊otm⌋ < 1 above; mark_high < 1 above."""
OPTION_MM = 3.0
"""ppm_ceil(F̂, p) < 2 above; mark_high < 1 above."""
PERPETUAL = 2.0
"""ppm_ceil(mark_high, p ≤ 1): < p + 1."""
UNCOVERED = 3.0
"""ppm_ceil(F̂, p ≤ 2) < 2 + 1 above, per net short call."""
DELIVERY = 1.102
"""⌈⌈F̂·ppm/1000⌉/1000⌉ with F̂ < F + 1, ppm ≤ 10⁵: < 0.1 + 0.001 + 1, per lot that may be delivered."""
NOISE = 1e-12
"""Of floats: some hundred operations at 1.1e-16 of the largest intermediate value."""


class Span(NamedTuple):
    """integer − float lies within low…high, micro-USDC."""

    low: float
    high: float

    def widened(self, by: float) -> Span:
        return Span(self.low - by, self.high + by)


class Spans(NamedTuple):
    """Of initial margin, maintenance margin and balance."""

    initial: Span
    maintenance: Span
    balance: Span


def _noise(holdings: Iterable[Holding], cash: float) -> float:
    gross = sum(
        (abs(h.size) + h.bids + h.offers) * h.unit * max(h.index, h.mark, h.forward, h.strike) + abs(h.entry)
        + max(map(abs, h.gains), default=0.0) * (abs(h.size) + h.bids + h.offers)
        for h in holdings if h.gains is not None
    ) + sum((abs(h.size) + h.bids + h.offers) * h.unit * max(h.index, h.strike) for h in holdings)
    return NOISE * MICRO * (gross + abs(cash)) + 1e-3


def standard_spans(holdings: Sequence[Holding], cash: float) -> Spans:
    """Of the standard model."""
    initial = sum(HOLD * (h.bids + h.offers) for h in holdings)
    maintenance = 0.0
    expiries: dict[object, list[Holding]] = defaultdict(list)
    for held in holdings:
        if held.is_option:
            expiries[held.underlying, held.expiry].append(held)
        else:
            initial += PERPETUAL * held.worst_size
            maintenance += PERPETUAL * abs(held.size)
    for options in expiries.values():
        initial += _expiry([(h, h.size - h.offers) for h in options], OPTION_IM)
        maintenance += _expiry([(h, h.size) for h in options], OPTION_MM)
    # Every position is valued at its mark rounded against it, less than 1 a lot.
    values = sum(abs(h.size) for h in holdings if not h.is_option)
    by = _noise(holdings, cash)
    return Spans(
        Span(0.0, initial).widened(by), Span(0.0, maintenance).widened(by), Span(-values, 0.0).widened(by)
    )


def _expiry(legs: Sequence[tuple[Holding, float]], rate: float) -> float:
    """A minimum is off by no more than the larger of what its two sides are off by."""
    alone = sum(max(0.0, -lots) * rate for _, lots in legs)
    delivery = DELIVERY * sum(max(abs(lots), abs(held.size)) for held, lots in legs)
    # Payoffs: ⌊⌋ of long, ⌈⌉ of short lots, each less than 1 a lot.
    naked = max(0.0, -sum(lots for held, lots in legs if held.kind == CALL))
    return max(alone, sum(abs(lots) for _, lots in legs) + UNCOVERED * naked + delivery)


def portfolio_spans(
    holdings: Sequence[Holding], cash: float, parameters: dict[object, Parameters], quanta: dict[object, int]
) -> Spans:
    """Of the portfolio model; `quanta` in micro-USDC per underlying."""
    low_im = low_mm = high_mm = 0.0
    high_im = sum(HOLD * (h.bids + h.offers) for h in holdings)
    for underlying, p in parameters.items():
        group = [held for held in holdings if held.underlying == underlying]
        im, mm = (_underlying(group, p, quanta[underlying], with_orders=orders) for orders in (True, False))
        low_im, high_im = low_im + im.low, high_im + im.high
        low_mm += p.portfolio_mm * mm.low
        high_mm += p.portfolio_mm * mm.high + 1  # ppm_ceil
    by = _noise(holdings, cash)
    values = sum(abs(held.size) for held in holdings)
    return Spans(
        Span(low_im, high_im).widened(by), Span(low_mm, high_mm).widened(by), Span(-values, 0.0).widened(by)
    )


def _underlying(group: Sequence[Holding], p: Parameters, quantum: int, *, with_orders: bool) -> Span:
    def orders(lots: float) -> float:
        return lots if with_orders else 0.0

    # Tables: T̂ ≤ T < T̂ + quantum per lot. A long position's gain is up to a quantum too small; a short
    # one's up to a quantum too large, which the charge of a quantum a short lot makes good; an order's loss
    # is up to a quantum too large. The maximum, and the dampener, move by no more than what they are of.
    high = quantum * sum(abs(h.size) + orders(h.bids + h.offers) for h in group)
    # Deltas: roll and shock move by no more than the sum of what the expiries' deltas move by, either way.
    drift = sum(abs(h.size) * _delta(h) for h in group)
    low = -(p.roll + p.shock) * drift - 0.5 * p.roll  # ⌊·/2⌋
    high += (p.roll + p.shock) * drift + 2  # two ppm_ceil
    for h in group:
        short = max(0.0, orders(h.offers) - h.size)
        if h.is_option:
            high += short * (p.short + 1)
        high += orders(max(h.bids, h.offers)) * ((p.roll + p.shock) * _delta(h) + 1)
        if h.gains is None and h.is_option:
            high += short * (OPTION_IM if with_orders else OPTION_MM)
            high += max(0.0, h.size + orders(h.bids))  # mark_high
        elif h.gains is None:
            high += PERPETUAL * (h.worst_size if with_orders else abs(h.size))
    return Span(low, high)


def _delta(held: Holding) -> float:
    """d̂ − d per lot: ⌈⌈Î/1000⌉·⌈|δ|·10⁵⌉/100⌉ with Î < I + 1; the perpetual's is Î itself."""
    if not held.is_option:
        return 1.0
    index = held.index * held.unit * MICRO
    return index * 1e-5 + 0.01001 * (abs(held.delta) * 1e5 + 1) + 1
