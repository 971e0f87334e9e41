"""Writes black76.json: Black-76 prices and Greeks in 400-digit decimal arithmetic.

Run from the repository root: ``python -m tests.golden.pricing.make_black76``. Needs the standard library
alone and knows nothing of the code under test: textbook formulas, exact conversion of the binary inputs,
enough digits that no cancellation matters. Takes about ten seconds.
"""

from __future__ import annotations

import itertools
import json
from decimal import Context, Decimal, getcontext, localcontext
from pathlib import Path

DIGITS = Context(prec=400)
"""Entered where it is computed: the process's own context belongs to others too."""
ONE, HALF = Decimal(1), Decimal("0.5")
DAYS = Decimal(365)

FORWARDS = (1.0, 60_000.0)
LOG_MONEYNESS = (0.0, 1e-9, -1e-5, 0.003, -0.02, 0.11, -0.35, 0.9, -1.8)
YEARS = (1.0 / 525_600.0, 1.0 / 365.0, 0.08, 1.0)
VOLS = (0.02, 0.35, 0.8, 2.5)
DISCOUNTS = (1.0, 0.95)


def pi() -> Decimal:
    """Machin: 16 atan(1/5) - 4 atan(1/239)."""

    def atan_inverse(n: int) -> Decimal:
        x = ONE / n
        total, power, k = x, x, 1
        while abs(power) > Decimal(10) ** -(getcontext().prec + 5):
            power = -power * x * x
            k += 2
            total += power / k
        return total

    return 16 * atan_inverse(5) - 4 * atan_inverse(239)


with localcontext(DIGITS):
    SQRT_2PI = (2 * pi()).sqrt()


def density(x: Decimal) -> Decimal:
    """Standard normal density."""
    return (-x * x / 2).exp() / SQRT_2PI


def cumulative(x: Decimal) -> Decimal:
    """Standard normal distribution: 1/2 + phi(x) * sum of x^(2n+1) / (1 * 3 * 5 ... (2n+1))."""
    if x < 0:
        return ONE - cumulative(-x)
    total = term = x
    k = 1
    while term > Decimal(10) ** -(getcontext().prec + 5):
        k += 2
        term = term * x * x / k
        total += term
    return HALF + density(x) * total


def greeks(f: float, k: float, y: float, v: float, is_call: bool, d: float) -> dict[str, str]:
    """Price and Greeks in the field's units, 20 digits."""
    with localcontext(DIGITS):
        return _greeks(f, k, y, v, is_call, d)


def _greeks(f: float, k: float, y: float, v: float, is_call: bool, d: float) -> dict[str, str]:
    forward, strike, years, vol, discount = (Decimal(value) for value in (f, k, y, v, d))
    stdev = vol * years.sqrt()
    d1 = (forward / strike).ln() / stdev + stdev / 2
    d2 = d1 - stdev
    sign = ONE if is_call else -ONE
    price = discount * sign * (forward * cumulative(sign * d1) - strike * cumulative(sign * d2))
    rate = -discount.ln() / years
    decay = -discount * forward * density(d1) * vol / (2 * years.sqrt())
    values = {
        "price": price,
        "delta": discount * sign * cumulative(sign * d1),
        "gamma": discount * density(d1) / (forward * stdev),
        "vega": discount * forward * density(d1) * years.sqrt() / 100,
        "theta": (decay + rate * price) / DAYS,
        "rho": discount * sign * strike * years * cumulative(sign * d2) / 100,
    }
    return {name: f"{value:.19e}" for name, value in values.items()}


def main() -> None:
    """Write the table; wings so deep that a double would lose digits to underflow are left out."""
    rows = []
    for forward, x, years, vol, discount in itertools.product(
        FORWARDS, LOG_MONEYNESS, YEARS, VOLS, DISCOUNTS
    ):
        if forward == 1.0 and discount != 1.0:
            continue
        with localcontext(DIGITS):
            strike = float(Decimal(forward) * Decimal(-x).exp())
        if abs(x) / (vol * years**0.5) > 34.0:
            continue
        for is_call in (True, False):
            case = {"forward": forward, "strike": strike, "years": years, "vol": vol}
            rows.append(
                {**case, "is_call": is_call, "discount": discount}
                | greeks(forward, strike, years, vol, is_call, discount)
            )
    text = "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"
    Path(__file__).with_name("black76.json").write_text(text)
    print(len(rows), "rows")


if __name__ == "__main__":
    main()
