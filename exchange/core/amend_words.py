"""Whether the flags and words of an AMEND fit together (docs/rules.md, Amend; docs/rules-3.md)."""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.domain import records as r

_FIELDS: Final = 0x1F0000  # bits 16 to 20
_NEW: Final = r.AMEND_TRIGGER | r.AMEND_OFFSET | r.AMEND_VOLATILITY


def fit(data: bytes, at: i64, flags: i64, more: i64) -> bool:
    """Judge the AMEND at byte `at`; `more`: the flag bits it may have beside those of rules 1."""
    allowed: i64 = r.AMEND_FLAGS_ALLOWED | more
    if flags & ~allowed != 0 or flags & (_FIELDS | _NEW) == 0:
        return False
    if flags & r.FLAG_REJECT_POST_ONLY != 0 and flags & r.FLAG_POST_ONLY == 0:
        return False
    if flags & r.AMEND_POST == 0 and flags & (r.FLAG_POST_ONLY | r.FLAG_REJECT_POST_ONLY) != 0:
        return False
    if flags & r.AMEND_REDUCE == 0 and flags & r.FLAG_REDUCE_ONLY != 0:
        return False
    if flags & r.AMEND_PRICE == 0 and read_i64_le(data, at + 40) != 0:
        return False
    if flags & r.AMEND_SIZE == 0 and (read_i64_le(data, at + 48) != 0 or flags & r.AMEND_REMAINING != 0):
        return False
    if flags & r.AMEND_DISPLAY == 0 and read_i64_le(data, at + 56) != 0:
        return False
    return _new_words_fit(data, at, flags)


def _new_words_fit(data: bytes, at: i64, flags: i64) -> bool:
    """What rules 3 add: each word with the bit that gives it. (Before, these words are zero by shape.)"""
    if flags & r.AMEND_EXPECTED == 0 and read_i64_le(data, at + 72) != 0:
        return False
    triggers: i64 = r.AMEND_TRIGGER | r.AMEND_OFFSET
    if flags & triggers == triggers:
        return False
    if flags & triggers == 0 and read_i64_le(data, at + 80) != 0:
        return False
    return flags & r.AMEND_VOLATILITY != 0 or read_i64_le(data, at + 88) == 0


def post_kept(flags: i64, old: i64) -> i64:
    """The order flags `old` with the bits 5 to 7 that an AMEND gives."""
    if flags & r.AMEND_POST != 0:
        old &= ~(r.FLAG_POST_ONLY | r.FLAG_REJECT_POST_ONLY)
        old |= flags & (r.FLAG_POST_ONLY | r.FLAG_REJECT_POST_ONLY)
    if flags & r.AMEND_REDUCE != 0:
        old = (old & ~r.FLAG_REDUCE_ONLY) | (flags & r.FLAG_REDUCE_ONLY)
    return old
