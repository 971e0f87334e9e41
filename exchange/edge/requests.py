"""Usual orders as JSON, read straight into NEW_ORDER records.

The reader knows the frame of a trading client: `private/buy` or `private/sell`, ASCII strings without
escapes, plain decimal numbers, each parameter once. It looks at every byte and says of anything else only
that it is not usual: what is wrong with a request the general way alone decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from librt.strings import BytesWriter, read_i64_le, write_i64_le
from mypy_extensions import i64

from exchange.domain import limits
from exchange.domain import records as r
from exchange.edge.calls import CallReader
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
    COMMA,
    NINE,
    NOT_USUAL,
    OPEN,
    QUOTE,
    ZERO,
    digits_end,
    is_step,
    is_word,
    skip_space,
    string_end,
    units,
    value_at,
)

FLAG_WORDS: Final = 96
"""Combinations of type (limit, market, market-limit), time in force and the three booleans."""
ORDER_BYTES: Final = 2 * r.UNIT_BYTES
_HEAD: Final = r.NEW_ORDER | limits.RECORD_VERSION << 8 | 2 << 16


@final
class Run:
    """Orders of one account that came in together, in their order."""

    def __init__(self, account: int) -> None:
        self.account: i64 = account
        self.ids: list[bytes] = []
        """Their requests' ids, as written."""
        self.labels: list[bytes] = []
        """Their labels as JSON."""
        self._commands = BytesWriter()

    @property
    def count(self) -> int:
        return len(self.ids)

    def commands(self) -> bytes:
        """The NEW_ORDERs, packed."""
        return self._commands.getvalue()

    def put(
        self,
        request_id: bytes,
        flags: i64,
        instrument: i64,
        client: i64,
        label: i64,
        label_text: bytes,
        ticks: i64,
        lots: i64,
    ) -> None:
        """Append an order."""
        out = self._commands
        write_i64_le(out, flags << 32 | _HEAD)
        write_i64_le(out, instrument << 32 | self.account)
        write_i64_le(out, client)
        write_i64_le(out, label << 32)
        write_i64_le(out, ticks)
        write_i64_le(out, lots)
        write_i64_le(out, 0)
        write_i64_le(out, 0)
        self.ids.append(request_id)
        self.labels.append(label_text)

    def one(self, at: int) -> Run:
        """A run of the order at place `at` alone."""
        found = Run(self.account)
        found.ids.append(self.ids[at])
        found.labels.append(self.labels[at])
        found._commands.write(self.commands()[at * ORDER_BYTES : (at + 1) * ORDER_BYTES])
        return found


