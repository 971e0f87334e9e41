"""What risk needs done after the marks have moved: sweeps, liquidation steps, shared losses.

Everything is a sequenced command, bounded by the core's rules (docs/rules-2.md, Sweeps and liquidation), and
nothing of it is remembered here that the core does not know: a new process reads it from the state and goes
on.

- **Sweeps** follow every marks block, at most one begun in `sweep_interval_ms`, in slices of `sweep_slice`
  accounts, fewer where they have more than `sweep_seats` seats together; a few slices are under way at a
  time, so that trading goes on between them.
- **Liquidations** take steps in turn, one step of an account under way, `steps_per_turn` in all per turn of
  `turn_s`. An account in auction is looked at again now and then. So is one whose positions were all tried in
  vain and that has no auction yet, since the underlying of some is not open: those wait, while what can be
  closed is closed.
- **Shared losses** one after the other, in slices of `share_slice` accounts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from exchange.app.risk_counts import RiskCounts
from exchange.app.venue_port import VenuePort
from exchange.core import queries, risk_queries, seat_queries
from exchange.domain import commands_risk, events
from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT, MAX_SWEEP
from exchange.edge.places import mask_of, places_of
from exchange.gateway.ports import Clock, Timer
from exchange.wire.session import RpcError

_WATCHED = mask_of(r.EV_MARKED, r.EV_LIQUIDATION)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DriverRules:
    """How much is done at a time. ValueError for what the core would refuse."""

    sweep_slice: int = 128
    """Where everybody of a slice begins a liquidation it still takes the core less than a millisecond."""
    sweep_seats: int = 8_192
    """What a margin costs grows with an account's seats; one with more than these is a slice by itself."""
    sweep_interval_ms: int = 100
    sweeps_at_once: int = 4
    turn_s: float = 0.01
    steps_per_turn: int = 64
    auction_retry_ms: int = 250
    closed_retry_ms: int = 1_000
    deficit_retry_ms: int = 60_000
    share_slice: int = 256

    def __post_init__(self) -> None:
        if not (1 <= self.sweep_slice <= MAX_SWEEP and 1 <= self.share_slice <= MAX_SWEEP):
            raise ValueError(f"slices have 1 to {MAX_SWEEP} accounts")
        if min(self.sweep_seats, self.sweeps_at_once, self.steps_per_turn) < 1 or not self.turn_s > 0.0:
            raise ValueError("a driver that does nothing drives nothing")


@dataclass(slots=True)
class _Case:
    """An account in liquidation."""

    ready_ms: int = 0
    idle_steps: int = 0
    """Since something was last cancelled or closed."""
    is_under_way: bool = False
    is_sharing: bool = False
    """The fund is exhausted: the next step is a part of the sharing."""


