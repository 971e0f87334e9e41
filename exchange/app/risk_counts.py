"""Counters of sweeps, liquidations and losses, and one quiet line of log about them now and then."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Final

from exchange.domain import events
from exchange.domain import records as r

TELL_MS: Final = 10_000
"""At most one line in so long, however many accounts are in trouble."""
_NEWS: Final = ("fell below maintenance", "went to auction", "came into deficit")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class RiskCounts:
    """What this process has done and seen; money in micro-USDC."""

    sweeps: int = 0
    sweep_ms_last: int = 0
    sweep_ms_max: int = 0
    refused: int = 0
    steps: int = 0
    slices: int = 0
    started: int = 0
    ended: int = 0
    auctions: int = 0
    taken_over: int = 0
    deficits: int = 0
    fees_micro: int = 0
    family_micro: int = 0
    covered_micro: int = 0
    shared_micro: int = 0
    _told: tuple[int, int, int] = field(default=(0, 0, 0))
    _told_ms: int | None = None

    def note(self, event: events.Liquidation) -> None:
        """Count one event."""
        kind = event.kind
        self.started += kind == r.LIQ_STARTED
        self.ended += kind == r.LIQ_ENDED
        self.auctions += kind == r.LIQ_AUCTION
        self.taken_over += kind == r.LIQ_TAKEOVER
        self.deficits += kind == r.LIQ_DEFICIT
        if kind in (r.LIQ_PERPETUAL, r.LIQ_OPTION):
            self.slices += 1
            self.fees_micro += event.amount_micro
        elif kind == r.LIQ_FUND:
            self.covered_micro += event.amount_micro
        elif kind == r.LIQ_FAMILY:
            self.family_micro += event.amount_micro
        elif kind == r.LIQ_SHARED:
            self.shared_micro += event.amount_micro

    def note_sweep(self, took_ms: int) -> None:
        """A sweep over all accounts has ended."""
        self.sweeps += 1
        self.sweep_ms_last = max(0, took_ms)
        self.sweep_ms_max = max(self.sweep_ms_max, self.sweep_ms_last)

    def tell(self, now_ms: int) -> None:
        """Log what is new, if the last line is long enough ago."""
        now = (self.started, self.auctions, self.deficits)
        if now == self._told or (self._told_ms is not None and 0 <= now_ms - self._told_ms < TELL_MS):
            return
        new = (count - old for count, old in zip(now, self._told, strict=True))
        self._told, self._told_ms = now, now_ms
        said = (f"{count} {what}" for count, what in zip(new, _NEWS, strict=True) if count)
        _log.warning("accounts in trouble: %s", ", ".join(said))

    def report(self) -> dict[str, object]:
        """What the status shows; money in USDC."""
        return {
            "sweeps": self.sweeps,
            "sweep_ms_last": self.sweep_ms_last,
            "sweep_ms_max": self.sweep_ms_max,
            "liquidations_started": self.started,
            "liquidations_ended": self.ended,
            "liquidation_steps": self.steps,
            "liquidation_slices": self.slices,
            "auctions": self.auctions,
            "taken_over": self.taken_over,
            "deficits": self.deficits,
            "refused": self.refused,
            "fees_to_fund": self.fees_micro / 1e6,
            "covered_by_family": self.family_micro / 1e6,
            "covered_by_fund": self.covered_micro / 1e6,
            "shared_losses": self.shared_micro / 1e6,
        }
