"""Market-maker protection of quotes for requests: what a maker has traded within its interval, and the freeze
when that reaches a limit.

An interval begins with the first trade behind the one before. What is being executed counts before it has
happened, so that no second acceptance takes quotes that the first would have frozen. Deltas and vegas are
those of the marks in force when the block is agreed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.domain import rejects as rej
from exchange.gateway.deals.block_desk import Deal, DealPart
from exchange.gateway.deals.rfq import Quote, Rfq
from exchange.gateway.deals.rfq_limits import ALL, UNTIL_RESET, Guard, Key, RfqGuards, RfqLimits
from exchange.gateway.registry import Registry
from exchange.wire.errors import reject_error

_DELTA_ONE: Final = 10**9
_E8: Final = 100_000_000


class Sums(NamedTuple):
    """What trades come to: gross quantity, net delta and vega, block trades."""

    quantity_e8: int = 0
    delta_e8: int = 0
    vega_micro: int = 0
    trades: int = 0

    def plus(self, other: Sums, sign: int = 1) -> Sums:
        """Both together, or (`sign` −1) without the other."""
        return Sums(*(one + sign * more for one, more in zip(self, other, strict=True)))

    def reaches(self, limits: RfqLimits) -> bool:
        """Whether one of the limits is reached."""
        most = (limits.quantity_e8, limits.delta_e8, limits.vega_micro, limits.trades)
        return any(0 < limit <= abs(each) for each, limit in zip(self, most, strict=True))


class Tripped(NamedTuple):
    """A guard that froze its account's quotes."""

    account: int
    underlying: int
    frozen_until_ms: int
    seq: int


Counted = list[tuple[Key, Sums]]


