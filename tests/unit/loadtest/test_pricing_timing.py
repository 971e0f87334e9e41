from __future__ import annotations

import pytest

from loadtest.pricing_timing import CALLS_PER_TURN, Timed, take_turns


def test_turns_interleave_and_are_prepared_but_preparing_is_not_timed() -> None:
    said: list[str] = []
    seen: list[tuple[int, int]] = []
    one = Timed("one", lambda: said.append("1"), 10, lambda: said.append("ready"))
    two = Timed("two", lambda: said.append("2"), 10)
    take_turns([one, two], 2, lambda done, total: seen.append((done, total)))
    turn = ["ready", *["1"] * (CALLS_PER_TURN + 1), *["2"] * (CALLS_PER_TURN + 1)]
    assert said == turn * 2
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert len(one.seconds) == len(two.seconds) == 2
    assert one.ns_each >= 0


def test_figures_are_medians_and_ratios_are_taken_round_by_round() -> None:
    fast = Timed("fast", lambda: None, 1_000, seconds=[1e-6, 2e-6, 9e-6])
    slow = Timed("slow", lambda: None, 100, seconds=[1e-6, 2e-6, 9e-6])
    assert fast.ns_each == pytest.approx(2.0)
    assert slow.ratio_to(fast) == pytest.approx(10.0)
    assert fast.ratio_to(slow) == pytest.approx(0.1)
