"""The equations of the fits: derivatives that agree with differences, hinges, trust."""

from dataclasses import replace

import numpy as np
import pytest

from pricing.surface import EssviSlice, SviSlice, VolPoints, shape
from pricing.surface.arbitrage import Violation
from pricing.surface.joint import Hinges
from pricing.surface.model import Data

H = 1e-6
YEARS = np.array([0.1, 0.3, 0.6])
SLICES = [
    SviSlice(0.1, 0.005, 0.12, -0.3, 0.02, 0.15),
    SviSlice(0.3, 0.004, 0.11, 0.4, -0.05, 0.10),  # crosses the first, and its wings are flatter
    SviSlice(0.6, -0.040, 0.1331, 0.3060, 0.3586, 0.4153),  # Vogt's, nearly
]
TABLE = shape.from_slices(SLICES)


def points(low: float = -np.inf, high: float = np.inf) -> VolPoints:
    """Seven observations an expiry, a point or so off the slices; the last expiry has five."""
    expiry = np.repeat([0, 1, 2], [7, 7, 5])
    k = np.concatenate([np.linspace(-0.4, 0.4, 7), np.linspace(-0.5, 0.5, 7), np.linspace(-0.6, 0.6, 5)])
    vol = np.array([float(SLICES[e].vol(x)) for e, x in zip(expiry, k, strict=True)])
    vol += 0.01 * np.cos(9.0 * k)
    weight = 1.0 + 0.3 * np.sin(5.0 * k)
    return VolPoints(YEARS, expiry, k, vol, weight, vol + low, vol + high, weight)


def nudged(i: int, slice_: int, by: float) -> np.ndarray:
    table = TABLE.copy()
    table[i, slice_] += by
    return table


@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), (-0.004, 0.006)])
def test_the_gradient_of_the_cost_agrees_with_differences(bounds: tuple[float, float]) -> None:
    data = Data(points(*bounds))
    trust = np.full(data.k.shape, 0.7)
    _, gradient, matrix, vol = data.equations(TABLE, trust)
    assert vol == pytest.approx(data.model_vol(TABLE))
    assert (np.linalg.eigvalsh(matrix) > -1e-9).all()
    for slice_ in range(3):
        for i in range(shape.COUNT):
            up = data.equations(nudged(i, slice_, H), trust)[0]
            down = data.equations(nudged(i, slice_, -H), trust)[0]
            slope = (up - down) / (2 * H)
            assert slope[slice_] == pytest.approx(gradient[slice_, i], rel=1e-5, abs=1e-6)
            assert np.delete(slope, slice_) == pytest.approx(np.zeros(2), abs=1e-9)


def test_weights_sum_to_the_importance_of_their_expiry() -> None:
    plain = points()
    assert Data(plain).weight.sum(axis=1) == pytest.approx([1.0, 1.0, 1.0])
    lesser = Data(replace(plain, importance=np.array([1.0, 0.1, 2.0])))
    assert lesser.weight.sum(axis=1) == pytest.approx([1.0, 0.1, 2.0])
    assert lesser.effective == pytest.approx(Data(plain).effective)


def test_padding_goes_there_and_back() -> None:
    data = Data(points())
    assert data.k.shape == (3, 7)
    assert data.flat(data.k) == pytest.approx(points().k)
    assert (data.weight[2, 5:] == 0.0).all()


def test_trust_falls_with_the_distance_from_the_rest() -> None:
    piece = EssviSlice(0.5, 0.1, -0.2, 0.5).raw()
    k = np.linspace(-0.5, 0.5, 9)
    vol = piece.vol(k) + 0.004 * np.array([1, -1, 1, -1, 1, -1, 1, -1, 1])
    vol[4] += 0.3
    data = Data(VolPoints.from_vols([0.5], np.zeros(9, int), k, vol, np.ones(9)))
    trust = data.trust(data.model_vol(shape.from_slices([piece])))[0]
    assert trust[4] < 0.01
    assert (np.delete(trust, 4) == 1.0).all()


def test_the_jacobian_of_the_hinges_agrees_with_differences() -> None:
    hinges = Hinges(TABLE, YEARS)
    hinges.cut(Violation("calendar", 1, -1.0, 1.0, 0.3, 0.1))
    hinges.cut(Violation("between", 1, 0.5, 1.2, 0.9, 0.1, weight=0.8))
    residual, jacobian = hinges.rows(TABLE)
    assert residual.size > 20
    assert jacobian.shape == (residual.size, 15)
    compared = 0
    for slice_ in range(3):
        for i in range(shape.COUNT):
            up, down = (hinges.rows(nudged(i, slice_, sign * H))[0] for sign in (1.0, -1.0))
            if up.size == down.size == residual.size:  # no hinge opened or closed
                slope = (up - down) / (2 * H)
                assert slope == pytest.approx(jacobian[:, slice_ * shape.COUNT + i], rel=1e-4, abs=1e-3)
                compared += 1
    assert compared > 10


def test_hinges_rest_where_all_is_in_order() -> None:
    slices = [EssviSlice(y, 0.3 * y, -0.2, 0.9 * y**0.6).raw() for y in YEARS]
    residual, jacobian = Hinges(shape.from_slices(slices), YEARS).rows(shape.from_slices(slices))
    assert residual.size == 0
    assert jacobian.shape == (0, 15)
