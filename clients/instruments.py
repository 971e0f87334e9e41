"""What the venue lists, as its clients need it: names, strikes, and the grid of valid prices.

Prices and amounts travel as decimal numbers. Inside the bots they are integers of one millionth
(`_micro`) so that a price is on its tick exactly; :func:`to_number` gives the shortest decimal back.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

MICRO: Final = 1_000_000


def to_micro(value: object) -> int:
    """A JSON number as integer millionths, exactly. ValueError if it is none or finer than that."""
    try:
        scaled = Decimal(str(value)) * MICRO
        whole = int(scaled)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise ValueError(f"not a decimal number: {value!r}") from error
    if whole != scaled:
        raise ValueError(f"finer than one millionth: {value!r}")
    return whole


def to_number(micro: int) -> float:
    """The double nearest to micro/1e6, whose shortest decimal form is the exact value."""
    return micro / MICRO


@dataclass(frozen=True, slots=True)
class TickGrid:
    """Valid prices: multiples of a step that grows with the price.

    `steps` are (above_micro, step_micro), ascending, the first from 0; each bound is a multiple of its own
    step and of the one before.
    """

    steps: tuple[tuple[int, int], ...]

    def step_micro(self, price_micro: int) -> int:
        """The step in force at a price."""
        step = self.steps[0][1]
        for above, wider in self.steps:
            if price_micro >= above:
                step = wider
        return step

    def floor(self, price_micro: int) -> int:
        """The largest valid price not above; 0 or less when there is none."""
        return price_micro // self.step_micro(price_micro) * self.step_micro(price_micro)

    def ceil(self, price_micro: int) -> int:
        """The smallest valid price not below."""
        step = self.step_micro(price_micro)
        return -(-price_micro // step) * step

    def above(self, price_micro: int) -> int:
        """The smallest valid price greater than this one."""
        return self.ceil(price_micro + 1)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One listed instrument. Prices in micro-USDC per 1 underlying, amounts in millionths of 1 underlying."""

    name: str
    underlying: str
    is_option: bool
    is_call: bool
    strike: float
    expiry_ms: int
    grid: TickGrid
    min_amount_micro: int
    index_name: str


def parse_instrument(raw: dict[str, Any]) -> Instrument:
    """An element of ``public/get_instruments``. ValueError, naming the instrument, if it cannot be used."""
    name = raw.get("instrument_name")
    if not isinstance(name, str) or not name:
        raise ValueError(f"an instrument without a name: {raw!r}")
    try:
        is_option = raw["kind"] == "option"
        base = str(raw["base_currency"])
        steps = [(0, to_micro(raw["tick_size"]))]
        wider = raw.get("tick_size_steps") or []
        steps += [(to_micro(step["above_price"]), to_micro(step["tick_size"])) for step in wider]
        if any(step <= 0 for _, step in steps):
            raise ValueError("a tick of zero")
        return Instrument(
            name=name,
            underlying=base,
            is_option=is_option,
            is_call=is_option and raw["option_type"] == "call",
            strike=float(raw["strike"]) if is_option else 0.0,
            expiry_ms=int(raw["expiration_timestamp"]) if is_option else 0,
            grid=TickGrid(tuple(sorted(steps))),
            min_amount_micro=to_micro(raw["min_trade_amount"]),
            index_name=str(raw.get("price_index") or f"{base.lower()}_usdc"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{name}: unusable listing ({error!r})") from error


def usable_instruments(raw: list[Any]) -> tuple[list[Instrument], list[str]]:
    """Options and perpetuals among `raw` that are active, and a complaint for each that cannot be read."""
    found: list[Instrument] = []
    complaints: list[str] = []
    for entry in raw:
        if not isinstance(entry, dict):
            complaints.append(f"not an instrument: {entry!r}")
            continue
        tradable = entry.get("kind") == "option" or entry.get("settlement_period") == "perpetual"
        if not tradable or not entry.get("is_active", True):
            continue
        try:
            found.append(parse_instrument(entry))
        except ValueError as error:
            complaints.append(str(error))
    return found, complaints
