"""Instruments: terms, valid prices, marks and what is derived from them (rules: Listing and marks)."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from exchange.domain.commands import InstrumentTerms, Mark
from exchange.domain.commands_risk import RiskParameters
from tests.reference.arithmetic import ceil_div, floor_div
from tests.reference.book import Book
from tests.reference.outcome import require

E8 = 100_000_000
MAX_LAST_MICRO = 1 << 60


@dataclass(slots=True, eq=False)
class Underlying:
    """An underlying: symbol word, and the newest marks block's index and feed sequence.

    From `state` on: rules version 2; `risk` are its parameters once RISK has set them.
    """

    id: int
    symbol: int
    index_micro: int = 0
    feed_seq: int = 0
    state: int = r.STATE_OPEN
    risk: RiskParameters | None = None

    @property
    def jump_factor(self) -> int:
        """How many times the old a new index may be."""
        return self.risk.jump_factor if self.risk else limits.DEFAULT_JUMP_FACTOR


class Leg(NamedTuple):
    """What a lot of an order's instrument is in one instrument: itself, or a part of a combo."""

    instrument: Instrument
    ratio: int = 1

    @property
    def times(self) -> int:
        """|ratio|."""
        return abs(self.ratio)

    def sells(self, *, is_sell: bool) -> bool:
        """Does who is on this side of the combo sell the leg?"""
        return is_sell == (self.ratio > 0)


@dataclass(slots=True, eq=False)
class Instrument:
    """A listed instrument; `units` are the six body units of its listing, kept as they came.

    A combo (rules 4) has `parts`; its marks and band are those that `combos.refresh` made of its legs'.
    """

    id: int
    terms: InstrumentTerms
    units: bytes
    multiplier_micro: int
    strike_per_lot: int
    lowest_price: int = 0
    highest_price: int = 0
    state: int = r.STATE_OPEN
    trade_seq: int = 0
    marked: bool = False
    index_micro: int = 0
    mark_micro: int = 0
    forward_micro: int = 0
    delta_e9: int = 0
    vega_micro: int = 0
    index_per_lot: int = 0
    forward_per_lot: int = 0
    mark_low: int = 0
    mark_high: int = 0
    min_price: int = 0
    max_price: int = 0
    last_ticks: int = 0  # price of the last trade
    last_seen_ticks: int = 0  # rules 3: of the last of an order that was through; 0 before the first
    table: tuple[int, ...] | None = None  # rules 2: gains of one lot long by scenario, in quanta
    book: Book = field(default_factory=Book)
    parts: tuple[Leg, ...] = ()
    is_combo: bool = field(init=False)
    is_option: bool = field(init=False)
    legs: tuple[Leg, ...] = field(init=False, repr=False)  # a combo's parts, by id; else itself

    def __post_init__(self) -> None:
        self.is_combo = self.terms.kind == r.KIND_COMBO
        self.is_option = self.terms.kind == r.KIND_OPTION
        self.legs = self.parts or (Leg(self),)

    @property
    def last_micro(self) -> int:
        """The last price as triggers see it; 0 before the first trade under rules 3."""
        return min(self.last_seen_ticks * self.terms.tick_micro, MAX_LAST_MICRO)

    def step_at(self, price_ticks: int) -> int:
        """The tick step in force at a price."""
        steps = self.terms.tick_steps
        found = steps[0][1]
        for above, step in steps[1:]:
            if above > price_ticks:
                break
            found = step
        return found

    def on_tick(self, price_ticks: int) -> bool:
        return price_ticks % self.step_at(price_ticks) == 0

    def valid_at_most(self, price_ticks: int) -> int | None:
        """The largest valid price ≤ a price, or None."""
        if self.is_combo:
            step = self.step_at(price_ticks)
            found = floor_div(min(price_ticks, self.highest_price), step) * step
            return found if found >= self.lowest_price else None
        price_ticks = min(price_ticks, self.terms.price_limit_ticks)
        if price_ticks < 1:
            return None
        step = self.step_at(price_ticks)
        return floor_div(price_ticks, step) * step or None

    def valid_at_least(self, price_ticks: int) -> int | None:
        """The smallest valid price ≥ a price, or None."""
        if self.is_combo:
            step = self.step_at(price_ticks)
            found = ceil_div(max(price_ticks, self.lowest_price), step) * step
            return found if found <= self.highest_price else None
        price_ticks = max(price_ticks, 1)
        step = self.step_at(price_ticks)
        found = ceil_div(price_ticks, step) * step
        return found if found <= self.terms.price_limit_ticks else None

    def open_for_orders(self, now_ms: int) -> bool:
        """State open and, for an option, not past its expiry."""
        if self.state != r.STATE_OPEN:
            return False
        return not self.is_option or now_ms < self.terms.expiry_ms


def per_lot_up(price_micro: int, lot_e8: int) -> int:
    """⌈price · lot / 1e8⌉: micro-USDC of one lot at a price per 1 underlying."""
    return ceil_div(price_micro * lot_e8, E8)


def _value_fits(per_lot_micro: int, terms: InstrumentTerms) -> bool:
    return (
        per_lot_micro <= limits.MAX_VALUE_PER_LOT_MICRO
        and per_lot_micro * terms.position_limit_lots <= limits.MAX_VALUE_MICRO
    )


def price_bounded(price_micro: int, terms: InstrumentTerms) -> bool:
    """Is the value of the largest position at this price within limits?"""
    return price_micro * terms.lot_e8 <= limits.MAX_PRODUCT and _value_fits(
        per_lot_up(price_micro, terms.lot_e8), terms
    )


