"""Surfaces that price nothing: negative, crossed, with a negative butterfly; sound ones pass, aged too."""

import logging

import numpy as np
import pytest

from exchange.oracle.chain_spec import expiries
from exchange.oracle.refit_job import RefitReply
from exchange.oracle.refit_worker import sampled
from exchange.oracle.refits import Refits
from exchange.oracle.surface_checks import RefusedSurface, checked
from pricing.simulated_surface import simulated_surface
from tests.unit.oracle.test_refits import Script
from tests.unit.oracle.test_table_feed import make

NOW_MS = 1_795_000_000_000
A, B = 1, 2


def reply_of(change: tuple[int, int, float] | None = None) -> RefitReply:
    """The simulated surface; `change`: (slice, parameter, factor)."""
    moments = np.array(expiries(NOW_MS))
    slices = sampled(simulated_surface("BTC"), moments, NOW_MS).values()
    table = np.array([(p.years, p.a, p.b, p.rho, p.m, p.sigma) for p in slices]).T
    if change is not None:
        number, parameter, factor = change
        table[parameter, number] *= factor
    return RefitReply("fresh", 0, 1, NOW_MS, 1.0, moments, table, np.zeros(3))


def code(reply: RefitReply, now_ms: int = NOW_MS) -> str:
    with pytest.raises(RefusedSurface) as refused:
        checked(reply, now_ms)
    return refused.value.code


@pytest.mark.parametrize("age_ms", [-60_000, 0, 30_000, 3 * 3_600_000])
def test_a_sound_surface_passes_at_any_age(age_ms: int) -> None:
    assert checked(reply_of(), NOW_MS + age_ms) is not None


def test_what_is_left_of_no_slice_is_no_surface() -> None:
    assert checked(reply_of(), int(expiries(NOW_MS)[-1])) is None


def test_negative_variance_is_refused() -> None:
    assert code(reply_of((2, A, -50.0))) == "negative_surface"


def test_slices_that_cross_are_refused() -> None:
    assert code(reply_of((3, B, 0.1))) == "crossed_surface"
    assert code(reply_of((1, B, 4.0))) == "crossed_surface"


def test_a_negative_butterfly_is_refused() -> None:
    """Axel Vogt's smile (Gatheral and Jacquier, 2014): positive variance, negative density."""
    year_ms = 365 * 86_400_000
    table = np.array([[1.0], [-0.0410], [0.1331], [0.3060], [0.3586], [0.4153]])
    moments = np.array([NOW_MS + year_ms])
    assert code(RefitReply("fresh", 0, 1, NOW_MS, 1.0, moments, table, np.zeros(3))) == "butterfly_surface"


def test_a_refused_surface_leaves_the_one_before_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    marks, _ = make()
    before = marks.chain.surface
    bad, good = reply_of((3, B, 0.1)).encode(), reply_of().encode()
    refits = Refits(Script(bad, bad, good, bad), [marks])
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            refits.poll(NOW_MS)
            assert marks.chain.surface is before
            assert refits.report(0, NOW_MS).status == "crossed_surface"
        assert len(caplog.records) == 1
        refits.poll(NOW_MS)
        assert marks.chain.surface is not before
        refits.poll(NOW_MS)
    assert len(caplog.records) == 2
    assert refits.refused == {"crossed_surface": 3}
