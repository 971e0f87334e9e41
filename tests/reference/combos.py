"""Combos: listing, the prices they may have, and how a price is divided among the legs (rules 4)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from exchange.domain.commands import InstrumentTerms, pack_terms
from exchange.domain.legs import ComboLeg
from tests.reference.arithmetic import ceil_div, floor_div
from tests.reference.branches import note
from tests.reference.instruments import Instrument, Leg
from tests.reference.outcome import require
from tests.reference.world import Head, World


def well_formed(body: bytes) -> bool:
    """Two to four legs, and nothing behind them."""
    count = int.from_bytes(body[:8], "little", signed=True)
    if not 2 <= count <= limits.LEGS_MOST or any(body[8:32]):
        return False
    return not any(body[32 + 8 * count : 64])


# --- listing -------------------------------------------------------------------------------------------


def list_combo(world: World, head: Head, body: bytes) -> None:
    """LIST_COMBO."""
    next_id = len(world.instruments)
    require(head.instrument == next_id and next_id < limits.MAX_INSTRUMENTS, why.BAD_ID)
    count = int.from_bytes(body[:8], "little")
    asked = [_read(body, 32 + 8 * n) for n in range(count)]
    parts: list[Leg] = []
    for n, wanted in enumerate(asked):
        parts.append(_check_leg(world, parts, wanted, n))
    ratios = [part.ratio for part in parts]
    require(ratios[0] > 0 and any(abs(ratio) == 1 for ratio in ratios), why.BAD_VALUE, -1)
    step = _step(parts)
    _check_not_there(world, parts)
    for n, part in enumerate(parts):
        require(len(open_of_leg(world, part.instrument)) < limits.COMBOS_OF_LEG, why.LIMIT_REACHED, n)
    open_now = [instrument for instrument in world.instruments if is_open_combo(instrument)]
    require(len(open_now) < limits.MAX_COMBOS, why.LIMIT_REACHED, -1)
    combo = listed(next_id, parts, step)
    world.instruments.append(combo)
    world.events.instrument(combo, world.now_ms)
    signs = "".join("+" if ratio > 0 else "-" for ratio in ratios)
    note(world, f"combo: listed {signs}")
    if any(abs(ratio) > 1 for ratio in ratios):
        note(world, "combo: listed with a ratio above 1")


def _read(body: bytes, at: int) -> ComboLeg:
    instrument = int.from_bytes(body[at : at + 4], "little")
    return ComboLeg(instrument, int.from_bytes(body[at + 4 : at + 8], "little", signed=True))


def _check_leg(world: World, before: list[Leg], wanted: ComboLeg, n: int) -> Leg:
    """Check 1 of one leg; `before` are those in front of it."""
    require(wanted.instrument < len(world.instruments), why.UNKNOWN_INSTRUMENT, n)
    instrument = world.instruments[wanted.instrument]
    require(instrument.is_option, why.BAD_VALUE, n)
    ended = instrument.state in (r.STATE_DELISTED, r.STATE_DELIVERED)
    require(not ended and world.now_ms < instrument.terms.expiry_ms, why.INSTRUMENT_NOT_OPEN, n)
    if before:
        require(instrument.id > before[-1].instrument.id, why.BAD_VALUE, n)
        mine, first = instrument.terms, before[0].instrument.terms
        same = (mine.underlying, mine.tick_micro, mine.lot_e8) == (
            first.underlying,
            first.tick_micro,
            first.lot_e8,
        )
        require(same, why.BAD_TERMS, n)
    require(1 <= abs(wanted.ratio) <= limits.RATIO_MOST, why.BAD_VALUE, n)
    return Leg(instrument, wanted.ratio)


def _step(parts: list[Leg]) -> int:
    """T, the largest tick step of any leg; all divide it, and each leg has 16 of it."""
    steps = [step for part in parts for _, step in part.instrument.terms.tick_steps]
    largest = max(steps)
    require(all(largest % step == 0 for step in steps), why.BAD_TERMS, -1)
    room = all(_highest_of(part.instrument, largest) >= limits.LEG_STEPS * largest for part in parts)
    require(room, why.BAD_TERMS, -1)
    return largest


def _highest_of(instrument: Instrument, step: int) -> int:
    """H: the largest multiple of a step within an instrument's price limit."""
    return floor_div(instrument.terms.price_limit_ticks, step) * step


def _check_not_there(world: World, parts: list[Leg]) -> None:
    for other in world.instruments:
        if is_open_combo(other):
            require(other.parts != tuple(parts), why.BAD_VALUE, other.id)


def is_open_combo(instrument: Instrument) -> bool:
    """A combo is open until it is delisted."""
    return instrument.is_combo and instrument.state != r.STATE_DELISTED


def open_of_leg(world: World, leg: Instrument) -> list[Instrument]:
    """The open combos that name an instrument, by id."""
    named = (i for i in world.instruments if any(part.instrument is leg for part in i.parts))
    return [combo for combo in named if is_open_combo(combo)]


