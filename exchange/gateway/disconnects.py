"""Cancel on disconnect: orders that a connection made go when it goes.

An order belongs to the connection that made it, while that had cancel on disconnect; quotes of an
instrument to the connection of the account that quoted it last. When the connection ends, for any reason
but a logout, its orders are cancelled by id and its quotes by instrument. Commands it sent before are ahead
of the cancels in the sequence, and a second round follows once they are out: nothing it placed survives.

A venue that crashed has lost all its connections: at the start, before anybody can connect, orders of those
that were alive go (`recover`), with what was under way for their accounts and all quotes of these.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Protocol

from exchange.core import queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain import commands
from exchange.domain import records as r
from exchange.domain.commands_orders import with_flags
from exchange.domain.limits import COUNTER_MASK
from exchange.gateway.disconnect_log import CONNECTIONS_MAX, DisconnectLog
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.ports import Loop
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.session import RpcError, Session

PRUNE_AT: Final = 4_096
RETRY_S: Final = 0.05
_ALIVE: Final = (r.ORDER_STATE_OPEN, r.ORDER_STATE_UNTRIGGERED)
_RULES_WITH_REASON: Final = 3
_log = logging.getLogger(__name__)


class Host(Protocol):
    """What this asks of the venue."""

    engine: Engine
    loop: Loop

    @property
    def halted(self) -> bool: ...

    @property
    def released_seq(self) -> int: ...

    def submit(self, command: bytes, on_events: OnEvents | None = None) -> None: ...

    def read(self, compute: Callable[[], object], deliver: Callable[[object], None]) -> None: ...


class _Owned:
    """What goes with one connection."""

    __slots__ = ("accounts", "number", "orders", "prune_at")

    def __init__(self, number: int) -> None:
        self.number = number
        self.accounts: set[int] = set()
        self.orders: dict[int, int] = {}  # order id to account
        self.prune_at = PRUNE_AT


class Disconnects:
    """The connections of a venue that have cancel on disconnect."""

    def __init__(self, host: Host, log: DisconnectLog | None = None, *, quotes_need_it: bool = False) -> None:
        self.quotes_need_it = quotes_need_it
        self._host = host
        self._log = log or DisconnectLog(None)
        self._owned: dict[Session, _Owned] = {}
        self._quoters: dict[int, dict[int, Session]] = {}  # account, instrument: who quoted it last
        self._numbers = self._log.left.last_connection
        self._logged_seq = 0

    # --- who made what ---------------------------------------------------------------------------------

    def _of(self, session: Session, account: int) -> _Owned:
        owned = self._owned.get(session)
        if owned is None:
            self._numbers = (self._numbers + 1) % CONNECTIONS_MAX
            owned = self._owned[session] = _Owned(self._numbers)
        if account not in owned.accounts:
            self._log.opened(owned.number, account, self._host.released_seq)
            owned.accounts.add(account)
        return owned

    def watched(self, session: Session, account: int, done: OnEvents) -> OnEvents:
        """`done`, for a command that makes orders: they are the session's if it has cancel on disconnect."""
        if not session.cancel_on_disconnect:
            return done
        owned = self._of(session, account)

        def note(packed: bytes) -> None:
            self._note(owned, account, packed)
            done(packed)

        return note

    def _note(self, owned: _Owned, account: int, packed: bytes) -> None:
        """Remember the orders that a command's events show as placed and resting."""
        for order in _placed(packed, account):
            owned.orders[order] = account
            self._log.order(owned.number, account, order)
        if len(owned.orders) >= owned.prune_at:
            engine, orders = self._host.engine, owned.orders.items()
            owned.orders = {order: owner for order, owner in orders if queries.order_record(engine, order)}
            owned.prune_at = max(PRUNE_AT, 2 * len(owned.orders))

    def quoted(self, session: Session, account: int, instruments: Iterable[int]) -> None:
        """A session quotes instruments.

        Raises:
            RpcError: 13042 where quotes need cancel on disconnect and the session has it not.
        """
        if not session.cancel_on_disconnect:
            if self.quotes_need_it:
                raise error(errors.COD_NOT_ENABLED, reason="call private/enable_cancel_on_disconnect first")
            if quoters := self._quoters.get(account):
                for instrument in instruments:  # they stay from now on
                    quoters.pop(instrument, None)
            return
        self._of(session, account)
        self._quoters.setdefault(account, {}).update(dict.fromkeys(instruments, session))

    def after_release(self) -> None:
        """Results up to here go out: what they made is written down before."""
        if not self._owned and self._logged_seq == 0:
            return
        self._logged_seq = self._host.released_seq if self._owned else 0
        self._log.flush(self._logged_seq)
        if self._log.is_long:
            self._rewrite()

    def _rewrite(self) -> None:
        """Drop from the log what no longer counts."""
        alive = {
            owned.number: (owned.accounts, [(account, order) for order, account in owned.orders.items()])
            for owned in self._owned.values()
        }
        self._log.rewrite(alive, self._host.released_seq)

    # --- the end of a connection -----------------------------------------------------------------------

    def on_close(self, session: Session) -> None:
        """A connection is over: cancel what is its, unless it logged out or switched this off."""
        owned = self._owned.get(session)
        if owned is None:
            return
        if session.logged_out or not session.cancel_on_disconnect or self._host.halted:
            self._forget(session)
            return
        for account in owned.accounts:
            self._cancel_quotes(session, account)
        self._cancel(list(owned.orders.items()))
        before = set(owned.orders)

        def settle(_nothing: object) -> None:
            """All it sent has been answered: what came to rest meanwhile goes too."""
            late = [item for item in owned.orders.items() if item[0] not in before]
            self._cancel(late, lambda: self._forget(session))

        self._host.read(lambda: None, settle)

    def _forget(self, session: Session) -> None:
        owned = self._owned.pop(session, None)
        if owned is None:
            return
        self._log.closed(owned.number)
        self._log.flush()
        for account in owned.accounts:
            quoters = self._quoters.get(account, {})
            for instrument in [i for i, quoter in quoters.items() if quoter is session]:
                del quoters[instrument]
            if not quoters:
                self._quoters.pop(account, None)

    def _cancel_quotes(self, session: Session, account: int) -> None:
        quoters = self._quoters.get(account, {})
        mine = [instrument for instrument, quoter in quoters.items() if quoter is session]
        self._submit(
            [
                self._lost(
                    commands.cancel_many(
                        account, r.SCOPE_INSTRUMENT, target=instrument, which=r.WHICH_QUOTES
                    )
                )
                for instrument in mine
            ]
        )

    def _cancel(self, orders: list[tuple[int, int]], done: Callable[[], None] | None = None) -> None:
        engine = self._host.engine
        self._submit(
            [
                self._lost(commands.cancel(account, order))
                for order, account in orders
                if queries.order_record(engine, order)
            ],
            done,
        )

    def _lost(self, command: bytes) -> bytes:
        """A cancel that says that the connection was lost, where the rules know of that."""
        if risk_queries.rules(self._host.engine) < _RULES_WITH_REASON:
            return command
        return with_flags(command, r.ONE_DISCONNECTED if command[0] == r.CANCEL else r.MANY_DISCONNECTED)

    def _submit(self, packed: list[bytes], done: Callable[[], None] | None = None) -> None:
        """Sequence cancels; those that find the queue full try again, until the venue halts."""
        for at, command in enumerate(packed):
            try:
                self._host.submit(command)
            except RpcError:
                if not self._host.halted:
                    again = partial(self._submit, packed[at:], done)
                    self._host.loop.call_later(RETRY_S, again)
                return
        if done is not None:
            finish = done
            self._host.read(lambda: None, lambda _nothing: finish())

    # --- after a crash ---------------------------------------------------------------------------------

    def recover(self, recent: Iterable[bytes]) -> int:
        """Cancel what the connections of a crashed venue left; how many cancels were sequenced.

        `recent` are the newest events of the journal.
        """
        left = self._log.left
        if not left.accounts:
            self._rewrite()
            return 0
        doomed = {order: account for account, orders in left.orders.items() for order in orders}
        for events in recent:
            doomed |= {
                order: account
                for account, order, seq in _all_placed(events)
                if seq > left.released_seq and account in left.accounts
            }
        packed = [
            self._lost(commands.cancel_many(account, r.SCOPE_ALL, which=r.WHICH_QUOTES))
            for account in sorted(left.accounts)
        ]
        engine = self._host.engine
        packed += [
            self._lost(commands.cancel(account, order))
            for order, account in sorted(doomed.items())
            if queries.order_record(engine, order)
        ]
        self._submit(packed, self._rewrite)
        _log.warning("%d cancels for connections that a crash ended", len(packed))
        return len(packed)

    def close(self) -> None:
        """Close the log."""
        self._log.close()


def _placed(packed: bytes, account: int) -> Iterable[int]:
    """Orders of an account that a command's events show as placed and open."""
    return [order for owner, order, _ in _all_placed(packed) if owner == account]


def _all_placed(packed: bytes) -> list[tuple[int, int, int]]:
    """(account, order, seq counter) of every ORDER that was placed, is open and is no quote."""
    found: list[tuple[int, int, int]] = []
    at = 0
    end = len(packed)
    while at < end:
        if (
            packed[at] == r.EV_ORDER
            and packed[at + 68] == r.ORDER_PLACED
            and packed[at + 69] in _ALIVE
            and not int.from_bytes(packed[at + 64 : at + 68], "little") & r.FLAG_QUOTE
        ):
            found.append(
                (
                    int.from_bytes(packed[at + 16 : at + 20], "little"),
                    int.from_bytes(packed[at + 24 : at + 32], "little"),
                    int.from_bytes(packed[at + 8 : at + 16], "little") & COUNTER_MASK,
                )
            )
        at += (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
    return found
