"""The engine: `apply(batch) -> events`, and nothing else that changes state.

Deterministic: no clock, no randomness, no input or output, no floats. Time and prices enter as
commands. `apply` never raises for what a user sent: rejects are events.
"""

from __future__ import annotations

import hashlib
from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import (
    amending,
    cancelling,
    emit,
    express,
    family,
    firing,
    instruments,
    lifecycle,
    links,
    marks,
    order_commands,
    orders,
    quotes,
    restoring,
    risk_commands,
    shapes,
    state,
    withdrawals,
)
from exchange.core.admission import is_user
from exchange.core.shapes import zero
from exchange.core.warm import touch
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no

# In a shorter batch there is nothing to fetch meanwhile.
_TOUCH_FROM_BYTES: Final = 512


class InvariantError(Exception):
    """The state contradicts itself: the engine must not go on, and does not."""


class BatchError(ValueError):
    """A batch whose record lengths do not add up: a fault of the caller, not of a user."""


class Engine:
    """One shard's state machine.

    `null_ledger=True` keeps books and events but no accounts, funds or fees: for measuring matching
    alone. Memory for `reserve_orders` resting orders (about 130 bytes each) is taken at the start, so
    that growth up to there costs no pause; beyond it pools double. It has no effect on results.
    """

    def __init__(
        self, shard: int = 0, null_ledger: bool = False, reserve_orders: int = 1 << 12
    ) -> None:
        self.world = World(shard, null_ledger, reserve_orders)

    @property
    def next_seq(self) -> int:
        """Counter of the next command, from 1, without shard bits."""
        return self.world.next_seq

    @property
    def now_ms(self) -> int:
        return self.world.now_ms

    @property
    def mode(self) -> int:
        return self.world.mode

    @property
    def rules_version(self) -> int:
        return self.world.rules

    @property
    def last_deposit_id(self) -> int:
        return self.world.last_deposit

    @property
    def last_withdrawal_id(self) -> int:
        """The last withdrawal's id accepted under rules 2; a new one is larger."""
        return self.world.last_withdrawal

    @property
    def last_block_id(self) -> int:
        """The last block's id that happened under rules 3; a new one is larger."""
        return self.world.last_block

    @property
    def forced_through(self) -> int:
        """The last request of the bridge's forced queue that was answered (rules 6)."""
        return self.world.forced_through

    @property
    def account_count(self) -> int:
        """The next account id."""
        return self.world.account_count

    @property
    def instrument_count(self) -> int:
        return self.world.instrument_count

    @property
    def underlying_count(self) -> int:
        return self.world.underlying_count

    @property
    def open_order_count(self) -> int:
        return self.world.open_orders

    @property
    def due_count(self) -> int:
        """Triggered orders that wait for FIRE."""
        return self.world.due_count

    @property
    def untriggered_count(self) -> int:
        """Orders that are in no book yet (rules 3): waiting for a trigger, due, or dormant."""
        return self.world.untriggered

    def apply(self, batch: bytes) -> bytes:
        """Apply a run of packed commands; returns the packed events, in order.

        Raises:
            BatchError: unit counts do not add up to the batch's length; nothing was applied.
            InvariantError: a command's bookings do not add up to zero. Its batch is not to be
                acknowledged, and nothing is applied ever after.
        """
        w = self.world
        _check_drift(w)
        size: i64 = len(batch)
        _check_lengths(batch, size)
        w.out_words = 0
        at: i64 = 0
        touched: i64 = 0 if size >= _TOUCH_FROM_BYTES else size
        while at < size:
            if at >= touched:
                touched = touch(w, batch, at, size)
            at = express.run(w, batch, at, touched)
            if at >= touched:
                continue
            w.seq = w.prefix | w.next_seq
            w.next_seq += 1
            w.index = 0
            units = (read_i64_le(batch, at) >> 16) & 0xFFFF
            _command(w, batch, at, units)
            _check_drift(w)
            at += units * r.UNIT_BYTES
        _check_drift(w)
        return w.taken()

    def state_bytes(self) -> bytes:
        """The canonical logical state (layout: `exchange.core.state`)."""
        return state.write(self.world)

    def state_hash(self) -> bytes:
        """sha256 of `state_bytes`."""
        return hashlib.sha256(self.state_bytes()).digest()

    @classmethod
    def restore(cls, data: bytes, reserve_orders: int = 1 << 12) -> Engine:
        """The engine whose `state_bytes()` were `data`.

        Raises:
            StateError: the bytes are not a canonical state this code can read.
        """
        return restore(data, reserve_orders)


