"""JSON as clients usually write it, byte by byte: ASCII strings without escapes, plain decimal numbers.

What is not so is not refused here: it is not usual, and the general way reads it. All raise IndexError where
the bytes end too soon.
"""

from __future__ import annotations

from typing import Final, final

from librt.strings import read_i64_le
from mypy_extensions import i64

QUOTE: Final = 0x22
BACKSLASH: Final = 0x5C
COMMA: Final = 0x2C
COLON: Final = 0x3A
POINT: Final = 0x2E
OPEN: Final = 0x7B
CLOSE: Final = 0x7D
ZERO: Final = 0x30
NINE: Final = 0x39
DIGITS_MAX: Final = 18
NOT_USUAL: Final = -1


@final
class Number:
    """The decimal number read last: its digits, and how many of them stand behind the point."""

    def __init__(self) -> None:
        self.digits: i64 = 0
        self.places: i64 = 0

    def read(self, frame: bytes, at: i64) -> i64:
        """Take the number at `at`; the place behind it, or −1 if it is not usual."""
        stop = digits_end(frame, at)
        if stop < 0:
            return NOT_USUAL
        value: i64 = 0
        start = at
        while at < stop:
            value = value * 10 + frame[at] - ZERO
            at += 1
        places: i64 = 0
        if at < len(frame) and frame[at] == POINT:
            at += 1
            while True:
                digit: i64 = frame[at] - ZERO
                if digit < 0 or digit > 9:
                    break
                value = value * 10 + digit
                places += 1
                at += 1
                if at - start > DIGITS_MAX:
                    return NOT_USUAL
            if places == 0:
                return NOT_USUAL
        self.digits = value
        self.places = places
        return at


@final
class Members:
    """A walk over the members of an object: `name`, then the value, then `behind`, until `is_last`. One will
    do for objects inside of others, if what it says is used at once."""

    def __init__(self) -> None:
        self.start: i64 = 0
        self.size: i64 = 0
        self.is_last = False

    def name(self, frame: bytes, at: i64) -> i64:
        """Take the name of the member at `at`, the `size` bytes at `start`; where its value begins, or −1 if
        it is not usual."""
        at = skip_space(frame, at)
        stop = string_end(frame, at)
        if stop < 0:
            return NOT_USUAL
        self.start = at + 1
        self.size = stop - at - 1
        return value_at(frame, stop + 1)

    def is_called(self, frame: bytes, word: bytes) -> bool:
        """Whether that is the member's name."""
        return is_word(frame, self.start, self.size, word)

    def behind(self, frame: bytes, at: i64, closing: i64) -> i64:
        """The place behind the comma or the closing bracket at `at`; −1 if there is neither."""
        at = skip_space(frame, at)
        byte: i64 = frame[at]
        self.is_last = byte == closing
        return at + 1 if self.is_last or byte == COMMA else NOT_USUAL


def is_word(frame: bytes, at: i64, size: i64, word: bytes) -> bool:
    """Whether the `size` bytes at `at` are `word`."""
    if size != len(word):
        return False
    n: i64 = 0
    while n + 8 <= size:
        if read_i64_le(frame, at + n) != read_i64_le(word, n):
            return False
        n += 8
    while n < size:
        if frame[at + n] != word[n]:
            return False
        n += 1
    return True


def is_space(byte: i64) -> bool:
    return byte == 0x20 or byte == 0x0A or byte == 0x0D or byte == 0x09


def skip_space(frame: bytes, at: i64) -> i64:
    """The first byte from `at` on that is no white space."""
    while is_space(frame[at]):
        at += 1
    return at


def value_at(frame: bytes, at: i64) -> i64:
    """Where the value behind a name begins; −1 without a colon."""
    at = skip_space(frame, at)
    if frame[at] != COLON:
        return NOT_USUAL
    return skip_space(frame, at + 1)


def string_end(frame: bytes, at: i64) -> i64:
    """The closing quotation mark of the string at `at`; −1 without one of plain ASCII."""
    if frame[at] != QUOTE:
        return NOT_USUAL
    at += 1
    while True:
        byte: i64 = frame[at]
        if byte == QUOTE:
            return at
        if byte < 0x20 or byte > 0x7E or byte == BACKSLASH:
            return NOT_USUAL
        at += 1


def digits_end(frame: bytes, at: i64) -> i64:
    """The place behind the digits at `at`; −1 for none, too many, or a zero in front of others."""
    start = at
    while True:
        byte: i64 = frame[at]
        if byte < ZERO or byte > NINE:
            break
        at += 1
        if at - start > DIGITS_MAX:
            return NOT_USUAL
    if at == start or (frame[start] == ZERO and at - start > 1):
        return NOT_USUAL
    return at


def units(digits: i64, places: i64, unit_places: i64, unit: i64) -> i64:
    """A decimal number as a count of units of so many places; 0 if it is no whole count of them."""
    scale = unit_places - places
    if scale < 0:
        return 0
    while scale > 0:
        if digits > 100_000_000_000_000_000:
            return 0
        digits *= 10
        scale -= 1
    count = digits // unit
    return count if count * unit == digits else 0


def is_step(ticks: i64, steps: list[int]) -> bool:
    """Whether a price stands on the step that is its."""
    step: i64 = 1
    at: i64 = 0
    while at < len(steps):
        if ticks >= steps[at]:
            step = steps[at + 1]
        at += 2
    return ticks % step == 0
