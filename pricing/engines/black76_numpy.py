"""Black-76 in numpy: a few dozen passes over blocks, and care where they would lose digits.

The quick pass writes every normal probability as phi(d) R(|d|), R the Mills ratio: one exponential serves
all, as K phi(d2) = F phi(d1), and the rational form of R is two vector-matrix products with the powers of its
argument, which is much cheaper than two calls of ndtr. Prices are plain differences.

With u = 2**-53, and z and s as in :mod:`pricing.engines.black76_numba`, a plain difference is as exact as if
the volatility had been changed by 7 u R(z) / s of itself, and R(z) is about 1 / (z + 0.8). So where
s (z + 0.8) is small the price is made again from the series of R(z - s/2) - R(z + s/2) about z; and where |d|
is large, or s still smaller, so that the rounding of F / K and of s shows in the Greeks too, the whole option
is done by :mod:`pricing.engines.careful_numpy`. An ordinary chain has some of the first kind and few of the
second.
"""

from __future__ import annotations

import math
import threading
from fractions import Fraction
from typing import Final

import numpy as np
from scipy.special import erfcx

from pricing.engines import Bools, Floats
from pricing.engines import careful_numpy as careful
from pricing.normal import MILLS_ORIGIN, MILLS_P, MILLS_Q

_INV_SQRT_2PI: Final = 1.0 / math.sqrt(2.0 * math.pi)

DAYS_PER_YEAR: Final = 365.0
_BLOCK_SIZE: Final = 10_240
_D_MAX: Final = 16.0
"""Errors of d weigh |d| times as much in the price: past this, those of ln(F/K) and s alone cost too much."""
_CANCELLATION_MAX: Final = 450.0
"""F N(d1) is about (1.25 + |d|) / s times the price: with more the plain difference is too coarse."""
_NEAR: Final = 0.095
"""The value of s (|d| + 0.8) below which the price is made again."""
_OFFSET: Final = 0.8
_NEAR_D_MAX: Final = 7.0
"""Farther out an option with s so small is done as a whole."""

_SQRT_HALF: Final = math.sqrt(0.5)
_SQRT_HALF_PI: Final = math.sqrt(math.pi / 2.0)


def _about_zero(coefficients: tuple[float, ...]) -> list[float]:
    """Coefficients in z of a polynomial given in z + MILLS_ORIGIN, shifted exactly and rounded once."""
    exact = [Fraction(c) for c in coefficients]
    shift = Fraction(MILLS_ORIGIN)
    return [
        float(sum(c * math.comb(j, i) * shift ** (j - i) for j, c in enumerate(exact) if j >= i))
        for i in range(len(exact))
    ]


_ROWS: Final = len(MILLS_Q)
_NUMERATOR: Final = np.array([*_about_zero(MILLS_P), 0.0])
_DENOMINATOR: Final = np.array(_about_zero(MILLS_Q))


