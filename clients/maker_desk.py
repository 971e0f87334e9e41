"""What a market maker knows of one underlying, and the quotes it wants there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from clients.fair_value import Surface
from clients.instruments import Instrument
from clients.quoting import NO_QUOTE, Band, QuoteBook, QuoteConfig, Target, make_targets

LAST_MINUTE_MS: Final = 10_000
"""An option this close to its expiry is no longer quoted."""


class Desk:
    """One underlying: its instruments, the venue's marks and index, our surface and quotes."""

    def __init__(self, underlying: str) -> None:
        self.underlying = underlying
        self.instruments: list[Instrument] = []
        self.surface = Surface()
        self.book = QuoteBook()
        self.marks: dict[str, float] = {}
        self.band_share: dict[bool, float] = {}
        """Width of the price band as a share of the index, of options and of perpetuals."""
        self.index = 0.0
        self.quoted_index = 0.0
        self.venue_ms = 0
        self.heard_s = 0.0
        self.wake = asyncio.Event()
        self.detailed = False

    @property
    def index_name(self) -> str:
        """The index all instruments of the desk follow."""
        return self.instruments[0].index_name

    def take_listings(self, instruments: Iterable[Instrument], gone: Sequence[str]) -> None:
        """The instruments there are now, and the names of those no longer listed."""
        self.instruments = sorted(instruments, key=lambda i: (i.expiry_ms, i.strike, i.name))
        self.book.forget(gone)

    def hear(self, index: float, venue_ms: int, now_s: float) -> None:
        """The index as the venue had it at `venue_ms`."""
        self.index, self.venue_ms, self.heard_s = index, venue_ms, now_s

    def has_moved(self, move_bps: float) -> bool:
        """Whether the index stands that far from where it was quoted."""
        return abs(self.index - self.quoted_index) >= self.quoted_index * move_bps * 1e-4

    def is_stale(self, now_s: float, stale_s: float) -> bool:
        """Whether the index was never heard, or not for so long."""
        return self.index <= 0.0 or now_s - self.heard_s > stale_s

    def targets(
        self, position_micro: Mapping[str, int], sizes: Mapping[str, int], config: QuoteConfig
    ) -> list[Target]:
        """Where each instrument's quote should stand; nowhere for an option about to expire."""
        valuation = self.surface.value(self.instruments, self.index, self.venue_ms)
        option_width, perpetual_width = (self.band_share.get(k, 0.0) * self.index for k in (True, False))
        band = Band(self.marks, option_width, perpetual_width)
        last_ms = self.venue_ms + LAST_MINUTE_MS
        return [
            NO_QUOTE if instrument.is_option and instrument.expiry_ms <= last_ms else target
            for instrument, target in zip(
                self.instruments, make_targets(valuation, position_micro, config, band, sizes), strict=True
            )
        ]
