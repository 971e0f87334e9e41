"""Whether a grant allows commands: refused here, before they are sequenced."""

from __future__ import annotations

from collections.abc import Callable

from exchange.attest.grant_scope import Breach, breach
from exchange.attest.grants import Grant
from exchange.wire.errors import other_reject


def must_allow(
    grant: Grant,
    commands: bytes,
    now_ms: int,
    underlying_of: Callable[[int], int | None],
    instrument_of: Callable[[int], int | None],
) -> None:
    """Refuse commands that the grant does not allow; see `attest.grant_scope.breach`.

    Raises:
        RpcError: 11030 `grant_expired`, `out_of_scope`, `order_too_large`, `instrument_not_granted`.
    """
    match breach(grant, commands, now_ms, underlying_of, instrument_of):
        case Breach.EXPIRED:
            raise other_reject("grant_expired", param="grant")
        case Breach.OUT_OF_SCOPE:
            raise other_reject("out_of_scope", param="commands")
        case Breach.TOO_LARGE:
            raise other_reject("order_too_large", param="commands", limit_lots=grant.max_order_lots)
        case Breach.NOT_GRANTED:
            raise other_reject("instrument_not_granted", param="commands")
