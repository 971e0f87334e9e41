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
    blocks,
    cancelling,
    combos,
    extending,
    families,
    firing,
    following,
    forced,
    lifecycle,
    liquidating,
    moves,
    parameters,
    placing,
    protecting,
    quoting,
    remembered,
    repricing,
    settling,
    shapes,
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
    r.SET_MMP: protecting.set_mmp,
    r.SET_ID_WINDOW: remembered.set_id_window,
    r.FORCED_WITHDRAWAL: forced.forced_withdrawal,
}
BY_HEAD: dict[int, Callable[[World, Head], None]] = {
    r.CONFIGURE_ACCOUNT: lifecycle.configure_account,
    r.SET_INSTRUMENT_STATE: lifecycle.set_instrument_state,
    r.SET_RULES: lifecycle.set_rules,
    r.SET_MODE: lifecycle.set_mode,
    r.LABEL: lifecycle.side_record,
    r.GRANT: lifecycle.side_record,
    r.SET_MARGIN_MODEL: families.set_margin_model,
    r.SET_TIER: families.set_tier,
    r.SET_LOCK: families.set_lock,
    r.SET_UNDERLYING_STATE: parameters.set_underlying_state,
    r.LIQUIDATE: liquidating.liquidate,
    r.RESET_MMP: protecting.reset_mmp,
    r.FIRE: firing.fire,
}
BY_BODY: dict[int, Callable[[World, Head, bytes], None]] = {
    r.CREATE_ACCOUNT: lifecycle.create_account,
    r.LIST_INSTRUMENT: lifecycle.list_instrument,
    r.LIST_COMBO: combos.list_combo,
    r.RISK: parameters.set_risk,
    r.SET_FEES: parameters.set_fees,
    r.RISK_SNAPSHOT: snapshots.risk_snapshot,
    r.EXTENDED_ORDER: extending.extended_order,
    r.REPRICE: repricing.reprice,
    r.BLOCK_TRADE: blocks.block_trade,
    r.MOVE_POSITIONS: moves.move_positions,
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
        self.world.seq = self.world.shard << limits.SHARD_SHIFT | self.next_seq
        self.events.begin(self.world.seq)
        self.next_seq += 1
        order_id = 0
        try:
            require(shapes.well_formed(head, record, self.world.rules_version), why.MALFORMED)
            if self.world.has_risk_rules and head.type in shapes.OF_THE_VENUE:
                require(head.grant == 0, why.NOT_AUTHORISED)
            words = shapes.words_of(record[:128])
            if head.type in (r.AMEND, r.CANCEL):
                order_id = words[0]
            firing.before(self.world, head)
            self._dispatch(head, words, record)
            following.carry_out(self.world)
            firing.after(self.world, head)
        except Reject as rejected:
            self.events.rejected(
                head, head.instrument, order_id, rejected.reason, rejected.detail, at=rejected.position
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
            quoting.mass_quote(self.world, head, words, record[shapes.BLOCK])
        elif head.type == r.MARKS:
            snapshots.marks(self.world, head, words, record[shapes.BLOCK])
        else:
            BY_BODY[head.type](self.world, head, record[32:])

    def state_bytes(self) -> bytes:
        """The canonical state, as `exchange.core.state` describes it."""
        return state.pack(self.world, self.next_seq)

    def state_hash(self) -> bytes:
        return hashlib.sha256(self.state_bytes()).digest()
