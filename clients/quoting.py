"""What a maker wants to show, and the smallest set of messages that makes it so.

Pure: a :class:`Valuation`, an inventory and limits go in, prices and sizes come out. The bot around it
only carries messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from clients.fair_value import Floats, Valuation
from clients.instruments import MICRO, Instrument, to_number

BID: Final = 0
ASK: Final = 1
SIDE_NAMES: Final = ("bid", "ask")
MAX_QUOTES_PER_FRAME: Final = 100


@dataclass(frozen=True, slots=True)
class QuoteConfig:
    """How wide, how large, how far. Widths are half spreads; amounts in multiples of the minimum."""

    vol_width_points: float = 0.8
    """Option half spread in volatility points: times vega."""
    index_width_bps: float = 2.0
    """What one index tick may cost before we requote: basis points of the forward times |delta|."""
    perpetual_width_bps: float = 1.5
    size_multiple: int = 20
    position_limit_multiple: int = 400
    """Net position per instrument, in minimum amounts, at which the growing side is no longer shown."""
    delta_limit: float = 25.0
    """Net delta per underlying (in units of it) at which the whole chain leans by the full skew."""
    vega_limit: float = 20_000.0
    """Net vega per underlying (USDC per volatility point) of the same meaning."""
    skew_share: float = 0.8
    """The largest lean of the middle, as a share of the half spread: below 1 both sides stay at an edge."""
    requote_share: float = 0.15
    """A side is left alone while it is within this share of the half spread from where it should be."""
    refill_share: float = 0.5
    """A side is renewed once less than this share of its size is left."""

    def __post_init__(self) -> None:
        if min(self.vol_width_points, self.index_width_bps, self.perpetual_width_bps) < 0:
            raise ValueError("widths cannot be negative")
        if self.size_multiple < 1 or self.position_limit_multiple < 1:
            raise ValueError("sizes and limits are at least one minimum amount")
        if self.delta_limit <= 0 or self.vega_limit <= 0:
            raise ValueError("delta and vega limits must be positive")
        if not 0 <= self.skew_share < 1:
            raise ValueError("the skew share lies in [0, 1)")


class Target(NamedTuple):
    """Where one instrument's quote should stand; an amount of 0 means no quote on that side."""

    bid_micro: int
    bid_amount_micro: int
    ask_micro: int
    ask_amount_micro: int
    slack_micro: int
    """How far a resting side may be off before it is moved."""

    def side(self, side: int) -> tuple[int, int]:
        """(price, amount) of BID or ASK."""
        if side == BID:
            return self.bid_micro, self.bid_amount_micro
        return self.ask_micro, self.ask_amount_micro


