"""Market-maker protection of quotes for requests: `block_rfq` of `set_mmp_config` and its like.

Its limits are apart from those of orders and quotes in books, it has no groups, and it is enforced where the
quotes are: by the requests' own desk.
"""

from __future__ import annotations

from typing import Final

from exchange.gateway.deals.rfq_limits import ALL as ALL_UNDERLYINGS
from exchange.gateway.deals.rfq_limits import Guard, RfqLimits
from exchange.gateway.dispatch import account_of
from exchange.gateway.methods.mmp_params import ALL, E8, MICRO, limit, span_ms, underlying_named
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.instruments import usdc
from exchange.wire.names import index_name
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, has, integer, text
from exchange.wire.session import Request, Session

TRADES_MAX: Final = 1_000
_OF_INDEX: Final = ("quantity_limit", "delta_limit", "vega_limit")


def set_config(venue: Venue, session: Session, request: Request) -> None:
    """`private/set_mmp_config {block_rfq: true, index_name, interval, frozen_time, quantity_limit?,
    delta_limit?, vega_limit?, trade_count_limit?, max_quote_quantity?}`: `trade_count_limit` of all indices
    together (`index_name` `all`), the others of one. Interval 0 removes the limits.

    Raises:
        RpcError: 10020 no such index; -32602 limits out of range, of the other kind of index, or none.
    """
    params, account = request.params, account_of(session)
    underlying = _underlying(venue, params)
    limits = _limits(params, underlying)
    venue.blocks.protection.choose(account, underlying, limits)
    session.reply(request, [_config(venue, underlying, limits)])


def reset(venue: Venue, session: Session, request: Request) -> None:
    """`private/reset_mmp {block_rfq: true, index_name}`: ends a freeze, for `all` every one.

    Raises:
        RpcError: 13040 there are no limits.
    """
    account = account_of(session)
    if not venue.blocks.protection.reset(account, _underlying(venue, request.params)):
        raise error(errors.MMP_REQUIRED, param="index_name", reason="no limits for requests")
    session.reply(request, "ok")


def get_config(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_mmp_config {block_rfq: true, index_name?}`."""
    found = _asked(venue, account_of(session), request.params)
    session.reply(request, [_config(venue, underlying, guard.limits) for underlying, guard in found])


def get_status(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_mmp_status {block_rfq: true, index_name?}`: what is frozen; `frozen_until` 0: until it is
    reset."""
    found = _asked(venue, account_of(session), request.params)
    now_ms = venue.clock.now_ms()
    session.reply(
        request,
        [
            {
                "index_name": _name(venue, underlying),
                "mmp_group": "",
                "frozen_until": max(0, guard.frozen_until_ms),
                "block_rfq": True,
            }
            for underlying, guard in found
            if guard.is_frozen(now_ms)
        ],
    )


def _underlying(venue: Venue, params: Params) -> int:
    """What `index_name` names. Raises RpcError 10020; -32602 a group: quotes for requests have none."""
    if text(params, "mmp_group", ""):
        raise invalid_param("mmp_group", "quotes for requests have no groups")
    if params.get("index_name") == ALL:
        return ALL_UNDERLYINGS
    return underlying_named(venue.registry, params)


def _limits(params: Params, underlying: int) -> RfqLimits:
    interval_ms, frozen_ms = span_ms(params, "interval"), span_ms(params, "frozen_time")
    if not interval_ms:
        return RfqLimits(0, 0)
    is_all = underlying == ALL_UNDERLYINGS
    for name in _OF_INDEX if is_all else ("trade_count_limit",):
        if has(params, name):
            raise invalid_param(name, "is not of all indices" if is_all else "is of all indices together")
    quantity, delta = limit(params, "quantity_limit", E8), limit(params, "delta_limit", E8)
    if quantity and delta and delta >= quantity:
        raise invalid_param("delta_limit", "must be below quantity_limit")
    found = RfqLimits(
        interval_ms,
        frozen_ms,
        quantity,
        delta,
        limit(params, "vega_limit", MICRO),
        integer(params, "trade_count_limit", 0, minimum=1, maximum=TRADES_MAX),
        limit(params, "max_quote_quantity", E8),
    )
    if found == RfqLimits(interval_ms, frozen_ms):
        raise invalid_param("trade_count_limit" if is_all else "quantity_limit", "a limit is required")
    return found


def _asked(venue: Venue, account: int, params: Params) -> list[tuple[int, Guard]]:
    """The account's limits of one index, or (without `index_name`, or `all`) all it has."""
    wanted = _underlying(venue, params) if has(params, "index_name") else ALL_UNDERLYINGS
    found = sorted(venue.blocks.protection.guards_of(account).items())
    return [each for each in found if wanted in (ALL_UNDERLYINGS, each[0])]


def _name(venue: Venue, underlying: int) -> str:
    return ALL if underlying == ALL_UNDERLYINGS else index_name(venue.registry.symbols[underlying])


def _config(venue: Venue, underlying: int, limits: RfqLimits) -> JsonObject:
    found: JsonObject = {
        "index_name": _name(venue, underlying),
        "mmp_group": "",
        "interval": limits.interval_ms // 1_000,
        "frozen_time": limits.frozen_ms // 1_000,
        "block_rfq": True,
    }
    for name, value, scale in (
        ("quantity_limit", limits.quantity_e8, E8),
        ("delta_limit", limits.delta_e8, E8),
        ("max_quote_quantity", limits.max_quote_e8, E8),
    ):
        if value:
            found[name] = value / scale
    if limits.vega_micro:
        found["vega_limit"] = usdc(limits.vega_micro)
    if limits.trades:
        found["trade_count_limit"] = limits.trades
    return found
