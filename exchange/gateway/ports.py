"""What the gateway needs from outside: loop, clock, the committing thread, and its neighbours' views.

Production hands in an asyncio loop, the system clock and a thread; the simulation hands in its seeded
loop and runs everything inline. Nothing in this room reads a clock or starts a thread by itself.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from exchange.history.reader import Opening, StoredOrder
from exchange.history.rows import LossRow, MarketRow


class Timer(Protocol):
    """What `Loop.call_later` returns."""

    def cancel(self) -> None:
        """The callback will not run."""


class Loop(Protocol):
    """The part of an event loop the gateway uses; `asyncio.AbstractEventLoop` fits."""

    def call_soon(self, callback: Callable[[], object], /) -> object:
        """Run `callback` at the next turn of the loop."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Run `callback` after `delay` seconds."""


class ThreadLoop(Loop, Protocol):
    """A loop that other threads may wake."""

    def call_soon_threadsafe(self, callback: Callable[[], object], /) -> object:
        """As `call_soon`, from any thread."""


class Clock(Protocol):
    """UTC since the Unix epoch. The sequencer tolerates a clock that steps back."""

    def now_ms(self) -> int:
        """Milliseconds."""

    def now_us(self) -> int:
        """Microseconds."""


class Committer(Protocol):
    """Runs the durable write of a group of batches away from the loop."""

    def commit(self, work: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
        """Run `work`, then `done(error or None)` on the loop. One at a time; `work` may block."""

    def close(self) -> None:
        """Finish what runs and stop."""


class InlineCommitter:
    """Commits on the caller's stack and reports at the loop's next turn (simulation, tests)."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def commit(self, work: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
        """Run `work` now; `done` follows through `call_soon`."""
        error: BaseException | None = None
        try:
            work()
        except Exception as caught:  # whatever the disk raises is the caller's to judge
            error = caught
        self._loop.call_soon(lambda: done(error))

    def close(self) -> None:
        """Nothing runs."""


_Job = tuple[Callable[[], object], Callable[[BaseException | None], None]]


class ThreadCommitter:
    """One thread that waits for fdatasync so that the loop does not."""

    def __init__(self, loop: ThreadLoop) -> None:
        self._loop = loop
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="strikebook-commit", daemon=True)
        self._thread.start()

    def commit(self, work: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
        """Queue `work` for the thread."""
        self._jobs.put((work, done))

    def close(self) -> None:
        """Finish the queued work and join the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, done = job
            error: BaseException | None = None
            try:
                work()
            except Exception as caught:  # handed to the loop, which halts on it
                error = caught
            self._report(done, error)

    def _report(self, done: Callable[[BaseException | None], None], error: BaseException | None) -> None:
        self._loop.call_soon_threadsafe(lambda: done(error))


class JournalPort(Protocol):
    """The part of `exchange.journal.JournalWriter` the sequencer calls.

    `commit` runs on the committer's thread while the loop goes on appending.
    """

    def append_commands(self, first_seq: int, commands: bytes, count: int) -> None:
        """Add commands to the next group."""

    def seal(self) -> object | None:
        """All that was appended since the last seal, as one group; None if there is nothing."""

    def commit(self, group: Any) -> object:
        """Write the group as one frame; durable on return."""

    def append_events(self, first_seq: int, count: int, event_count: int, events: bytes) -> None:
        """Append one frame of events of durable commands; may lag."""


class ChainPort(Protocol):
    """Keeper of the chain heads (docs/formats.md, "Chain and receipts")."""

    def advance(self, first_seq: int, count: int, commands: bytes, events: bytes) -> None:
        """Add one commit batch (one frame of the command segment) to the chain."""


class ModelValues(Protocol):
    """Model values of one instrument: volatility in percent, Greeks in the field's units."""

    @property
    def mark_iv_percent(self) -> float | None: ...
    @property
    def delta(self) -> float: ...
    @property
    def gamma(self) -> float: ...
    @property
    def vega(self) -> float: ...
    @property
    def theta(self) -> float: ...
    @property
    def rho(self) -> float: ...


class FloatArray(Protocol):
    """A numpy array, as far as it is used here."""

    def tolist(self) -> Any:
        """The values as Python floats."""


class ChainView(Protocol):
    """The oracle's snapshot of one underlying (`exchange.oracle.greeks.Greeks`)."""

    at_ms: int

    def get(self, instrument_id: int) -> ModelValues | None:
        """One instrument's values; None before the first marks."""

    def model(self) -> dict[str, object] | None:
        """What the marks were made of; None where it cannot be told."""

    def listed(self) -> list[int]:
        """The options of the chain."""

    def rows(self) -> list[list[float]]:
        """Strike, expiry, mark, forward, volatility in percent, delta, gamma, vega, theta, rho, pull of each
        of `listed`; none before the first marks."""

    def iv_percent(self, instrument_ids: Sequence[int], prices: Sequence[float]) -> FloatArray:
        """Implied volatility of each price in percent; NaN where there is none."""

    def price_at(self, instrument_ids: Sequence[int], vol_percent: Sequence[float]) -> FloatArray:
        """The model price of each option at a volatility of its own, in USDC; NaN where there is none."""


class OracleView(Protocol):
    """Read access to the oracle."""

    def chain(self, underlying: int) -> ChainView | None:
        """The snapshot of an underlying."""

    def is_fresh(self) -> bool:
        """Whether every feed has delivered since the start and none is stale: the venue may be open."""

    def estimated_delivery_price(self, underlying: int, expiry_ms: int) -> float | None:
        """The delivery price if the index stood still from now on, in USDC; None before the first mark."""


class NoOracle:
    """No model values, and no feed to wait for (tests, tools)."""

    def chain(self, underlying: int) -> ChainView | None:
        """Always None."""
        del underlying
        return None

    def is_fresh(self) -> bool:
        """Always."""
        return True

    def estimated_delivery_price(self, underlying: int, expiry_ms: int) -> float | None:
        """Unknown."""
        del underlying, expiry_ms
        return None


class DepositPort(Protocol):
    """The L1 side of a faucet: the coins arrive later as a sequenced DEPOSIT command."""

    def faucet(self, owner: bytes, account: int, amount_micro: int) -> None:
        """Ask the L1's faucet to send `amount_micro` to `account` of `owner` (20 bytes). Returns at once."""


class WithdrawalPort(Protocol):
    """The L1 side of withdrawals: it pays what is held and resolves it by a sequenced command."""

    def give_up(self, withdrawal_id: int) -> bool:
        """Whether the payment has not begun and, until `resume`, will not: only then it may be cancelled."""

    def resume(self, withdrawal_id: int) -> None:
        """It was not cancelled after all: pay it."""


class NoWithdrawals:
    """Nobody pays: whatever is held may be cancelled."""

    def give_up(self, withdrawal_id: int) -> bool:
        """Always."""
        del withdrawal_id
        return True

    def resume(self, withdrawal_id: int) -> None:
        """Nobody pays."""
        del withdrawal_id


class StoredTrade(Protocol):
    """One side of a match from the history store: packed records, the order's may be empty."""

    @property
    def trade(self) -> bytes: ...
    @property
    def order(self) -> bytes: ...
    @property
    def label(self) -> str: ...
    @property
    def tick(self) -> int: ...


class HistoryView(Protocol):
    """Read access to `exchange.history`: what the rings no longer hold. All bounds are inclusive."""

    def user_trades(
        self, account: int, instruments: Sequence[int] | None, *, before_trade_id: int, limit: int
    ) -> Sequence[StoredTrade]:
        """An account's trades with a lower trade_id, newest first; `instruments` None: any."""

    def market_trades(self, instrument: int, *, before_trade_seq: int, limit: int) -> Sequence[bytes]:
        """TRADE records of an instrument with a lower trade_seq, newest first."""

    def order(self, order_id: int) -> StoredOrder | None:
        """A closed order, or None."""

    def label(self, account: int, label: int) -> str:
        """The text of a label; empty if it is not known."""

    def opening(self, now_ms: int) -> Opening:
        """What a venue that starts at `now_ms` needs to know."""

    def listing_times(self) -> Mapping[int, int]:
        """When each instrument was listed (ms), by its id."""

    def combo_times(self) -> Mapping[int, int]:
        """When each combo last changed its state (ms), by its id."""

    def movements(
        self, account: int, classes: Sequence[int] | None = None, *, before_seq: int, limit: int
    ) -> Sequence[bytes]:
        """CASH, SETTLED, LIQUIDATION and MOVED records of an account with a lower seq, newest first;
        `classes` (`history.rows.movement_class`) None: any."""

    def markets(
        self, instrument: int | None, kinds: Sequence[int], *, before_seq: int, limit: int
    ) -> Sequence[MarketRow]:
        """Settlements of markets of the given SETTLED kinds with a lower seq, newest first; `instrument`
        None: any."""

    def market(self, seq: int) -> MarketRow | None:
        """The settlement of a market by one command, or None."""

    def deliveries(self) -> Sequence[MarketRow]:
        """One row for every delivery price of a day, oldest first."""

    def losses(self, *, before_seq: int, limit: int) -> Sequence[LossRow]:
        """Covered and shared losses with a lower seq, newest first."""


class NoHistory:
    """Nothing is stored."""

    def user_trades(
        self, account: int, instruments: Sequence[int] | None, *, before_trade_id: int, limit: int
    ) -> Sequence[StoredTrade]:
        """None."""
        del account, instruments, before_trade_id, limit
        return ()

    def market_trades(self, instrument: int, *, before_trade_seq: int, limit: int) -> Sequence[bytes]:
        """None."""
        del instrument, before_trade_seq, limit
        return ()

    def order(self, order_id: int) -> StoredOrder | None:
        """Unknown."""
        del order_id
        return None

    def label(self, account: int, label: int) -> str:
        """Unknown."""
        del account, label
        return ""

    def opening(self, now_ms: int) -> Opening:
        """Nothing."""
        del now_ms
        return Opening()

    def listing_times(self) -> Mapping[int, int]:
        """None."""
        return {}

    def combo_times(self) -> Mapping[int, int]:
        """None."""
        return {}

    def movements(
        self, account: int, classes: Sequence[int] | None = None, *, before_seq: int, limit: int
    ) -> Sequence[bytes]:
        """None."""
        del account, classes, before_seq, limit
        return ()

    def markets(
        self, instrument: int | None, kinds: Sequence[int], *, before_seq: int, limit: int
    ) -> Sequence[MarketRow]:
        """None."""
        del instrument, kinds, before_seq, limit
        return ()

    def market(self, seq: int) -> MarketRow | None:
        """None."""
        del seq
        return None

    def deliveries(self) -> Sequence[MarketRow]:
        """None."""
        return ()

    def losses(self, *, before_seq: int, limit: int) -> Sequence[LossRow]:
        """None."""
        del before_seq, limit
        return ()
