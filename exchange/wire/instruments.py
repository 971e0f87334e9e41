"""What the edge knows of one instrument: its name and terms, and the exact way to the client's numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.combo_names import combo_name
from exchange.domain.commands import InstrumentTerms
from exchange.domain.names import civil_from_days, instrument_name
from exchange.wire import names

_MICRO: Final = 1_000_000
_E8: Final = 100_000_000
_DAY_MS: Final = 86_400_000
# The dialect's expiry of a perpetual: the first day of the year 3000.
PERPETUAL_EXPIRY_MS: Final = 32_503_708_800_000


def usdc(amount_micro: int) -> float:
    """Micro-USDC as a JSON number; the nearest float, which prints the same six decimals."""
    return amount_micro / _MICRO


class Leg(NamedTuple):
    """One leg of a combo: who buys one of the combo buys `ratio` of it (sells, where it is negative)."""

    ratio: int
    view: InstrumentView


@dataclass(slots=True)
class InstrumentView:
    """One listed instrument as clients see it.

    `state` changes with INSTRUMENT events, `underlying_state` with UNDERLYING events; `settling` says that
    it has expired and waits for its delivery. `changed_ms` is when the state last changed (0: not known),
    `legs` are a combo's.
    """

    instrument: int
    symbol: str
    terms: InstrumentTerms
    state: int = r.STATE_OPEN
    created_ms: int = 0
    underlying_state: int = 0
    settling: bool = False
    legs: tuple[Leg, ...] = ()
    changed_ms: int = 0
    name: str = field(init=False)

    def __post_init__(self) -> None:
        if self.legs:
            parts = [(leg.ratio, leg.view.terms) for leg in self.legs]
            self.name = combo_name(self.symbol, parts, self.instrument)
        else:
            self.name = instrument_name(self.symbol, self.terms)

    @property
    def state_name(self) -> str:
        """The dialect's state: of the instrument, or of its underlying or a leg if that allows less."""
        if self.state >= r.STATE_DELISTED:
            return names.instrument_state(self.state)
        if self.settling or any(leg.view.settling for leg in self.legs):
            return "settlement"
        states = (leg.view.state for leg in self.legs)
        return names.instrument_state(max(self.state, self.underlying_state, *states))

    @property
    def is_option(self) -> bool:
        return self.terms.kind == r.KIND_OPTION

    @property
    def is_combo(self) -> bool:
        return self.terms.kind == r.KIND_COMBO

    @property
    def is_perpetual(self) -> bool:
        return self.terms.kind == r.KIND_PERPETUAL

    @property
    def price_bounds(self) -> tuple[int, int] | None:
        """The lowest and highest price in ticks that a combo can have; None for what is no combo, whose
        prices are positive and end at its limit (docs/rules-4.md, Prices)."""
        if not self.legs:
            return None
        step = self.terms.tick_steps[0][1]
        lowest = highest = 0
        for ratio, view in self.legs:
            most = view.terms.price_limit_ticks // step * step
            lowest += ratio * (step if ratio > 0 else most)
            highest += ratio * (most if ratio > 0 else step)
        limit = self.terms.price_limit_ticks // step * step
        return max(-limit, lowest), min(limit, highest)

    @property
    def kind(self) -> str:
        """`option`, `option_combo`, or `future`, the dialect's kind of a perpetual."""
        return names.KINDS[self.terms.kind]

    @property
    def index_name(self) -> str:
        return names.index_name(self.symbol)

    @property
    def expiration_timestamp(self) -> int:
        return self.terms.expiry_ms or PERPETUAL_EXPIRY_MS

    def price(self, ticks: int) -> float:
        """A price in USDC per unit of the underlying."""
        return ticks * self.terms.tick_micro / _MICRO

    def amount(self, lots: int) -> float:
        """A size in units of the underlying."""
        return lots * self.terms.lot_e8 / _E8

    def average_price(self, value_ticks: int, lots: int) -> float:
        """Σ price_ticks · lots over Σ lots as a price; 0.0 without lots. The nearest float."""
        return value_ticks * self.terms.tick_micro / (lots * _MICRO) if lots else 0.0

    def value_price(self, value_micro: int, lots: int) -> float:
        """The price at which `lots` are worth `value_micro`; 0.0 without lots. The nearest float."""
        return value_micro * _E8 / (lots * self.terms.lot_e8 * _MICRO) if lots else 0.0

    def settlement_period(self) -> str:
        """`perpetual`, or `month` (last Friday of its month), `week` (a Friday), `day`."""
        if self.is_perpetual:
            return "perpetual"
        days = self.terms.expiry_ms // _DAY_MS
        if days % 7 != 1:  # 1 January 1970 was a Thursday
            return "day"
        return "month" if civil_from_days(days)[1] != civil_from_days(days + 7)[1] else "week"