def _steps_well_formed(terms: InstrumentTerms, all_steps: tuple[tuple[int, int], ...]) -> bool:
    used = terms.tick_steps
    if used[0][0] != 0 or used[0][1] > terms.price_limit_ticks:
        return False
    if any(not (0 <= a <= limits.MAX_PRICE_TICKS and 1 <= s <= limits.MAX_PRICE_TICKS) for a, s in used):
        return False
    for (above_before, step_before), (above, step) in pairwise(used):
        if above <= above_before or above % step or above % step_before:
            return False
    return all(pair == (0, 0) for pair in all_steps[len(used) :])


def _kind_consistent(terms: InstrumentTerms) -> bool:
    if terms.kind == r.KIND_OPTION:
        return (
            terms.option_type in (r.OPTION_CALL, r.OPTION_PUT)
            and 1 <= terms.expiry_ms <= limits.MAX_TIME_MS
            and 1 <= terms.strike_micro <= limits.MAX_PRICE_MICRO
        )
    if terms.kind == r.KIND_PERPETUAL:
        return terms.option_type == r.OPTION_NONE and terms.expiry_ms == 0 and terms.strike_micro == 0
    return False


def terms_acceptable(terms: InstrumentTerms, all_steps: tuple[tuple[int, int], ...]) -> bool:
    """Every BAD_VALUE condition of LIST_INSTRUMENT. `all_steps` are the four pairs, used or not."""
    in_range = (
        1 <= terms.tick_micro <= limits.MAX_TICK_MICRO
        and 1 <= terms.lot_e8 <= limits.MAX_LOT_E8
        and 1 <= terms.min_size_lots <= limits.MAX_ORDER_LOTS
        and 1 <= terms.price_limit_ticks <= limits.MAX_PRICE_TICKS
        and 1 <= terms.position_limit_lots <= limits.MAX_POSITION_LOTS
        and max(terms.maker_fee_ppm, terms.taker_fee_ppm, terms.delivery_fee_ppm) <= limits.MAX_FEE_PPM
        and terms.fee_cap_permille <= limits.MAX_FEE_CAP_PERMILLE
        and terms.band_ppm <= limits.MAX_BAND_PPM
    )
    if not in_range or not _kind_consistent(terms) or not _steps_well_formed(terms, all_steps):
        return False
    product = terms.tick_micro * terms.lot_e8
    if product % E8 or product > limits.MAX_PRODUCT:
        return False
    return _value_fits(terms.price_limit_ticks * (product // E8), terms) and price_bounded(
        terms.strike_micro, terms
    )


def listed(instrument_id: int, terms: InstrumentTerms, units: bytes) -> Instrument:
    """A new instrument of acceptable terms."""
    made = Instrument(
        instrument_id,
        terms,
        units,
        multiplier_micro=terms.multiplier_micro,
        strike_per_lot=per_lot_up(terms.strike_micro, terms.lot_e8),
    )
    lowest, highest = made.valid_at_least(1), made.valid_at_most(terms.price_limit_ticks)
    assert lowest is not None
    assert highest is not None
    made.lowest_price, made.highest_price = lowest, highest
    return made


def check_mark(instrument: Instrument, index_micro: int, mark: Mark, unit: int) -> None:
    """Refuse a mark unit whose values pass a limit."""
    good = (
        0 <= mark.mark_micro <= limits.MAX_PRICE_MICRO
        and 1 <= mark.forward_micro <= limits.MAX_PRICE_MICRO
        and abs(mark.delta_e9) <= limits.DELTA_ONE_E9
        and 0 <= mark.vega_micro <= limits.MAX_VEGA_MICRO
        and price_bounded(index_micro, instrument.terms)
        and price_bounded(mark.mark_micro, instrument.terms)
        and price_bounded(mark.forward_micro, instrument.terms)
    )
    require(good, why.BAD_VALUE, unit)


def apply_mark(instrument: Instrument, index_micro: int, mark: Mark) -> None:
    """Keep a mark unit and derive values per lot and the price band."""
    terms = instrument.terms
    instrument.marked = True
    instrument.index_micro = index_micro
    instrument.mark_micro = mark.mark_micro
    instrument.forward_micro = mark.forward_micro
    instrument.delta_e9 = mark.delta_e9
    instrument.vega_micro = mark.vega_micro
    instrument.index_per_lot = per_lot_up(index_micro, terms.lot_e8)
    instrument.forward_per_lot = per_lot_up(mark.forward_micro, terms.lot_e8)
    instrument.mark_low = floor_div(mark.mark_micro * terms.lot_e8, E8)
    instrument.mark_high = per_lot_up(mark.mark_micro, terms.lot_e8)
    instrument.min_price, instrument.max_price = _band(instrument)


def _band(instrument: Instrument) -> tuple[int, int]:
    terms, lowest, highest = instrument.terms, instrument.lowest_price, instrument.highest_price
    if terms.band_ppm == 0:
        return lowest, highest
    width_micro = floor_div(instrument.index_micro * terms.band_ppm, 1_000_000)
    low = floor_div(max(0, instrument.mark_micro - width_micro), terms.tick_micro)
    high = ceil_div(instrument.mark_micro + width_micro, terms.tick_micro)
    return instrument.valid_at_most(low) or lowest, instrument.valid_at_least(high) or highest
