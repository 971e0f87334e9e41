"""Packed commands from outside, and the packed answers to them (docs/fast-lane.md).

What a client sends are the core's own records with what is the venue's to say left zero; here they are
checked for that and get their account. Values are judged by the engine alone.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from librt.vecs import append, vec
from mypy_extensions import i64

from exchange.domain import lane, limits
from exchange.domain import records as r

_CANCEL_FLAGS: Final = 0xFF  # of CANCEL_MANY: scope, kind, which
_ACK_WORDS: Final = 8
_HEAD: Final = limits.RECORD_VERSION << 8


def owned(message: bytes, start: i64, count: i64, account: i64) -> tuple[int, int, bool, bytes]:
    """Check the commands of a message from byte `start` on and give them their account.

    Returns (fault, how many of them are no cancels, whether there are mass quotes among them, the commands);
    the fault is 0 or one of `exchange.domain.lane`, and then there are no commands.
    """
    size: i64 = len(message)
    words = vec[i64](capacity=(size - start) // r.WORD_BYTES + 1)
    at = start
    seen: i64 = 0
    others: i64 = 0
    quotes = False
    while at + r.UNIT_BYTES <= size and seen < lane.COMMANDS_MAX:
        head = read_i64_le(message, at)
        units = (head >> 16) & 0xFFFF
        fault = _fault(message, at, head, units)
        if fault == 0 and at + units * r.UNIT_BYTES > size:
            fault = lane.CUT_SHORT
        if fault != 0:
            return int(fault), 0, False, b""
        if head & 0xFF != r.CANCEL and head & 0xFF != r.CANCEL_MANY:
            others += 1
            if head & 0xFF == r.MASS_QUOTE:
                quotes = True
        words = append(words, head)
        words = append(words, read_i64_le(message, at + 8) | account)
        end = at + units * r.UNIT_BYTES
        at += 16
        while at < end:
            words = append(words, read_i64_le(message, at))
            at += r.WORD_BYTES
        seen += 1
    if seen != count or seen == 0:
        return lane.WRONG_COUNT, 0, False, b""
    if at != size:
        return lane.CUT_SHORT, 0, False, b""
    return 0, int(others), quotes, bytes(memoryview(words)[: (size - start) // r.WORD_BYTES])


def _fault(message: bytes, at: i64, head: i64, units: i64) -> i64:
    """What is wrong with the record at byte `at`, of which one unit is there; 0 for nothing."""
    kind = head & 0xFF
    flags = (head >> 32) & r.U32
    if kind == r.NEW_ORDER:
        right = units == 2
    elif kind == r.AMEND:
        right = units == 3
    elif kind == r.CANCEL:
        right = units == 2
        if flags != 0:
            return lane.NOT_ZERO
    elif kind == r.CANCEL_MANY:
        right = units == 1
        if flags & ~_CANCEL_FLAGS != 0:
            return lane.NOT_ZERO
    elif kind == r.MASS_QUOTE:
        right = 3 <= units and units <= 2 + limits.MAX_QUOTES
    else:
        return lane.UNKNOWN_COMMAND
    if (head >> 8) & 0xFF != limits.RECORD_VERSION:
        return lane.WRONG_VERSION
    if not right:
        return lane.WRONG_UNITS
    if read_i64_le(message, at + 8) & r.U32 != 0 or read_i64_le(message, at + 24) != 0:
        return lane.NOT_ZERO
    return 0


def acks(commands: bytes, events: bytes) -> tuple[int, bytes]:
    """How many acknowledgements, and their records: one a command, and one a refused side of a quote.

    `events` are those of all the commands, in order; `commands` what `owned` gave.
    """
    size: i64 = len(commands)
    end: i64 = len(events)
    words = vec[i64](capacity=2 * size // r.WORD_BYTES)
    count: i64 = 0
    at: i64 = 0
    event: i64 = 0
    while at < size and event < end:
        head = read_i64_le(commands, at)
        kind = head & 0xFF
        account = read_i64_le(commands, at + 8) & r.U32
        wanted: i64 = 0
        if kind == r.AMEND or kind == r.CANCEL:
            wanted = read_i64_le(commands, at + 32)
        seq = read_i64_le(events, event + 8)
        slot = count * _ACK_WORDS
        words = _put(words, kind | _HEAD, seq, read_i64_le(commands, at + 16), wanted)
        count += 1
        trades: i64 = 0
        affected: i64 = 0
        while event < end and read_i64_le(events, event + 8) == seq:
            told = read_i64_le(events, event)
            what = told & 0xFF
            if what == r.EV_ORDER:
                if _is_own(events, event, kind, account, wanted):
                    state = read_i64_le(events, event + 64) >> 40
                    words[slot] = kind | _HEAD | (state & 0xFF) << 24 | ((state >> 8) & 0xFFFF) << 32
                    words[slot + 3] = read_i64_le(events, event + 24)
                    words[slot + 4] = read_i64_le(events, event + 32)
                    words[slot + 5] = read_i64_le(events, event + 48)
                    words[slot + 6] = read_i64_le(events, event + 56)
                    words[slot + 7] = read_i64_le(events, event + 88)
            elif what == r.EV_TRADE:
                trades += 1
            elif what == r.EV_DONE:
                affected = (read_i64_le(events, event + 32) >> 32) & r.U32
            elif what == r.EV_REPEATED:
                reason = read_i64_le(events, event + 32) & 0xFFFF
                words[slot] = kind | _HEAD | lane.REPEATED << 16 | reason << 32
                words[slot + 3] = read_i64_le(events, event + 24)
                words[slot + 4] = read_i64_le(events, event + 48)
            elif what == r.EV_REJECTED:
                reason = read_i64_le(events, event + 32) & 0xFFFF
                position = read_i64_le(events, event + 56)
                if position < 0:
                    words[slot] = kind | _HEAD | lane.REJECTED << 16 | reason << 32
                    words[slot + 4] = read_i64_le(events, event + 48)
                else:
                    words = _put(
                        words, kind | _HEAD | lane.SIDE_REFUSED << 16 | reason << 32, seq, 0, position
                    )
                    words[count * _ACK_WORDS + 4] = read_i64_le(events, event + 48)
                    count += 1
            event += ((told >> 16) & 0xFFFF) * r.UNIT_BYTES
        number = affected if kind == r.CANCEL_MANY or kind == r.MASS_QUOTE else trades
        if number > lane.COUNT_MAX:
            number = lane.COUNT_MAX
        words[slot] = words[slot] | number << 48
        at += ((head >> 16) & 0xFFFF) * r.UNIT_BYTES
    return int(count), bytes(memoryview(words)[: count * _ACK_WORDS])


def _is_own(events: bytes, at: i64, kind: i64, account: i64, wanted: i64) -> bool:
    """Whether the ORDER at byte `at` is the one its command was for."""
    if kind == r.NEW_ORDER:
        if (read_i64_le(events, at + 64) >> 32) & 0xFF != r.ORDER_PLACED:
            return False
        return read_i64_le(events, at + 16) & r.U32 == account
    return wanted != 0 and read_i64_le(events, at + 24) == wanted


def _put(words: vec[i64], head: i64, seq: i64, client: i64, ident: i64) -> vec[i64]:
    """Append one record with what comes first; the rest is zero."""
    words = append(words, head)
    words = append(words, seq)
    words = append(words, client)
    words = append(words, ident)
    words = append(words, 0)
    words = append(words, 0)
    words = append(words, 0)
    return append(words, 0)