@final
class OrderReader(CallReader):
    """Reads frames of one venue. `flags` holds the flags of each combination (`combination`), −1 where they
    make no order; `find_label(account, text)` the number of a label, 0 for one that is new."""

    def __init__(
        self,
        listings: Listings,
        flags: list[int],
        find_label: Callable[[int, str], int],
        frame_bytes_max: int,
        label_chars_max: int,
    ) -> None:
        super().__init__(frame_bytes_max)
        self._listings = listings
        self._flag_words = flags
        self._find_label = find_label
        self._label_max: i64 = label_chars_max
        self._label = b""
        self._sell: i64 = 0
        self._combination: i64 = 0
        self._instrument: i64 = 0
        self._client: i64 = 0
        self._price: i64 = 0  # its digits
        self._price_places: i64 = 0  # and how many of them stand behind the point
        self._amount: i64 = 0
        self._amount_places: i64 = 0
        self._digits: i64 = 0  # of the number read last
        self._places: i64 = 0

    def read_many(self, messages: list[bytes | None], start: int, most: int, run: Run) -> int:
        """Append the orders of at most `most` messages from `start` on to a run; how many there are in front
        of the first message that is none of the session's own usual orders."""
        at: i64 = start
        end: i64 = min(len(messages), start + most)
        while at < end:
            message = messages[at]
            if message is None or not self.read(message) or self.token or not self.place(run):
                break
            at += 1
        return int(at - start)

    def read(self, frame: bytes) -> bool:
        """Whether a frame is a usual order; `place` and `token` are about the frame read last."""
        is_usual = self._is_usual(frame)
        if not is_usual:
            self.token = b""
        return is_usual

    def place(self, run: Run) -> bool:
        """Append the order just read to a run; False, and nothing happens, if it is not usual after all."""
        flags: i64 = self._flag_words[self._combination]
        if flags < 0:
            return False
        instrument, table = self._instrument, self._listings.table
        row = instrument * ROW_BYTES
        lots = units(self._amount, self._amount_places, 8, read_i64_le(table, row + LOT_E8))
        if lots <= 0 or lots > limits.MAX_ORDER_LOTS or lots < read_i64_le(table, row + LEAST_LOTS):
            return False
        ticks: i64 = 0
        if flags & (r.TYPE_MASK << r.TYPE_SHIFT) == 0:
            ticks = units(self._price, self._price_places, 6, read_i64_le(table, row + TICK_MICRO))
            if ticks <= 0 or ticks > read_i64_le(table, row + LIMIT_TICKS):
                return False
            if read_i64_le(table, row + HAS_STEPS) and not is_step(ticks, self._listings.steps[instrument]):
                return False
        label: i64 = 0
        if self._label:
            if len(self._label) > self._label_max:
                return False
            label = self._find_label(run.account, self._label.decode())
            if label == 0:  # it becomes a record of its own first
                return False
        text = b'"' + self._label + b'"' if label else b'""'
        run.put(self.request_id, flags | self._sell, instrument, self._client, label, text, ticks, lots)
        return True

    # --- JSON --------------------------------------------------------------------------------------

    def _read_method(self, frame: bytes, at: i64) -> i64:
        """The place behind the method's name; −1 if it is not usual."""
        stop = string_end(frame, at)
        if is_word(frame, at + 1, stop - at - 1, b"private/buy"):
            self._sell = 0
        elif is_word(frame, at + 1, stop - at - 1, b"private/sell"):
            self._sell = r.FLAG_SELL
        else:
            return NOT_USUAL
        return stop + 1

    def _read_params(self, frame: bytes, at: i64) -> i64:
        """The place behind the parameters; −1 if they are not usual."""
        if frame[at] != OPEN:
            return NOT_USUAL
        at += 1
        self.token = self._label = b""
        self._client = self._combination = 0
        self._price = self._price_places = 0
        seen: i64 = 0
        while True:
            start = skip_space(frame, at)
            stop = string_end(frame, start)
            if stop < 0:
                return NOT_USUAL
            at = value_at(frame, stop + 1)
            if at < 0:
                return NOT_USUAL
            start += 1
            size = stop - start
            bit: i64 = 0
            first: i64 = frame[at]
            if first == QUOTE:
                bit = self._read_text(frame, start, size, at)
                at = string_end(frame, at) + 1
            elif ZERO <= first and first <= NINE:
                at = self._read_number(frame, at)
                if is_word(frame, start, size, b"amount"):
                    bit = 1
                    self._amount, self._amount_places = self._digits, self._places
                elif is_word(frame, start, size, b"price"):
                    bit = 2
                    self._price, self._price_places = self._digits, self._places
            else:
                bit = self._read_bool(frame, start, size, at)
                at += 4 if first == 0x74 else 5  # true, false
            if bit <= 0 or at <= 0 or seen & bit:
                return NOT_USUAL
            seen |= bit
            at = skip_space(frame, at)
            byte: i64 = frame[at]
            at += 1
            if byte == CLOSE:
                break
            if byte != COMMA:
                return NOT_USUAL
        return at if seen & 5 == 5 else NOT_USUAL

    def _read_text(self, frame: bytes, start: i64, size: i64, at: i64) -> i64:
        """Take the string at `at`, which the parameter at `start` has; the parameter's bit, or −1."""
        stop = string_end(frame, at)
        if stop < 0:
            return NOT_USUAL
        at += 1
        length = stop - at
        if is_word(frame, start, size, b"instrument_name"):
            found = self._listings.by_name.get(frame[at:stop])
            if found is None:
                return NOT_USUAL
            self._instrument = found
            return 4
        if is_word(frame, start, size, b"type"):
            if is_word(frame, at, length, b"market"):
                self._combination += 32
            elif is_word(frame, at, length, b"market_limit"):
                self._combination += 64
            elif not is_word(frame, at, length, b"limit"):
                return NOT_USUAL
            return 8
        if is_word(frame, start, size, b"time_in_force"):
            if is_word(frame, at, length, b"good_til_day"):
                self._combination += 8
            elif is_word(frame, at, length, b"immediate_or_cancel"):
                self._combination += 16
            elif is_word(frame, at, length, b"fill_or_kill"):
                self._combination += 24
            elif not is_word(frame, at, length, b"good_til_cancelled"):
                return NOT_USUAL
            return 16
        if is_word(frame, start, size, b"label"):
            self._label = frame[at:stop]
            return 32
        if is_word(frame, start, size, b"access_token"):
            self.token = frame[at:stop]
            return 64 if length else NOT_USUAL
        if is_word(frame, start, size, b"client_order_id"):
            if digits_end(frame, at) != stop:
                return NOT_USUAL
            self._read_number(frame, at)
            self._client = self._digits
            return 128 if self._digits else NOT_USUAL
        return NOT_USUAL

    def _read_bool(self, frame: bytes, start: i64, size: i64, at: i64) -> i64:
        """Take the boolean at `at`, which the parameter at `start` has; the parameter's bit, or −1."""
        if is_word(frame, at, min(4, len(frame) - at), b"true"):
            value: i64 = 1
        elif is_word(frame, at, min(5, len(frame) - at), b"false"):
            value = 0
        else:
            return NOT_USUAL
        if is_word(frame, start, size, b"post_only"):
            self._combination += value * 4
            return 256
        if is_word(frame, start, size, b"reject_post_only"):
            self._combination += value * 2
            return 512
        if is_word(frame, start, size, b"reduce_only"):
            self._combination += value
            return 1_024
        return NOT_USUAL

    def _read_number(self, frame: bytes, at: i64) -> i64:
        """Take the decimal number at `at`; the place behind it, or −1 if it is not usual."""
        at = self._number.read(frame, at)
        self._digits, self._places = self._number.digits, self._number.places
        return at


def combination(kind: int, tif: int, post_only: bool, reject_post_only: bool, reduce_only: bool) -> int:
    """The place of an order's flags among `FLAG_WORDS`: 0 limit, 1 market, 2 market-limit; 0 good till
    cancelled, 1 for the day, 2 immediate or cancel, 3 fill or kill."""
    return (kind * 4 + tif) * 8 + post_only * 4 + reject_post_only * 2 + reduce_only
