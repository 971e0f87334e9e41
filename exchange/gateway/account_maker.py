"""Making accounts: ids in a row, and the caps of accounts that are made through the API."""

from __future__ import annotations

import logging
from collections.abc import Callable

from exchange.core import risk_queries
from exchange.core.engine import Engine
from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from exchange.domain.limits import MAX_ACCOUNTS
from exchange.gateway.handing_out import OnEvents
from exchange.keys.sign_ups import SignUpLimits
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.session import RpcError

Submit = Callable[[bytes, OnEvents], None]
_log = logging.getLogger(__name__)


class AccountMaker:
    """Sequences new accounts of one venue."""

    def __init__(self, engine: Engine, limits: Callable[[], SignUpLimits], submit: Submit) -> None:
        self._engine = engine
        self._limits = limits
        self._submit = submit
        self._next_account = 0

    def make(self, owner: bytes, done: Callable[[int], None], main: int) -> None:
        """As `Venue.create_account`."""
        account = max(self._next_account, self._engine.account_count)
        if account >= MAX_ACCOUNTS:
            raise error(errors.TEMPORARILY_UNAVAILABLE, reason="no account is left")

        def finish(packed: bytes) -> None:
            if packed and packed[0] == r.EV_ACCOUNT:
                self._cap(account, done)
                return
            self._next_account = 0  # the ids handed out behind a refused one are refused too
            done(0)

        self._submit(commands.create_account(account, owner, main), finish)
        self._next_account = account + 1

    def _cap(self, account: int, done: Callable[[int], None]) -> None:
        """Sequence the account's caps. One that could not be capped is as good as not made: nobody is told
        of it."""
        limits = self._limits()
        if not (limits.orders_max or limits.positions_max) or risk_queries.rules(self._engine) < 2:
            done(account)
            return

        def finish(packed: bytes) -> None:
            done(account if packed and packed[0] == r.EV_ACCOUNT else 0)

        try:
            self._submit(commands_risk.set_caps(account, limits.orders_max, limits.positions_max), finish)
        except RpcError as refused:
            _log.warning("account %d has no caps and is not handed out: %s", account, refused)
            done(0)
