"""The surface as one PNG: smiles in a grid, term structure and total variance beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from clients.surface_view.quotes import Smile, SurfaceViewError
from clients.surface_view.view import K_SHOWN_MAX, View, delta_vols

DPI: Final = 130
_INK: Final = "#22303c"
_QUIET: Final = "#5b6b79"
_FAINT: Final = "#9aa5b1"
_GRID: Final = "#e6eaee"
_QUOTE: Final = "#8fa3b5"
_BAD: Final = "#d62839"
_GOOD: Final = "#1b7f4d"
_PUT: Final = "#d9822b"
_CALL: Final = "#2a9d6f"
_ATM: Final = "#1f5fa8"
_FINDINGS_SHOWN: Final = 4
_TENORS: Final = (
    (1.0, "1d"), (2.0, "2d"), (4.0, "4d"), (7.0, "1w"), (14.0, "2w"), (30.0, "1m"), (61.0, "2m"),
    (91.0, "3m"), (182.0, "6m"), (365.0, "1y"), (730.0, "2y"),
)  # fmt: skip
_STYLE: Final[dict[Any, Any]] = {
    "font.size": 9,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "text.color": _INK,
}


def write_png(view: View, path: Path) -> None:
    """Draw `view` into the file. SurfaceViewError ``no_matplotlib`` or ``cannot_write``."""
    try:
        from matplotlib import rc_context
    except ImportError:
        raise SurfaceViewError(
            "no_matplotlib", "a picture needs matplotlib: pip install matplotlib"
        ) from None
    try:
        with path.open("wb") as file, rc_context(_STYLE):
            _figure(view).savefig(file, format="png")
    except OSError as error:
        why = error.strerror or str(error)
        raise SurfaceViewError("cannot_write", f"cannot write {path}: {why}") from None


def _figure(view: View) -> Any:
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count = len(view.labels)
    across = min(max(math.ceil(math.sqrt(count)), 1), 4)
    down = math.ceil(count / across)
    findings = view.findings()
    head_inches = 1.0 + 0.19 * min(len(findings), _FINDINGS_SHOWN + 1)
    height = max(2.1 * down + 0.5, 6.4) + head_inches
    figure: Any = Figure(figsize=(16.0, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    outer = figure.add_gridspec(
        1, 2, width_ratios=(1.55, 1.0), left=0.045, right=0.955, bottom=0.6 / height,
        top=1.0 - head_inches / height, wspace=0.11,
    )  # fmt: skip
    small = outer[0].subgridspec(down, across, hspace=0.42, wspace=0.24)
    large = outer[1].subgridspec(2, 1, hspace=0.26)
    ramp = colormaps["viridis"](np.linspace(0.0, 0.88, count))
    for index in range(count):
        _smile(figure.add_subplot(small[index // across, index % across]), view, index, ramp[index])
    _term_structure(figure.add_subplot(large[0]), view, ramp)
    _total_variance(figure.add_subplot(large[1]), view, ramp)
    _heading(figure, view, findings)
    if view.smiles:
        _key(figure)
    return figure


def _heading(figure: Any, view: View, findings: Sequence[str]) -> None:
    height = figure.get_figheight()
    lines = [(0.32, view.title, 16, _INK, "bold"), (0.60, view.subtitle, 9.5, _QUIET, "normal")]
    if not findings:
        lines.append((0.60, "no static arbitrage, at any strike", 9.5, _GOOD, "bold"))
    shown = [*findings[:_FINDINGS_SHOWN]]
    if len(findings) > len(shown):
        shown.append(f"… and {len(findings) - len(shown)} more")
    for number, words in enumerate(shown):
        text = words if number else f"ARBITRAGE   {words}"
        lines.append((0.82 + 0.19 * number, text, 9, _BAD, "bold"))
    for down, words, size, colour, weight in lines:
        right = colour == _GOOD
        figure.text(
            0.985 if right else 0.045, 1.0 - down / height, words, fontsize=size, color=colour,
            fontweight=weight, va="center", ha="right" if right else "left",
        )  # fmt: skip


def _key(figure: Any) -> None:
    """What the marks in the smiles mean, below them."""
    from matplotlib.lines import Line2D

    marks: list[dict[str, Any]] = [
        {"color": _QUOTE, "alpha": 0.55, "linewidth": 5, "label": "bid to offer"},
        {"color": _INK, "marker": "o", "markersize": 3, "linestyle": "", "label": "mid"},
        {"color": _PUT, "marker": "o", "markerfacecolor": "none", "markersize": 5, "linestyle": "",
         "label": "mark"},
        {"color": _ATM, "linewidth": 2, "label": "fitted surface"},
        {"color": _FAINT, "linewidth": 1, "linestyle": (0, (2, 3)), "label": "forward"},
    ]  # fmt: skip
    figure.legend(
        handles=[Line2D([], [], **mark) for mark in marks], loc="lower left", bbox_to_anchor=(0.04, 0.0),
        ncols=len(marks), frameon=False, fontsize=8.5,
    )  # fmt: skip


def _smile(axes: Any, view: View, index: int, colour: Any) -> None:
    """One expiry: bids to offers as bars, mids as dots, the curve; arbitrage as a red stretch."""
    piece = view.slices[index]
    smile = view.smiles[index] if view.smiles else None
    low, high = view.shown(index)
    forward = 1.0 if smile is None else smile.forward
    k = np.linspace(low, high, 400)
    curve = 100.0 * piece.vol(k)
    if smile is not None:
        _quotes(axes, smile)
    axes.plot(forward * np.exp(k), curve, color=colour, linewidth=1.9, zorder=4)
    axes.axvline(forward, color=_FAINT, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1)
    for found in view.violations:
        if found.kind == "butterfly" and found.slice == index:
            bad = (k >= found.low) & (k <= found.high)
            axes.plot(forward * np.exp(k[bad]), curve[bad], color=_BAD, linewidth=4, zorder=5)
            ends = forward * np.exp(np.clip([found.low, found.high], low, high))
            axes.axvspan(*ends, color=_BAD, alpha=0.13, linewidth=0, zorder=0)
    days = 365.0 * piece.years
    axes.set_title(view.labels[index], fontsize=9.5, fontweight="bold", loc="left", pad=4)
    note = f"{days:.1f} days" if days < 10 else f"{days:.0f} days"
    if view.error_bp:
        note += f" · {view.error_bp[index]:.0f} bp"
    axes.set_title(note, fontsize=7.5, color=_QUIET, loc="right", pad=4)
    axes.set_xlim(forward * math.exp(low), forward * math.exp(high))
    seen = curve if smile is None else np.concatenate([curve, 100.0 * _inside(smile, low, high)])
    seen = seen[np.isfinite(seen)]
    room = 0.12 * float(np.ptp(seen)) + 0.2
    axes.set_ylim(float(seen.min()) - room, float(seen.max()) + room)
    axes.yaxis.set_major_formatter("{x:g}%")
    axes.xaxis.set_major_locator(_few_ticks())
    if forward >= 1000.0:
        axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k")
    axes.margins(x=0)


def _inside(smile: Smile, low: float, high: float) -> Any:
    """The mids worth scaling the axis for."""
    return smile.mid[(smile.k >= low) & (smile.k <= high)]


def _quotes(axes: Any, smile: Smile) -> None:
    both = np.isfinite(smile.bid) & np.isfinite(smile.ask)
    axes.vlines(
        smile.strike[both], 100.0 * smile.bid[both], 100.0 * smile.ask[both], color=_QUOTE, linewidth=2.2,
        alpha=0.55, zorder=2,
    )  # fmt: skip
    axes.scatter(smile.strike[both], 100.0 * smile.mid[both], s=6, color=_INK, linewidths=0, zorder=3)
    axes.scatter(
        smile.strike, 100.0 * smile.mark, s=13, facecolors="none", edgecolors=_PUT, linewidths=0.7, zorder=3
    )


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10])


def _term_structure(axes: Any, view: View, ramp: Any) -> None:
    days = 365.0 * np.array([piece.years for piece in view.slices])
    wings = 100.0 * np.array([delta_vols(piece) for piece in view.slices])
    at_the_money = 100.0 * np.array([float(piece.vol(0.0)) for piece in view.slices])
    fine = np.geomspace(days[0], days[-1], 300)
    axes.fill_between(days, wings[:, 0], wings[:, 1], color=_FAINT, alpha=0.12, linewidth=0)
    axes.plot(days, wings[:, 0], color=_PUT, linewidth=1.3, marker="v", markersize=3.5, label="25Δ put")
    axes.plot(days, wings[:, 1], color=_CALL, linewidth=1.3, marker="^", markersize=3.5, label="25Δ call")
    between = 100.0 * view.surface.vol(0.0, fine / 365.0)
    axes.plot(fine, between, color=_ATM, linewidth=2.0, label="at the money")
    axes.scatter(days, at_the_money, c=ramp, s=34, edgecolors="white", linewidths=0.9, zorder=5)
    axes.set_xscale("log")
    ticks = [(tenor, name) for tenor, name in _TENORS if 0.8 * days[0] <= tenor <= 1.25 * days[-1]]
    axes.set_xticks([tenor for tenor, _ in ticks], [name for _, name in ticks])
    axes.minorticks_off()
    axes.set_xlim(0.85 * days[0], 1.18 * days[-1])
    axes.yaxis.set_major_formatter("{x:g}%")
    axes.set_title("Term structure", fontsize=11, fontweight="bold", loc="left")
    axes.legend(frameon=False, fontsize=8.5, loc="best")


def _total_variance(axes: Any, view: View, ramp: Any) -> None:
    """Every slice over its quotes, fainter beyond; where a later one lies below, the gap is red."""
    spans = np.clip([view.shown(index) for index in range(len(view.labels))], -K_SHOWN_MAX, K_SHOWN_MAX)
    low, high = float(spans[:, 0].min()), float(spans[:, 1].max())
    for found in view.violations:
        low, high = min(low, max(found.low, low - 0.2)), max(high, min(found.high, high + 0.2))
    everywhere = np.linspace(low, high, 400)
    ends, lowest, highest = [], np.inf, 0.0
    for index, piece in enumerate(view.slices):
        k = np.linspace(float(spans[index, 0]), float(spans[index, 1]), 400)
        w = np.maximum(piece.total_variance(k), 1e-9)
        axes.plot(k, w, color=ramp[index], linewidth=1.8, zorder=3)
        beyond = np.maximum(piece.total_variance(everywhere), 1e-9)
        axes.plot(everywhere, beyond, color=ramp[index], linewidth=0.7, alpha=0.45, zorder=2)
        ends.append(float(beyond[-1]))
        lowest, highest = min(lowest, float(w.min())), max(highest, float(w.max()))
    axes.set_yscale("log")
    axes.set_ylim(0.8 * lowest, 1.25 * highest)
    gap = math.log10(1.6 * highest / lowest) / 24
    for index, y in enumerate(_apart([math.log10(w) for w in ends], gap)):
        axes.annotate(
            view.labels[index], (high, 10.0**y), xytext=(5, 0), textcoords="offset points", fontsize=7.5,
            color=ramp[index], va="center", annotation_clip=False,
        )  # fmt: skip
    for found in view.violations:
        k = np.linspace(max(found.low, low), min(found.high, high), 200)
        near = np.maximum(view.slices[found.slice].total_variance(k), 1e-9)
        if found.kind == "calendar":
            far = np.maximum(view.slices[found.slice + 1].total_variance(k), 1e-9)
            axes.fill_between(k, near, far, color=_BAD, alpha=0.6, linewidth=0, zorder=5)
            axes.axvspan(float(k[0]), float(k[-1]), color=_BAD, alpha=0.08, linewidth=0, zorder=0)
        elif found.kind == "butterfly":
            axes.plot(k, near, color=_BAD, linewidth=4, zorder=5)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlim(low, high)
    axes.set_xlabel("log-moneyness  ln(K/F)", fontsize=8.5)
    axes.set_title("Total variance by expiry (must not cross)", fontsize=11, fontweight="bold", loc="left")


def _apart(places: Sequence[float], gap: float) -> list[float]:
    """The places, moved as little as lets each stand `gap` above the one below, in their order."""
    moved = [0.0] * len(places)
    last = -math.inf
    for index in sorted(range(len(places)), key=lambda index: places[index]):
        last = moved[index] = max(places[index], last + gap)
    back = sum(moved[index] - places[index] for index in range(len(places))) / max(len(places), 1)
    return [place - back for place in moved]