NO_QUOTE: Final = Target(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Band:
    """The venue's price band in USDC: buys up to mark + width, sells down to mark - width."""

    marks: Mapping[str, float] = field(default_factory=dict)
    option_width: float = 0.0
    """0: unknown, no band is applied."""
    perpetual_width: float = 0.0


def half_spreads(valuation: Valuation, config: QuoteConfig) -> Floats:
    """Half spread per instrument in USDC: volatility risk plus what an index move costs before a requote."""
    option = np.array([i.is_option for i in valuation.instruments], dtype=np.bool_)
    index_risk = np.abs(valuation.delta) * valuation.forward * config.index_width_bps * 1e-4
    option_half = valuation.vega * config.vol_width_points + index_risk
    return np.where(option, option_half, valuation.value * config.perpetual_width_bps * 1e-4)


def lean(valuation: Valuation, position: Floats, limit: Floats, config: QuoteConfig) -> Floats:
    """How far each middle leans, in half spreads within ±skew_share: long risk leans down, short up.

    Adds up the instrument's own position, and the book's net delta and vega weighted by how much of
    them a trade in this instrument would add (its |delta|; its vega against the chain's largest).
    """
    delta = np.nan_to_num(valuation.delta)
    vega = np.nan_to_num(valuation.vega)
    net_delta = float(position @ delta)
    net_vega = float(position @ vega)
    largest_vega = float(vega.max(initial=0.0)) or 1.0
    pressure = (
        position / limit
        + delta * (net_delta / config.delta_limit)
        + (vega / largest_vega) * (net_vega / config.vega_limit)
    )
    return np.asarray(-config.skew_share * np.clip(pressure, -1.0, 1.0), dtype=np.float64)


def make_targets(
    valuation: Valuation,
    position_micro: Mapping[str, int],
    config: QuoteConfig,
    band: Band,
    sizes: Mapping[str, int],
) -> list[Target]:
    """One target per instrument of the valuation.

    `position_micro` and `sizes` (quote amounts) are in millionths of the underlying. An instrument without
    value gets no quote. Bids round down and asks up, so rounding never narrows a spread.
    """
    minimum = np.array([i.min_amount_micro for i in valuation.instruments], dtype=np.float64)
    limit = minimum * config.position_limit_multiple / MICRO
    held_micro = [position_micro.get(i.name, 0) for i in valuation.instruments]
    position = np.array(held_micro, dtype=np.float64) / MICRO
    half = half_spreads(valuation, config)
    middle = valuation.value + lean(valuation, position, limit, config) * half
    targets = []
    for row, instrument in enumerate(valuation.instruments):
        if not np.isfinite(middle[row] + half[row]):
            targets.append(NO_QUOTE)
            continue
        size = sizes[instrument.name]
        held = held_micro[row]
        room = instrument.min_amount_micro * config.position_limit_multiple
        amounts = (
            _fit(min(size, room - held), instrument),
            _fit(min(size, room + held), instrument),
        )
        edges = _edges(instrument, band)
        targets.append(_on_grid(instrument, float(middle[row]), float(half[row]), amounts, edges, config))
    return targets


def _fit(amount_micro: int, instrument: Instrument) -> int:
    """Whole minimum amounts, rounded down, never negative."""
    return max(0, amount_micro) // instrument.min_amount_micro * instrument.min_amount_micro


def _edges(instrument: Instrument, band: Band) -> tuple[float, float]:
    mark = band.marks.get(instrument.name)
    width = band.option_width if instrument.is_option else band.perpetual_width
    if mark is None or width <= 0.0:
        return 0.0, float("inf")
    return mark - width, mark + width


def _on_grid(
    instrument: Instrument,
    middle: float,
    half: float,
    amounts: tuple[int, int],
    edges: tuple[float, float],
    config: QuoteConfig,
) -> Target:
    grid = instrument.grid
    lowest, highest = edges
    bid = grid.floor(int(min(middle - half, highest) * MICRO))
    ask = grid.ceil(max(int(max(middle + half, lowest) * MICRO), 1))
    if ask <= bid:
        ask = grid.above(bid)
    bid_amount, ask_amount = amounts
    if bid <= 0:
        bid, bid_amount = 0, 0
    slack = int(half * config.requote_share * MICRO)
    return Target(bid, bid_amount, ask, ask_amount, slack)


class QuoteBook:
    """What we believe rests at the venue, and the entries that bring it to the targets.

    A side is *unknown* after an error or a lost reply and is then sent again whatever it was. A side that
    failed is left alone until its pause is over. Time is passed in, in seconds of any steady clock.
    """

    def __init__(self) -> None:
        self._resting: dict[tuple[str, int], tuple[int, int]] = {}
        self._unknown: set[tuple[str, int]] = set()
        self._paused_until_s: dict[tuple[str, int], float] = {}

    def __len__(self) -> int:
        """Sides believed to be resting."""
        return sum(1 for _, amount in self._resting.values() if amount > 0)

    def changes(
        self, instruments: Sequence[Instrument], targets: Sequence[Target], now_s: float, config: QuoteConfig
    ) -> list[dict[str, Any]]:
        """Mass quote entries for every instrument with a side to move; the belief follows them at once."""
        entries = []
        for instrument, target in zip(instruments, targets, strict=True):
            name = instrument.name
            sides = [side for side in (BID, ASK) if self._must_move(name, side, target, now_s, config)]
            if len(sides) == 1 and self._would_cross(name, sides[0], target):
                sides = [BID, ASK]
            if not sides:
                continue
            entry: dict[str, Any] = {"instrument_name": instrument.name}
            for side in sides:
                price, amount = target.side(side)
                self._resting[instrument.name, side] = (price, amount)
                self._unknown.discard((instrument.name, side))
                # A cancelled side still has to carry a valid price.
                shown = price or instrument.grid.above(0)
                entry[SIDE_NAMES[side]] = {"price": to_number(shown), "amount": to_number(amount)}
            entries.append(entry)
        return entries

    def _must_move(self, name: str, side: int, target: Target, now_s: float, config: QuoteConfig) -> bool:
        key = (name, side)
        if now_s < self._paused_until_s.get(key, now_s):
            return False
        price, amount = target.side(side)
        if key in self._unknown:
            return True
        resting_price, resting_amount = self._resting.get(key, (0, 0))
        if amount == 0 or resting_amount == 0:
            return amount != resting_amount
        worn = resting_amount < amount * config.refill_share or resting_amount > amount
        return worn or abs(price - resting_price) > target.slack_micro

    def _would_cross(self, name: str, side: int, target: Target) -> bool:
        price, amount = target.side(side)
        other_price, other_amount = self._resting.get((name, 1 - side), (0, 0))
        if amount == 0 or other_amount == 0:
            return False
        return price >= other_price if side == BID else price <= other_price

    def filled(self, name: str, side: int, amount_micro: int) -> None:
        """A fill took `amount_micro` from our resting side."""
        price, amount = self._resting.get((name, side), (0, 0))
        self._resting[name, side] = (price, max(0, amount - amount_micro))

    def failed(self, name: str, side: int, retry_at_s: float) -> None:
        """The venue refused the side, which also cancelled what rested there; leave it until `retry_at_s`."""
        self._resting[name, side] = (0, 0)
        self._unknown.discard((name, side))
        self._paused_until_s[name, side] = retry_at_s

    def lost_sight(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """It is not known what became of these entries: send them again."""
        for entry in entries:
            for side in (BID, ASK):
                if SIDE_NAMES[side] in entry:
                    self._unknown.add((entry["instrument_name"], side))

    def forget(self, names: Sequence[str]) -> None:
        """Instruments no longer listed."""
        gone = set(names)
        for key in [key for key in self._resting if key[0] in gone]:
            del self._resting[key]
        self._unknown = {key for key in self._unknown if key[0] not in gone}
        self._paused_until_s = {k: v for k, v in self._paused_until_s.items() if k[0] not in gone}
