"""The index falls by five per cent: everybody below maintenance is liquidated, and nothing may be lost.

One underlying with a thousand instruments of the venue's own products, marked and tabled by the venue's own
oracle. Most victims hold twenty positions, half of them under each margin model; some hold perpetuals alone,
whose margin such a move passes (the insurance fund covers it, then everybody shares); some wrote options
that nobody quotes (a bidder takes them over). All had withdrawn what their initial margin left them.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import unpack_from
from typing import Final

from exchange.app import parameters
from exchange.core import auctions, invariants, margin_queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from exchange.domain.limits import ACCOUNT_INSURANCE, FIRST_USER_ACCOUNT
from loadtest.engine_runs import RESERVE_ORDERS, SetupRejected
from loadtest.risk_listing import NOW_MS, oracle, terms_of
from loadtest.risk_runs import SWEEP_ACCOUNTS, apply_setup, must_be, timed

MOVE_PERCENT: Final = -5
_SPOT: Final = 98_000.0
_MICRO: Final = 1_000_000
_PERPETUAL: Final = 0
_MAKERS: Final = 8
_RICH_MICRO: Final = 10**15
_VICTIM_MICRO: Final = 10**13
FUND_MICRO: Final = 200_000 * _MICRO
_POSITIONS: Final = 20
_UNQUOTED_PART: Final = 20  # one in so many options has no quotes after the fall
_ALONE, _UNQUOTED, _MIXED = "perpetuals alone", "unquoted options", "twenty positions"
_SHARE_ACCOUNTS: Final = 64
_STEPS_MOST: Final = 1_000_000
_IOC: Final = r.TIF_IOC << r.TIF_SHIFT
_LIQUIDATION_BYTES: Final = r.EVENT_UNITS[r.EV_LIQUIDATION] * r.UNIT_BYTES
_DONE_BYTES: Final = r.EVENT_UNITS[r.EV_DONE] * r.UNIT_BYTES


def kind_of(victim: int) -> str:
    """What the victim of this number holds: one in twenty perpetuals alone, one in ten what nobody quotes."""
    if victim % 20 == 0:
        return _ALONE
    return _UNQUOTED if victim % 10 == 1 else _MIXED


@dataclass
class CrashFigures:
    """What became of everybody, and how long each step took."""

    victims_count: int
    snapshot_seconds: float = 0.0
    elapsed_seconds: float = 0.0
    steps: list[float] = field(default_factory=list)
    """Every command but the makers' quotes: snapshot, sweeps, steps, takeovers, shares."""
    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[int] = field(default_factory=Counter)
    """LIQUIDATION kinds of the last event of each step."""
    lost: str = ""
    """What was lost; nothing, if all is well."""
    cpu_steps: list[float] = field(default_factory=list)
    """The steps by the processor's account."""

    @property
    def longest_seconds(self) -> float:
        """The longest single step."""
        return max(self.steps)

    @property
    def handled_count(self) -> int:
        """Victims that came to an end."""
        return sum(self.outcomes.values())


