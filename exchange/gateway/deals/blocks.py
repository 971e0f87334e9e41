"""Blocks of one venue: the store, the desk that executes them, approvals, requests for quotes, channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from exchange.core.engine import Engine
from exchange.gateway.deals.block_approvals import Approval, Approvals
from exchange.gateway.deals.block_desk import BlockDesk
from exchange.gateway.deals.block_limits import BLOCK_LIMITS, BlockLimits
from exchange.gateway.deals.block_objects import approval_object
from exchange.gateway.deals.block_signatures import BlockSealer
from exchange.gateway.deals.block_store import BlockStore
from exchange.gateway.deals.rfq import Rfq
from exchange.gateway.deals.rfq_book import RfqBook
from exchange.gateway.deals.rfq_desk import RfqDesk
from exchange.gateway.deals.rfq_feeds import RfqFeeds
from exchange.gateway.deals.rfq_limits import RfqGuards
from exchange.gateway.deals.rfq_objects import RfqWriter
from exchange.gateway.deals.rfq_protection import RfqProtection
from exchange.gateway.fanout import Fanout
from exchange.gateway.figures import Figures
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.history_ring import HistoryRing
from exchange.gateway.ports import Clock, InlineCommitter, Loop
from exchange.gateway.registry import Registry
from exchange.gateway.views import Views
from exchange.wire import errors
from exchange.wire.errors import error

PURGE_TICKS = 600


class Host(Protocol):
    """What blocks ask of the venue."""

    engine: Engine
    clock: Clock
    registry: Registry
    ring: HistoryRing
    fanout: Fanout
    views: Views
    figures: Figures

    def submit(self, command: bytes, on_events: OnEvents | None = None) -> None: ...

    def profile_of(self, account: int) -> tuple[str, int]: ...


class BlockSetup(NamedTuple):
    """What blocks need from outside; without a sealer nobody can sign."""

    store: BlockStore
    sealer: BlockSealer | None = None
    limits: BlockLimits = BLOCK_LIMITS

    @classmethod
    def in_memory(cls, loop: Loop) -> BlockSetup:
        """Nothing outlives the process, and nothing is signed."""
        return cls(BlockStore(None, InlineCommitter(loop)))


class Blocks:
    """All of it, for one venue that has its views."""

    def __init__(self, venue: Host, setup: BlockSetup, guards: RfqGuards | None = None) -> None:
        self._venue = venue
        self._sealer = setup.sealer
        self.store = setup.store
        self.limits = setup.limits
        now_ms = venue.clock.now_ms
        self.desk = BlockDesk(
            venue.engine, self.store, venue.registry, venue.ring, venue.submit, now_ms, self.limits
        )
        self.approvals = Approvals(now_ms)
        self.book = RfqBook(self.store, self.limits, now_ms)
        self.writer = RfqWriter(venue.engine, venue.registry, self.alias)
        self.protection = RfqProtection(guards or RfqGuards(), venue.engine, venue.registry, now_ms)
        self.rfqs = RfqDesk(
            self.book,
            self.desk,
            venue.registry,
            self.limits,
            now_ms,
            self.writer.mark_micro,
            self.index_micro,
            self.protection,
        )
        self.feeds = RfqFeeds(
            venue.fanout, venue.registry, venue.views.families, self.writer, now_ms, self.limits.grace_ms
        )
        self.rfqs.changed.append(self.feeds.on_changed)
        self.rfqs.traded.append(self.feeds.on_traded)
        self.approvals.changed.append(self._on_approval)
        venue.figures.block_orders = self.limits.smallest_orders
        self._ticks = 0

    @property
    def sealer(self) -> BlockSealer:
        """Makes and reads signatures. Raises RpcError 13028 where the venue has no key for them."""
        if self._sealer is None:
            raise error(errors.TEMPORARILY_UNAVAILABLE, reason="this venue has no key to sign with")
        return self._sealer

    def alias(self, account: int) -> str:
        """The name an account has among takers and makers."""
        return str(account) if self._sealer is None else self._sealer.alias(account)

    @property
    def makers(self) -> set[int]:
        """Accounts that have quoted, or listen for requests."""
        return {*self.store.makers, *self.feeds.listeners}

    def index_micro(self, rfq: Rfq) -> dict[str, int]:
        """The indices behind the legs of a request."""
        views = [self._venue.registry.instruments[leg.instrument] for leg in rfq.legs]
        return {view.index_name: self._venue.views.index_micro(view.terms.underlying) for view in views}

    def _on_approval(self, request: Approval) -> None:
        other = self.approvals.other_side(request)
        name = self._venue.profile_of(request.side.account)[0]
        told = approval_object(request, other, self._venue.registry, name)
        self.feeds.on_approval(request, told)

    def tick(self) -> None:
        """100 ms have passed: what has expired ends."""
        self._ticks += 1
        if self.book.open:
            self.rfqs.tick()
            self.feeds.tick()
        if self._ticks % PURGE_TICKS == 0:
            self.store.purge(self._venue.clock.now_ms())
            self.approvals.purge()

    def recover(self, frames: Callable[[int], Iterable[bytes]]) -> None:
        """Decide what an earlier process left undecided; behind `Venue.remember`."""
        self.desk.recover(frames)

    def close(self) -> None:
        """Finish what is written and close the store."""
        self.store.close()
