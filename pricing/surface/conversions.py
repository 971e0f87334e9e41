"""Natural SVI and SVI jump-wings, and their exact conversions to raw SVI and back.

After Gatheral and Jacquier, "Arbitrage-free SVI volatility surfaces" (2014). Raw and natural SVI hold the
same smiles. Jump-wings hold all but those whose minimum lies exactly at the money: there the level of the
minimum repeats the level at the money, and the curvature has no parameter left
(:class:`UndeterminedError`). In each direction parameters that describe no smile raise
:class:`pricing.surface.SurfaceError`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pricing.surface.svi import SurfaceError, SviSlice


class UndeterminedError(SurfaceError):
    """The parameters fit more than one smile."""

    code = "undetermined_slice"


@dataclass(frozen=True, slots=True)
class NaturalSvi:
    """w = delta + omega/2 (1 + zeta rho (k - mu) + sqrt((zeta (k - mu) + rho)^2 + 1 - rho^2)).

    omega >= 0, zeta > 0, |rho| < 1. SSVI is the case delta = mu = 0, omega = theta, zeta = phi.
    """

    years: float
    delta: float
    mu: float
    rho: float
    omega: float
    zeta: float

    def __post_init__(self) -> None:
        numbers = (self.years, self.delta, self.mu, self.rho, self.omega, self.zeta)
        if not all(map(math.isfinite, numbers)):
            raise SurfaceError(f"natural SVI needs finite parameters: {numbers}")
        if not (self.years > 0.0 and abs(self.rho) < 1.0 and self.omega >= 0.0 and self.zeta > 0.0):
            raise SurfaceError(f"natural SVI needs years > 0, |rho| < 1, omega >= 0, zeta > 0: {numbers}")

    def raw(self) -> SviSlice:
        """The same smile in raw parameters. SurfaceError where its variance would be negative."""
        rest = math.sqrt((1.0 - self.rho) * (1.0 + self.rho))
        return SviSlice(
            self.years,
            a=self.delta + 0.5 * self.omega * rest * rest,
            b=0.5 * self.omega * self.zeta,
            rho=self.rho,
            m=self.mu - self.rho / self.zeta,
            sigma=rest / self.zeta,
        )

    @classmethod
    def from_raw(cls, piece: SviSlice) -> NaturalSvi:
        """The same smile in natural parameters."""
        rest = math.sqrt((1.0 - piece.rho) * (1.0 + piece.rho))
        return cls(
            piece.years,
            delta=piece.a - piece.b * piece.sigma * rest,
            mu=piece.m + piece.rho * piece.sigma / rest,
            rho=piece.rho,
            omega=2.0 * piece.b * piece.sigma / rest,
            zeta=rest / piece.sigma,
        )


@dataclass(frozen=True, slots=True)
class JumpWings:
    """SVI-JW: what a trader reads off a smile, scaled so that it varies little with the expiry.

    `v` = w(0)/T the variance at the money, `psi` = w'(0) / (2 sqrt(w(0))) the skew there, `p` and `c` the
    slopes of the put and call wings over sqrt(w(0)), `v_least` = min w / T.
    """

    years: float
    v: float
    psi: float
    p: float
    c: float
    v_least: float

    def __post_init__(self) -> None:
        numbers = (self.years, self.v, self.psi, self.p, self.c, self.v_least)
        if not all(map(math.isfinite, numbers)):
            raise SurfaceError(f"jump-wings need finite parameters: {numbers}")
        if not (self.years > 0.0 and self.v > 0.0 and 0.0 <= self.v_least <= self.v):
            raise SurfaceError(f"jump-wings need years > 0 and 0 <= v_least <= v > 0: {numbers}")
        if not (self.p > 0.0 and self.c > 0.0 and -self.p < 2.0 * self.psi < self.c):
            raise SurfaceError(f"jump-wings need p > 0, c > 0 and -p < 2 psi < c: {numbers}")

    def raw(self) -> SviSlice:
        """The same smile in raw parameters.

        With beta = m / sqrt(m^2 + sigma^2) = rho - 4 psi / (c + p), the drop from the money to the minimum
        is w(0) - min w = b sqrt(m^2 + sigma^2) (1 - rho beta - sqrt((1 - rho^2)(1 - beta^2))), and the
        last bracket is (rho - beta)^2 / (1 - rho beta + sqrt(...)), which does not cancel.
        :class:`UndeterminedError` where the minimum lies at the money; SurfaceError where `psi` and
        `v_least` contradict each other about that.
        """
        drop = (self.v - self.v_least) * self.years
        if self.psi == 0.0 and drop == 0.0:
            raise UndeterminedError(f"the minimum lies at the money, the curvature is not held: {self}")
        if self.psi == 0.0 or drop == 0.0:
            raise SurfaceError(f"a slope at the money and a lower minimum go together: {self}")
        wings = self.c + self.p
        b = 0.5 * math.sqrt(self.v * self.years) * wings
        rho, gap = (self.c - self.p) / wings, 4.0 * self.psi / wings
        beta = rho - gap
        rest = 2.0 * math.sqrt(self.c * self.p) / wings
        rest_beta = 2.0 * math.sqrt((self.p + 2.0 * self.psi) * (self.c - 2.0 * self.psi)) / wings
        radius = drop * (1.0 - rho * beta + rest * rest_beta) / (b * gap * gap)
        sigma = radius * rest_beta
        a = self.v_least * self.years - b * sigma * rest
        return SviSlice(self.years, a=a, b=b, rho=rho, m=radius * beta, sigma=sigma)

    @classmethod
    def from_raw(cls, piece: SviSlice) -> JumpWings:
        """The same smile in jump-wings. SurfaceError without wings (b = 0) or variance at the money."""
        at_money = float(piece.total_variance(0.0))
        if not (at_money > 0.0 and piece.b > 0.0):
            raise SurfaceError(f"jump-wings need wings and variance at the money: {piece}")
        root = math.sqrt(at_money)
        tilt = piece.rho - piece.m / math.hypot(piece.m, piece.sigma)
        return cls(
            piece.years,
            v=at_money / piece.years,
            psi=0.5 * piece.b / root * tilt,
            p=piece.b * (1.0 - piece.rho) / root,
            c=piece.b * (1.0 + piece.rho) / root,
            v_least=min(max(piece.least_variance, 0.0), at_money) / piece.years,
        )