def restore(data: bytes, reserve_orders: int = 1 << 12) -> Engine:
    """As `Engine.restore`."""
    engine = Engine()
    engine.world = restoring.read(data, reserve_orders)
    return engine


def _check_lengths(batch: bytes, size: i64) -> None:
    at: i64 = 0
    while at + r.UNIT_BYTES <= size:
        units = (read_i64_le(batch, at) >> 16) & 0xFFFF
        if units == 0:
            raise BatchError(f"the record at byte {at} has no units")
        at += units * r.UNIT_BYTES
    if at != size:
        raise BatchError(f"the batch of {size} bytes ends inside a record")


def _check_drift(w: World) -> None:
    """Every booking has two sides: what the last command booked adds up to zero.

    Raises InvariantError; the sums stay as they are, so that it is raised again.
    """
    if w.cash_drift | w.size_drift | w.entry_drift | w.parts_drift != 0:
        raise InvariantError(
            f"bookings of command {w.next_seq - 1} do not add up: cash {w.cash_drift} micro-USDC, "
            f"positions {w.size_drift} lots, entry values {w.entry_drift} micro-USDC, "
            f"prices of combos {w.parts_drift} ticks"
        )


def _command(w: World, batch: bytes, at: i64, units: i64) -> None:
    """Apply one command; a reject becomes its REJECTED event."""
    w0 = read_i64_le(batch, at)
    who = read_i64_le(batch, at + 8)
    kind = w0 & 0xFF
    flags = (w0 >> 32) & r.U32
    w.detail = 0
    reason: i64 = no.MALFORMED
    ident: i64 = 0
    if (w0 >> 8) & 0xFF == limits.RECORD_VERSION:
        if kind == r.NEW_ORDER:
            if units == 2 and _time_fits(read_i64_le(batch, at + 56)):
                if w.due_count != 0:
                    firing.fire(w)
                reason = orders.new_order(w, batch, at, flags, who)
        elif kind == r.CANCEL:
            known: i64 = r.ONE_DISCONNECTED if w.rules >= 3 else 0
            if units == 2 and flags <= known and zero(batch, at + 40, 3):
                ident = read_i64_le(batch, at + 32)
                reason = cancelling.cancel_order(w, who & r.U32, ident, flags != 0)
        elif kind == r.AMEND:
            # From rules 3 on the last three words have meanings, which `amend` judges.
            whole = units == 3 and (w.rules >= 3 or zero(batch, at + 72, 3))
            if whole and _time_fits(read_i64_le(batch, at + 64)):
                ident = read_i64_le(batch, at + 32)
                if w.due_count != 0:
                    firing.fire(w)
                reason = amending.amend(w, batch, at, flags, who & r.U32)
        elif kind == r.MASS_QUOTE:
            if 2 <= units and units <= 2 + limits.MAX_QUOTES and flags == 0:
                reason = quotes.mass_quote(w, batch, at, units, who)
        else:
            reason = _rare(w, batch, at, units, kind, flags, who)
    if reason != 0:
        client = read_i64_le(batch, at + 16)
        emit.rejected(w, kind, who, client, reason, ident, w.detail, w.position)
        w.position = -1
        return
    if len(w.noted) != 0:
        links.follow(w)
    if w.due_count != 0:
        firing.after(w, kind != r.FIRE)


def _time_fits(time_ms: i64) -> bool:
    return 0 <= time_ms and time_ms <= limits.MAX_TIME_MS


