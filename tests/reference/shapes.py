"""The shape check every command passes first (rules: Commands in general)."""

from __future__ import annotations

import struct

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference import blocks, combos, extending, lifecycle, moves, quoting, repricing, snapshots
from tests.reference.world import Head

# Units of the commands of one size. The others: MASS_QUOTE, MARKS, SET_FEES (2 + n), RISK_SNAPSHOT,
# LABEL and GRANT (1 + ⌈bytes/32⌉), EXTENDED_ORDER (3 + 2n), REPRICE, BLOCK_TRADE and MOVE_POSITIONS (2 + n).
UNITS = {
    r.NEW_ORDER: 2,
    r.AMEND: 3,
    r.CANCEL: 2,
    r.CANCEL_MANY: 1,
    r.CREATE_ACCOUNT: 2,
    r.CONFIGURE_ACCOUNT: 1,
    r.DEPOSIT: 2,
    r.WITHDRAW: 2,
    r.TIME: 2,
    r.LIST_UNDERLYING: 2,
    r.LIST_INSTRUMENT: 7,
    r.SET_INSTRUMENT_STATE: 1,
    r.SETTLE_PERPETUAL: 2,
    r.FUNDING: 2,
    r.DELIVER: 2,
    r.EXPIRE_DAY: 1,
    r.SET_RULES: 1,
    r.SET_MODE: 1,
    r.RISK: 7,
    r.RISK_SWEEP: 2,
    r.SET_MARGIN_MODEL: 1,
    r.TRANSFER: 2,
    r.RESOLVE_WITHDRAWAL: 2,
    r.SET_TIER: 1,
    r.SET_CAPS: 2,
    r.SET_UNDERLYING_STATE: 1,
    r.LIQUIDATE: 1,
    r.TAKEOVER: 2,
    r.SHARE_LOSS: 2,
    r.SET_LOCK: 1,
    r.SET_MMP: 3,
    r.RESET_MMP: 1,
    r.SET_ID_WINDOW: 2,
    r.FIRE: 1,
    r.LIST_COMBO: 3,
    r.FORCED_WITHDRAWAL: 2,
}
FROM_RULES_2 = frozenset(range(r.RISK, r.SET_LOCK + 1))
FROM_RULES_3 = frozenset(range(r.SET_MMP, r.BLOCK_TRADE + 1))
FROM_RULES_5 = frozenset({r.MOVE_POSITIONS, r.GRANT})
# Commands of the venue alone: from rules 2 on no grant sends them.
OF_THE_VENUE = frozenset({16, 18, *range(20, 34), *range(36, 42), 43, 44, 48, 49, 50, 51, 52, 53, 54, 55})
HAVE_FLAGS = {
    r.NEW_ORDER,
    r.AMEND,
    r.CANCEL_MANY,
    r.CONFIGURE_ACCOUNT,
    r.SET_INSTRUMENT_STATE,
    r.SET_MODE,
    r.SET_MARGIN_MODEL,
    r.RESOLVE_WITHDRAWAL,
    r.SET_TIER,
    r.SET_UNDERLYING_STATE,
    r.SET_LOCK,
    r.EXTENDED_ORDER,
    r.GRANT,
}
# Flag bits of commands that have some from rules 3 on only.
FLAGS_3 = {r.CANCEL: r.ONE_DISCONNECTED}
# How many body words, from w4 on, carry something; those after are zero. Absent: looked at elsewhere.
BODY_WORDS = {
    r.NEW_ORDER: 4,
    r.AMEND: 5,
    r.CANCEL: 1,
    r.DEPOSIT: 2,
    r.WITHDRAW: 2,
    r.TIME: 1,
    r.LIST_UNDERLYING: 1,
    r.SETTLE_PERPETUAL: 1,
    r.FUNDING: 1,
    r.DELIVER: 1,
    r.MASS_QUOTE: 2,
    r.MARKS: 2,
    r.RISK: 22,
    r.RISK_SWEEP: 2,
    r.TRANSFER: 3,
    r.RESOLVE_WITHDRAWAL: 1,
    r.SET_FEES: 1,
    r.SET_CAPS: 2,
    r.TAKEOVER: 3,
    r.SHARE_LOSS: 1,
    r.SET_MMP: 6,
    r.SET_ID_WINDOW: 1,
    r.FORCED_WITHDRAWAL: 2,
}
# The same from rules 3 on, where it differs.
BODY_WORDS_3 = {r.AMEND: 8}
# Commands whose second unit alone is a body; a block of units follows.
WITH_BLOCK = frozenset({r.MASS_QUOTE, r.MARKS, r.SET_FEES})
# The body word that holds valid_until_ms.
VALID_UNTIL = {r.NEW_ORDER: 3, r.EXTENDED_ORDER: 3, r.AMEND: 4, r.MASS_QUOTE: 1}
BLOCK = slice(64, None)


