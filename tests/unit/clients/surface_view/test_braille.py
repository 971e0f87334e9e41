from __future__ import annotations

import numpy as np
import pytest

from clients.surface_view.braille import Chart


def dots(lines: list[str]) -> list[str]:
    """What is drawn, without title, labels and axis."""
    return [line.split("┤")[1] for line in lines[1:-1]]


def percent(value: float) -> str:
    return f"{value:.0f}%"


def test_a_diagonal_goes_from_corner_to_corner() -> None:
    chart = Chart("rise", 12, 4, (0.0, 1.0), (0.0, 1.0))
    chart.curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 33)
    rows = dots(chart.lines([], percent, colours=False))
    assert len(rows) == 2
    assert rows[1][0] == "⡠"
    assert rows[0].startswith(" ")


def test_single_points_are_single_dots_in_their_place() -> None:
    chart = Chart("", 12, 4, (0.0, 1.0), (0.0, 1.0))
    chart.points(np.array([0.0, 1.0]), np.array([1.0, 0.0]), 33)
    rows = dots(chart.lines([], percent, colours=False))
    assert rows[0] == "⠁"
    assert rows[1] == "   ⢀"


def test_what_is_outside_or_not_finite_is_not_drawn() -> None:
    chart = Chart("", 20, 5, (0.0, 1.0), (0.0, 1.0))
    chart.points(np.array([np.nan, 0.5, -1.0, 2.0]), np.array([0.5, np.inf, 0.5, 0.5]), 33)
    chart.curve(np.array([0.2, np.nan, 0.4]), np.array([0.5, 0.5, np.nan]), 33)
    assert all(row.strip() == "" for row in dots(chart.lines([], percent, colours=False)))


def test_a_range_without_extent_is_widened() -> None:
    chart = Chart("flat", 20, 5, (1.0, 1.0), (50.0, 50.0))
    chart.points(np.array([1.0]), np.array([50.0]), 33)
    assert any(row.strip() for row in dots(chart.lines([], percent, colours=False)))
    assert Chart("none", 20, 5, (np.inf, np.nan), (0.0, 1.0)).lines([], percent, colours=False)


def test_labels_stand_under_their_places_and_never_overlap() -> None:
    chart = Chart("title", 40, 5, (0.0, 10.0), (20.0, 80.0))
    labels = [(0.0, "low"), (5.0, "middle"), (5.4, "hidden"), (10.0, "high"), (11.0, "out")]
    lines = chart.lines(labels, percent, colours=False)
    assert lines[0].strip() == "title"
    assert lines[-1].split() == ["low", "middle", "high"]
    assert lines[1].startswith("    70%┤")
    assert all(len(line) <= 40 for line in lines)


@pytest.mark.parametrize("colours", [True, False])
def test_colours_only_where_they_are_wanted(colours: bool) -> None:
    chart = Chart("", 20, 5, (0.0, 1.0), (0.0, 1.0))
    chart.curve(np.array([0.0, 1.0]), np.array([0.5, 0.5]), 196)
    text = "\n".join(chart.lines([], percent, colours=colours))
    assert ("\x1b[38;5;196m" in text) == colours
    assert text.count("\x1b[38") == text.count("\x1b[0m")
