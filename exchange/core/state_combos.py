"""Section 16 of the canonical state: combos and their legs (`exchange.core.state`), written and read back."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i64_le, write_i64_le
from mypy_extensions import i64

from exchange.core import combo_terms
from exchange.core.layout import (
    C_INSTRUMENT,
    C_LEG,
    C_LEGS,
    C_RATIO,
    COMBO_WORDS,
    I_COMBO,
    I_KIND,
    I_STATE,
    I_TERMS,
    INSTRUMENT_WORDS,
)
from exchange.core.state_reader import Reader, StateError
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r

_LEGS_AT: Final = 20 * 8  # bytes from the first of the 24 terms words
_STEP_AT: Final = 13 * 8


def write(w: World, b: BytesWriter) -> None:
    """Write section 16."""
    combos = w.combos.data
    write_i64_le(b, w.combos.slots - 1)
    slot: i64 = 1
    while slot < w.combos.slots:
        c = slot * COMBO_WORDS
        write_i64_le(b, combos[c + C_INSTRUMENT])
        write_i64_le(b, combos[c + C_LEGS])
        leg: i64 = 0
        while leg < combos[c + C_LEGS]:
            write_i64_le(b, combos[c + C_LEG + leg])
            write_i64_le(b, combos[c + C_RATIO + leg])
            leg += 1
        slot += 1


def must_name_legs(w: World, source: bytes, at: i64) -> None:
    """Raise StateError unless the terms at byte `at`, if a combo's, name options that are known already."""
    if read_i64_le(source, at) & 0xFF != r.KIND_COMBO:
        return
    before: i64 = -1
    leg: i64 = 0
    while leg < limits.LEGS_MOST:
        instrument, ratio = combo_terms.leg_word(read_i64_le(source, at + _LEGS_AT + 8 * leg))
        if ratio == 0:
            break
        if instrument <= before or instrument >= w.instrument_count:
            raise StateError("a combo names an unknown leg")
        if w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] != r.KIND_OPTION:
            raise StateError("a combo's leg is no option")
        if ratio > limits.RATIO_MOST or ratio < -limits.RATIO_MOST:
            raise StateError("a combo's ratio is out of range")
        before = instrument
        leg += 1
    if leg < 2 or w.rules < 4 or read_i64_le(source, at + _STEP_AT) < 1:
        raise StateError("a combo has no legs or no step")


def count_open(w: World, instrument: i64) -> None:
    """A restored instrument's state is known: a combo that is open is one of its legs'."""
    i = instrument * INSTRUMENT_WORDS
    if w.instruments[i + I_COMBO] != 0 and w.instruments[i + I_STATE] < r.STATE_DELISTED:
        combo_terms.open_up(w, w.instruments[i + I_COMBO])


def read(w: World, reader: Reader) -> None:
    """Read section 16, which says again what the terms said. Raises StateError."""
    if reader.count(2) != w.combos.slots - 1:
        raise StateError("combos are miscounted")
    slot: i64 = 1
    while slot < w.combos.slots:
        c = slot * COMBO_WORDS
        i = w.combos.data[c + C_INSTRUMENT] * INSTRUMENT_WORDS
        if reader.word() != w.combos.data[c + C_INSTRUMENT] or reader.word() != w.combos.data[c + C_LEGS]:
            raise StateError("a combo is not what its terms say")
        leg: i64 = 0
        while leg < w.combos.data[c + C_LEGS]:
            instrument, ratio = combo_terms.leg_word(w.instruments[i + I_TERMS + 20 + leg])
            if reader.word() != instrument or reader.word() != ratio:
                raise StateError("a combo's legs are not what its terms say")
            leg += 1
        slot += 1