def listed(combo_id: int, parts: list[Leg], step: int) -> Instrument:
    """A combo of acceptable legs, `step` being the largest of theirs."""
    of_legs = [part.instrument.terms for part in parts]
    terms = InstrumentTerms(
        kind=r.KIND_COMBO,
        option_type=r.OPTION_NONE,
        underlying=of_legs[0].underlying,
        expiry_ms=min(each.expiry_ms for each in of_legs),
        strike_micro=0,
        tick_micro=of_legs[0].tick_micro,
        lot_e8=of_legs[0].lot_e8,
        min_size_lots=max(each.min_size_lots for each in of_legs),
        price_limit_ticks=min(each.price_limit_ticks for each in of_legs),
        position_limit_lots=0,
        maker_fee_ppm=0,
        taker_fee_ppm=0,
        fee_cap_permille=0,
        delivery_fee_ppm=0,
        band_ppm=0,
        tick_steps=((0, step),),
        legs=tuple(ComboLeg(part.instrument.id, part.ratio) for part in parts),
    )
    combo = Instrument(
        combo_id, terms, pack_terms(terms), terms.multiplier_micro, strike_per_lot=0, parts=tuple(parts)
    )
    most = floor_div(terms.price_limit_ticks, step) * step
    highs = [(part.ratio, _highest_of(part.instrument, step)) for part in parts]
    combo.lowest_price = max(-most, sum(ratio * (step if ratio > 0 else high) for ratio, high in highs))
    combo.highest_price = min(most, sum(ratio * (high if ratio > 0 else step) for ratio, high in highs))
    refresh(combo)
    return combo


# --- what the legs' marks make of a combo --------------------------------------------------------------


def refresh(combo: Instrument) -> None:
    """Mark, low, high and band of a combo, by the marks its legs have now."""
    parts = combo.parts
    combo.marked = all(part.instrument.marked for part in parts)
    if not combo.marked:
        return
    combo.mark_micro = sum(part.ratio * part.instrument.mark_micro for part in parts)
    combo.mark_low = sum(_at_mark(part, low=True) for part in parts)
    combo.mark_high = sum(_at_mark(part, low=False) for part in parts)
    combo.min_price, combo.max_price = _band(combo)


def refresh_all(world: World, underlying_id: int) -> None:
    """Every open combo of an underlying whose marks moved."""
    for instrument in world.instruments:
        if is_open_combo(instrument) and instrument.terms.underlying == underlying_id:
            refresh(instrument)


def _at_mark(part: Leg, *, low: bool) -> int:
    """What a leg counts for in the combo's low or high: rounded down or up."""
    leg = part.instrument
    return part.ratio * (leg.mark_low if low == (part.ratio > 0) else leg.mark_high)


def _band(combo: Instrument) -> tuple[int, int]:
    lowest, highest = combo.lowest_price, combo.highest_price
    legs = [part.instrument for part in combo.parts]
    if any(leg.terms.band_ppm == 0 for leg in legs):
        return lowest, highest
    width_micro = max(floor_div(leg.index_micro * leg.terms.band_ppm, 1_000_000) for leg in legs)
    low = combo.valid_at_most(floor_div(combo.mark_micro - width_micro, combo.terms.tick_micro))
    high = combo.valid_at_least(ceil_div(combo.mark_micro + width_micro, combo.terms.tick_micro))
    return lowest if low is None else low, highest if high is None else high


# --- dividing a price ----------------------------------------------------------------------------------


def divided(world: World, combo: Instrument, price_ticks: int) -> list[int]:
    """The legs' prices of a match in the combo's book: by their marks, and their sum is the combo's."""
    step = combo.step_at(0)
    parts, highs = combo.parts, [_highest_of(part.instrument, step) for part in combo.parts]
    prices = [
        min(max(step, _nearest(part.instrument, step)), high) for part, high in zip(parts, highs, strict=True)
    ]

    def left() -> int:
        return price_ticks - sum(part.ratio * price for part, price in zip(parts, prices, strict=True))

    def move(n: int, by: int) -> None:
        prices[n] = min(max(step, prices[n] + by), highs[n])

    def shift_single() -> None:
        for n, part in enumerate(parts):
            if part.times == 1:
                move(n, part.ratio * left())

    shift_single()
    before = left()
    if before == 0:
        return prices
    for n, part in enumerate(parts):
        now = left()
        if now == 0 or (now > 0) != (before > 0):
            break
        if part.times > 1:
            steps = ceil_div(abs(now), part.times * step)
            move(n, steps * step * (1 if (now > 0) == (part.ratio > 0) else -1))
    note(world, "combo: divided among its multiples" if left() == 0 else "combo: divided with too much given")
    shift_single()
    assert left() == 0, "a price that cannot be divided"
    return prices


def _nearest(leg: Instrument, step: int) -> int:
    """The multiple of a step nearest to the mark; of two as near the lower."""
    unit = step * leg.terms.tick_micro
    return ceil_div(2 * leg.mark_micro - unit, 2 * unit) * step
