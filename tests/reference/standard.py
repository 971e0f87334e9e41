"""Standard margin: per position, with relief for spreads of one expiry (rules 2: Margin). Micro-USDC."""

from __future__ import annotations

from typing import NamedTuple

from exchange.domain import records as r
from exchange.domain.commands import RiskParameters
from tests.reference import perlot
from tests.reference.arithmetic import ceil_div, floor_div, ppm_ceil
from tests.reference.instruments import E8, Instrument, price_bounded
from tests.reference.lines import Line
from tests.reference.world import World


class Held(NamedTuple):
    """One option of a group: q lots (worst case of open sells for initial margin) and its rate."""

    instrument: Instrument
    lots: int
    rate: int


def initial(world: World, lines: list[Line]) -> int:
    """IM: holds of all seats, perpetuals and groups, open orders in their worst case."""
    total = sum(line.hold for line in lines)
    groups: dict[tuple[int, int], list[Held]] = {}
    for line in lines:
        risk = world.underlying_of(line.instrument).risk
        if risk is None:
            continue
        rate = perlot.initial(line.instrument, risk)
        if line.instrument.is_option:
            held = Held(line.instrument, line.size - line.open_sell, rate)
            groups.setdefault(_group_of(line), []).append(held)
        else:
            total += line.worst * rate
    return total + sum(_group(world, held, is_initial=True) for held in groups.values())


def maintenance(world: World, lines: list[Line]) -> int:
    """MM: perpetuals and groups by the positions alone."""
    total = 0
    groups: dict[tuple[int, int], list[Held]] = {}
    for line in lines:
        risk = world.underlying_of(line.instrument).risk
        if risk is None:
            continue
        rate = perlot.maintenance(line.instrument, risk)
        if line.instrument.is_option:
            groups.setdefault(_group_of(line), []).append(Held(line.instrument, line.size, rate))
        else:
            total += abs(line.size) * rate
    return total + sum(_group(world, held, is_initial=False) for held in groups.values())


def _group_of(line: Line) -> tuple[int, int]:
    return line.instrument.terms.underlying, line.instrument.terms.expiry_ms


def _group(world: World, held: list[Held], *, is_initial: bool) -> int:
    """min(isolated, relief) of one underlying and expiry."""
    held = [each for each in held if each.lots != 0]
    if not held:
        return 0
    isolated = sum(max(0, -each.lots) * each.rate for each in held)
    if not _relief_counts(held):
        return isolated
    risk = world.underlying_of(held[0].instrument).risk
    assert risk is not None
    return min(isolated, _relief(held, risk, is_initial=is_initial))


def _relief_counts(held: list[Held]) -> bool:
    """One lot size, and payoffs at the largest strike or forward within limits."""
    if len({each.instrument.terms.lot_e8 for each in held}) != 1:
        return False
    largest = max(max(each.instrument.terms.strike_micro, each.instrument.forward_micro) for each in held)
    return all(price_bounded(largest, each.instrument.terms) for each in held)


def _relief(held: list[Held], risk: RiskParameters, *, is_initial: bool) -> int:
    """The worst loss at expiry over zero and the strikes, and a charge for uncovered calls."""
    strikes = {0, *(each.instrument.terms.strike_micro for each in held)}
    worst = max(sum(_loss(each, price) for each in held) for price in strikes)
    calls = sum(each.lots for each in held if each.instrument.terms.option_type == r.OPTION_CALL)
    forward = max(each.instrument.forward_per_lot for each in held)
    ppm = risk.uncovered_im_ppm if is_initial else risk.uncovered_mm_ppm
    return max(0, worst) + max(0, -calls) * ppm_ceil(forward, ppm)


def _loss(held: Held, price_micro: int) -> int:
    """What the position loses if the underlying ends at a price, rounded against the holder."""
    terms = held.instrument.terms
    inside = price_micro - terms.strike_micro
    if terms.option_type == r.OPTION_PUT:
        inside = -inside
    payoff = max(0, inside) * terms.lot_e8
    return -held.lots * (floor_div(payoff, E8) if held.lots > 0 else ceil_div(payoff, E8))
