"""What clients say about market-maker protection, that of books and that of quotes for requests."""

from __future__ import annotations

from typing import Final

from exchange.domain.limits import MAX_MMP_LIMIT, MAX_MMP_MS
from exchange.gateway.registry import Registry
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.params import Params, has, integer, scaled, text

ALL: Final = "all"
E8: Final = 100_000_000
MICRO: Final = 1_000_000
_SECONDS_MAX: Final = MAX_MMP_MS // 1_000


def span_ms(params: Params, name: str) -> int:
    """`interval` or `frozen_time`, seconds. Raises RpcError -32602."""
    return integer(params, name, maximum=_SECONDS_MAX) * 1_000


def limit(params: Params, name: str, scale: int) -> int:
    """A limit; 0 (none) if it is not given. Raises RpcError -32602."""
    if not has(params, name):
        return 0
    return scaled(params, name, scale, errors.INVALID_PARAMS, minimum=0, maximum=MAX_MMP_LIMIT)


def underlying_named(registry: Registry, params: Params) -> int:
    """The underlying that `index_name` names. Raises RpcError 10020."""
    found = registry.underlying_of_index(text(params, "index_name", bytes_max=32).lower())
    if found is None:
        raise error(errors.INVALID_INSTRUMENT, param="index_name", reason="no such index")
    return found
