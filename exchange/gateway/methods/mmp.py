"""Market-maker protection: groups, their limits, freezes and resets (docs/rules-3.md); with `block_rfq` that
of quotes for requests (`methods.rfq_mmp`).

Intervals are seconds, amounts of the underlying (delta too), vega in USDC per volatility point. The core
enforces all of it; the edge gives groups their names.
"""

from __future__ import annotations

from typing import Final

from exchange.core import order_queries, risk_queries
from exchange.core.order_queries import GroupFigures
from exchange.domain import commands_orders
from exchange.domain import events as ev
from exchange.domain.commands_orders import MmpLimits
from exchange.domain.limits import MAX_MMP_GROUPS, MAX_MMP_LIMIT
from exchange.gateway.dispatch import Handler, account_of, answer_read, guarded
from exchange.gateway.methods import rfq_mmp
from exchange.gateway.methods.mmp_params import ALL, E8, MICRO, limit, span_ms, underlying_named
from exchange.gateway.outcomes import rejected
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.instruments import usdc
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.names import index_name
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, boolean, has, scaled, text
from exchange.wire.session import Request, Session

_RULES: Final = 3


def set_mmp_config(venue: Venue, session: Session, request: Request) -> None:
    """`private/set_mmp_config {index_name, interval, frozen_time, max_quote_quantity, mmp_group?,
    quantity_limit?, delta_limit?, vega_limit?, block_rfq?}`: what is left out is no limit; interval 0
    removes the group.

    Raises:
        RpcError: 10020 no such index; -32602 limits out of range, or a delta limit not below the quantity
            limit.
    """
    params = request.params
    if boolean(params, "block_rfq"):
        rfq_mmp.set_config(venue, session, request)
        return
    account = account_of(session)
    underlying = underlying_named(venue.registry, params)
    limits = _limits(params)
    name = _name(params)

    def in_use(number: int) -> bool:
        count = len(venue.registry.symbols)
        return any(order_queries.mmp_group(venue.engine, account, each, number) for each in range(count))

    if limits.interval_ms:
        number: int | None = venue.settings.groups.give(account, name, in_use)
    else:
        number = venue.settings.groups.number(account, name)
    if number is None:  # what is not there is removed already
        session.reply(request, [])
        return
    group = number

    def finish(packed: bytes) -> None:
        seq = _mmp_seq(packed)
        removed = MmpLimits(0, 0, 0, 0, 0, 0)
        chosen = limits if limits.interval_ms else removed
        session.reply(request, [_config(venue, account, underlying, group, chosen)], seq)

    command = commands_orders.set_mmp(account, underlying, group, limits)
    venue.submit(command, guarded(session, request, finish, venue))


def _limits(params: Params) -> MmpLimits:
    interval_ms, frozen_ms = span_ms(params, "interval"), span_ms(params, "frozen_time")
    if interval_ms == 0:
        return MmpLimits(0, 0, 0, 0, 0, 0)
    quantity, delta = limit(params, "quantity_limit", E8), limit(params, "delta_limit", E8)
    if has(params, "trade_count_limit"):
        raise invalid_param("trade_count_limit", "is of block_rfq alone")
    if quantity and delta and delta >= quantity:
        raise invalid_param("delta_limit", "must be below quantity_limit")
    if not has(params, "max_quote_quantity"):
        raise invalid_param("max_quote_quantity", "value required")
    return MmpLimits(
        interval_ms,
        frozen_ms,
        quantity,
        delta,
        limit(params, "vega_limit", MICRO),
        scaled(params, "max_quote_quantity", E8, errors.INVALID_PARAMS, maximum=MAX_MMP_LIMIT),
    )


def _name(params: Params) -> str:
    return text(params, "mmp_group", "", LABEL_CHARS_MAX)


def _mmp_seq(packed: bytes) -> int:
    """The counter of a command on a group. Raises RpcError if it was rejected."""
    event = ev.read_event(packed)
    if isinstance(event, ev.Rejected):
        raise rejected(event, None)
    return event.head.counter


