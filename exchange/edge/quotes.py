"""Usual `private/mass_quote` frames, read straight into the units of a MASS_QUOTE.

As with orders (`requests`): every byte is looked at, and of anything that is not usual (a set of quotes, a
protection group, a price off its step, a side of amount 0, an unknown instrument) it is only said that it is
not: what is wrong with a request, or with one side of it, the general way alone decides.
"""

from __future__ import annotations

from typing import Final, final

from librt.strings import BytesWriter, read_i64_le, write_i64_le
from mypy_extensions import i64

from exchange.domain import limits
from exchange.domain import records as r
from exchange.edge.calls import CallReader, after_word
from exchange.edge.listings import (
    HAS_STEPS,
    LEAST_LOTS,
    LIMIT_TICKS,
    LOT_E8,
    ROW_BYTES,
    TICK_MICRO,
    Listings,
)
from exchange.edge.scan import (
    CLOSE,
    NOT_USUAL,
    OPEN,
    QUOTE,
    Members,
    is_step,
    is_word,
    skip_space,
    string_end,
    units,
)

_OPEN_LIST: Final = 0x5B
_CLOSE_LIST: Final = 0x5D
_TRUE: Final = 0x74


@final
class QuoteReader(CallReader):
    """Reads frames of one venue; what it holds afterwards is of the frame read last."""

    def __init__(self, listings: Listings, frame_bytes_max: int, label_chars_max: int) -> None:
        super().__init__(frame_bytes_max)
        self._listings = listings
        self._label_max: i64 = label_chars_max
        self._members = Members()
        self._out = BytesWriter()
        self.quote_id = b""
        self.detailed = True
        self.valid_until_ms = 0
        self.instruments: list[int] = []
        """Of the quotes, in order."""
        self._instrument: i64 = 0
        self._post_only = False
        self._reject_post_only = False
        self._ticks: i64 = 0  # of the side read last
        self._word: i64 = 0  # and its lots and flags

    def quote_units(self) -> bytes:
        """The units of the quotes, packed."""
        return self._out.getvalue()

    def read(self, frame: bytes) -> bool:
        """Whether a frame is a usual mass_quote."""
        self.request_id = self.token = self.quote_id = b""
        self.detailed = True
        self.valid_until_ms = 0
        self.instruments = []
        self._out.truncate(0)
        return self._is_usual(frame)

    def _read_method(self, frame: bytes, at: i64) -> i64:
        return after_word(frame, at, b"private/mass_quote")

    def _read_params(self, frame: bytes, at: i64) -> i64:
        """The place behind the parameters; −1 if they are not usual."""
        if frame[at] != OPEN:
            return NOT_USUAL
        at += 1
        members = self._members
        seen: i64 = 0
        while True:
            at = members.name(frame, at)
            if at < 0:
                return NOT_USUAL
            bit: i64
            if members.is_called(frame, b"quotes"):
                bit = 1
                at = self._read_quotes(frame, at)
            elif members.is_called(frame, b"access_token"):
                bit = 2
                stop = string_end(frame, at)
                if stop < 0 or stop == at + 1:
                    return NOT_USUAL
                self.token = frame[at + 1 : stop]
                at = stop + 1
            elif members.is_called(frame, b"quote_id"):
                bit = 4
                stop = string_end(frame, at)
                if stop < 0 or stop - at - 1 > self._label_max:
                    return NOT_USUAL
                self.quote_id = frame[at + 1 : stop]
                at = stop + 1
            elif members.is_called(frame, b"detailed"):
                bit = 8
                self.detailed = frame[at] == _TRUE
                at = _after_bool(frame, at)
            elif members.is_called(frame, b"valid_until"):
                bit = 16
                stop = self._number.read(frame, at)
                if stop < 0 or self._number.places or self._number.digits == 0 or stop - at > 13:
                    return NOT_USUAL
                self.valid_until_ms = int(self._number.digits)
                at = stop
            else:
                return NOT_USUAL
            if at < 0 or seen & bit:
                return NOT_USUAL
            seen |= bit
            at = members.behind(frame, at, CLOSE)
            if at < 0:
                return NOT_USUAL
            if members.is_last:
                break
        return at if seen & 1 else NOT_USUAL

    def _read_quotes(self, frame: bytes, at: i64) -> i64:
        """The place behind the list of quotes; −1 if it is not usual."""
        if frame[at] != _OPEN_LIST:
            return NOT_USUAL
        at = skip_space(frame, at + 1)
        while True:
            at = self._read_quote(frame, at)
            if at < 0 or len(self.instruments) > limits.MAX_QUOTES:
                return NOT_USUAL
            at = self._members.behind(frame, at, _CLOSE_LIST)
            if at < 0 or self._members.is_last:
                return at
            at = skip_space(frame, at)

    def _read_quote(self, frame: bytes, at: i64) -> i64:
        """The place behind a quote, whose unit is appended; −1 if it is not usual."""
        if frame[at] != OPEN:
            return NOT_USUAL
        at += 1
        members = self._members
        seen: i64 = 0
        bid_at: i64 = 0
        ask_at: i64 = 0
        while True:
            at = members.name(frame, at)
            if at < 0:
                return NOT_USUAL
            bit: i64
            if members.is_called(frame, b"instrument_name"):
                bit = 1
                stop = string_end(frame, at)
                if stop < 0:
                    return NOT_USUAL
                found = self._listings.by_name.get(frame[at + 1 : stop])
                if found is None:
                    return NOT_USUAL
                self._instrument = found
                at = stop + 1
            elif members.is_called(frame, b"bid"):
                bit = 2
                bid_at = at
                at = _after_object(frame, at)
            elif members.is_called(frame, b"ask"):
                bit = 4
                ask_at = at
                at = _after_object(frame, at)
            else:
                return NOT_USUAL
            if at < 0 or seen & bit:
                return NOT_USUAL
            seen |= bit
            at = members.behind(frame, at, CLOSE)
            if at < 0:
                return NOT_USUAL
            if members.is_last:
                break
        if seen & 1 == 0 or seen == 1:
            return NOT_USUAL
        bid_ticks: i64 = 0
        ask_ticks: i64 = 0
        words: i64 = 0
        if bid_at:
            if not self._read_side(frame, bid_at):
                return NOT_USUAL
            bid_ticks = self._ticks
            words = self._word
        if ask_at:
            if not self._read_side(frame, ask_at):
                return NOT_USUAL
            ask_ticks = self._ticks
            words |= self._word << 32
        out = self._out
        write_i64_le(out, self._instrument)
        write_i64_le(out, bid_ticks)
        write_i64_le(out, ask_ticks)
        write_i64_le(out, words)
        self.instruments.append(int(self._instrument))
        return at

    def _read_side(self, frame: bytes, at: i64) -> bool:
        """Take the side whose object begins at `at`, of the quote's instrument."""
        at += 1
        self._post_only = self._reject_post_only = False
        members = self._members
        seen: i64 = 0
        price: i64 = 0
        price_places: i64 = 0
        amount: i64 = 0
        amount_places: i64 = 0
        number = self._number
        while True:
            at = members.name(frame, at)
            if at < 0:
                return False
            bit: i64
            if members.is_called(frame, b"price"):
                bit = 1
                at = number.read(frame, at)
                price = number.digits
                price_places = number.places
            elif members.is_called(frame, b"amount"):
                bit = 2
                at = number.read(frame, at)
                amount = number.digits
                amount_places = number.places
            elif members.is_called(frame, b"post_only"):
                bit = 4
                self._post_only = frame[at] == _TRUE
                at = _after_bool(frame, at)
            elif members.is_called(frame, b"reject_post_only"):
                bit = 8
                self._reject_post_only = frame[at] == _TRUE
                at = _after_bool(frame, at)
            else:
                return False
            if at < 0 or seen & bit:
                return False
            seen |= bit
            at = members.behind(frame, at, CLOSE)
            if at < 0:
                return False
            if members.is_last:
                break
        if seen & 3 != 3:
            return False
        table = self._listings.table
        row = self._instrument * ROW_BYTES
        lots = units(amount, amount_places, 8, read_i64_le(table, row + LOT_E8))
        if lots <= 0 or lots > r.QUOTE_SIZE_MASK or lots < read_i64_le(table, row + LEAST_LOTS):
            return False
        ticks = units(price, price_places, 6, read_i64_le(table, row + TICK_MICRO))
        if ticks <= 0 or ticks > read_i64_le(table, row + LIMIT_TICKS):
            return False
        if read_i64_le(table, row + HAS_STEPS) and not is_step(ticks, self._listings.steps[self._instrument]):
            return False
        self._ticks = ticks
        self._word = lots | r.QUOTE_PRESENT
        if self._post_only:
            self._word |= r.QUOTE_POST_ONLY
            if self._reject_post_only:
                self._word |= r.QUOTE_REJECT_POST_ONLY
        return True


def _after_bool(frame: bytes, at: i64) -> i64:
    """The place behind the boolean at `at`; −1 if it is none."""
    if is_word(frame, at, 4, b"true"):
        return at + 4
    return at + 5 if is_word(frame, at, 5, b"false") else NOT_USUAL


def _after_object(frame: bytes, at: i64) -> i64:
    """The place behind the flat object at `at`; −1 if it is none, or holds another."""
    if frame[at] != OPEN:
        return NOT_USUAL
    at += 1
    while True:
        byte: i64 = frame[at]
        if byte == CLOSE:
            return at + 1
        if byte == OPEN or byte == _OPEN_LIST:
            return NOT_USUAL
        if byte == QUOTE:
            stop = string_end(frame, at)
            if stop < 0:
                return NOT_USUAL
            at = stop
        at += 1