def words_of(record: bytes) -> tuple[int, ...]:
    """All body words, signed, from w4 on."""
    return struct.unpack_from(f"<{len(record) // 8 - 4}q", record, 32)


def _units_fit(head: Head) -> bool:
    if head.type in UNITS:
        return head.units == UNITS[head.type]
    if head.type == r.MASS_QUOTE:
        return 2 <= head.units <= 2 + limits.MAX_QUOTES
    if head.type == r.MARKS:
        return 2 <= head.units <= 2 + limits.MAX_MARKS
    if head.type == r.SET_FEES:
        return 2 + 1 <= head.units <= 2 + limits.MAX_TIERS
    if head.type == r.RISK_SNAPSHOT:
        return head.units >= 2
    if head.type in (r.EXTENDED_ORDER, r.REPRICE, r.BLOCK_TRADE, r.MOVE_POSITIONS):
        return head.units >= 2  # the rest with what it holds
    if head.type == r.LABEL:
        length = head.client_order_id
        return 1 <= length <= limits.MAX_LABEL_BYTES and head.units == 1 + -(-length // 32)
    if head.type == r.GRANT:
        return 1 <= head.aux <= limits.MAX_GRANT_BYTES and head.units == 1 + -(-head.aux // 32)
    return False


def _reserved_zero(head: Head, record: bytes, rules: int) -> bool:
    if head.type == r.SET_RULES:
        return head.flags == 0 or 2 <= head.aux == head.flags <= limits.RULES_VERSION
    defined = FLAGS_3.get(head.type, 0) if rules >= 3 else 0
    if head.type not in HAVE_FLAGS and head.flags & ~defined:
        return False
    if head.type in BODY_WORDS:
        return _rest_zero(head, record, rules)
    if head.type == r.LABEL:
        return head.aux > 0 and not any(record[32 + head.client_order_id :])
    if head.type == r.GRANT:
        return 1 <= head.flags <= 3 and not any(record[32 + head.aux :])
    if head.type == r.CREATE_ACCOUNT:
        return not any(record[52:56] if rules >= 2 else record[52:])
    if head.type == r.LIST_INSTRUMENT:
        return lifecycle.listing_well_formed(record[32:])
    if head.type == r.RISK_SNAPSHOT:
        return snapshots.snapshot_well_formed(head.units, record[32:])
    if head.type == r.EXTENDED_ORDER:
        return extending.well_formed(head.units, record[32:])
    if head.type == r.REPRICE:
        return repricing.well_formed(head.units, record[32:])
    if head.type == r.BLOCK_TRADE:
        return blocks.well_formed(head.units, record[32:], rules)
    if head.type == r.MOVE_POSITIONS:
        return moves.well_formed(head.units, record[32:])
    if head.type == r.LIST_COMBO:
        return combos.well_formed(record[32:])
    return True


def _rest_zero(head: Head, record: bytes, rules: int) -> bool:
    """Are the body words behind those that carry something zero?"""
    if head.type == r.MASS_QUOTE:
        mmp_high = record[36:40]
        if any(mmp_high) or not quoting.well_formed(record[BLOCK]):
            return False
    end = 64 if head.type in WITH_BLOCK else len(record)
    used = BODY_WORDS[head.type]
    if rules >= 3:
        used = BODY_WORDS_3.get(head.type, used)
    return not any(record[32 + used * 8 : end])


def _time_limit_fits(head: Head, record: bytes) -> bool:
    word = VALID_UNTIL.get(head.type)
    if word is None:
        return True
    at = 32 + 8 * word
    return 0 <= int.from_bytes(record[at : at + 8], "little", signed=True) <= limits.MAX_TIME_MS


def well_formed(head: Head, record: bytes, rules: int) -> bool:
    """The shape check of every command under a version of the rules."""
    return (
        head.version == limits.RECORD_VERSION
        and (rules >= 2 or head.type not in FROM_RULES_2)
        and (rules >= 3 or head.type not in FROM_RULES_3)
        and (rules >= 4 or head.type != r.LIST_COMBO)
        and (rules >= 5 or head.type not in FROM_RULES_5)
        and (rules >= 6 or head.type != r.FORCED_WITHDRAWAL)
        and _units_fit(head)
        and _reserved_zero(head, record, rules)
        and _time_limit_fits(head, record)
    )
