"""Standard margin: per position, with relief for spreads of one expiry (rules 2: Margin). Micro-USDC."""

from __future__ import annotations

from typing import NamedTuple

from exchange.domain import records as r
from exchange.domain.commands_risk import RiskParameters
from tests.reference import perlot
from tests.reference.arithmetic import ceil_div, floor_div, ppm_ceil
from tests.reference.branches import note
from tests.reference.instruments import E8, Instrument, price_bounded
from tests.reference.lines import Line
from tests.reference.world import World


class Held(NamedTuple):
    """One option of a group: q lots (open sells taken off where orders count), and its size."""

    instrument: Instrument
    lots: int
    size: int

    @property
    def delivery_lots(self) -> int:
        """Lots that may come to delivery: an open sale takes none of them away."""
        return max(abs(self.lots), abs(self.size))


def initial(world: World, lines: list[Line]) -> int:
    """IM: holds of all seats, perpetuals and groups, open orders in their worst case."""
    return _holds(lines) + _positions(world, lines, is_initial=True, with_orders=True)


def initial_isolated(world: World, lines: list[Line]) -> int:
    """IM with no relief for spreads: plain sums."""
    return _holds(lines) + _positions(world, lines, is_initial=True, with_orders=True, relieved=False)


def maintenance(world: World, lines: list[Line]) -> int:
    """MM: perpetuals and groups by the positions alone."""
    return _positions(world, lines, is_initial=False, with_orders=False)


def maintenance_with_orders(world: World, lines: list[Line]) -> int:
    """MM°: maintenance with open orders counted as IM counts them."""
    return _holds(lines) + _positions(world, lines, is_initial=False, with_orders=True)


def _holds(lines: list[Line]) -> int:
    return sum(line.hold for line in lines)


def _positions(
    world: World, lines: list[Line], *, is_initial: bool, with_orders: bool, relieved: bool = True
) -> int:
    """Perpetuals and groups, at the rates of either margin, with open orders or without."""
    total = 0
    per_lot = perlot.initial if is_initial else perlot.maintenance
    groups: dict[tuple[int, int], list[Held]] = {}
    for line in lines:
        risk = world.underlying_of(line.instrument).risk
        if risk is None:
            continue
        if not line.instrument.is_option:
            total += (line.worst if with_orders else abs(line.size)) * per_lot(line.instrument, risk)
            continue
        lots = line.size - line.open_sell if with_orders else line.size
        if lots or line.size:
            groups.setdefault(_group_of(line), []).append(Held(line.instrument, lots, line.size))
    for held in groups.values():
        risk = world.underlying_of(held[0].instrument).risk
        assert risk is not None
        isolated = sum(-each.lots * per_lot(each.instrument, risk) for each in held if each.lots < 0)
        if relieved:
            total += _relieved(world, held, risk, isolated, is_initial=is_initial)
        else:
            total += isolated
    return total


def _group_of(line: Line) -> tuple[int, int]:
    return line.instrument.terms.underlying, line.instrument.terms.expiry_ms


def _relieved(
    world: World, held: list[Held], risk: RiskParameters, isolated: int, *, is_initial: bool
) -> int:
    """min(isolated, relief) of one underlying and expiry."""
    if not _relief_counts(world, held) or not isolated:
        return isolated
    relief = _relief(held, risk, is_initial=is_initial)
    if relief >= isolated:
        return isolated
    delivery = sum(each.delivery_lots * perlot.delivery_fee(each.instrument) for each in held)
    if delivery:
        better = relief + delivery < isolated
        note(world, "relief: better with delivery" if better else "relief: worse only for delivery")
    return min(isolated, relief + delivery)


def _relief_counts(world: World, held: list[Held]) -> bool:
    """One lot size, and payoffs at the largest strike or forward within limits."""
    if len({each.instrument.terms.lot_e8 for each in held}) != 1:
        note(world, "relief: none for lots of two sizes")
        return False
    largest = max(max(each.instrument.terms.strike_micro, each.instrument.forward_micro) for each in held)
    if all(price_bounded(largest, each.instrument.terms) for each in held):
        return True
    note(world, "relief: none beyond bounds")
    return False


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
    if inside <= 0:
        return 0
    payoff = inside * terms.lot_e8
    return -held.lots * (floor_div(payoff, E8) if held.lots > 0 else ceil_div(payoff, E8))
