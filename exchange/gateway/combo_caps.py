"""How many combos an account may have made that are still open.

The core bounds the open combos of an option and of the shard; this bounds what one account can take of them.
Who made a combo is known to this process alone: a restart begins to count anew.
"""

from __future__ import annotations

from typing import Final

from exchange.domain import records as r
from exchange.gateway.registry import Registry
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.instruments import InstrumentView

OF_ACCOUNT: Final = 64


class ComboCaps:
    """Open combos by who made them."""

    def __init__(self, of_account: int = OF_ACCOUNT) -> None:
        self._most = of_account
        self._made: dict[int, list[int]] = {}

    def must_have_room(self, account: int, registry: Registry) -> None:
        """Refuse one combo more than an account may have made. Raises RpcError 13035."""
        alive = [
            combo
            for combo in self._made.get(account, ())
            if registry.instruments[combo].state < r.STATE_DELISTED
        ]
        self._made[account] = alive
        if len(alive) >= self._most:
            raise error(
                errors.COMBO_LIMIT, param="trades", limit_name="combos_of_account", limit=self._most
            )

    def note(self, account: int, view: InstrumentView) -> None:
        """The account has made a combo."""
        self._made.setdefault(account, []).append(view.instrument)