def reset_mmp(venue: Venue, session: Session, request: Request) -> None:
    """`private/reset_mmp {index_name, mmp_group?}`: ends a freeze.

    Raises:
        RpcError: 13040 there is no such group.
    """
    if boolean(request.params, "block_rfq"):
        rfq_mmp.reset(venue, session, request)
        return
    account = account_of(session)
    underlying = underlying_named(venue.registry, request.params)
    number = venue.settings.groups.number(account, _name(request.params))
    if number is None:
        raise error(errors.MMP_REQUIRED, param="mmp_group", reason="no such group")

    def finish(packed: bytes) -> None:
        session.reply(request, "ok", _mmp_seq(packed))

    command = commands_orders.reset_mmp(account, underlying, number)
    venue.submit(command, guarded(session, request, finish, venue))


# --- reads -----------------------------------------------------------------------------------------


def get_mmp_config(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_mmp_config {index_name?, mmp_group?, block_rfq?}`."""
    if boolean(request.params, "block_rfq"):
        rfq_mmp.get_config(venue, session, request)
        return
    account = account_of(session)
    wanted = _wanted(venue, account, request.params)

    def compute() -> list[JsonObject]:
        groups = _groups(venue, account, *wanted)
        return [_config(venue, account, each.underlying, each.number, each.limits) for each in groups]

    answer_read(venue, session, request, compute)


def get_mmp_status(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_mmp_status {index_name?, mmp_group?}`: groups that are frozen; `frozen_until` 0: until
    they are reset."""
    if boolean(request.params, "block_rfq"):
        rfq_mmp.get_status(venue, session, request)
        return
    account = account_of(session)
    wanted = _wanted(venue, account, request.params)

    def compute() -> list[JsonObject]:
        now_ms = venue.engine.now_ms
        groups = _groups(venue, account, *wanted)
        frozen = [g for g in groups if g.frozen_until_ms < 0 or g.frozen_until_ms > now_ms]
        return [
            {
                "index_name": index_name(venue.registry.symbols[each.underlying]),
                "mmp_group": venue.settings.groups.name(account, each.number),
                "frozen_until": max(0, each.frozen_until_ms),
                "block_rfq": False,
            }
            for each in frozen
        ]

    answer_read(venue, session, request, compute)


def _wanted(venue: Venue, account: int, params: Params) -> tuple[int | None, int | None]:
    """(underlying, number) asked for; None: any. A number of −1 is nobody's."""
    underlying = None
    if has(params, "index_name") and params["index_name"] != ALL:
        underlying = underlying_named(venue.registry, params)
    number = None
    if has(params, "mmp_group"):
        found = venue.settings.groups.number(account, _name(params))
        number = -1 if found is None else found
    return underlying, number


def _groups(venue: Venue, account: int, underlying: int | None, number: int | None) -> list[GroupFigures]:
    if risk_queries.rules(venue.engine) < _RULES:
        return []
    underlyings = range(len(venue.registry.symbols)) if underlying is None else (underlying,)
    numbers = range(MAX_MMP_GROUPS) if number is None else (number,)
    found = [order_queries.mmp_group(venue.engine, account, u, n) for u in underlyings for n in numbers]
    return [each for each in found if each is not None]


def _config(venue: Venue, account: int, underlying: int, number: int, limits: MmpLimits) -> JsonObject:
    found: JsonObject = {
        "index_name": index_name(venue.registry.symbols[underlying]),
        "mmp_group": venue.settings.groups.name(account, number),
        "interval": limits.interval_ms // 1_000,
        "frozen_time": limits.frozen_ms // 1_000,
        "max_quote_quantity": limits.max_quote_e8 / E8,
        "block_rfq": False,
    }
    if limits.quantity_limit_e8:
        found["quantity_limit"] = limits.quantity_limit_e8 / E8
    if limits.delta_limit_e8:
        found["delta_limit"] = limits.delta_limit_e8 / E8
    if limits.vega_limit_micro:
        found["vega_limit"] = usdc(limits.vega_limit_micro)
    return found


METHODS: Final[dict[str, Handler]] = {
    "private/set_mmp_config": set_mmp_config,
    "private/reset_mmp": reset_mmp,
    "private/get_mmp_config": get_mmp_config,
    "private/get_mmp_status": get_mmp_status,
}
