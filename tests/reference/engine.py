"""The reference engine: `apply(batch) -> events`, command by command."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import (
    amending,
    cancelling,
    families,
    lifecycle,
    liquidating,
    parameters,
    placing,
    quoting,
    settling,
    sharing,
    snapshots,
    state,
    sweeping,
    takeover,
    withdrawals,
)
from tests.reference.outcome import BatchError, Reject, require
from tests.reference.output import Events
from tests.reference.world import Head, World

_HEADER = struct.Struct("<BBHIIIQII")

# Units of the commands of one size. The others: MASS_QUOTE, MARKS, SET_FEES (2 + n), RISK_SNAPSHOT,
# LABEL (1 + ⌈bytes/32⌉).
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
}
FROM_RULES_2 = frozenset(range(r.RISK, r.SET_LOCK + 1))
# Commands of the venue alone: under rules 2 no grant sends them.
OF_THE_VENUE = frozenset({16, 18, *range(20, 34), *range(36, 42), 43, 44})
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
}
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
}
# Commands whose second unit alone is a body; a block of units follows.
WITH_BLOCK = frozenset({r.MASS_QUOTE, r.MARKS, r.SET_FEES})
# The body word that holds valid_until_ms.
VALID_UNTIL = {r.NEW_ORDER: 3, r.AMEND: 4, r.MASS_QUOTE: 1}
BLOCK = slice(64, None)

ByWords = Callable[[World, Head, tuple[int, ...]], None]
BY_WORDS: dict[int, ByWords] = {
    r.NEW_ORDER: placing.new_order,
    r.AMEND: amending.amend,
    r.CANCEL: cancelling.cancel,
    r.CANCEL_MANY: cancelling.cancel_many,
    r.EXPIRE_DAY: cancelling.expire_day,
    r.DEPOSIT: lifecycle.deposit,
    r.TIME: lifecycle.time,
    r.LIST_UNDERLYING: lifecycle.list_underlying,
    r.SETTLE_PERPETUAL: settling.settle_perpetual,
    r.FUNDING: settling.funding,
    r.DELIVER: settling.deliver,
    r.RISK_SWEEP: sweeping.risk_sweep,
    r.TRANSFER: families.transfer,
    r.RESOLVE_WITHDRAWAL: withdrawals.resolve,
    r.SET_CAPS: families.set_caps,
    r.TAKEOVER: takeover.takeover,
    r.SHARE_LOSS: sharing.share_loss,
}
BY_HEAD: dict[int, Callable[[World, Head], None]] = {
    r.CONFIGURE_ACCOUNT: lifecycle.configure_account,
    r.SET_INSTRUMENT_STATE: lifecycle.set_instrument_state,
    r.SET_RULES: lifecycle.set_rules,
    r.SET_MODE: lifecycle.set_mode,
    r.LABEL: lifecycle.label,
    r.SET_MARGIN_MODEL: families.set_margin_model,
    r.SET_TIER: families.set_tier,
    r.SET_LOCK: families.set_lock,
    r.SET_UNDERLYING_STATE: parameters.set_underlying_state,
    r.LIQUIDATE: liquidating.liquidate,
}
BY_BODY: dict[int, Callable[[World, Head, bytes], None]] = {
    r.CREATE_ACCOUNT: lifecycle.create_account,
    r.LIST_INSTRUMENT: lifecycle.list_instrument,
    r.RISK: parameters.set_risk,
    r.SET_FEES: parameters.set_fees,
    r.RISK_SNAPSHOT: snapshots.risk_snapshot,
}


def cut(batch: bytes) -> list[bytes]:
    """The records of a batch. Raises BatchError if their lengths do not add up."""
    found = []
    at = 0
    while at < len(batch):
        size = int.from_bytes(batch[at + 2 : at + 4], "little") * r.UNIT_BYTES
        if size == 0 or at + size > len(batch):
            raise BatchError(f"record at byte {at} has a wrong unit count")
        found.append(batch[at : at + size])
        at += size
    return found


def words_of(record: bytes) -> tuple[int, ...]:
    """All body words, signed, from w4 on."""
    return struct.unpack_from(f"<{len(record) // 8 - 4}q", record, 32)


def _units_fit(head: Head) -> bool:
    if head.type == r.MASS_QUOTE:
        return 2 <= head.units <= 2 + limits.MAX_QUOTES
    if head.type == r.MARKS:
        return 2 <= head.units <= 2 + limits.MAX_MARKS
    if head.type == r.SET_FEES:
        return 2 + 1 <= head.units <= 2 + limits.MAX_TIERS
    if head.type == r.RISK_SNAPSHOT:
        return head.units >= 2
    if head.type == r.LABEL:
        length = head.client_order_id
        return 1 <= length <= limits.MAX_LABEL_BYTES and head.units == 1 + -(-length // 32)
    return head.units == UNITS.get(head.type)


def _reserved_zero(head: Head, record: bytes, *, has_risk_rules: bool) -> bool:
    if head.type == r.SET_RULES:
        return head.flags == 0 or 2 <= head.aux == head.flags <= limits.RULES_VERSION
    if head.type not in HAVE_FLAGS and head.flags:
        return False
    if head.type == r.LABEL:
        return head.aux > 0 and not any(record[32 + head.client_order_id :])
    if head.type == r.CREATE_ACCOUNT:
        return not any(record[52:56] if has_risk_rules else record[52:])
    if head.type == r.LIST_INSTRUMENT:
        return lifecycle.listing_well_formed(record[32:])
    if head.type == r.RISK_SNAPSHOT:
        return snapshots.snapshot_well_formed(head.units, record[32:])
    if head.type == r.MASS_QUOTE:
        mmp_high = record[36:40]
        if any(mmp_high) or not quoting.well_formed(record[BLOCK]):
            return False
    if head.type in BODY_WORDS:
        end = 64 if head.type in WITH_BLOCK else len(record)
        return not any(record[32 + BODY_WORDS[head.type] * 8 : end])
    return True


def _time_limit_fits(head: Head, record: bytes) -> bool:
    word = VALID_UNTIL.get(head.type)
    return word is None or 0 <= words_of(record[:128])[word] <= limits.MAX_TIME_MS


def well_formed(head: Head, record: bytes, *, has_risk_rules: bool) -> bool:
    """The shape check of every command."""
    return (
        head.version == limits.RECORD_VERSION
        and (has_risk_rules or head.type not in FROM_RULES_2)
        and _units_fit(head)
        and _reserved_zero(head, record, has_risk_rules=has_risk_rules)
        and _time_limit_fits(head, record)
    )


class ReferenceEngine:
    """Same surface as `exchange.core.engine.Engine`; slow, and meant to be read."""

    def __init__(self, shard: int = 0) -> None:
        self.events = Events()
        self.world = World(shard, self.events)
        self.next_seq = 1

    @property
    def now_ms(self) -> int:
        return self.world.now_ms

    @property
    def mode(self) -> int:
        return self.world.mode

    @property
    def account_count(self) -> int:
        """The next account id."""
        return self.world.next_account

    @property
    def instrument_count(self) -> int:
        return len(self.world.instruments)

    def apply(self, batch: bytes) -> bytes:
        """Apply a batch of commands; the packed events they cause.

        Raises:
            BatchError: the record lengths do not add up; nothing was applied.
        """
        for record in cut(batch):
            self.apply_one(record)
        return self.events.take()

    def apply_one(self, record: bytes) -> None:
        """Apply one command; its events wait in `self.events`."""
        head = Head._make(_HEADER.unpack_from(record))
        self.events.begin(self.world.shard << limits.SHARD_SHIFT | self.next_seq)
        self.next_seq += 1
        order_id = 0
        try:
            has_risk_rules = self.world.has_risk_rules
            require(well_formed(head, record, has_risk_rules=has_risk_rules), why.MALFORMED)
            if has_risk_rules and head.type in OF_THE_VENUE:
                require(head.grant == 0, why.NOT_AUTHORISED)
            words = words_of(record[:128])
            if head.type in (r.AMEND, r.CANCEL):
                order_id = words[0]
            self._dispatch(head, words, record)
        except Reject as rejected:
            self.events.rejected(
                head, head.instrument, order_id, rejected.reason, rejected.detail, at=-1
            )

    def _dispatch(self, head: Head, words: tuple[int, ...], record: bytes) -> None:
        if head.type == r.WITHDRAW:
            withdraw = withdrawals.withdraw if self.world.has_risk_rules else lifecycle.withdraw
            withdraw(self.world, head, words)
        elif head.type in BY_WORDS:
            BY_WORDS[head.type](self.world, head, words)
        elif head.type in BY_HEAD:
            BY_HEAD[head.type](self.world, head)
        elif head.type == r.MASS_QUOTE:
            quoting.mass_quote(self.world, head, words, record[BLOCK])
        elif head.type == r.MARKS:
            snapshots.marks(self.world, head, words, record[BLOCK])
        else:
            BY_BODY[head.type](self.world, head, record[32:])

    def state_bytes(self) -> bytes:
        """The canonical state, as `exchange.core.state` describes it."""
        return state.pack(self.world, self.next_seq)

    def state_hash(self) -> bytes:
        return hashlib.sha256(self.state_bytes()).digest()
