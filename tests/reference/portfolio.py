"""Portfolio margin: the worst scenario of an underlying, and charges (rules 2: Margin). Micro-USDC."""

from __future__ import annotations

from exchange.domain.commands_risk import RiskParameters
from tests.reference import perlot
from tests.reference.arithmetic import floor_div, ppm_ceil
from tests.reference.branches import note
from tests.reference.lines import Line
from tests.reference.world import World


def initial(world: World, lines: list[Line]) -> int:
    """IM: holds of all seats, and per underlying the worst scenario, roll, shock and charges."""
    total = sum(line.hold for line in lines)
    for risk, mine in _by_underlying(world, lines):
        charges = sum(_initial_charges(world, line, risk) for line in mine)
        total += _worst(mine, risk, with_orders=True) + _delta_charges(mine, risk) + charges
    return total


def maintenance(world: World, lines: list[Line]) -> int:
    """MM: the same of the positions alone, at a share."""
    total = 0
    for risk, mine in _by_underlying(world, lines):
        charges = sum(_maintenance_charges(world, line, risk) for line in mine)
        whole = _worst(mine, risk, with_orders=False) + _delta_charges(mine, risk) + charges
        total += ppm_ceil(whole, risk.pm_mm_ppm)
    return total


def maintenance_with_orders(world: World, lines: list[Line]) -> int:
    """MM°: the holds, and the harshest underlying's share of all else that IM counts."""
    holds = sum(line.hold for line in lines)
    shares = [underlying.risk.pm_mm_ppm for underlying in world.underlyings if underlying.risk]
    return holds + ppm_ceil(initial(world, lines) - holds, max(shares, default=0))


def _by_underlying(world: World, lines: list[Line]) -> list[tuple[RiskParameters, list[Line]]]:
    found: dict[int, list[Line]] = {}
    for line in lines:
        found.setdefault(line.instrument.terms.underlying, []).append(line)
    with_risk = []
    for underlying_id, mine in found.items():
        risk = world.underlyings[underlying_id].risk
        if risk is not None:
            with_risk.append((risk, mine))
    return with_risk


def _worst(lines: list[Line], risk: RiskParameters, *, with_orders: bool) -> int:
    """The largest loss over all scenarios; extended ones count beyond the dampener only."""
    return max(0, *(_loss(lines, risk, k, with_orders=with_orders) for k in range(risk.scenarios)))


def _loss(lines: list[Line], risk: RiskParameters, scenario: int, *, with_orders: bool) -> int:
    loss = 0
    for line in lines:
        table = line.instrument.table
        if table is None:
            continue
        gain = table[scenario] * risk.quantum_micro
        loss -= line.size * gain
        if with_orders:
            loss += line.open_buy * max(0, -gain) + line.open_sell * max(0, gain + risk.quantum_micro)
    if scenario >= risk.extended_from:
        return 0 if loss < risk.dampener_micro else loss - risk.dampener_micro
    return loss


def deltas(lines: list[Line]) -> dict[int, int]:
    """Σ size · d by expiry; the perpetuals are an expiry of their own (0)."""
    found: dict[int, int] = {}
    for line in lines:
        expiry = line.instrument.terms.expiry_ms
        found[expiry] = found.get(expiry, 0) + line.size * perlot.delta(line.instrument)
    return found


def _delta_charges(lines: list[Line], risk: RiskParameters) -> int:
    """Roll: delta netted between expiries. Shock: net delta above the threshold."""
    by_expiry = deltas(lines).values()
    net = abs(sum(by_expiry))
    netted = floor_div(sum(abs(each) for each in by_expiry) - net, 2)
    shock = ppm_ceil(max(0, net - risk.shock_threshold_micro), risk.shock_ppm)
    return ppm_ceil(netted, risk.roll_ppm) + shock


def _initial_charges(world: World, line: Line, risk: RiskParameters) -> int:
    instrument = line.instrument
    total = max(0, -line.size) * risk.quantum_micro if instrument.table else 0
    short = max(0, line.open_sell - line.size)
    if instrument.is_option:
        total += short * ppm_ceil(instrument.index_per_lot, risk.short_ppm)
    per_lot = ppm_ceil(abs(perlot.delta(instrument)), risk.roll_ppm + risk.shock_ppm)
    total += max(line.open_buy, line.open_sell) * per_lot
    if instrument.table is None:
        total += (short if instrument.is_option else line.worst) * perlot.initial(instrument, risk)
        if instrument.is_option and (long := max(0, line.size + line.open_buy)):
            note(world, "untabled: initial, long or bid for")
            total += long * instrument.mark_high
    return total


def _maintenance_charges(world: World, line: Line, risk: RiskParameters) -> int:
    instrument = line.instrument
    short = max(0, -line.size)
    total = short * risk.quantum_micro if instrument.table else 0
    if instrument.is_option:
        total += short * ppm_ceil(instrument.index_per_lot, risk.short_ppm)
    if instrument.table is None:
        lots = short if instrument.is_option else abs(line.size)
        total += lots * perlot.maintenance(instrument, risk)
        if instrument.is_option and line.size > 0:
            note(world, "untabled: maintenance, long")
            total += line.size * instrument.mark_high
    return total
