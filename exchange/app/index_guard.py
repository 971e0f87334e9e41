"""Halts an underlying whose index has lost confidence, and opens it again once it can be trusted.

Cancel-only at once, open again only after the index has been good for a while without a break: between the
two thresholds nothing changes, so that an index on the edge does not flicker. An underlying the operator has
halted (state 2) is never touched.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from exchange.app.venue_port import VenuePort
from exchange.core import risk_queries
from exchange.domain import commands_risk
from exchange.domain import records as r
from exchange.wire.session import RpcError

OPEN: Final = 0
CANCEL_ONLY: Final = 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GuardRules:
    """When an index is good and when it is not (confidence as of :mod:`pricing.index`)."""

    lost: float = 0.25
    """Below this the underlying goes cancel-only; so it does without a fresh index."""
    found: float = 0.5
    """From here on the index counts as good."""
    good_ms: int = 3_000
    """For so long it must have been good before the underlying opens again."""

    def __post_init__(self) -> None:
        if not (0.0 <= self.lost <= self.found <= 1.0 and self.good_ms >= 0):
            raise ValueError("a guard needs 0 <= lost <= found <= 1 and good_ms >= 0")


class IndexGuard:
    """The state of one underlying, by the health of its index."""

    def __init__(self, underlying: int, symbol: str, rules: GuardRules | None = None) -> None:
        self._underlying = underlying
        self._symbol = symbol
        self._rules = rules or GuardRules()
        self._good_since_ms: int | None = None
        self._waiting = False
        self.halts_count = 0
        """How often this process has closed the underlying."""

    def look(self, venue: VenuePort, confidence: float | None, now_ms: int) -> None:
        """Judge the index (`confidence` None: it is not fresh); sequence the state if it must be another."""
        engine = venue.engine
        if self._waiting or self._underlying >= engine.underlying_count or risk_queries.rules(engine) < 2:
            return
        state = risk_queries.underlying_state(engine, self._underlying)
        wanted = self._wanted(state, confidence, now_ms)
        if wanted == state:
            return

        def done(packed: bytes) -> None:
            self._waiting = False
            if packed and packed[0] == r.EV_REJECTED:
                _log.error("%s: its state was not taken: %s", self._symbol, packed.hex())

        try:
            venue.submit(commands_risk.set_underlying_state(self._underlying, wanted), done)
        except RpcError as refused:  # the next look asks again
            _log.warning("%s: its state was not taken: %s", self._symbol, refused)
            return
        self._waiting = True
        self.halts_count += wanted == CANCEL_ONLY
        told = "cancel-only: its index is not to be trusted" if wanted else "open again"
        _log.warning("%s is %s (confidence %s)", self._symbol, told, confidence)

    def _wanted(self, state: int, confidence: float | None, now_ms: int) -> int:
        """The state that should be: what it is, or the other of open and cancel-only."""
        rules = self._rules
        if confidence is None or confidence < rules.found:
            self._good_since_ms = None
        elif self._good_since_ms is None or now_ms < self._good_since_ms:
            self._good_since_ms = now_ms
        if state == OPEN and (confidence is None or confidence < rules.lost):
            return CANCEL_ONLY
        good_since_ms = self._good_since_ms
        if state == CANCEL_ONLY and good_since_ms is not None and now_ms - good_since_ms >= rules.good_ms:
            return OPEN
        return state
