"""What the compiled edge knows of each instrument: its name, and the terms behind prices and amounts."""

from __future__ import annotations

from typing import Final, final

from librt.strings import BytesWriter, write_i64_le

ROW_BYTES: Final = 64
"""One instrument's terms in `Listings.table`: a line of the processor's cache."""
TICK_MICRO: Final = 0
LOT_E8: Final = 8
LIMIT_TICKS: Final = 16
LEAST_LOTS: Final = 24
HAS_STEPS: Final = 32


@final
class Listings:
    """By instrument id, which are dense; they only grow."""

    def __init__(self) -> None:
        self.by_name: dict[bytes, int] = {}
        """The newest instrument of a name."""
        self.names: list[bytes] = []
        """Names as JSON."""
        self.table = b""
        """Rows of 64-bit integers at the places above: tick in micro-USDC, lot in 1e-8 of the underlying,
        highest price in ticks, smallest order in lots, whether there are `steps`."""
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
        self.steps.append(steps)
        row = BytesWriter()
        for word in (tick_micro, lot_e8, limit_ticks, least_lots, len(steps), 0, 0, 0):
            write_i64_le(row, word)
        self.table += row.getvalue()
