"""The fits' parameters: the same smiles, and derivatives that agree with differences."""

import numpy as np
import pytest

from pricing.surface import SurfaceError, SviSlice, density_factor, shape
from pricing.surface.svi import density_gradient

SLICES = [SviSlice(0.1, 0.01, 0.1, -0.3, 0.02, 0.15), SviSlice(0.2, -0.01, 0.2, 0.4, -0.1, 0.3)]
TABLE = shape.from_slices(SLICES)
K = np.array([[-0.5, 0.0, 0.02, 0.7], [-1.5, -0.1, 0.3, 1.0]])
H = 1e-6


def nudged(i: int, by: float) -> np.ndarray:
    return TABLE + by * np.eye(shape.COUNT)[:, i : i + 1]


def test_tables_hold_slices_both_ways() -> None:
    for piece, back in zip(SLICES, shape.to_slices(TABLE, np.array([0.1, 0.2])), strict=True):
        for name in ("years", "a", "b", "rho", "m", "sigma"):
            assert getattr(back, name) == pytest.approx(getattr(piece, name), rel=1e-12)
    want = [piece.total_variance(k) for piece, k in zip(SLICES, K, strict=True)]
    assert shape.variance(TABLE[:, :, None], K) == pytest.approx(np.array(want), rel=1e-13)
    want_jet = [piece.derivatives(k) for piece, k in zip(SLICES, K, strict=True)]
    assert np.array(shape.jet(TABLE[:, :, None], K)) == pytest.approx(np.swapaxes(want_jet, 0, 1), rel=1e-12)


def test_a_centre_absurdly_far_away_does_not_warn() -> None:
    table = TABLE.copy()
    table[shape.CENTRE] = 1e3
    assert np.isfinite(shape.variance(table[:, :, None], K)).all()


def test_a_table_below_zero_is_no_slice() -> None:
    sunk = TABLE.copy()
    sunk[shape.LEVEL] -= 6.0
    with pytest.raises(SurfaceError):
        shape.to_slices(sunk, np.array([0.1, 0.2]))


@pytest.mark.parametrize("i", range(shape.COUNT))
def test_derivatives_agree_with_differences(i: int) -> None:
    jacobian = np.empty((shape.COUNT, *K.shape))
    w = shape.variance_and_jacobian(shape.Spread(TABLE[:, :, None]), K, jacobian)
    assert w == pytest.approx(shape.variance(TABLE[:, :, None], K), rel=1e-13)
    up, down = nudged(i, H), nudged(i, -H)
    jets = [np.array(shape.jet(t[:, :, None], K)) for t in (up, down)]
    slope = (jets[0] - jets[1]) / (2 * H)
    assert jacobian[i] == pytest.approx(slope[0], abs=1e-8)
    picked = shape.jet_jacobian(np.repeat(TABLE, K.shape[1], axis=1), K.ravel())
    assert picked[:, i] == pytest.approx(slope.reshape(3, -1), abs=1e-6)
    spread = shape.Spread(TABLE)
    least, *parts = spread.least()
    assert least == pytest.approx([p.least_variance / float(p.total_variance(0.0)) for p in SLICES])
    change = shape.Spread(up).least()[0] - shape.Spread(down).least()[0]
    assert spread.least_by(*parts)[i] == pytest.approx(change / (2 * H), abs=1e-7)


def test_the_density_gradient_agrees_with_differences() -> None:
    k, jets = K[0], np.array(SLICES[0].derivatives(K[0]))
    for by, row in zip(density_gradient(k, jets[0], jets[1]), range(3), strict=True):
        step = np.zeros((3, 1))
        step[row] = 1e-7
        change = density_factor(k, *(jets + step)) - density_factor(k, *(jets - step))
        assert by == pytest.approx(change / 2e-7, rel=1e-5, abs=1e-5)