class Crash:
    """A venue about to fall. Victims come first, then makers, then the bidder of the auctions."""

    def __init__(
        self, instruments_count: int = 1_000, victims_count: int = 1_000, fund_micro: int = FUND_MICRO
    ) -> None:
        """Raises SetupRejected when the venue could not be prepared, ValueError for too few instruments."""
        if instruments_count < 3 * _UNQUOTED_PART or victims_count < 1:
            raise ValueError(f"{instruments_count} instruments and {victims_count} victims are too few")
        self.victims = range(FIRST_USER_ACCOUNT, FIRST_USER_ACCOUNT + victims_count)
        self.makers = range(self.victims.stop, self.victims.stop + _MAKERS)
        self.bidder = self.makers.stop
        self.engine = Engine(reserve_orders=RESERVE_ORDERS)
        self._terms = terms_of(0, _SPOT, instruments_count)
        self._marks, self._tables = oracle(0, self._terms, 0)
        self._prices: dict[int, int] = {}
        self._prepare(fund_micro)

    # --- before --------------------------------------------------------------------------------------

    def _snapshot(self, spot: float) -> bytes:
        """The oracle's command; remembers every mark in ticks."""
        command = self._marks.mark(spot, NOW_MS)
        self._tables.confirm()
        (count,) = unpack_from("<q", command, 48)
        for at in range(64, 64 + 32 * count, 32):
            instrument, _delta, mark_micro = unpack_from("<Iiq", command, at)
            self._prices[instrument] = mark_micro // self._terms[instrument].tick_micro
        return command

    def _prepare(self, fund_micro: int) -> None:
        setup = [commands.set_rules(2), commands.time(NOW_MS), commands.list_underlying(0, "BTC")]
        setup += [commands.list_instrument(number, terms) for number, terms in enumerate(self._terms)]
        setup += [commands_risk.risk(0, parameters.BTC), commands_risk.set_fees(parameters.TIERS)]
        deposits = [(account, _VICTIM_MICRO) for account in self.victims]
        deposits += [(account, _RICH_MICRO) for account in (*self.makers, self.bidder)]
        setup += [commands.create_account(account) for account, _ in deposits]
        deposits.append((ACCOUNT_INSURANCE, fund_micro))
        setup += [commands.deposit(who, micro, n + 1) for n, (who, micro) in enumerate(deposits)]
        apply_setup(self.engine, [*setup, self._snapshot(_SPOT)])
        positions = [each for victim in range(len(self.victims)) for each in self._positions(victim)]
        trades = apply_setup(self.engine, positions, "positions")
        if 2 * trades < len(positions) - len(self.victims):
            raise SetupRejected(f"{trades} trades of {len(positions)} commands")
        for batch in self._withdrawals():
            self.engine.apply(batch)  # those beyond what is free are refused, as they are meant to be

    def _positions(self, victim: int) -> Iterator[bytes]:
        """The model and the trades of one victim, all against one maker, at the marks."""
        account = self.victims[victim]
        kind = kind_of(victim)
        if kind == _UNQUOTED or (kind == _MIXED and victim % 2):
            yield commands_risk.set_margin_model(account, r.MODEL_PORTFOLIO)
        maker = self.makers[victim % _MAKERS]
        for instrument, lots in self._held(victim, kind):
            sells = r.FLAG_SELL if lots < 0 else 0
            price = on_tick(self._terms[instrument], self._prices[instrument])
            yield commands.new_order(maker, instrument, r.FLAG_SELL - sells, price, abs(lots))
            yield commands.new_order(account, instrument, sells | _IOC, price, abs(lots))

    def _held(self, victim: int, kind: str) -> Iterator[tuple[int, int]]:
        """Instruments and lots of one victim: all lose when the index falls, save a hedge or two."""
        if kind == _ALONE:
            yield _PERPETUAL, 2_000
            return
        if kind == _MIXED:
            yield _PERPETUAL, 400
        puts = [n for n, t in enumerate(self._terms) if t.option_type == r.OPTION_PUT]
        puts = [n for n in puts if self.is_quoted(n) is (kind == _MIXED) and self._prices[n] > 0]
        for number in range(_POSITIONS - 1):
            put = puts[(7 * victim + 3 * number) % len(puts)]
            yield put, -(2 + (victim + number) % 3) if number % 4 else 1

    def _withdrawals(self) -> Iterator[bytes]:
        """Everybody takes out what is free, to a USDC or so: amounts halve, those beyond it are refused."""
        ident = 0
        for account in self.victims:
            batch = []
            for bit in range(43, 19, -1):
                ident += 1
                batch.append(commands.withdraw(account, 1 << bit, ident))
                batch.append(commands_risk.resolve_withdrawal(ident, r.WITHDRAWAL_PAID))
            yield b"".join(batch)

    def is_quoted(self, instrument: int) -> bool:
        """Whether the makers quote it after the fall."""
        return instrument == _PERPETUAL or instrument % _UNQUOTED_PART != 0

    # --- the fall ------------------------------------------------------------------------------------

    def run(self) -> CrashFigures:
        """Snapshot, quotes, sweep, and steps until nobody is in liquidation; then everything is checked."""
        found = CrashFigures(len(self.victims))
        start = time.perf_counter()
        events = self._step(found, self._snapshot(_SPOT * (100 + MOVE_PERCENT) / 100))
        must_be(events, r.EV_MARKED)
        found.snapshot_seconds = found.steps[-1]
        for quotes in self._quotes():
            self.engine.apply(quotes)
        self._liquidate(found, self._sweep(found))
        found.elapsed_seconds = time.perf_counter() - start
        found.lost = self.lost(found)
        return found

    def _step(self, found: CrashFigures, command: bytes) -> bytes:
        took = timed(self.engine.apply, command)
        found.steps.append(took.seconds)
        found.cpu_steps.append(took.cpu_seconds)
        return took.events

    def _quotes(self) -> Iterator[bytes]:
        """The makers' quotes around the new marks, in commands of 100."""
        quotes = []
        for instrument, terms in enumerate(self._terms):
            price = self._prices[instrument]
            if self.is_quoted(instrument) and price > 0:
                lots = 80_000 if instrument == _PERPETUAL else 60
                # As near as a slice of an account without equity may go: a tenth of the band.
                bid = on_tick(terms, price - price // 2_500)
                ask = on_tick(terms, price + price // 2_500 + 1, up=True)
                quotes.append(commands.Quote(instrument, bid, lots, max(ask, bid + 1), lots))
        for maker in self.makers:
            for first in range(0, len(quotes), 100):
                yield commands.mass_quote(maker, quotes[first : first + 100])

    def _sweep(self, found: CrashFigures) -> list[int]:
        """The accounts whose liquidation a sweep over all of them started."""
        started: list[int] = []
        for first in range(FIRST_USER_ACCOUNT, self.bidder + 1, SWEEP_ACCOUNTS):
            count = min(SWEEP_ACCOUNTS, self.bidder + 1 - first)
            events = self._step(found, commands_risk.risk_sweep(first, count))
            ends = range(0, len(events) - _DONE_BYTES, _LIQUIDATION_BYTES)
            started += [unpack_from("<I", events, at + 16)[0] for at in ends]
        return started

    def _liquidate(self, found: CrashFigures, started: list[int]) -> None:
        """One step each in turn, until the last has ended."""
        waiting = deque(started)
        for _ in range(_STEPS_MOST):
            if not waiting:
                return
            account = waiting.popleft()
            kind = self._liquidated(found, account)
            if kind == r.LIQ_AUCTION:
                self._auction(found, account)
                found.outcomes["taken over"] += 1
            elif kind == r.LIQ_DEFICIT:
                self._share(found, account)
                found.outcomes["loss shared"] += 1
            elif kind == r.LIQ_ENDED:
                found.outcomes["covered by the fund" if self._covered else "closed"] += 1
            else:
                waiting.append(account)

    def _auction(self, found: CrashFigures, account: int) -> None:
        """Take over what restores maintenance, again until that is enough; what is missing then is shared."""
        kind = 0
        while kind not in (r.LIQ_ENDED, r.LIQ_DEFICIT):
            if self._is_short(account):
                most_ppm = auctions.auction(self.engine, account).most_ppm
                bid = commands_risk.takeover(self.bidder, account, most_ppm, _RICH_MICRO)
                events = self._step(found, bid)
                must_be(events, r.EV_MOVED)
            kind = self._liquidated(found, account)
        self._share(found, account)

    def _is_short(self, account: int) -> bool:
        margins = margin_queries.margins(self.engine, account)
        return margins.maintenance_micro > margins.balance_micro

    _covered = False

    def _liquidated(self, found: CrashFigures, account: int) -> int:
        """One LIQUIDATE; the kind of its last LIQUIDATION, 0 where there is none."""
        events = self._step(found, commands_risk.liquidate(account))
        if len(events) == _DONE_BYTES:
            must_be(events, r.EV_DONE)
            return 0
        (kind,) = unpack_from("<q", events, len(events) - _LIQUIDATION_BYTES + 32)
        self._covered = kind == r.LIQ_ENDED and len(events) > _LIQUIDATION_BYTES
        found.kinds[kind] += 1
        return int(kind)

    def _share(self, found: CrashFigures, account: int) -> None:
        """Share an account's loss until it is done."""
        while risk_queries.account_state(self.engine, account).liquidation:
            events = self._step(found, commands_risk.share_loss(account, _SHARE_ACCOUNTS))
            if events[0] == r.EV_REJECTED:
                raise SetupRejected(f"a loss could not be shared: {events[:64].hex()}")

    def lost(self, found: CrashFigures) -> str:
        """What is not as it must be afterwards, or nothing."""
        left = risk_queries.in_liquidation(self.engine)
        if left:
            return f"{len(left)} accounts are still in liquidation"
        if found.handled_count != len(self.victims):
            return f"{found.handled_count} of {len(self.victims)} victims were handled"
        try:
            invariants.check(self.engine)
        except invariants.InvariantError as error:
            return str(error)
        return ""


def on_tick(terms: commands.InstrumentTerms, price: int, *, up: bool = False) -> int:
    """The next valid price at or below (above) a price of at least one tick."""
    price = max(price, 1)
    step = max(size for above, size in terms.tick_steps if price >= above)
    found = -(-price // step) * step if up else price // step * step
    return max(found, 1)
