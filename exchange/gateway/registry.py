"""What is listed: instruments by id and by name, underlyings, currencies.

Fed by INSTRUMENT and UNDERLYING events; after a restore by the engine's queries. Every instrument is
settled in USDC; the currency of an underlying answers for the instruments on it.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from typing import Final

from exchange.domain import events
from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms, symbol_text
from exchange.domain.legs import ComboLeg
from exchange.edge.listings import Listings
from exchange.gateway.numbers import Numbers
from exchange.wire.instruments import InstrumentView, Leg
from exchange.wire.names import QUOTE_CURRENCY, index_name

ANY: Final = "any"
_EVERY_TICK: Final = ((0, 1),)
_ENDED: Final = (r.STATE_DELISTED, r.STATE_DELIVERED)


class Registry:
    """The listings of one shard."""

    def __init__(self) -> None:
        self.instruments: list[InstrumentView] = []
        """By id; ids are dense and never reused."""
        self.numbers: list[Numbers] = []
        """Numbers met before, by instrument id."""
        self.listed = Listings()
        """What compiled code knows of them; combos are not found there by name."""
        self.by_name: dict[str, InstrumentView] = {}
        """The newest instrument of a name."""
        self.symbols: list[str] = []
        """By underlying id."""
        self.members: list[list[InstrumentView]] = []
        """Instruments by underlying id."""
        self.states: list[int] = []
        """State by underlying id: 0 open, 1 cancel-only, 2 halted."""
        self.combos_of: dict[int, list[InstrumentView]] = {}
        """Combos by the instrument of each leg, in id order; those that have ended too."""
        self._combos: dict[tuple[ComboLeg, ...], InstrumentView] = {}  # the newest of the same legs
        self._expiries: list[tuple[int, int]] = []  # (expiry_ms, instrument), a heap of what is alive

    def on_underlying(self, event: events.Underlying) -> list[InstrumentView]:
        """An underlying was listed or changed its state; the instruments whose state is another now."""
        underlying = event.head.instrument
        if underlying == len(self.symbols):
            self.add_underlying(underlying, symbol_text(event.symbol), event.state)
            return []
        return self.set_underlying_state(underlying, event.state)

    def set_underlying_state(self, underlying: int, state: int) -> list[InstrumentView]:
        """Take the state of a listed underlying; the instruments whose state is another now."""
        self.states[underlying] = state
        changed: list[InstrumentView] = []
        for view in self.members[underlying]:
            before = view.state_name
            view.underlying_state = state
            if view.state_name != before:
                changed.append(view)
        return changed

    def on_instrument(self, event: events.Instrument) -> InstrumentView:
        """An instrument was listed or changed its state."""
        instrument = event.head.instrument
        if instrument < len(self.instruments):
            view = self.instruments[instrument]
            view.state = event.state
            view.changed_ms = event.time_ms
            return view
        return self.add_instrument(instrument, event.terms, event.state, event.time_ms)

    def add_underlying(self, underlying: int, symbol: str, state: int = 0) -> None:
        """Append an underlying.

        Raises:
            ValueError: `underlying` is not the next id.
        """
        if underlying != len(self.symbols):
            raise ValueError(f"underlying {underlying} does not follow {len(self.symbols) - 1}")
        self.symbols.append(symbol)
        self.members.append([])
        self.states.append(state)

    def add_instrument(
        self, instrument: int, terms: InstrumentTerms, state: int, created_ms: int
    ) -> InstrumentView:
        """Append an instrument.

        Raises:
            ValueError: `instrument` is not the next id.
        """
        if instrument != len(self.instruments):
            raise ValueError(f"instrument {instrument} does not follow {len(self.instruments) - 1}")
        legs = tuple(Leg(ratio, self.instruments[leg]) for leg, ratio in terms.legs)
        symbol = self.symbols[terms.underlying]
        view = InstrumentView(instrument, symbol, terms, state, created_ms, legs=legs, changed_ms=created_ms)
        if legs:
            self._combos[terms.legs] = view
        for leg in legs:
            self.combos_of.setdefault(leg.view.instrument, []).append(view)
        self.instruments.append(view)
        self.numbers.append(Numbers(view))
        self._list(view)
        self.members[terms.underlying].append(view)
        self.by_name[view.name] = view
        view.underlying_state = self.states[terms.underlying]
        if not view.is_perpetual and state not in _ENDED:
            heapq.heappush(self._expiries, (terms.expiry_ms, instrument))
        return view

    def _list(self, view: InstrumentView) -> None:
        terms = view.terms
        steps = [] if terms.tick_steps == _EVERY_TICK else list(itertools.chain(*terms.tick_steps))
        self.listed.add(
            view.name.encode(),
            terms.tick_micro,
            terms.lot_e8,
            terms.price_limit_ticks,
            terms.min_size_lots,
            steps,
            is_usual=terms.kind in (r.KIND_OPTION, r.KIND_PERPETUAL),
        )

    def open_combo(self, legs: tuple[ComboLeg, ...]) -> InstrumentView | None:
        """The combo of these legs, in canonical form, that has not ended."""
        view = self._combos.get(legs)
        return None if view is None or view.state in _ENDED else view

    def expire(self, now_ms: int) -> list[InstrumentView]:
        """Options, and combos with one, that have expired since the last call and have not ended: they are
        settling."""
        found: list[InstrumentView] = []
        while self._expiries and self._expiries[0][0] <= now_ms:
            view = self.instruments[heapq.heappop(self._expiries)[1]]
            if view.state not in _ENDED:
                view.settling = True
                found.append(view)
        return found

    def next_expiry_ms(self, underlying: int, now_ms: int) -> int | None:
        """When the next options of an underlying expire; None if none is listed."""
        expiries = [
            expiry_ms
            for expiry_ms, instrument in self._expiries
            if expiry_ms > now_ms and self._alive_on(instrument, underlying)
        ]
        return min(expiries, default=None)

    def _alive_on(self, instrument: int, underlying: int) -> bool:
        view = self.instruments[instrument]
        return view.terms.underlying == underlying and view.state not in _ENDED

    @property
    def currencies(self) -> list[str]:
        """USDC and the listed underlyings."""
        return [QUOTE_CURRENCY, *self.symbols]

    def underlying_of(self, currency: str) -> int | None:
        """The underlying id of a currency, or None (USDC, `any` and strangers)."""
        try:
            return self.symbols.index(currency)
        except ValueError:
            return None

    def underlying_of_index(self, index: str) -> int | None:
        """The underlying id of an index name (`btc_usdc`, also `btc_usd`), or None."""
        for underlying, symbol in enumerate(self.symbols):
            name = index_name(symbol)
            if index in (name, name.removesuffix("c")):
                return underlying
        return None

    def select(self, currency: str = ANY, kind: int = 0, *, ended: bool = False) -> Iterator[InstrumentView]:
        """Instruments of a currency (USDC and `any`: all) and kind (0: any), in id order.

        `ended` selects the delivered and delisted ones instead of those that trade.
        """
        if currency in (ANY, QUOTE_CURRENCY):
            chosen = self.instruments
        else:
            underlying = self.underlying_of(currency)
            chosen = [] if underlying is None else self.members[underlying]
        for view in chosen:
            if (kind == 0 or view.terms.kind == kind) and (view.state in _ENDED) == ended:
                yield view

    def covers(self, currency: str, kind: int, view: InstrumentView) -> bool:
        """Whether an instrument is among those of a currency and kind."""
        if kind and view.terms.kind != kind:
            return False
        return currency in (ANY, QUOTE_CURRENCY) or view.symbol == currency

