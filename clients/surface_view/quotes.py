"""From records of any origin (the venue's book summaries, lines of a file) to smiles by expiry.

A record is a dict of what its source calls things. Where each figure is looked for, first hit first:

==========  ==============================================================================================
figure      fields
==========  ==============================================================================================
expiry      ``years`` left; or ``expiration_timestamp`` (ms), ``expiry``, ``expire_date``, the second part of
            ``instrument_name``: a date (``2026-11-27``, ``27NOV26``: 08:00 UTC) or a moment in ms
time        ``time``, ``creation_timestamp``, ``timestamp``: ms or ISO 8601; not needed with ``years``
strike      ``strike``, ``strike_price``, the third part of ``instrument_name``
kind        ``type``, ``option_type``, the fourth part of ``instrument_name``: C, P, call, put
forward     ``forward``, ``underlying_price``
volatility  ``bid_iv``, ``ask_iv``, ``mark_iv`` in percent
price       ``bid``, ``ask``, ``mark`` or ``bid_price``, ``ask_price``, ``mark_price`` in the forward's unit,
            undiscounted; in units of the underlying where ``quote_currency`` equals ``base_currency``.
            Looked at where the volatility is not given
==========  ==============================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from pricing import MS_PER_YEAR, implied_vol

Floats = NDArray[np.float64]
Record = Mapping[str, Any]
T = TypeVar("T")

DELIVERY_HOUR: Final = 8
_SIDES: Final = ("bid", "ask", "mark")


class SurfaceViewError(Exception):
    """Nothing can be drawn; the message says why and what to do. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, eq=False)
class Smile:
    """The quotes of one expiry, out-of-the-money options only, by rising strike.

    Arrays of one length; volatilities annualised (0.5 = 50 %), NaN where there is none.
    """

    label: str
    years: float
    forward: float
    strike: Floats
    bid: Floats
    ask: Floats
    mark: Floats

    @property
    def k(self) -> Floats:
        """Log-moneyness ln(strike / forward)."""
        return np.log(self.strike / self.forward)

    @property
    def mid(self) -> Floats:
        """Between bid and ask; the mark where one of them is missing."""
        middle = 0.5 * (self.bid + self.ask)
        return np.where(np.isfinite(middle), middle, self.mark)


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """The smiles of one underlying at one time, by rising expiry."""

    underlying: str
    source: str
    at: datetime | None
    smiles: tuple[Smile, ...]
    options_count: int
    """Options read, those without a volatility or in the money included."""


@dataclass(frozen=True, slots=True)
class _Option:
    expiry: float
    """The moment in ms, or the years left where only those are given: what an expiry is known by."""
    label: str
    years: float
    forward: float
    strike: float
    is_call: bool
    vols: tuple[float, ...]
    """Of bid, ask and mark; NaN where there is none, as in `prices`."""
    prices: tuple[float, ...]


def market(records: Iterable[Record], underlying: str, source: str) -> Market:
    """Sort records into smiles. SurfaceViewError where a record lacks or garbles what is needed."""
    options: list[_Option] = []
    at_ms: float | None = None
    for number, record in enumerate(records, start=1):
        try:
            time_ms = _time_ms(record)
            options.append(_option(record, time_ms))
        except _BadField as bad:
            raise SurfaceViewError("bad_record", f"{source}, option {number}: {bad}") from None
        at_ms = time_ms if at_ms is None or time_ms is None else max(at_ms, time_ms)
        underlying = underlying or _underlying(record)
    if not options:
        raise SurfaceViewError("empty", f"{source} holds no options")
    vols = _vols(options)
    alive = [(option, row) for option, row in zip(options, vols, strict=True) if option.years > 0.0]
    smiles = _smiles(alive)
    if not smiles:
        raise SurfaceViewError(
            "no_vols", f"{source}: none of {len(options)} options has a volatility, or all have expired"
        )
    at = None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)
    return Market(underlying, source, at, smiles, len(options))


def _smiles(alive: Sequence[tuple[_Option, Floats]]) -> tuple[Smile, ...]:
    by_expiry: dict[float, list[tuple[_Option, Floats]]] = {}
    for option, vols in alive:
        out_of_the_money = option.is_call == (option.strike >= option.forward)
        if out_of_the_money and np.isfinite(vols).any():
            by_expiry.setdefault(option.expiry, []).append((option, vols))
    smiles = []
    for _, rows in sorted(by_expiry.items()):
        rows.sort(key=lambda row: row[0].strike)
        bid, ask, mark = np.array([vols for _, vols in rows]).T
        # A long reply may be written while time and forward move on a little.
        forward, years = np.median([(option.forward, option.years) for option, _ in rows], axis=0).tolist()
        strikes = np.array([option.strike for option, _ in rows])
        smiles.append(Smile(rows[0][0].label, years, forward, strikes, bid, ask, mark))
    return tuple(smiles)


