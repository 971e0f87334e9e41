"""What the venue's settlement stands on, in either format, as the rest of the venue needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from exchange.app.attesting.domain import DomainError, domain_at
from exchange.app.attesting.paths import Paths
from exchange.app.bridge import MoneyL1
from exchange.app.children import Settles, rollup_settles
from exchange.app.config import Config
from exchange.app.rollup.formats import ROLLUP
from exchange.app.stores import StartError
from exchange.attest.eip712 import Domain
from settlement.l1.mock import MockL1


def _nothing() -> None:
    pass


class Standing(NamedTuple):
    """`domain`: the contract that the venue's signatures count for. `revive` starts the L1 again if it is
    ours and has ended, `stop` ends it."""

    settles: Settles
    domain: Domain
    open_l1: Callable[[], MoneyL1]
    revive: Callable[[], None] = _nothing
    stop: Callable[[], None] = _nothing


def stand(config: Config, settlement_format: int, now_ms: Callable[[], int]) -> Standing:
    """Find or make it, before whoever signs or settles is started; blocks meanwhile.

    Raises:
        StartError: there is no L1, or it is not the one of this directory.
    """
    if settlement_format != ROLLUP:
        return Standing(Settles(), _domain(config), lambda: MockL1(config.l1, now_ms))
    # Late: a venue on the mock need not load what talks to a chain.
    from exchange.app.rollup.start import started

    rollup = started(config)
    settles = rollup_settles(config, rollup.confirmations)
    try:
        domain = _domain(config)
    except StartError:
        rollup.stop()
        raise
    return Standing(settles, domain, rollup.money, rollup.revive, rollup.stop)


def _domain(config: Config) -> Domain:
    try:
        return domain_at(Paths(config.data).contracts)
    except DomainError as error:
        raise StartError(f"{error}; mend or remove it") from None
