"""What the margin comparison asks of an engine, of the production core and of the reference alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from exchange.core import margin_queries, queries
from exchange.core.engine import Engine
from tests.reference import margin
from tests.reference.engine import ReferenceEngine
from tests.reference.lines import lines_of


class SeatFacts(NamedTuple):
    """A seat as it stands; money in micro-USDC."""

    instrument: int
    size_lots: int
    entry_value_micro: int
    open_buy_lots: int
    open_sell_lots: int


class MarginFacts(NamedTuple):
    """An account's margins under a model, micro-USDC."""

    initial_micro: int
    maintenance_micro: int
    balance_micro: int


class Books(Protocol):
    """An engine with its accounts."""

    def apply(self, batch: bytes) -> bytes:
        """Events of a batch of commands."""

    def cash_micro(self, account: int) -> int:
        """An account's cash."""

    def seats(self, account: int) -> Iterator[SeatFacts]:
        """An account's seats."""

    def margins(self, account: int, model: int) -> MarginFacts:
        """What the account would have to hold under a model, now."""

    def enforced(self, account: int) -> MarginFacts:
        """What it has to hold, now."""


class CoreBooks:
    """The production core."""

    def __init__(self) -> None:
        self._engine = Engine()

    def apply(self, batch: bytes) -> bytes:
        return self._engine.apply(batch)

    def cash_micro(self, account: int) -> int:
        return queries.account_figures(self._engine, account).cash_micro

    def seats(self, account: int) -> Iterator[SeatFacts]:
        for seat in queries.positions(self._engine, account):
            yield SeatFacts(*seat[:5])

    def margins(self, account: int, model: int) -> MarginFacts:
        return MarginFacts(*margin_queries.under_model(self._engine, account, model)[:3])

    def enforced(self, account: int) -> MarginFacts:
        """Under the account's own model, by the way orders are judged."""
        return MarginFacts(*margin_queries.margins(self._engine, account)[:3])


class ReferenceBooks:
    """The integer reference."""

    def __init__(self) -> None:
        self._engine = ReferenceEngine()

    def apply(self, batch: bytes) -> bytes:
        return self._engine.apply(batch)

    def cash_micro(self, account: int) -> int:
        return self._engine.world.accounts[account].cash_micro

    def seats(self, account: int) -> Iterator[SeatFacts]:
        for number, seat in sorted(self._engine.world.accounts[account].seats.items()):
            yield SeatFacts(
                number, seat.size_lots, seat.entry_value_micro, seat.open_buy_lots, seat.open_sell_lots
            )

    def margins(self, account: int, model: int) -> MarginFacts:
        world = self._engine.world
        found = world.accounts[account]
        lines = lines_of(found)
        return MarginFacts(
            margin.initial(world, model, lines),
            margin.maintenance(world, model, lines),
            margin.worth(found, model).balance,
        )

    def enforced(self, account: int) -> MarginFacts:
        """Under the account's own model."""
        return self.margins(account, self._engine.world.accounts[account].model)


ENGINES: dict[str, type[CoreBooks] | type[ReferenceBooks]] = {"core": CoreBooks, "reference": ReferenceBooks}