def _vols(options: Sequence[_Option]) -> Floats:
    """Bid, ask and mark volatility per option: as given, or implied by the price."""
    given = np.array([option.vols for option in options])
    price = np.array([option.prices for option in options])
    numbers = np.array([(option.forward, option.strike, option.years) for option in options])
    forward, strike, years = (numbers[:, i, None] for i in range(3))
    is_call = np.array([option.is_call for option in options])[:, None]
    implied = implied_vol(price, forward, strike, years, is_call).vol
    return np.where(np.isfinite(given), given, implied)


# --- one record ---------------------------------------------------------------------------------------------


class _BadField(Exception):
    """A figure is missing or no such figure."""


def _present(record: Record, names: Sequence[str]) -> tuple[str, Any] | None:
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            return name, value
    return None


def _read(record: Record, names: Sequence[str], part: int, parse: Callable[[Any], T]) -> T:
    """The first of the fields there is, or that part of the instrument's name, parsed."""
    found = _present(record, names)
    if found is None:
        parts = str(record.get("instrument_name") or "").split("-")
        if part < 1 or len(parts) <= part:
            raise _BadField(f"no {' or '.join(names)}")
        found = ("instrument_name", parts[part])
    name, value = found
    try:
        return parse(value)
    except (ValueError, OverflowError):
        raise _BadField(f"{name} is {value!r}") from None


def _option(record: Record, time_ms: float | None) -> _Option:
    forward = _read(record, ("forward", "underlying_price"), 0, _positive)
    inverse = bool(record.get("quote_currency")) and record["quote_currency"] == record.get("base_currency")
    return _Option(
        *_expiry(record, time_ms),
        forward,
        _read(record, ("strike", "strike_price"), 2, _strike),
        _read(record, ("type", "option_type"), 3, _is_call),
        tuple(_optional(record, (f"{side}_iv",)) / 100.0 for side in _SIDES),
        tuple(_optional(record, (side, f"{side}_price")) * (forward if inverse else 1.0) for side in _SIDES),
    )


def _expiry(record: Record, time_ms: float | None) -> tuple[float, str, float]:
    """What the expiry is known by, a label and the years left."""
    if _present(record, ("years",)):
        years = _read(record, ("years",), 0, float)
        if not math.isfinite(years):
            raise _BadField(f"years is {years}")
        return years, _days(years), years
    moment_ms = _read(record, ("expiration_timestamp", "expiry", "expire_date"), 1, _moment_ms)
    if time_ms is None:
        raise _BadField("an expiry needs the time it is seen from: no time, creation_timestamp or timestamp")
    label = datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%-d %b %y")
    return moment_ms, label, (moment_ms - time_ms) / MS_PER_YEAR


def _days(years: float) -> str:
    days = years * 365.0
    return f"{days:.0f} d" if days >= 9.5 else f"{days:.2g} d"


def _time_ms(record: Record) -> float | None:
    names = ("time", "creation_timestamp", "timestamp")
    return None if _present(record, names) is None else _read(record, names, 0, _moment_ms)


def _underlying(record: Record) -> str:
    found = _present(record, ("base_currency", "underlying"))
    if found is not None:
        return str(found[1])
    return str(record.get("instrument_name") or "").split("-")[0].split("_")[0]


def _positive(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and number > 0.0):
        raise ValueError
    return number


def _strike(value: Any) -> float:
    """The dialect spells a decimal point in a name as d: 0d625."""
    return _positive(value.replace("d", ".") if isinstance(value, str) else value)


def _optional(record: Record, names: Sequence[str]) -> float:
    """The figure, NaN where there is none; zero means none too, as the dialect has it."""
    found = _present(record, names)
    if found is None:
        return math.nan
    try:
        value = float(found[1])
    except (TypeError, ValueError):
        raise _BadField(f"{found[0]} is {found[1]!r}") from None
    return value if math.isfinite(value) and value > 0.0 else math.nan


def _is_call(value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in ("c", "call", "p", "put"):
        raise ValueError
    return word[0] == "c"


def _moment_ms(value: Any) -> float:
    """Milliseconds since 1970 of a number of them, of an ISO 8601 date or time, or of 27NOV26."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _in_range(float(value))
    text = str(value).strip()
    if text.isdigit():
        return _in_range(float(text))
    try:
        moment = datetime.strptime(text.upper(), "%d%b%y")
        return moment.replace(hour=DELIVERY_HOUR, tzinfo=UTC).timestamp() * 1000
    except ValueError:
        moment = datetime.fromisoformat(text)
    if len(text) == len("2026-11-27"):
        moment = moment.replace(hour=DELIVERY_HOUR)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000


def _in_range(moment_ms: float) -> float:
    if not 0.0 < moment_ms < 4e12:  # the year 2096
        raise ValueError
    return moment_ms
