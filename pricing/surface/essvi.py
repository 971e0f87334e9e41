"""SSVI and eSSVI: slices of three parameters, free of arbitrage under simple sufficient conditions.

w(k) = (theta + rho psi k + sqrt((psi k + theta rho)^2 + theta^2 (1 - rho^2))) / 2 with theta the total
variance at the money, psi = theta phi the curvature and rho the slant; SSVI keeps one rho for all expiries,
eSSVI lets it vary. Conditions:

- butterfly (Gatheral and Jacquier 2014): psi (1 + |rho|) < 4 and psi^2 (1 + |rho|) <= 4 theta;
- calendar, from one slice to the next (Hendriks and Martini 2019; Corbetta et al. 2019): theta and psi grow,
  psi2/psi1 at least max((1 + rho1)/(1 + rho2), (1 - rho1)/(1 - rho2)), and phi = psi/theta does not grow.

They are sufficient, not necessary: what fails them may still be free, and
:mod:`pricing.surface.arbitrage` decides.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pricing.surface.svi import SurfaceError, SviSlice

_LEE = 4.0
_ROUND = 1.0 - 1e-12
"""Products are kept this much inside a bound, so that rounding cannot push them out."""


@dataclass(frozen=True, slots=True)
class EssviSlice:
    """One expiry; SurfaceError unless years, theta and psi are positive and |rho| < 1."""

    years: float
    theta: float
    rho: float
    psi: float

    def __post_init__(self) -> None:
        numbers = (self.years, self.theta, self.rho, self.psi)
        if not all(map(math.isfinite, numbers)):
            raise SurfaceError(f"eSSVI needs finite parameters: {numbers}")
        if not (self.years > 0.0 and self.theta > 0.0 and self.psi > 0.0 and abs(self.rho) < 1.0):
            raise SurfaceError(f"eSSVI needs years > 0, theta > 0, psi > 0, |rho| < 1: {numbers}")

    def raw(self) -> SviSlice:
        """The same smile in raw parameters."""
        return SviSlice.from_ssvi(self.years, self.theta, self.rho, self.psi / self.theta)

    @classmethod
    def from_raw(cls, piece: SviSlice, tolerance: float = 1e-9) -> EssviSlice:
        """The same smile; SurfaceError unless `piece` is an SSVI slice to relative `tolerance`.

        Raw SVI has two parameters more: it is SSVI where a = b sigma sqrt(1 - rho^2) and
        m = -rho sigma / sqrt(1 - rho^2).
        """
        rest = math.sqrt((1.0 - piece.rho) * (1.0 + piece.rho))
        scale = piece.sigma / rest
        lift = piece.b * piece.sigma * rest
        if abs(piece.a - lift) > tolerance * lift or abs(piece.m + piece.rho * scale) > tolerance * scale:
            raise SurfaceError(f"not an SSVI slice: {piece}")
        return cls(piece.years, theta=2.0 * piece.b * scale, rho=piece.rho, psi=2.0 * piece.b)

    def is_butterfly_free(self) -> bool:
        """Whether the sufficient conditions hold."""
        lean = 1.0 + abs(self.rho)
        return self.psi * lean < _LEE and self.psi * self.psi * lean <= 4.0 * self.theta

    def is_calendar_free_after(self, earlier: EssviSlice) -> bool:
        """Whether the sufficient conditions hold from `earlier` to this one."""
        return (
            self.theta >= earlier.theta
            and self.psi >= earlier.psi * slant_growth(earlier.rho, self.rho)
            and self.psi * earlier.theta <= earlier.psi * self.theta
        )


def slant_growth(earlier: float, later: float) -> float:
    """How much psi must grow, at least, when rho goes from `earlier` to `later`."""
    return max((1.0 + earlier) / (1.0 + later), (1.0 - earlier) / (1.0 - later))


def nearest_free(slices: Sequence[EssviSlice]) -> list[EssviSlice]:
    """Slices near the given ones, in rising order of expiry, that meet all sufficient conditions.

    rho stays. Looking back from the last expiry gives the largest psi that leaves room for all later ones;
    then, going forward, theta is raised and psi brought between what the slice before asks and what the
    butterfly and the later slices allow. Where rho turns so sharply that no room is left, psi at the start
    shrinks; it never vanishes. What meets the conditions comes back unchanged, to rounding.
    """
    growth = [1.0, *(slant_growth(s.rho, t.rho) for s, t in itertools.pairwise(slices))]
    thetas: list[float] = []
    for piece, rise in zip(slices, growth, strict=True):
        # phi may not grow while psi must: theta grows at least as psi does.
        thetas.append(max(piece.theta, thetas[-1] * rise / _ROUND**2) if thetas else piece.theta)
    caps = [
        min(_LEE / (1.0 + abs(p.rho)), math.sqrt(4.0 * theta / (1.0 + abs(p.rho)))) * _ROUND
        for p, theta in zip(slices, thetas, strict=True)
    ]
    for i in range(len(slices) - 2, -1, -1):
        caps[i] = min(caps[i], caps[i + 1] / growth[i + 1] * _ROUND)
    out: list[EssviSlice] = []
    for piece, rise, theta, cap in zip(slices, growth, thetas, caps, strict=True):
        psi = min(piece.psi, cap)
        if out:
            before = out[-1]
            most = before.psi * (theta / before.theta) * _ROUND
            # Last comes what must hold: `least` is within `cap` and `most` by construction of both.
            least = before.psi * rise if rise == 1.0 else before.psi * rise / _ROUND
            psi = max(min(psi, most), min(least, cap))
        out.append(replace(piece, theta=theta, psi=psi))
    return out
