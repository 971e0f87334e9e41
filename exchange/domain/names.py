"""Instrument names as the field writes them, derived from terms and never stored in the core.

`BTC_USDC-27DEC26-100000-C`, `XRP_USDC-27DEC26-0d52-C`, `BTC_USDC-PERPETUAL`.
"""

from __future__ import annotations

from typing import Final

from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAY_MS: Final = 86_400_000
_MICRO: Final = 1_000_000


def civil_from_days(days: int) -> tuple[int, int, int]:
    """(year, month, day) of a count of days since 1970-01-01 in the proleptic Gregorian calendar."""
    shifted = days + 719_468
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    return year_of_era + era * 400 + (month <= 2), month, day


def expiry_code(expiry_ms: int) -> str:
    """`27DEC26`: day without a leading zero, month, two-digit year, UTC."""
    year, month, day = civil_from_days(expiry_ms // _DAY_MS)
    return f"{day}{_MONTHS[month - 1]}{year % 100:02d}"


def strike_code(strike_micro: int) -> str:
    """`100000`, or `0d52` with a `d` for the decimal point."""
    whole, part = divmod(strike_micro, _MICRO)
    if part == 0:
        return str(whole)
    return f"{whole}d{part:06d}".rstrip("0")


def instrument_name(symbol: str, terms: InstrumentTerms) -> str:
    """The instrument's public name."""
    if terms.kind == r.KIND_PERPETUAL:
        return f"{symbol}_USDC-PERPETUAL"
    side = "C" if terms.option_type == r.OPTION_CALL else "P"
    return f"{symbol}_USDC-{expiry_code(terms.expiry_ms)}-{strike_code(terms.strike_micro)}-{side}"
