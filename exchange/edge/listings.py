"""What the compiled edge knows of each instrument: its name, and the terms behind prices and amounts."""

from __future__ import annotations

from typing import final


@final
class Listings:
    """By instrument id, which are dense; lists that only grow."""

    def __init__(self) -> None:
        self.by_name: dict[bytes, int] = {}
        """The newest instrument of a name."""
        self.names: list[bytes] = []
        """Names as JSON."""
        self.tick_micro: list[int] = []
        self.lot_e8: list[int] = []
        self.limit_ticks: list[int] = []
        self.least_lots: list[int] = []
        self.steps: list[list[int]] = []
        """Pairs of a price and the step from it on, in ticks; none where every tick is a price."""

    def add(
        self,
        name: bytes,
        tick_micro: int,
        lot_e8: int,
        limit_ticks: int,
        least_lots: int,
        steps: list[int],
        is_usual: bool,
    ) -> None:
        """Append the next instrument; orders on one that is not usual are not read here."""
        if is_usual:
            self.by_name[name] = len(self.names)
        else:
            self.by_name.pop(name, None)
        self.names.append(b'"' + name + b'"')
        self.tick_micro.append(tick_micro)
        self.lot_e8.append(lot_e8)
        self.limit_ticks.append(limit_ticks)
        self.least_lots.append(least_lots)
        self.steps.append(steps)
