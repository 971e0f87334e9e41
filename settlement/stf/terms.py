"""The terms of an instrument as the state commits to them: LIST_INSTRUMENT's 24 words, big-endian."""

from __future__ import annotations

import struct
from typing import Final

from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms, pack_terms
from exchange.domain.limits import (
    MAX_FEE_CAP_PERMILLE,
    MAX_FEE_PPM,
    MAX_LOT_E8,
    MAX_PRICE_MICRO,
    MAX_PRICE_TICKS,
    MAX_TICK_MICRO,
    MAX_VALUE_PER_LOT_MICRO,
)
from settlement.stf.errors import need
from settlement.stf.steps import TERMS_BYTES

E8: Final = 100_000_000
_WORDS: Final = struct.Struct(">24q")
_LITTLE: Final = struct.Struct("<24q")
_LOW: Final = (1 << 32) - 1


def terms_words(terms: InstrumentTerms) -> bytes:
    """The 192 bytes a LISTING carries beside it."""
    return _WORDS.pack(*_LITTLE.unpack(pack_terms(terms)))


def events_terms(words: bytes) -> bytes:
    """The inverse: the 192 bytes as records and events have them."""
    return _LITTLE.pack(*_WORDS.unpack(words))


class Terms:
    """What the transition reads of an instrument's terms; `words` are the bytes themselves."""

    __slots__ = (
        "delivery_fee_ppm",
        "fee_cap_permille",
        "is_option",
        "is_perpetual",
        "is_put",
        "kind",
        "lot_e8",
        "maker_fee_ppm",
        "multiplier_micro",
        "option_type",
        "price_limit_ticks",
        "strike_micro",
        "taker_fee_ppm",
        "tick_micro",
        "underlying",
        "words",
    )

    is_option: bool
    is_perpetual: bool

    def __init__(self, words: bytes) -> None:
        t: tuple[int, ...] = _WORDS.unpack(words)
        self.words = words
        self.kind = t[0] & 0xFF
        self.option_type = t[0] >> 8 & 0xFF
        self.underlying = t[0] >> 32 & _LOW
        self.is_option = self.kind == r.KIND_OPTION
        self.is_perpetual = self.kind == r.KIND_PERPETUAL
        self.is_put = self.option_type == r.OPTION_PUT
        self.strike_micro = t[2]
        self.tick_micro = t[3]
        self.lot_e8 = t[4]
        self.price_limit_ticks = t[6]
        self.maker_fee_ppm = t[8] & _LOW
        self.taker_fee_ppm = t[8] >> 32 & _LOW
        self.fee_cap_permille = t[9] & _LOW
        self.delivery_fee_ppm = t[9] >> 32 & _LOW
        self.multiplier_micro = self.tick_micro * self.lot_e8 // E8

    def __reduce__(self) -> tuple[type[Terms], tuple[bytes]]:
        """Copied and pickled by its words: all else follows from them."""
        return Terms, (self.words,)


def read_terms(words: bytes) -> Terms:
    """The terms of a LISTING, checked so that no later product passes its field.

    Raises:
        TransitionError: terms that no instrument may have.
    """
    need(len(words) == TERMS_BYTES, f"terms of {len(words)} bytes")
    terms = Terms(words)
    need(1 <= terms.kind <= r.KIND_COMBO, f"an instrument of kind {terms.kind}")
    need(terms.option_type <= r.OPTION_PUT, f"an option of type {terms.option_type}")
    need(terms.is_option == (terms.option_type != r.OPTION_NONE), "an option type where none belongs")
    need(1 <= terms.tick_micro <= MAX_TICK_MICRO and 1 <= terms.lot_e8 <= MAX_LOT_E8, "tick or lot")
    need(terms.tick_micro * terms.lot_e8 % E8 == 0, "a tick of a lot is no whole number of micro-USDC")
    need(0 <= terms.strike_micro <= MAX_PRICE_MICRO, f"a strike of {terms.strike_micro}")
    limit = terms.price_limit_ticks
    need(1 <= limit <= MAX_PRICE_TICKS, f"a price limit of {limit}")
    need(limit * terms.multiplier_micro <= MAX_VALUE_PER_LOT_MICRO, f"a price limit of {limit}")
    rates = (terms.maker_fee_ppm, terms.taker_fee_ppm, terms.delivery_fee_ppm)
    need(max(rates) <= MAX_FEE_PPM and terms.fee_cap_permille <= MAX_FEE_CAP_PERMILLE, f"fees of {rates}")
    return terms
