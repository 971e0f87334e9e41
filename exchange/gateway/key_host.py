"""What the room of keys asks of the venue: rules, accounts, what is listed, a place in the command log."""

from __future__ import annotations

from typing import Protocol

from exchange.core import queries, risk_queries
from exchange.core.engine import Engine
from exchange.gateway.account_settings import MemorySettings
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.ports import Clock, Loop
from exchange.gateway.products import must_be_allowed
from exchange.gateway.registry import Registry


class Host(Protocol):
    """What of the venue is passed on."""

    engine: Engine
    clock: Clock
    loop: Loop
    registry: Registry
    settings: MemorySettings

    def account_exists(self, account: int) -> bool: ...

    def is_removed(self, account: int) -> bool: ...

    def owner_of(self, account: int) -> bytes: ...

    def submit(self, command: bytes, on_events: OnEvents | None = None) -> None: ...

    def submit_run(
        self, packed: bytes, count: int, on_events: OnEvents, *, is_cancel: bool = False
    ) -> None: ...


class KeyHost:
    """The host of `keys.grants`, `keys.signed_frames` and `keys.grant_sessions`."""

    def __init__(self, venue: Host) -> None:
        self._engine = venue.engine
        self._registry = venue.registry
        self._venue = venue
        self.clock = venue.clock
        self.account_exists = venue.account_exists
        self.is_removed = venue.is_removed
        self.owner_of = venue.owner_of
        self.submit = venue.submit
        self.submit_run = venue.submit_run
        self.call_later = venue.loop.call_later

    def rules(self) -> int:
        """The version of the rules the core is under."""
        return risk_queries.rules(self._engine)

    def underlying_of(self, instrument: int) -> int | None:
        """None: not listed."""
        views = self._registry.instruments
        return views[instrument].terms.underlying if instrument < len(views) else None

    def instrument_of(self, order_id: int) -> int | None:
        """None: no such order rests."""
        record = queries.order_record(self._engine, order_id)
        return int.from_bytes(record[20:24], "little") if record else None

    def must_be_tradable(self, account: int, instrument: int, *, reduce_only: bool) -> None:
        """Refuse a listed product that the account has switched off. Raises RpcError 13021."""
        views = self._registry.instruments
        if instrument < len(views):
            must_be_allowed(self._venue, account, views[instrument], reduce_only=reduce_only)