def _rare(w: World, batch: bytes, at: i64, units: i64, kind: i64, flags: i64, who: i64) -> i64:
    """Commands that do not carry orders: shape, then authority, then the command itself."""
    if not shapes.well_formed(batch, at, units, kind, flags, w.rules):
        return no.MALFORMED
    if w.rules >= 2 and not risk_commands.authorised(batch, at, kind):
        return no.NOT_AUTHORISED
    if kind > r.SET_LOCK:
        return order_commands.command(w, batch, at, kind, who)
    if kind > r.SET_MODE:
        return risk_commands.command(w, batch, at, units, kind, flags, who)
    if kind >= r.LIST_UNDERLYING:
        return _market_command(w, batch, at, units, kind, flags, who)
    account = who & r.U32
    client = read_i64_le(batch, at + 16)
    if kind == r.CANCEL_MANY:
        return cancelling.cancel_many(w, flags, who, client, (read_i64_le(batch, at + 24) >> 32) & r.U32)
    if kind == r.LABEL:
        if not is_user(w, account):
            return no.UNKNOWN_ACCOUNT
        emit.done(w, r.LABEL, who, client, 0)
        return 0
    if kind == r.CONFIGURE_ACCOUNT:
        return lifecycle.configure_account(w, account, flags)
    body = at + r.UNIT_BYTES
    if kind == r.CREATE_ACCOUNT:
        return family.create_account(w, batch, body, account)
    first = read_i64_le(batch, body)
    second = read_i64_le(batch, body + 8)
    if kind == r.DEPOSIT:
        return lifecycle.deposit(w, account, first, second)
    if kind == r.WITHDRAW:
        if w.rules >= 2:
            return withdrawals.withdraw(w, account, first, second)
        return lifecycle.withdraw(w, account, first, second)
    if first < w.now_ms or first > limits.MAX_TIME_MS:  # TIME
        return no.BAD_VALUE
    w.now_ms = first
    emit.done(w, kind, who, client, 0)
    return 0


def _market_command(w: World, batch: bytes, at: i64, units: i64, kind: i64, flags: i64, who: i64) -> i64:
    """Listings, marks, settlements, states, rules and modes."""
    target = (who >> 32) & r.U32
    client = read_i64_le(batch, at + 16)
    body = at + r.UNIT_BYTES
    if kind == r.MARKS:
        found = marks.marks(w, batch, body, units - 2, target)
        w.detail = found >> 8
        return found & 0xFF
    if kind == r.LIST_INSTRUMENT:
        return instruments.list_instrument(w, batch, body, target)
    if kind == r.SET_INSTRUMENT_STATE:
        return lifecycle.set_instrument_state(w, target, flags)
    if kind == r.EXPIRE_DAY:
        return lifecycle.expire_day(w, who, client)
    if kind == r.SET_RULES:
        return _set_rules(w, (read_i64_le(batch, at + 24) >> 32) & r.U32, flags, who, client)
    if kind == r.SET_MODE:
        if flags > r.MODE_CANCEL_ONLY:
            return no.BAD_FLAGS
        w.mode = flags
        emit.done(w, kind, who, client, 0)
        return 0
    first = read_i64_le(batch, body)
    if kind == r.LIST_UNDERLYING:
        return instruments.list_underlying(w, target, first)
    if kind == r.SETTLE_PERPETUAL:
        return lifecycle.settle_perpetual(w, who, client, first)
    if kind == r.FUNDING:
        return lifecycle.funding(w, who, client, first)
    return lifecycle.deliver(w, target, first)


def _set_rules(w: World, version: i64, flags: i64, who: i64, client: i64) -> i64:
    """SET_RULES; from 2 on the flags name the version too (see `shapes`)."""
    if version < w.rules or version > limits.RULES_VERSION or (version >= 2 and flags == 0):
        return no.BAD_VALUE
    if version != w.rules:
        if w.rules < 3 and version >= 3:
            w.reserve_kept()
        w.rules = version
        marks.rederive(w, -1)  # what is kept per lot and per account follows the old rules
    emit.done(w, r.SET_RULES, who, client, 0)
    return 0
