"""How many orders an account, and its family together, may have waiting: those with a trigger hold no margin,
so that money does not bound them, and what the shard can hold of them is everybody's.

The venue's own rule, in front of the core's: it counts what is open and untriggered, as the events told it,
and what has been submitted and is not answered yet. Between the two nothing is missed: views take a
command's events before its caller does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple, TypeVar

from exchange.core import order_queries
from exchange.core.engine import Engine
from exchange.domain import records as r
from exchange.domain import rejects
from exchange.domain.commands_orders import Trigger
from exchange.gateway.extended_params import ExtendedOrder
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.registry import Registry
from exchange.gateway.views import Views
from exchange.wire.errors import reject_error
from exchange.wire.session import RpcError

_GRANT: Final = 0  # whoever comes over this edge is the account itself
_K = TypeVar("_K")
Source = tuple[int, int]
"""What a trigger looks at: the kind of source, and its underlying (an index) or instrument."""


class TriggerLimits(NamedTuple):
    """What one account, and what a main account with its subaccounts, may have waiting; 0: only the core's
    own limit."""

    orders_max: int = 200
    """Untriggered orders, members of links that wait for their primary among them."""
    trailing_max: int = 8
    """Of these, the trailing ones of one source."""
    family_orders_max: int = 500
    """As `orders_max`, of all accounts of a family: more than 500 families fill the shard."""
    family_trailing_max: int = 8
    """As `trailing_max`: of a source that 256 may trail, 32 families take all."""

    def told(self) -> dict[str, int]:
        """As an account summary shows them."""
        return {
            "account_triggers": self.orders_max,
            "account_trailing": self.trailing_max,
            "family_triggers": self.family_orders_max,
            "family_trailing": self.family_trailing_max,
        }


TRIGGER_LIMITS: Final = TriggerLimits()


class TriggerCaps:
    """Refuses an order that would take its account, or its family, beyond the limits."""

    def __init__(self, limits: TriggerLimits, engine: Engine, views: Views, registry: Registry) -> None:
        self.limits = limits
        self._engine = engine
        self._extras = views.extras
        self._families = views.families
        self._registry = registry
        self._sent: Counter[int] = Counter()  # orders submitted and not answered, by account
        self._sent_trailing: Counter[tuple[int, Source]] = Counter()

    def submit(
        self, account: int, order: ExtendedOrder, on_events: OnEvents, send: Callable[[OnEvents], None]
    ) -> None:
        """`send(callback)` an order within the limits; the callback is `on_events` and takes it off what is
        under way.

        Raises:
            RpcError: 11035 there are too many (`data`: `limit_name`, `limit`); whatever `send` raises.
        """
        waiting = list(_untriggered(order))
        if not waiting or self._is_repeat(account, order):
            send(on_events)
            return
        source = self._source
        trails = Counter(
            source(each.source, order.view.instrument)
            for each in waiting
            if each.kind == r.TRIGGER_TRAILING
        )
        self._check(account, len(waiting), trails)
        self._note(account, len(waiting), trails, 1)

        def answered(packed: bytes) -> None:
            self._note(account, len(waiting), trails, -1)
            on_events(packed)

        try:
            send(answered)
        except RpcError:
            self._note(account, len(waiting), trails, -1)
            raise

    def _check(self, account: int, count: int, trails: Counter[Source]) -> None:
        limits = self.limits
        self._check_of("account", (account,), count, trails, limits.orders_max, limits.trailing_max)
        main = self._families.main_of(account)
        family = (main, *self._families.subaccounts(main))
        if len(family) > 1:
            most = limits.family_orders_max, limits.family_trailing_max
            self._check_of("family", family, count, trails, *most)

    def _check_of(
        self,
        whose: str,
        accounts: Sequence[int],
        count: int,
        trails: Counter[Source],
        orders_max: int,
        trailing_max: int,
    ) -> None:
        """Hold what some accounts have together, and `count` more, against limits."""
        waiting = [self._extras.waiting(account) for account in accounts]
        if orders_max:
            under_way = sum(self._sent[account] for account in accounts)
            if sum(map(len, waiting)) + under_way + count > orders_max:
                raise _too_many(f"{whose}_triggers", orders_max)
        if not (trailing_max and trails):
            return
        known = Counter(
            self._source(extra.source, extra.instrument)
            for extra in map(self._extras.get, chain.from_iterable(waiting))
            if extra is not None and extra.trigger == r.TRIGGER_TRAILING and not extra.fired
        )
        for source, more in trails.items():
            under_way = sum(self._sent_trailing[account, source] for account in accounts)
            if known[source] + under_way + more > trailing_max:
                raise _too_many(f"{whose}_trailing", trailing_max)

    def _note(self, account: int, count: int, trails: Counter[Source], sign: int) -> None:
        """Add to what is under way, or take off; what is at nothing is forgotten."""
        _add(self._sent, account, sign * count)
        for source, more in trails.items():
            _add(self._sent_trailing, (account, source), sign * more)

    def _source(self, source: int, instrument: int) -> Source:
        if source == r.SOURCE_INDEX:
            return source, self._registry.instruments[instrument].terms.underlying
        return source, instrument

    def _is_repeat(self, account: int, order: ExtendedOrder) -> bool:
        """Whether the core has met its client order id: then it places nothing and tells what came of it."""
        wanted = order.client_order_id
        return bool(wanted) and wanted <= order_queries.last_client_order_id(self._engine, account, _GRANT)


def _untriggered(order: ExtendedOrder) -> Iterator[Trigger]:
    """The triggers (also none) of the orders of a command that will wait."""
    if order.trigger.kind:
        yield order.trigger
    for each in order.members:
        if order.link != r.LINK_OCO or each.member.trigger.kind:
            yield each.member.trigger


def _add(counts: Counter[_K], key: _K, more: int) -> None:
    counts[key] += more
    if not counts[key]:
        del counts[key]


def _too_many(name: str, limit: int) -> RpcError:
    refused = reject_error(rejects.TOO_MANY_TRIGGERS)
    refused.data = {**(refused.data or {}), "limit_name": name, "limit": limit}
    return refused
