"""The envelope of a usual call, which the readers of its parameters have in common."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.edge.scan import (
    CLOSE,
    COMMA,
    NOT_USUAL,
    OPEN,
    Number,
    digits_end,
    is_space,
    is_word,
    skip_space,
    string_end,
    value_at,
)


class CallReader:
    """Reads `{"jsonrpc", "id", "method", "params"}`, each once and in any order; what stands in the method
    and in the parameters its subclass takes."""

    def __init__(self, frame_bytes_max: int) -> None:
        self._frame_max: i64 = frame_bytes_max
        self._number = Number()
        self.request_id = b""
        """Of the frame read last, as written: digits."""
        self.token = b""
        """Its access token, empty for none."""

    def _read_method(self, frame: bytes, at: i64) -> i64:
        """The place behind the method's name at `at`; −1 if it is not the reader's."""
        raise NotImplementedError

    def _read_params(self, frame: bytes, at: i64) -> i64:
        """The place behind the parameters at `at`; −1 if they are not usual."""
        raise NotImplementedError

    def _is_usual(self, frame: bytes) -> bool:
        """Whether a frame is a usual call, whose parts have been taken."""
        if len(frame) > self._frame_max:
            return False
        try:
            return self._read_call(frame)
        except IndexError:  # cut short
            return False

    def _read_call(self, frame: bytes) -> bool:
        at = skip_space(frame, 0)
        if frame[at] != OPEN:
            return False
        at += 1
        seen: i64 = 0
        while True:
            start = skip_space(frame, at)
            stop = string_end(frame, start)
            if stop < 0:
                return False
            at = value_at(frame, stop + 1)
            if at < 0:
                return False
            start += 1
            size = stop - start
            bit: i64
            if is_word(frame, start, size, b"jsonrpc"):
                bit = 1
                at = after_word(frame, at, b"2.0")
            elif is_word(frame, start, size, b"id"):
                bit = 2
                stop = digits_end(frame, at)
                if stop < 0:
                    return False
                self.request_id = frame[at:stop]
                at = stop
            elif is_word(frame, start, size, b"method"):
                bit = 4
                at = self._read_method(frame, at)
            elif is_word(frame, start, size, b"params"):
                bit = 8
                at = self._read_params(frame, at)
            else:
                return False
            if at < 0 or seen & bit:
                return False
            seen |= bit
            at = skip_space(frame, at)
            byte: i64 = frame[at]
            at += 1
            if byte == CLOSE:
                break
            if byte != COMMA:
                return False
        if seen | 1 != 15:
            return False
        end: i64 = len(frame)
        while at < end:
            if not is_space(frame[at]):
                return False
            at += 1
        return True


def after_word(frame: bytes, at: i64, word: bytes) -> i64:
    """The place behind the string at `at` if it is `word`, else −1."""
    stop = string_end(frame, at)
    if stop < 0 or not is_word(frame, at + 1, stop - at - 1, word):
        return NOT_USUAL
    return stop + 1