class _Work:
    """Arrays for one block; pages fresh from the system would cost more than the arithmetic."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.powers = np.empty((_ROWS, 2, size))
        self.powers[0] = 1.0
        self.ratio, self.below, self.d = np.empty((3, 2, size))
        self.root, self.stdev, self.density, self.worth, self.half, self.spare = np.empty((6, size))


class _Kept(threading.local):
    work: _Work | None = None


_kept: Final = _Kept()


def _work(size: int) -> _Work:
    work = _kept.work
    if work is None or work.size != size:
        work = _kept.work = _Work(size)
    return work


def black76(forward: Floats, strike: Floats, years: Floats, vol: Floats, is_call: Bools, out: Floats) -> bool:
    """Rows of `out`: price, delta, gamma, vega, theta, rho, undiscounted."""
    count = forward.size
    blocks = -(-count // _BLOCK_SIZE)
    good = True
    with np.errstate(all="ignore"):
        for block in range(blocks):
            part = slice(count * block // blocks, count * (block + 1) // blocks)
            arguments = forward[part], strike[part], years[part], vol[part], is_call[part]
            good &= _block(*arguments, out[:, part])
    return good


def _block(f: Floats, k: Floats, t: Floats, v: Floats, is_call: Bools, out: Floats) -> bool:
    work = _work(f.size)
    _quick(work, f, k, t, v, is_call, out)
    size, stdev = work.powers[1], work.stdev
    largest = float(size.max(initial=0.0))
    smallest = float(stdev.min(initial=math.inf))
    sane = bool(f.min(initial=1.0) >= careful.SMALL and t.min(initial=1.0) >= careful.SMALL)
    sane &= largest < math.inf and smallest >= careful.SMALL
    all_easy = largest <= _D_MAX and largest <= _CANCELLATION_MAX * smallest - 1.25
    if sane and all_easy and smallest * _OFFSET >= _NEAR:
        return True
    closeness = np.add(size[0], _OFFSET, out=work.spare)
    closeness *= stdev
    near = np.flatnonzero((closeness < _NEAR) & (size[0] < _NEAR_D_MAX))
    if near.size:
        out[0, near] = _price_near(f[near], k[near], stdev[near], is_call[near])
    if sane and all_easy:
        return True
    ordinary = careful.ordinary(f, k, t, v)
    easy = (size[0] <= _CANCELLATION_MAX * stdev - 1.25) & (size.max(axis=0) <= _D_MAX)
    hard = np.flatnonzero(ordinary & ~easy)
    if hard.size:
        out[:, hard] = careful.black76(f[hard], k[hard], t[hard], v[hard], is_call[hard])
    return bool(ordinary.all())


def _price_near(f: Floats, k: Floats, stdev: Floats, is_call: Bools) -> Floats:
    """Prices with h = s / 2 <= 0.06 and z < 7: -2 (h R' + h^3 R^(3) / 3! + ... + h^9 R^(9) / 9!) about z.

    By R' = z R - 1 and R^(n+1) = z R^(n) + n R^(n-1) the terms T_n = R^(n) / n! are
    T_(n+1) = (z T_n + T_(n-1)) / (n + 1).
    """
    in_money = f - k
    z = np.log1p(in_money / k)
    np.abs(z, out=z)
    z /= stdev
    h = 0.5 * stdev
    terms = [_SQRT_HALF_PI * erfcx(_SQRT_HALF * z)]
    terms.append(z * terms[0])
    terms[1] -= 1.0
    for n in range(1, 9):
        term = z * terms[n]
        term += terms[n - 1]
        term *= 1.0 / (n + 1)
        terms.append(term)
    price = terms[9]
    z -= h
    h *= h
    for n in (7, 5, 3, 1):
        price *= h
        price += terms[n]
    z *= z
    z *= -0.5
    price *= np.exp(z)
    price *= np.minimum(f, k)
    price *= stdev
    price *= -_INV_SQRT_2PI
    in_money[(in_money > 0.0) != is_call] = 0.0
    price += np.abs(in_money)
    return price


def _quick(work: _Work, f: Floats, k: Floats, t: Floats, v: Floats, is_call: Bools, out: Floats) -> None:
    """All of a block by the plain formulas; leaves |d1|, |d2| in ``work.powers[1]``."""
    price, delta, gamma, vega, theta, rho = out
    d, root, stdev, half, spare = work.d, work.root, work.stdev, work.half, work.spare
    np.sqrt(t, out=root)
    np.multiply(v, root, out=stdev)
    np.divide(f, k, out=spare)
    np.log(spare, out=spare)
    spare /= stdev
    np.multiply(stdev, 0.5, out=half)
    np.add(spare, half, out=d[0])
    np.subtract(spare, half, out=d[1])

    density, worth = work.density, work.worth
    np.multiply(d[0], d[0], out=density)
    density *= -0.5
    np.exp(density, out=density)
    density *= _INV_SQRT_2PI
    np.multiply(f, density, out=worth)  # F phi(d1) = K phi(d2)

    tail = _mills_of_size(work)
    tail[0] *= density
    np.divide(worth, k, out=spare)
    tail[1] *= spare
    # Signed as the option, N is (side + sign d) / 2 - sign(d) N(-|d|), side 1 for calls and -1 for puts: the
    # first term is a whole number, and where it is 0 the tail keeps all its digits.
    np.copysign(1.0, d, out=d)
    tail *= d
    d *= 0.5
    np.subtract(is_call, 0.5, out=spare)
    d += spare
    np.subtract(d[0], tail[0], out=delta)
    np.subtract(d[1], tail[1], out=rho)

    rho *= k
    np.multiply(delta, f, out=price)
    price -= rho
    rho *= t
    rho *= 0.01
    np.multiply(f, stdev, out=gamma)
    np.divide(density, gamma, out=gamma)
    np.multiply(worth, root, out=vega)
    vega *= 0.01
    # dPrice/dT = F phi(d1) vol / (2 sqrt T)
    np.multiply(worth, v, out=theta)
    theta /= root
    theta *= -0.5 / DAYS_PER_YEAR


def _mills_of_size(work: _Work) -> Floats:
    """R(|d1|) and R(|d2|); leaves the powers of |d| behind."""
    powers = work.powers
    size = powers[1]
    np.abs(work.d, out=size)
    np.multiply(size, size, out=powers[2])
    np.multiply(powers[1:3], powers[2], out=powers[3:5])
    np.multiply(powers[1:5], powers[4], out=powers[5:9])
    np.multiply(powers[1:4], powers[8], out=powers[9:12])
    flat = powers.reshape(_ROWS, -1)
    np.dot(_NUMERATOR, flat, out=work.ratio.reshape(-1))
    np.dot(_DENOMINATOR, flat, out=work.below.reshape(-1))
    work.ratio /= work.below
    return work.ratio


def second_order(forward: Floats, strike: Floats, years: Floats, vol: Floats, out: Floats) -> bool:
    """Rows of `out`: vanna, volga, charm, undiscounted."""
    with np.errstate(all="ignore"):
        out[:] = careful.second_order(forward, strike, years, vol)
        return bool(careful.ordinary(forward, strike, years, vol).all())
