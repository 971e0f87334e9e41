"""Read-only views of combos, for the edge: as `queries`, nothing here changes what `apply` would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import combo_listing, combo_terms, combos
from exchange.core.combo_terms import is_combo, naming, record_of
from exchange.core.engine import Engine
from exchange.core.layout import (
    C_INSTRUMENT,
    C_LEG,
    C_LEGS,
    C_PART,
    C_RATIO,
    COMBO_WORDS,
    I_FEE_HOLD,
    I_HIGHEST,
    I_LOWEST,
    I_MARK_HIGH,
    I_MARK_LOW,
    I_MARKED,
    I_MAX_PRICE,
    I_MIN_PRICE,
    I_STATE,
    INSTRUMENT_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r
from exchange.domain import rejects as no
from exchange.domain.legs import ComboLeg, pack_legs
from exchange.domain.limits import LEGS_MOST

_SCRATCH: Final = 0  # the record of slot 0, which is no combo's
_PRICE_LIMIT_AT: Final = 6 * 8  # bytes from the first of the 24 terms words


class ComboFigures(NamedTuple):
    """A combo's bounds, and what follows from its legs' marks of now (nothing while `marked` is False)."""

    lowest_ticks: int
    highest_ticks: int
    marked: bool
    min_price_ticks: int
    max_price_ticks: int
    mark_micro: int
    low_micro: int
    """What a lot held is worth, micro-USDC per lot: by the legs' marks, rounded against who holds it."""
    high_micro: int
    fees_micro: int
    """The dearest fees of one lot."""


def combo_figures(engine: Engine, combo: i64) -> ComboFigures:
    """A combo's figures. Raises KeyError for what is no combo."""
    w = engine.world
    if combo < 0 or combo >= w.instrument_count or not is_combo(w, combo):
        raise KeyError(combo)
    marked = combos.derive(w, combo)
    data = w.instruments
    i = combo * INSTRUMENT_WORDS
    return ComboFigures(
        data[i + I_LOWEST],
        data[i + I_HIGHEST],
        marked,
        data[i + I_MIN_PRICE],
        data[i + I_MAX_PRICE],
        combos.mark_micro(w, combo) if marked else 0,
        data[i + I_MARK_LOW],
        data[i + I_MARK_HIGH],
        data[i + I_FEE_HOLD],
    )


def legs_of(engine: Engine, combo: i64) -> tuple[tuple[int, int], ...]:
    """A combo's legs and their ratios, by rising id. Raises KeyError for what is no combo."""
    w = engine.world
    if combo < 0 or combo >= w.instrument_count or not is_combo(w, combo):
        raise KeyError(combo)
    return _legs(w, record_of(w, combo))


def _legs(w: World, c: i64) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    number: i64 = 0
    while number < w.combos.data[c + C_LEGS]:
        found.append((int(w.combos.data[c + C_LEG + number]), int(w.combos.data[c + C_RATIO + number])))
        number += 1
    return tuple(found)


def open_combos_of(engine: Engine, leg: i64) -> list[int]:
    """The open combos that name an instrument, by id."""
    return list(naming(engine.world, leg))


def combo_of(engine: Engine, legs: Sequence[tuple[int, int]]) -> int:
    """The combo with these legs and ratios (by rising id): the open one, else the last listed, else -1."""
    w = engine.world
    wanted = tuple(legs)
    found: i64 = -1
    slot = w.combos.slots - 1
    while slot > 0:
        c = slot * COMBO_WORDS
        if _legs(w, c) == wanted:
            combo = w.combos.data[c + C_INSTRUMENT]
            if w.instruments[combo * INSTRUMENT_WORDS + I_STATE] < r.STATE_DELISTED:
                return combo
            if found < 0:
                found = combo
        slot -= 1
    return found


def leg_prices(engine: Engine, legs: Sequence[tuple[int, int]], price_ticks: int) -> list[int]:
    """What each leg would trade at where a combo of these legs and ratios, listed or not, trades at a price.

    Raises:
        KeyError: a leg is unknown.
        ValueError: there can be no such combo, a leg has no mark, or the combo has no such price.
    """
    w = engine.world
    count: i64 = len(legs)
    packed = pack_legs([ComboLeg(*leg) for leg in legs])
    if count < 2 or count > LEGS_MOST:
        raise ValueError("a combo has two to four legs")
    reason = combo_listing.legs_refused(w, packed, 0, count)
    step = combo_listing.step_of(w, packed, 0, count) if reason == 0 else 0
    if reason == no.UNKNOWN_INSTRUMENT:
        raise KeyError("a leg is unknown")
    if step == 0:
        raise ValueError("there can be no combo of these legs")
    limit = read_i64_le(combo_listing.terms_of(w, packed, 0, count, step), _PRICE_LIMIT_AT)
    words: list[i64] = []
    while i64(len(words)) < count:
        words.append(read_i64_le(packed, 8 * i64(len(words))))
    combo_terms.fill(w, _SCRATCH, words, step)
    lowest, highest = combo_terms.bounds(w, _SCRATCH, limit)
    if price_ticks < lowest or price_ticks > highest or price_ticks % step != 0:
        raise ValueError(f"the combo has no price {price_ticks}")
    return _divided(w, price_ticks)


def _divided(w: World, price: i64) -> list[int]:
    """A price divided among the legs of the record at _SCRATCH."""
    combos.divide(w, _SCRATCH, price)
    found: list[int] = []
    number: i64 = 0
    while number < w.combos.data[_SCRATCH + C_LEGS]:
        leg = w.combos.data[_SCRATCH + C_LEG + number] * INSTRUMENT_WORDS
        if w.instruments[leg + I_MARKED] == 0:
            raise ValueError("a leg has no mark")
        found.append(w.combos.data[_SCRATCH + C_PART + number])
        number += 1
    return found
