"""Book summaries as Deribit publishes them (`public/get_book_summary_by_currency`), as arrays.

The same fields come from the venue's API as JSON and from saved files; values may be numbers, text or
missing. Prices there are in units of the underlying; here they leave in the unit of the strike.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.european import Bools, Floats
from pricing.surface.points import VolPoints
from pricing.surface.quotes import BookQuotes
from pricing.surface.svi import SurfaceError

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_EXPIRY_HOUR: Final = 8
_MS_PER_S: Final = 1_000
_MS_PER_YEAR: Final = 365 * 86_400_000


@dataclass(frozen=True, slots=True)
class BookSummaries:
    """Options of one underlying, in the order given: arrays of one length."""

    names: tuple[str, ...]
    now_ms: int
    """The latest `creation_timestamp`."""
    expiry_ms: NDArray[np.int64]
    strike: Floats
    is_call: Bools
    forward: Floats
    """One per expiry: the median of its options' `underlying_price`."""
    bid: Floats
    ask: Floats
    mark: Floats
    """Prices in the unit of the strike; NaN where empty."""

    @property
    def years(self) -> Floats:
        """Time to expiry at `now_ms`, per option."""
        return np.asarray((self.expiry_ms - self.now_ms) / _MS_PER_YEAR)

    def mark_points(self) -> VolPoints:
        """The venue's marks as observations, with vega weights."""
        return VolPoints.from_prices(self.mark, self.forward, self.strike, self.years, self.is_call)

    def book(self, size: float = 1.0) -> BookQuotes:
        """The best quotes as of `now_ms`; summaries carry no sizes, so all are `size`."""
        count = self.strike.size
        sizes = np.full(count, size)
        at = np.full(count, self.now_ms, dtype=np.int64)
        return BookQuotes(
            self.expiry_ms, self.strike, self.is_call, self.forward, self.bid, self.ask, sizes, sizes, at
        )


def read_summaries(rows: Iterable[Mapping[str, object]]) -> BookSummaries:
    """Options out of `rows` (other instruments are passed over). SurfaceError on a row that is not one."""
    kept: list[tuple[str, int, float, bool, float, float, float, float]] = []
    latest = 0
    for row in rows:
        name = str(row.get("instrument_name", ""))
        parts = name.split("-")
        if len(parts) != 4 or parts[3] not in ("C", "P"):
            continue
        forward = _number(row.get("underlying_price"))
        stamp = _number(row.get("creation_timestamp"))
        latest = max(latest, int(stamp) if stamp > 0.0 else 0)
        bid, ask, mark = (forward * _number(row.get(f"{side}_price")) for side in ("bid", "ask", "mark"))
        strike = _number(parts[2].replace("d", "."))
        if not (forward > 0.0 and strike > 0.0):
            raise SurfaceError(f"{name}: strike and underlying_price must be positive")
        kept.append((name, expiry_ms(parts[1]), strike, parts[3] == "C", forward, bid, ask, mark))
    if not kept:
        raise SurfaceError("no options among the summaries")
    names, moments, strikes, calls, forwards, bids, asks, marks = zip(*kept, strict=True)
    expiries = np.array(moments, dtype=np.int64)
    forward_of_option = np.array(forwards)
    for moment in np.unique(expiries):
        here = expiries == moment
        forward_of_option[here] = np.median(forward_of_option[here])
    return BookSummaries(
        tuple(names),
        latest,
        expiries,
        np.array(strikes),
        np.array(calls, dtype=np.bool_),
        forward_of_option,
        np.array(bids),
        np.array(asks),
        np.array(marks),
    )


def expiry_ms(text: str) -> int:
    """The moment of ``"26JAN24"``: 08:00 UTC that day. SurfaceError on anything else."""
    try:
        day, month, year = int(text[:-5]), _MONTHS.index(text[-5:-2]) + 1, 2000 + int(text[-2:])
        moment = dt.datetime(year, month, day, _EXPIRY_HOUR, tzinfo=dt.UTC)
    except ValueError:
        raise SurfaceError(f"not an expiry: {text!r}") from None
    return int(moment.timestamp()) * _MS_PER_S


def _number(value: object) -> float:
    """A number, or NaN for a missing one."""
    if value is None or value == "":
        return float("nan")
    try:
        return float(str(value))
    except ValueError:
        raise SurfaceError(f"not a number: {value!r}") from None
