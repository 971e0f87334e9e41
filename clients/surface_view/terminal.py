"""The surface in a terminal: smiles, term structure, total variance, and what was found in words."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from clients.surface_view.braille import RED, Chart
from clients.surface_view.view import K_SHOWN_MAX, View, delta_vols

Floats = NDArray[np.float64]

WIDTH_MIN: Final = 40
_CELL_MIN: Final = 34
_SMILE_HEIGHT: Final = 9
_WIDE_HEIGHT: Final = 14
_GREY: Final = 244
_BLUE: Final = 33
_ORANGE: Final = 208
_GREEN: Final = 41
# Near to far, blue over green to orange, among the 256 colours.
_RAMP: Final = (27, 33, 39, 45, 43, 42, 41, 77, 113, 149, 185, 221, 215, 209)

_TENORS: Final = (
    (1.0, "1d"), (2.0, "2d"), (7.0, "1w"), (14.0, "2w"), (30.0, "1m"), (61.0, "2m"), (91.0, "3m"),
    (182.0, "6m"), (365.0, "1y"), (730.0, "2y"),
)  # fmt: skip


def text(view: View, width: int, *, colours: bool) -> str:
    """Everything, `width` cells wide (at least 40)."""
    width = max(width, WIDTH_MIN)
    lines = [_styled(view.title, "1", colours=colours), view.subtitle, ""]
    lines += _smiles(view, width, colours=colours)
    lines += _term_structure(view, width, colours=colours)
    lines += _total_variance(view, width, colours=colours)
    lines += _findings(view, colours=colours)
    return "\n".join(lines)


def ramp(index: int, count: int) -> int:
    """The colour of expiry `index` of `count`."""
    return _RAMP[round(index * (len(_RAMP) - 1) / max(count - 1, 1))]


def _styled(text: str, code: str, *, colours: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colours else text


def _smiles(view: View, width: int, *, colours: bool) -> list[str]:
    """A chart for each expiry, side by side as far as they fit."""
    across = max(min(width // _CELL_MIN, len(view.labels)), 1)
    cell = width // across
    charts = [_smile(view, index, cell - 2, colours=colours) for index in range(len(view.labels))]
    lines = []
    for first in range(0, len(charts), across):
        group = charts[first : first + across]
        for row in zip(*group, strict=True):
            cells = [line + " " * (cell - _visible(line)) for line in row]
            lines.append("".join(cells).rstrip())
        lines.append("")
    return lines


def _visible(line: str) -> int:
    """Cells the line takes: escape sequences take none."""
    count, inside = 0, False
    for letter in line:
        if letter == "\x1b":
            inside = True
        elif not inside:
            count += 1
        elif letter == "m":
            inside = False
    return count


def _smile(view: View, index: int, width: int, *, colours: bool) -> list[str]:
    piece = view.slices[index]
    low, high = view.shown(index)
    k = np.linspace(low, high, 160)
    vol = 100.0 * piece.vol(k)
    spread: list[Floats] = [vol]
    smile = view.smiles[index] if view.smiles else None
    if smile is not None:
        spread.append(100.0 * smile.mid[(smile.k >= low) & (smile.k <= high)])
    seen = np.concatenate(spread)
    seen = seen[np.isfinite(seen)]
    room = 0.06 * float(np.ptp(seen)) + 0.1
    vols = (float(seen.min()) - room, float(seen.max()) + room)
    chart = Chart(view.labels[index], width, _SMILE_HEIGHT, (low, high), vols)
    if smile is not None:
        chart.bars(smile.k, 100.0 * smile.bid, 100.0 * smile.ask, _GREY)
        chart.points(smile.k, 100.0 * smile.mid, _GREY)
    chart.curve(k, vol, ramp(index, len(view.labels)))
    for found in view.violations:
        if found.kind == "butterfly" and found.slice == index:
            bad = k[(k >= found.low) & (k <= found.high)]
            chart.curve(bad, 100.0 * piece.vol(bad), RED)
    if smile is None:
        labels = [(value, f"{value:+.2g}") for value in (0.9 * low, 0.0, 0.9 * high)]
    else:
        at = (float(k[12]), 0.0, float(k[-13]))
        labels = [(value, _price(smile.forward * float(np.exp(value)))) for value in at]
    return chart.lines(labels, _percent, colours=colours)


def _percent(vol: float) -> str:
    return f"{vol:.0f}%"


def _price(price: float) -> str:
    return f"{price:,.0f}" if price >= 1000.0 else f"{price:.3g}"


def _term_structure(view: View, width: int, *, colours: bool) -> list[str]:
    days = 365.0 * np.array([piece.years for piece in view.slices])
    at_the_money = 100.0 * np.array([float(piece.vol(0.0)) for piece in view.slices])
    wings = 100.0 * np.array([delta_vols(piece) for piece in view.slices])
    fine = np.geomspace(days[0], days[-1], 200) if days.size > 1 else days
    everything = np.concatenate([at_the_money, wings.ravel()])
    everything = everything[np.isfinite(everything)]
    room = 0.08 * float(np.ptp(everything)) + 0.1
    chart = Chart(
        "term structure: at the money, 25-delta put and call",
        width - 2,
        _WIDE_HEIGHT,
        (float(np.log(days[0])) - 0.05, float(np.log(days[-1])) + 0.05),
        (float(everything.min()) - room, float(everything.max()) + room),
    )
    for side, colour in ((0, _ORANGE), (1, _GREEN)):
        chart.curve(np.log(days), wings[:, side], colour)
    chart.curve(np.log(fine), 100.0 * view.surface.vol(0.0, fine / 365.0), _BLUE)
    chart.points(np.log(days), at_the_money, _BLUE)
    labels = [(float(np.log(tenor)), name) for tenor, name in _TENORS]
    legend = [("at the money", _BLUE), ("25-delta put", _ORANGE), ("25-delta call", _GREEN)]
    key = "   ".join(_styled(f"━ {name}", f"38;5;{colour}", colours=colours) for name, colour in legend)
    return [*chart.lines(labels, _percent, colours=colours), f"       {key}" if colours else "", ""]


def _total_variance(view: View, width: int, *, colours: bool) -> list[str]:
    spans = np.clip([view.shown(index) for index in range(len(view.labels))], -K_SHOWN_MAX, K_SHOWN_MAX)
    low, high = float(spans[:, 0].min()), float(spans[:, 1].max())
    curves = []
    for piece, span in zip(view.slices, spans, strict=True):
        k = np.linspace(float(span[0]), float(span[1]), 200)
        curves.append((k, np.log10(np.maximum(piece.total_variance(k), 1e-9))))
    every = np.concatenate([w for _, w in curves])
    chart = Chart(
        "total variance by log-moneyness, one slice per expiry: slices must not cross",
        width - 2,
        _WIDE_HEIGHT,
        (low, high),
        (float(every.min()), float(every.max())),
    )
    for index, (k, w) in enumerate(curves):
        chart.curve(k, w, ramp(index, len(curves)))
    for found in view.violations:
        if found.kind == "calendar":
            bad = np.linspace(max(found.low, low), min(found.high, high), 60)
            for piece in view.slices[found.slice : found.slice + 2]:
                chart.curve(bad, np.log10(np.maximum(piece.total_variance(bad), 1e-9)), RED)
    step = 0.5 if high - low > 1.2 else 0.1 if high - low > 0.3 else 0.02
    labels = [(step * n, f"{step * n:+.3g}") for n in range(int(low / step), int(high / step) + 1)]
    return [*chart.lines(labels, lambda log: f"{10.0**log:.2g}", colours=colours), ""]


def _findings(view: View, *, colours: bool) -> list[str]:
    findings = view.findings()
    if not findings:
        good = "no static arbitrage at any strike: densities positive, later slices above earlier ones"
        return [_styled(good, f"38;5;{_GREEN}", colours=colours)]
    return [
        _styled("ARBITRAGE in what is drawn", f"1;38;5;{RED}", colours=colours),
        *(f"  {finding}" for finding in findings),
    ]
