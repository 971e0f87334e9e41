"""Which settlement a data directory has: format 1 with its mock L1, or format 2 with contracts on a chain."""

from __future__ import annotations

from typing import Final

from exchange.app.config import Config
from exchange.app.stores import StartError
from settlement.node.places import Places

MOCK: Final = 1
ROLLUP: Final = 2


def format_of(config: Config) -> int:
    """The directory's format; of a new one what was asked for.

    Raises:
        StartError: another format was asked for than it has, or it has both.
    """
    places, data = Places(config.data), config.data
    old = [path for path in (config.l1, data / "settlement.sqlite") if path.exists()]
    new = [path for path in (places.contracts, places.database, places.chain) if path.exists()]
    if old and new:
        raise StartError(
            f"{data} has settlement of format 1 ({old[0].name}) and of format 2 ({new[0].name}): "
            "one of them does not belong there; restore the directory, or name another with --data"
        )
    found = MOCK if old else ROLLUP if new else 0
    if found and config.settlement and found != config.settlement:
        raise StartError(
            f"{data} has settlement of format {found}: go on without --settlement {config.settlement}, "
            "or name another directory with --data"
        )
    if not config.children:
        if found == ROLLUP:
            raise StartError(f"{data} has settlement of format 2, which needs the venue's child processes")
        return MOCK
    chosen = found or config.settlement or config.settlement_default
    if chosen == MOCK and config.l1_url:
        raise StartError("--l1 is of settlement of format 2; this directory has format 1 and its mock L1")
    return chosen
