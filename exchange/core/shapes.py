"""Whether a command is well formed: known type, right unit count, and nothing where nothing has a meaning.

NEW_ORDER, AMEND, CANCEL and MASS_QUOTE are judged where they are read, on the way; the others here.
"""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.domain import limits
from exchange.domain import records as r


def zero(batch: bytes, at: i64, words: i64) -> bool:
    """Whether the words from byte `at` on are zero."""
    while words > 0:
        if read_i64_le(batch, at) != 0:
            return False
        at += 8
        words -= 1
    return True


def well_formed(batch: bytes, at: i64, units: i64, kind: i64, flags: i64, rules: i64) -> bool:
    """Judge the command of `units` units at byte `at`, under a rules version."""
    if kind == r.CANCEL_MANY or kind == r.CONFIGURE_ACCOUNT:
        return units == 1
    if kind == r.SET_INSTRUMENT_STATE or kind == r.SET_MODE:
        return units == 1
    if kind == r.SET_RULES:
        return units == 1 and _version_twice(batch, at, flags)
    if kind == r.LIST_COMBO:
        return rules >= 4 and units == 3 and flags == 0 and _legs(batch, at)
    if kind == r.GRANT:
        return rules >= 5 and _grant(batch, at, units, flags)
    if kind == r.MOVE_POSITIONS:
        return rules >= 5 and flags == 0 and _moves(batch, at, units)
    if kind == r.FORCED_WITHDRAWAL:
        return rules >= 6 and units == 2 and flags == 0 and zero(batch, at + 48, 2)
    if kind > r.SET_LOCK:
        return rules >= 3 and _of_rules_3(batch, at, units, kind, flags, rules)
    if kind > r.SET_MODE:
        return rules >= 2 and _of_rules_2(batch, at, units, kind, flags)
    if flags != 0:
        return False
    if kind == r.MARKS:
        return 2 <= units and units <= 2 + limits.MAX_MARKS and zero(batch, at + 48, 2)
    if kind == r.LABEL:
        return _label(batch, at, units)
    if kind == r.LIST_INSTRUMENT:
        return units == 7 and _terms(batch, at + 32)
    if kind == r.EXPIRE_DAY:
        return units == 1
    if units != 2:
        return False
    if kind == r.CREATE_ACCOUNT:
        # The last word names the main account from rules 2 on.
        return read_i64_le(batch, at + 48) >> 32 == 0 and (rules >= 2 or zero(batch, at + 56, 1))
    if kind == r.DEPOSIT or kind == r.WITHDRAW:
        return zero(batch, at + 48, 2)
    if kind == r.TIME or kind == r.LIST_UNDERLYING:
        return zero(batch, at + 40, 3)
    if kind == r.SETTLE_PERPETUAL or kind == r.FUNDING or kind == r.DELIVER:
        return zero(batch, at + 40, 3)
    return False


def _version_twice(batch: bytes, at: i64, flags: i64) -> bool:
    """SET_RULES: flags are zero, or say a known version from 2 on again.

    Code that knew version 1 alone refused every flag: what it refused stays refused on replay.
    """
    aux = (read_i64_le(batch, at + 24) >> 32) & r.U32
    return flags == 0 or (flags == aux and 2 <= flags and flags <= limits.RULES_VERSION)


def _label(batch: bytes, at: i64, units: i64) -> bool:
    length = read_i64_le(batch, at + 16)
    label = (read_i64_le(batch, at + 24) >> 32) & r.U32
    if length > limits.MAX_LABEL_BYTES or label == 0:
        return False
    return _filled(batch, at, units, length)


def _grant(batch: bytes, at: i64, units: i64, flags: i64) -> bool:
    if flags < r.GRANT_ACTIVATED or flags > r.GRANT_SIGNED:
        return False
    length = (read_i64_le(batch, at + 24) >> 32) & r.U32
    return length <= limits.MAX_GRANT_BYTES and _filled(batch, at, units, length)


def _filled(batch: bytes, at: i64, units: i64, length: i64) -> bool:
    """Whether the units behind the header hold `length` bytes, at least one, and zeros."""
    if length < 1 or units != 1 + (length + 31) // 32:
        return False
    byte = at + r.UNIT_BYTES + length
    while byte < at + units * r.UNIT_BYTES:
        if batch[byte] != 0:
            return False
        byte += 1
    return True


def _terms(batch: bytes, at: i64) -> bool:
    """The words and bits of LIST_INSTRUMENT that have no meaning are zero."""
    if (read_i64_le(batch, at) >> 24) & 0xFF != 0:
        return False
    if (read_i64_le(batch, at + 80) >> 32) & r.U32 != 0 or read_i64_le(batch, at + 88) != 0:
        return False
    return zero(batch, at + 160, 4)


