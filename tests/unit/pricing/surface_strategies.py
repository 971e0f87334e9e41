"""Random slices: eSSVI inside its sufficient conditions, and raw SVI of any kind."""

import math

from hypothesis import strategies as st

from pricing.surface import EssviSlice, SviSlice
from pricing.surface.essvi import nearest_free


@st.composite
def free_essvi(draw: st.DrawFn, count: int = 4) -> list[EssviSlice]:
    """`count` slices in order of expiry that meet the butterfly and calendar conditions."""
    theta, slices = 0.0, []
    for i in range(count):
        theta += draw(st.floats(1e-5, 0.1))
        rho = draw(st.floats(-0.9, 0.9))
        psi = math.exp(draw(st.floats(-4.0, 1.4)))
        slices.append(EssviSlice(0.1 * (i + 1), theta, rho, psi))
    return nearest_free(slices)


@st.composite
def raw_svi(draw: st.DrawFn) -> SviSlice:
    """Any raw slice with variance above zero, arbitrage or not."""
    b = math.exp(draw(st.floats(-5.0, 0.3)))
    rho = draw(st.floats(-0.95, 0.95))
    sigma = math.exp(draw(st.floats(-4.5, 0.0)))
    least = math.exp(draw(st.floats(-8.0, 0.0)))
    a = least - b * sigma * math.sqrt(1.0 - rho * rho)
    return SviSlice(draw(st.floats(0.01, 2.0)), a, b, rho, draw(st.floats(-0.6, 0.6)), sigma)
