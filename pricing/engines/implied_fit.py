"""Numbers behind the inversion of Black-76, shared by all engines, and where they hold.

With x = |ln(F/K)|, c = time value / min(F, K), z = x / s, t = s / 2 and s = vol * sqrt(years) sought:

- **The Mills ratio in one polynomial.** R(a) = P(u) / (a + 5) with u = (a - 3.56) / (a + 5), which maps
  a >= -0.72 onto [-1, 1): a Chebyshev expansion of degree 25, made in 40 digits. What the inversion needs is
  the difference R(z - t) - R(z + t), and in this form it is a product: the divided difference of P comes out
  of Horner's scheme beside its value, so nothing cancels however small t is (7e-16 relative at worst).
- **The guess for c <= 1/2.** In the normal (Bachelier) model the volatility is nearly straddle * y, with
  y**2 = q / atanh(q), q = x / straddle and straddle = 2 beta + x, beta = time value / sqrt(F K). A rational
  function of y and (straddle * y)**2 corrects it for the lognormal law, to 6e-4 for c >= 1e-290, x <= 6.2.
- **The guess for c > 1/2.** sqrt(h + x) times a rational function of sqrt(h) and x, h = -ln(1 - c): 3e-4.

Both are minimax fits of our own (iteratively reweighted least squares on exact prices), coefficients by
powers. One fifth-order step then leaves less than rounding: its error is about (2 n)**5 / 10, n the size of
the Newton step. Nothing is accepted outside the bounds below; the slow road of :mod:`pricing.implied` is.
"""

from __future__ import annotations

from typing import Final

MILLS_SHIFT: Final = 5.0
MILLS_CENTRE: Final = 3.56
MILLS_TERMS: Final = (
    2.2478890585453635, -2.524438926966648, 2.343687897986689, -1.783159855599767, 1.085140566100944,
    -0.4996905599415667, 0.14949827911765126, -0.01001365045555728, -0.014379360349051951,
    0.0056158641172249, 0.0006697322493788111, -0.0009767603170046549, 3.471251788171572e-05,
    0.00016076990779384618, -1.6043640610942953e-05, -2.9103539035135262e-05, 2.7840369001013733e-06,
    5.846756254730851e-06, -1.8797716598723366e-07, -1.224557721078306e-06, -6.721503269974116e-08,
    2.3948268165946624e-07, 2.6970627871106236e-08, -3.6760430895358583e-08, -3.600100256682247e-09,
    3.1303009910317716e-09,
)  # fmt: skip
"""Coefficients of P by rising power of u."""

# s = straddle * y * numerator / denominator; rows by power of m = (straddle * y)**2, entries by power of y.
LOW_NUMERATOR: Final = (
    (0.497126586, -0.67805964, 1.06807447, -0.611147191),
    (0.00404146963, -0.0112957168, -0.0202672689),
    (7.41534196e-05, -0.00017758221),
)
LOW_DENOMINATOR: Final = (
    (1.0, -1.55878674, 1.28181235, -0.50279076),
    (0.0103693363, -0.0421732212, -0.00424644918),
)

# s = sqrt(h + x) * numerator / denominator; rows by power of x, entries by power of w = sqrt(h).
HIGH_NUMERATOR: Final = (
    (0.0562155981, 2.13586504, -0.642246776, -5.44572383),
    (0.416724903, -2.01344158, -0.673632508),
    (-0.0183830704, 0.0233112362),
)
HIGH_DENOMINATOR: Final = (
    (1.0, -0.803513903, -0.442551159, -1.91763476),
    (0.0479095143, -1.32994225, -0.222253498),
)

C_MIN: Final = 1e-290
X_MAX: Final = 6.2
SIZE_MIN: Final = 1e-140
SIZE_MAX: Final = 1e140
"""Forward and strike between these: their product neither over- nor underflows."""
NEWTON_MAX: Final = 7e-4
"""A Newton step (relative) above this says that the guess was not within its error."""