def _of_rules_2(batch: bytes, at: i64, units: i64, kind: i64, flags: i64) -> bool:
    if kind == r.SET_MARGIN_MODEL or kind == r.SET_TIER:
        return units == 1
    if kind == r.SET_UNDERLYING_STATE or kind == r.SET_LOCK:
        return units == 1
    if kind == r.RESOLVE_WITHDRAWAL:
        return units == 2 and zero(batch, at + 40, 3)
    if flags != 0:
        return False
    if kind == r.LIQUIDATE:
        return units == 1
    if kind == r.RISK:
        return units == 7 and zero(batch, at + 32 + 8 * 22, 2)
    if kind == r.RISK_SNAPSHOT:
        return units >= 2 and _snapshot(batch, at, units)
    if kind == r.SET_FEES:
        return 3 <= units and units <= 2 + limits.MAX_TIERS and zero(batch, at + 40, 3)
    if units != 2:
        return False
    if kind == r.SHARE_LOSS:
        return zero(batch, at + 40, 3)
    if kind == r.RISK_SWEEP or kind == r.SET_CAPS:
        return zero(batch, at + 48, 2)
    return zero(batch, at + 56, 1)  # TRANSFER, TAKEOVER


def _of_rules_3(batch: bytes, at: i64, units: i64, kind: i64, flags: i64, rules: i64) -> bool:
    if kind == r.EXTENDED_ORDER:
        return _extended(batch, at, units)
    if flags != 0:
        return False
    if kind == r.SET_MMP:
        return units == 3 and zero(batch, at + 80, 2)
    if kind == r.RESET_MMP:
        return units == 1
    if kind == r.SET_ID_WINDOW:
        return units == 2 and zero(batch, at + 40, 3)
    if kind == r.FIRE:
        return units == 1
    if kind == r.BLOCK_TRADE:
        return _blocks(batch, at, units, rules)
    return kind == r.REPRICE and _reprices(batch, at, units)


def _extended(batch: bytes, at: i64, units: i64) -> bool:
    """EXTENDED_ORDER: it has the members it names, and what has no meaning is zero."""
    if units < 3:
        return False
    word = read_i64_le(batch, at + 64)
    members = (word >> 32) & 0xFF
    if members > 2 or units != 3 + 2 * members or word >> 40 != 0:
        return False
    time_ms = read_i64_le(batch, at + 56)
    if time_ms < 0 or time_ms > limits.MAX_TIME_MS:
        return False
    while members > 0:
        members -= 1
        place = at + 96 + 64 * members
        if read_i64_le(batch, place + 32) >> 16 != 0 or read_i64_le(batch, place + 56) != 0:
            return False
    return True


def _reprices(batch: bytes, at: i64, units: i64) -> bool:
    """REPRICE: it has the units it names, and what has no meaning is zero."""
    if units < 2:
        return False
    count = read_i64_le(batch, at + 32)
    if count < 0 or count > limits.MAX_REPRICES or units != 2 + count or not zero(batch, at + 40, 3):
        return False
    while count > 0:
        count -= 1
        if not zero(batch, at + 64 + 32 * count + 16, 2):
            return False
    return True


def _blocks(batch: bytes, at: i64, units: i64, rules: i64) -> bool:
    """BLOCK_TRADE: it has the trades it names, at least one, and what has no meaning is zero."""
    unused: i64 = 32 if rules >= 5 else 0  # of a unit's last word: from there on
    if units < 3 or units > 2 + limits.BLOCK_MOST:
        return False
    count = units - 2
    if read_i64_le(batch, at + 40) != count or not zero(batch, at + 48, 2):
        return False
    while count > 0:
        count -= 1
        if read_i64_le(batch, at + 64 + 32 * count + 24) >> unused != 0:
            return False
    return True


def _moves(batch: bytes, at: i64, units: i64) -> bool:
    """MOVE_POSITIONS: it has the positions it names, at least one, and what has no meaning is zero."""
    if units < 3 or units > 2 + limits.BLOCK_MOST:
        return False
    count = units - 2
    if read_i64_le(batch, at + 32) >> 32 != 0 or read_i64_le(batch, at + 40) != count:
        return False
    if not zero(batch, at + 48, 2):
        return False
    while count > 0:
        count -= 1
        unit = at + 64 + 32 * count
        if read_i64_le(batch, unit) >> 32 != 0 or read_i64_le(batch, unit + 24) != 0:
            return False
    return True


def _legs(batch: bytes, at: i64) -> bool:
    """LIST_COMBO: it has two legs or more, and what has no meaning is zero."""
    count = read_i64_le(batch, at + 32)
    if count < 2 or count > limits.LEGS_MOST or not zero(batch, at + 40, 3):
        return False
    return zero(batch, at + 64 + 8 * count, limits.LEGS_MOST - count)


def _snapshot(batch: bytes, at: i64, units: i64) -> bool:
    """RISK_SNAPSHOT: the counts it names fill it, and the bytes behind its stream are zero."""
    marks = read_i64_le(batch, at + 48)
    word = read_i64_le(batch, at + 56)
    tables = word & r.U32
    length = (word >> 32) & r.U32
    if marks < 0 or marks > limits.MAX_MARKS or tables > limits.MAX_MARKS:
        return False
    if units != 2 + marks + (length + r.UNIT_BYTES - 1) // r.UNIT_BYTES:
        return False
    byte = at + r.UNIT_BYTES * (2 + marks) + length
    while byte < at + units * r.UNIT_BYTES:
        if batch[byte] != 0:
            return False
        byte += 1
    return True
