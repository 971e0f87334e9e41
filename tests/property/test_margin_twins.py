"""The engines' margins against the float twins, on random portfolios of both models."""

from __future__ import annotations

from itertools import count

import pytest

from tests.reference.margin_campaign import compare
from tests.reference.margin_engines import CoreBooks, ReferenceBooks


def test_the_core_agrees_with_the_float_twins_within_its_roundings() -> None:
    tally = compare(CoreBooks, count(1_000), 1_500)
    assert tally.figures > 3 * 1_500
    assert 0.5 < tally.most <= 1.0, "the bounds are those of the roundings, not wide ones"


def test_so_does_the_reference() -> None:
    assert compare(ReferenceBooks, count(2_000), 120).figures > 3 * 120


@pytest.mark.slow
def test_the_core_agrees_with_the_float_twins_on_100_000_portfolios() -> None:
    assert compare(CoreBooks, count(1_000_000), 100_000).portfolios >= 100_000
