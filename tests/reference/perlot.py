"""Margin figures of one lot from marks and parameters (rules 2: Marks and risk snapshots). Micro-USDC."""

from __future__ import annotations

from exchange.domain import records as r
from exchange.domain.commands_risk import RiskParameters
from tests.reference.arithmetic import ceil_div, floor_div, ppm_ceil
from tests.reference.instruments import E8, Instrument


def _is_call(instrument: Instrument) -> bool:
    return instrument.terms.option_type == r.OPTION_CALL


def _out_of_the_money(instrument: Instrument) -> int:
    distance = instrument.terms.strike_micro - instrument.forward_micro
    if not _is_call(instrument):
        distance = -distance
    return floor_div(max(0, distance) * instrument.terms.lot_e8, E8)


def maintenance(instrument: Instrument, risk: RiskParameters) -> int:
    """mm: maintenance of one lot short (option) or held (perpetual)."""
    mark, forward = instrument.mark_high, instrument.forward_per_lot
    if not instrument.is_option:
        return ppm_ceil(mark, risk.perp_mm_ppm)
    if _is_call(instrument):
        return ppm_ceil(forward, risk.sm_mm_ppm) + mark
    return max(ppm_ceil(forward, risk.sm_mm_ppm), ppm_ceil(mark, risk.sm_mm_ppm)) + mark


def initial(instrument: Instrument, risk: RiskParameters) -> int:
    """im: initial margin of one lot short (option) or held (perpetual)."""
    mark, forward = instrument.mark_high, instrument.forward_per_lot
    if not instrument.is_option:
        return ppm_ceil(mark, risk.perp_im_ppm)
    base = max(
        ppm_ceil(forward, risk.sm_im_ppm) - _out_of_the_money(instrument),
        ppm_ceil(forward, risk.sm_floor_ppm),
    )
    if _is_call(instrument):
        return base + mark
    return max(base + mark, maintenance(instrument, risk))


def delta(instrument: Instrument) -> int:
    """d: what one lot moves by with the index, as an amount of micro-USDC; a perpetual's is its value."""
    index = instrument.index_per_lot
    if not instrument.is_option:
        return index
    size = ceil_div(ceil_div(index, 1000) * ceil_div(abs(instrument.delta_e9), 10_000), 100)
    return -size if instrument.delta_e9 < 0 else size


def delivery_fee(instrument: Instrument) -> int:
    """What delivery of one lot will cost, if it is delivered at the forward."""
    nano = ceil_div(instrument.forward_per_lot * instrument.terms.delivery_fee_ppm, 1000)
    return ceil_div(nano, 1000)