class RfqProtection:
    """Counts for all makers that have chosen limits; `tripped` is told of every freeze as it begins."""

    def __init__(
        self, guards: RfqGuards, engine: Engine, registry: Registry, now_ms: Callable[[], int]
    ) -> None:
        self._guards = guards
        self._engine = engine
        self._registry = registry
        self._now_ms = now_ms
        self._windows: dict[Key, tuple[int, Sums]] = {}  # since when, and what came since
        self._pending: dict[Key, Sums] = {}
        self.tripped: list[Callable[[Tripped], None]] = []

    # --- limits ----------------------------------------------------------------------------------------

    def choose(self, account: int, underlying: int, limits: RfqLimits) -> None:
        """Choose limits: the interval begins anew, a freeze goes on. An interval of 0 removes them."""
        self._windows.pop((account, underlying), None)
        known = self._guards.of(account).get(underlying)
        if limits.interval_ms:
            frozen_until_ms = known.frozen_until_ms if known else 0
            self._guards.put(account, underlying, Guard(limits, frozen_until_ms))
        else:
            self._guards.remove(account, underlying)

    def reset(self, account: int, underlying: int) -> bool:
        """End a freeze and the interval, of all the account's limits for `ALL`; False if there are none."""
        mine = self._guards.of(account)
        chosen = list(mine) if underlying == ALL else [each for each in mine if each == underlying]
        for each in chosen:
            self._windows.pop((account, each), None)
            self._guards.put(account, each, Guard(mine[each].limits))
        return bool(chosen)

    def guards_of(self, account: int) -> dict[int, Guard]:
        """An account's limits by underlying."""
        return self._guards.of(account)

    # --- quotes ----------------------------------------------------------------------------------------

    def must_allow(
        self, rfq: Rfq, maker: int, sells: bool, amount_e8: int, replaced: Quote | None
    ) -> None:
        """Refuse a quote of a maker whose quotes are frozen, or that is too much on one side.

        Raises:
            RpcError: 13030 with `data.frozen_until`; 11030 mmp_quantity.
        """
        now_ms = self._now_ms()
        beside = sum(
            quote.amount_e8
            for quote in rfq.quotes_of(maker)
            if quote.sells == sells and quote is not replaced
        )
        for _, guard in self._guards.on(maker, self._underlyings(rfq)):
            if guard.is_frozen(now_ms):
                refused = reject_error(rej.MMP_FROZEN)
                frozen = 0 if guard.frozen_until_ms == UNTIL_RESET else guard.frozen_until_ms
                refused.data = {**(refused.data or {}), "frozen_until": frozen}
                raise refused
            if 0 < guard.limits.max_quote_e8 < beside + amount_e8:
                raise reject_error(rej.MMP_QUANTITY)

    def may_trade(self, rfq: Rfq, maker: int) -> bool:
        """Whether a maker's quotes may be taken: they are not frozen, nor will be by what is under way."""
        now_ms = self._now_ms()
        for key, guard in self._guards.on(maker, self._underlyings(rfq)):
            counted = self._sums(key, guard.limits, now_ms).plus(self._pending.get(key, Sums()))
            if guard.is_frozen(now_ms) or counted.reaches(guard.limits):
                return False
        return True

    def is_frozen(self, rfq: Rfq, maker: int) -> bool:
        """Whether a maker's quotes for a request are frozen."""
        now_ms = self._now_ms()
        return any(guard.is_frozen(now_ms) for _, guard in self._guards.on(maker, self._underlyings(rfq)))

    def concerns(self, rfq: Rfq, underlying: int) -> bool:
        """Whether a request is traded on an underlying."""
        return underlying == ALL or underlying in self._underlyings(rfq)

    def _underlyings(self, rfq: Rfq) -> set[int]:
        return self._on(leg.instrument for leg in rfq.legs)

    def _on(self, instruments: Iterable[int]) -> set[int]:
        views = self._registry.instruments
        return {views[instrument].terms.underlying for instrument in instruments}

    # --- trades ----------------------------------------------------------------------------------------

    def begin(self, deal: Deal) -> Counted:
        """A block is on its way: what it would count for."""
        counted: Counted = []
        quotes: set[int] = set()
        for part in deal.parts:
            underlyings = self._on(leg.instrument for leg in part.legs)
            trades = 0 if part.quote in quotes else 1  # once, among however many accounts it is divided
            quotes.add(part.quote)
            for key, _ in self._guards.on(part.maker, underlyings):
                sums = self._worth(part, key[1])._replace(trades=trades)
                counted.append((key, sums))
                self._pending[key] = self._pending.get(key, Sums()).plus(sums)
        return counted

    def end(self, counted: Sequence[tuple[Key, Sums]], seq: int = 0) -> None:
        """The block has happened (its command's `seq`), or not (0)."""
        now_ms = self._now_ms()
        reached: dict[Key, Guard] = {}
        for key, sums in counted:
            left = self._pending[key].plus(sums, -1)
            if any(left):
                self._pending[key] = left
            else:
                del self._pending[key]
            guard = self._guards.of(key[0]).get(key[1])
            if not seq or guard is None:
                continue
            whole = self._sums(key, guard.limits, now_ms).plus(sums)
            since_ms = self._windows[key][0] if key in self._windows else now_ms
            self._windows[key] = (since_ms, whole)
            if whole.reaches(guard.limits) and not guard.is_frozen(now_ms):
                reached[key] = guard
        for (account, underlying), guard in reached.items():
            self._freeze(account, underlying, guard.limits, now_ms, seq)

    def _sums(self, key: Key, limits: RfqLimits, now_ms: int) -> Sums:
        """What has been traded in the interval that runs; one that is over is forgotten."""
        since_ms, sums = self._windows.get(key, (now_ms, Sums()))
        if now_ms >= since_ms + limits.interval_ms:
            self._windows.pop(key, None)
            return Sums()
        return sums

    def _freeze(self, account: int, underlying: int, limits: RfqLimits, now_ms: int, seq: int) -> None:
        self._windows.pop((account, underlying), None)
        until_ms = now_ms + limits.frozen_ms if limits.frozen_ms else UNTIL_RESET
        self._guards.put(account, underlying, Guard(limits, until_ms))
        for told in self.tripped:
            told(Tripped(account, underlying, until_ms, seq))

    def _worth(self, part: DealPart, underlying: int) -> Sums:
        """What a maker's part counts for in an underlying; its sides are the opposite of the taker's."""
        quantity = delta = vega = 0
        for leg in part.legs:
            terms = self._registry.instruments[leg.instrument].terms
            if underlying not in (ALL, terms.underlying):
                continue
            figures = queries.instrument_figures(self._engine, leg.instrument)
            size_e8 = abs(leg.lots) * terms.lot_e8
            sign = -1 if leg.lots > 0 else 1
            quantity += size_e8
            of_delta = size_e8 * abs(figures.delta_e9) // _DELTA_ONE
            delta += sign * (of_delta if figures.delta_e9 >= 0 else -of_delta)
            vega += sign * (size_e8 * figures.vega_micro // _E8)
        return Sums(quantity, delta, vega)
