"""Small charts in text: curves in braille dots, eight to a character cell, with axes and colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Bits of a braille character by dot: rows from the top, left and right column.
_BITS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK: Final = 0x2800
_RESET: Final = "\x1b[0m"
_LABEL_CELLS: Final = 7

RED: Final = 196
"""Of the 256 terminal colours."""


class Chart:
    """Curves and points over fixed ranges, `width` by `height` character cells, labels included.

    What is not finite or outside the ranges is not drawn. Later strokes take the colour of shared cells.
    """

    def __init__(
        self, title: str, width: int, height: int, x_range: tuple[float, float], y_range: tuple[float, float]
    ) -> None:
        self._title = title
        self._columns = max(width - _LABEL_CELLS - 1, 4)
        self._rows = max(height - 2, 2)
        self._x, self._y = _open(x_range), _open(y_range)
        self._dots = np.zeros((self._rows, self._columns), dtype=np.int64)
        self._colours = np.zeros((self._rows, self._columns), dtype=np.int64)

    def curve(self, x: Floats, y: Floats, colour: int) -> None:
        """A line through the points, in order."""
        across, down = self._place(x, y)
        for i in range(len(across) - 1):
            span = max(abs(across[i + 1] - across[i]), abs(down[i + 1] - down[i]))
            if not np.isfinite(span):
                continue
            part = np.linspace(0.0, 1.0, min(int(span), 4 * (self._columns + self._rows)) + 2)
            right, below = across[i + 1] - across[i], down[i + 1] - down[i]
            self._dot(across[i] + part * right, down[i] + part * below, colour)

    def points(self, x: Floats, y: Floats, colour: int) -> None:
        """One dot each."""
        self._dot(*self._place(x, y), colour)

    def bars(self, x: Floats, low: Floats, high: Floats, colour: int) -> None:
        """Vertical strokes."""
        for at, start, end in zip(x, low, high, strict=True):
            self.curve(np.array([at, at]), np.array([start, end]), colour)

    def lines(
        self, x_labels: Sequence[tuple[float, str]], y_label: Callable[[float], str], *, colours: bool
    ) -> list[str]:
        """The finished chart, `height` lines of at most `width` cells."""
        found = [f"{'':{_LABEL_CELLS}} {self._title}"[: self._columns + _LABEL_CELLS + 1]]
        for row in range(self._rows):
            label = ""
            if row in (0, self._rows // 2, self._rows - 1):
                value = self._y[1] - (row + 0.5) / self._rows * (self._y[1] - self._y[0])
                label = y_label(value)
            found.append(f"{label:>{_LABEL_CELLS}}┤{self._row(row, colours=colours)}".rstrip())
        return [*found, self._x_axis(x_labels)]

    def _place(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Positions in dots from the upper left corner."""
        across = (np.asarray(x, dtype=np.float64) - self._x[0]) / (self._x[1] - self._x[0])
        down = (self._y[1] - np.asarray(y, dtype=np.float64)) / (self._y[1] - self._y[0])
        return across * (2 * self._columns - 1), down * (4 * self._rows - 1)

    def _dot(self, across: Floats, down: Floats, colour: int) -> None:
        seen = np.isfinite(across) & np.isfinite(down)
        column, row = np.rint(across[seen]), np.rint(down[seen])
        inside = (column >= 0) & (column < 2 * self._columns) & (row >= 0) & (row < 4 * self._rows)
        for x, y in zip(column[inside].astype(int).tolist(), row[inside].astype(int).tolist(), strict=True):
            self._dots[y // 4, x // 2] |= _BITS[y % 4][x % 2]
            self._colours[y // 4, x // 2] = colour

    def _row(self, row: int, *, colours: bool) -> str:
        text, last = "", 0
        for dots, colour in zip(self._dots[row].tolist(), self._colours[row].tolist(), strict=True):
            wanted = colour if dots else 0
            if colours and wanted != last:
                text += f"\x1b[38;5;{wanted}m" if wanted else _RESET
                last = wanted
            text += chr(_BLANK + dots) if dots else " "
        return text + (_RESET if colours and last else "")

    def _x_axis(self, labels: Sequence[tuple[float, str]]) -> str:
        axis = [" "] * (self._columns + 8)
        free_from = 0
        for value, text in labels:
            place = (value - self._x[0]) / (self._x[1] - self._x[0])
            if not 0.0 <= place <= 1.0:
                continue
            centred = round(place * (self._columns - 1)) - len(text) // 2
            start = min(max(centred, 0), self._columns - len(text))
            if start >= free_from:
                axis[start : start + len(text)] = text
                free_from = start + len(text) + 1
        return f"{'':{_LABEL_CELLS}} {''.join(axis)}".rstrip()


def _open(span: tuple[float, float]) -> tuple[float, float]:
    """The range, widened where it has no extent."""
    low, high = span
    if not (np.isfinite(low) and np.isfinite(high)):
        return 0.0, 1.0
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        pad = 0.05 * abs(low) or 1.0
        return low - pad, high + pad
    return low, high
