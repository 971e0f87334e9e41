"""What the venue knows of itself: rates, latencies, and the reply of `public/strikebook_status`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from exchange.app.settled import SettlementStatus, batch_object
from exchange.core.reading import count_kinds
from exchange.domain import records as r
from exchange.gateway.ports import Clock
from exchange.gateway.venue import Venue
from exchange.wire.credits import MATCHING_METHODS
from exchange.wire.session import Request, Session

WINDOW_S: Final = 10
SAMPLES: Final = 4_096
_ORDER_COMMANDS: Final = frozenset({r.NEW_ORDER, r.AMEND, r.CANCEL, r.MASS_QUOTE})


class Telemetry:
    """Counts released events and measures replies; figures are over the last ten seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_ms = clock.now_ms()
        self._acks_us: deque[int] = deque(maxlen=SAMPLES)
        self._seconds: deque[tuple[int, list[int]]] = deque()
        self.fills = 0

    def on_reply(self, method: str, took_us: int, count: int = 1) -> None:
        """`count` results were sent; those of order methods count as acknowledgements."""
        if method in MATCHING_METHODS:
            self._acks_us.extend([took_us] * count)

    def on_batch(self, _first_seq: int, _count: int, events: bytes) -> None:
        """A released batch: count order changes and fills."""
        _, orders, fills = count_kinds(events)
        self.fills += fills
        second = self._clock.now_ms() // 1000
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, [0, 0]))
            while self._seconds[0][0] <= second - WINDOW_S:
                self._seconds.popleft()
        counts = self._seconds[-1][1]
        counts[0] += orders
        counts[1] += fills

    def _rate(self, which: int) -> float:
        now = self._clock.now_ms() // 1000
        return sum(c[which] for at, c in self._seconds if now - WINDOW_S < at < now) / (WINDOW_S - 1)

    def _percentile_us(self, share: float) -> int | None:
        if not self._acks_us:
            return None
        ordered = sorted(self._acks_us)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def figures(self, venue: Venue, settlement: SettlementStatus) -> dict[str, object]:
        """The status reply."""
        status = settlement.status
        batches = [batch_object(batch) for batch in status.batches] if status else []
        return {
            "mode": "halted" if venue.halted else venue.phase,
            "seq": venue.views.seq,
            "uptime_s": (self._clock.now_ms() - self._started_ms) // 1000,
            "orders_per_s": round(self._rate(0), 1),
            "fills_per_s": round(self._rate(1), 1),
            "fills": self.fills,
            "ack_us_p50": self._percentile_us(0.50),
            "ack_us_p99": self._percentile_us(0.99),
            "open_orders": venue.engine.open_order_count,
            "open_interest": open_interest(venue),
            "posted_seq": settlement.posted_seq(),
            "confirmed_seq": settlement.confirmed_seq(),
            "final_seq": settlement.final_seq(),
            "final_batch": status.final_batch_id if status else 0,
            "waiting_batches": status.backlog_batches if status else 0,
            "last_batch": batches[0] if batches else None,  # newest first
            "batches": batches,
            "settlement_alarm": status.alarm if status else "",
        }


def open_interest(venue: Venue) -> float:
    """Open options of all underlyings, in units of the underlying."""
    total = 0.0
    for view, market in zip(venue.registry.instruments, venue.views.markets, strict=False):
        if view.is_option and view.state < r.STATE_DELISTED:
            total += view.amount(market.open_interest_lots)
    return round(total, 4)


class StatusMethod:
    """`public/strikebook_status`."""

    def __init__(
        self,
        telemetry: Telemetry,
        settlement: SettlementStatus,
        oracle: Callable[[], Mapping[str, object]] = dict,
        risk: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        """`oracle` tells of engine, index and surfaces, `risk` of sweeps, liquidations and the calendar."""
        self._telemetry = telemetry
        self._settlement = settlement
        self._oracle = oracle
        self._risk = risk

    def __call__(self, venue: Venue, session: Session, request: Request) -> None:
        """Reply with the figures."""
        figures = self._telemetry.figures(venue, self._settlement)
        session.reply(request, {**figures, "oracle": self._oracle(), "risk": self._risk()})