class RiskDriver:
    """Sequences sweeps and liquidations of one venue; idle when nothing moves and nobody is in trouble."""

    def __init__(self, venue: VenuePort, clock: Clock, rules: DriverRules | None = None) -> None:
        self._venue = venue
        self._clock = clock
        self._rules = rules or DriverRules()
        self.counts = RiskCounts()
        self._has_moved = False
        self._swept_ms: int | None = None
        self._sweep_at: int | None = None
        self._sweep_end = 0
        self._sweeps_under_way = 0
        self._cases: dict[int, _Case] = {}
        self._timer: Timer | None = None
        self._stopped = False

    def start(self) -> None:
        """Go on with whom the recovered state has in liquidation."""
        engine = self._venue.engine
        sharing = risk_queries.sharing(engine)
        for account in risk_queries.in_liquidation(engine):
            self._cases[account] = _Case(is_sharing=account == sharing)
        if self._cases:
            _log.warning("accounts in liquidation since before this start: %d", len(self._cases))
            self._wake()

    def stop(self) -> None:
        """No more commands."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def report(self) -> dict[str, object]:
        """What the status shows."""
        engine = self._venue.engine
        states = [risk_queries.account_state(engine, account).liquidation for account in self._cases]
        return {
            **self.counts.report(),
            "in_liquidation": len(states),
            "in_auction": states.count(r.LIQUIDATION_AUCTION),
            "in_deficit": states.count(r.LIQUIDATION_DEFICIT),
            "fund": risk_queries.fund_micro(engine) / 1e6,
        }

    # --- what happens --------------------------------------------------------------------------------

    def on_batch(self, _first_seq: int, _count: int, packed: bytes) -> None:
        """A released batch: marks that moved, liquidations that began or went a step."""
        for at in places_of(packed, _WATCHED):
            if packed[at] == r.EV_MARKED:
                self._has_moved = True
                continue
            event = events.read_event(packed, at)
            if isinstance(event, events.Liquidation):
                self.counts.note(event)
                if event.kind == r.LIQ_STARTED:
                    self._cases.setdefault(event.head.account, _Case())
        if self._has_moved or self._cases:
            self._wake()

    def _wake(self) -> None:
        if self._timer is None and not self._stopped:
            self._timer = self._venue.loop.call_later(self._rules.turn_s, self._turn)

    def _turn(self) -> None:
        self._timer = None
        if self._venue.halted or self._stopped:
            return
        now_ms = self._clock.now_ms()
        engine = self._venue.engine
        if risk_queries.rules(engine) < 2:
            self._has_moved = False
            return
        if risk_queries.mode(engine) == r.MODE_OPEN:
            self._sweep(now_ms)
            self._step(now_ms)
        self.counts.tell(now_ms)
        if self._cases or self._has_moved:
            self._wake()

    # --- sweeps --------------------------------------------------------------------------------------

    def _sweep(self, now_ms: int) -> None:
        """Begin a sweep if marks have moved and none is under way."""
        since_ms = now_ms - self._swept_ms if self._swept_ms is not None else self._rules.sweep_interval_ms
        if not self._has_moved or self._sweep_at is not None:
            return
        if 0 <= since_ms < self._rules.sweep_interval_ms:
            return
        self._has_moved = False
        self._sweep_end = self._venue.engine.account_count
        if self._sweep_end > FIRST_USER_ACCOUNT:
            self._swept_ms = now_ms
            self._sweep_at = FIRST_USER_ACCOUNT
            self._send_slices()

    def _send_slices(self) -> None:
        while (
            self._sweep_at is not None
            and self._sweep_at < self._sweep_end
            and self._sweeps_under_way < self._rules.sweeps_at_once
        ):
            count = seat_queries.accounts_within(
                self._venue.engine, self._sweep_at, self._rules.sweep_slice, self._rules.sweep_seats
            )
            if not self._submit(commands_risk.risk_sweep(self._sweep_at, count), self._swept):
                self._sweep_at = None
                return
            self._sweep_at += count
            self._sweeps_under_way += 1

    def _swept(self, packed: bytes) -> None:
        self._sweeps_under_way -= 1
        if self._sweep_at is None:
            return
        if not packed or packed[0] == r.EV_REJECTED:  # the venue closed meanwhile: the next marks begin anew
            self._sweep_at = None
            self.counts.refused += 1
            return
        self._send_slices()
        if self._sweep_at >= self._sweep_end and not self._sweeps_under_way:
            self._sweep_at = None
            self.counts.note_sweep(self._clock.now_ms() - (self._swept_ms or 0))

    # --- liquidations ----------------------------------------------------------------------------------

    def _step(self, now_ms: int) -> None:
        """One step for each account whose turn it is, up to the bound; who waited longest first."""
        sharing = risk_queries.sharing(self._venue.engine)
        sent = 0
        for account, case in list(self._cases.items()):
            if sent >= self._rules.steps_per_turn:
                break
            # A clock that steps back must not put a case off for longer than it was meant to wait.
            if case.is_under_way or 0 < case.ready_ms - now_ms <= self._rules.deficit_retry_ms:
                continue
            if case.is_sharing:
                if sharing not in (0, account):
                    continue
                command = commands_risk.share_loss(account, self._rules.share_slice)
                sharing = account
            else:
                command = commands_risk.liquidate(account)
            if not self._submit(command, partial(self._stepped, account)):
                return
            case.is_under_way = True
            self._cases[account] = self._cases.pop(account)  # to the end of the turn order
            sent += 1

    def _was_round(self, account: int, case: _Case, packed: bytes) -> bool:
        """Whether with this step every position was tried, and nothing came of it."""
        case.idle_steps = 0 if _has_closed(packed) else case.idle_steps + 1
        held = queries.positions(self._venue.engine, account)
        if case.idle_steps <= sum(each.size_lots != 0 for each in held):
            return False
        case.idle_steps = 0
        return True

    def _stepped(self, account: int, packed: bytes) -> None:
        """A step was answered: what the account's state asks for next."""
        case = self._cases.get(account)
        if case is None or not packed:
            return
        case.is_under_way = False
        engine, now_ms = self._venue.engine, self._clock.now_ms()
        was_refused = packed[0] == r.EV_REJECTED
        self.counts.refused += was_refused
        self.counts.steps += not was_refused
        state = risk_queries.account_state(engine, account).liquidation
        if state == 0:
            del self._cases[account]
            return
        if state == r.LIQUIDATION_DEFICIT:
            self._share(account, case, now_ms)
        elif was_refused:
            case.ready_ms = now_ms + self._rules.closed_retry_ms
        elif state == r.LIQUIDATION_AUCTION and not _has_closed(packed):
            case.ready_ms = now_ms + self._rules.auction_retry_ms
        elif state == r.LIQUIDATION_CLOSING and self._was_round(account, case, packed):
            case.ready_ms = now_ms + self._rules.closed_retry_ms
        self._wake()

    def _share(self, account: int, case: _Case, now_ms: int) -> None:
        """The account is in deficit. A sharing that ended without filling it is tried again later."""
        if case.is_sharing and risk_queries.sharing(self._venue.engine) != account:
            case.is_sharing = False  # first whether the fund has something again
            case.ready_ms = now_ms + self._rules.deficit_retry_ms
        else:
            case.is_sharing = True

    def _submit(self, command: bytes, done: Callable[[bytes], None]) -> bool:
        try:
            self._venue.submit(command, done)
        except RpcError as refused:  # a full queue: the next turn asks again
            _log.debug("a risk command was not taken: %s", refused)
            return False
        return True


def _has_closed(packed: bytes) -> bool:
    """Whether a step cancelled orders or closed a part of a position."""
    return any(isinstance(event, events.Liquidation) and event.lots for event in events.read_events(packed))
