"""Figures of plotly drawn by matplotlib, for files: the parts of plotly's description that figures here use.

The description is plotly's alone, so that a file shows what the page shows. What has no counterpart here raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import unescape
from typing import Any

import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator

WIDTH, DPI = 900, 100  # pixels of a figure, and how many are an inch
_TEXT, _FRAME = "#24292f", "#d0d7de"
_MARKERS = {"circle": "o", "star": "*", "diamond": "D"}
_DASHES = {None: "-", "solid": "-", "dash": "--", "dot": ":"}
_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": _TEXT,
    "text.parse_math": False,  # names of users may hold dollars
    "axes.edgecolor": _FRAME,
    "axes.labelcolor": _TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _FRAME,
    "grid.linewidth": 0.6,
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
    "svg.fonttype": "none",
    "svg.hashsalt": "budgetnas",
}


def painted(figure: go.Figure) -> Figure:
    """Return a figure of plotly, of scatter, bar and heatmap traces, as one of matplotlib on white.

    Raises:
        TypeError: it has a trace of another type.
    """
    with mpl.rc_context(_RC):
        sheet = Figure(figsize=(WIDTH / DPI, figure.layout.height / DPI), dpi=DPI, layout="constrained")
        panels = _panels(sheet, figure)
        for trace in figure.data:
            _PAINTERS.get(trace.type, _refused)(panels[trace.yaxis or "y"], trace)
        _mark(panels, figure)
        _legend(sheet, panels.values())
        sheet.draw_without_rendering()  # while the settings hold
    return sheet


def save(sheet: Figure, path: Any) -> None:
    """Write a painted figure as SVG or PNG, by the suffix of its path; the same figure gives the same file."""
    with mpl.rc_context(_RC):
        sheet.savefig(path, facecolor="white", metadata={"Date": None} if str(path).endswith("svg") else None)


def _panels(sheet: Figure, figure: go.Figure) -> dict[str, Axes]:
    """Return a panel for each vertical axis, placed as in plotly, by plotly's name."""
    layout = figure.layout
    pairs = dict(sorted({(trace.yaxis or "y"): (trace.xaxis or "x") for trace in figure.data}.items()))
    domains = {name: _axis(layout, name).domain or (0, 1) for name in pairs}
    order = sorted(pairs, key=lambda name: -domains[name][0])
    heights = [domains[name][1] - domains[name][0] for name in order]
    drawn = sheet.subplots(len(order), 1, squeeze=False, height_ratios=heights, sharex=len(set(pairs.values())) == 1)
    panels = dict(zip(order, drawn[:, 0], strict=True))
    for name, panel in panels.items():
        is_last = list(pairs.values()).count(pairs[name]) == 1 or name == order[-1]
        _set_axis(panel.xaxis, panel.set_xlim, _axis(layout, pairs[name]), has_title=is_last)
        _set_axis(panel.yaxis, panel.set_ylim, _axis(layout, name), has_title=True)
        panel.set_axisbelow(True)
    return panels


def _axis(layout: Any, name: str) -> Any:
    """Return an axis of the layout by the name that traces have for it: `y2` is `yaxis2`."""
    return layout[f"{name[0]}axis{name[1:]}"]


def _set_axis(axis: Any, limit: Any, described: Any, *, has_title: bool) -> None:
    if described.title.text and has_title:
        axis.set_label_text(_plain(described.title.text))
    axis.grid(described.showgrid is not False)
    if described.tickvals is not None and described.type != "category":
        axis.set_major_locator(FixedLocator(list(described.tickvals)))
        if described.ticktext is not None:
            axis.set_ticklabels(list(map(_plain, described.ticktext)))
    elif described.exponentformat == "SI":
        axis.set_major_formatter(EngFormatter(sep=""))
    elif described.dtick == 1:
        axis.set_major_locator(MaxNLocator(integer=True))
    if described.range is not None:
        limit(*described.range)


def _scatter(panel: Axes, trace: go.Scatter) -> None:
    x, y = (np.array([np.nan if value is None else value for value in values], float) for values in (trace.x, trace.y))
    label = _plain(trace.name) if trace.showlegend is not False else "_nolegend_"
    if "lines" in trace.mode:
        style = {"color": trace.line.color, "linewidth": 0.8 * trace.line.width, "alpha": trace.opacity}
        shape = "steps-post" if trace.line.shape == "hv" else "default"
        panel.plot(x, y, linestyle=_DASHES[trace.line.dash], drawstyle=shape, label=label, **style)
        label = "_nolegend_"
    if "markers" in trace.mode:
        _points(panel, trace, (x, y), label)


def _points(panel: Axes, trace: go.Scatter, place: tuple[Any, Any], label: str) -> None:
    """Draw points, group by group of one symbol and colour."""
    x, y = place
    marker, number = trace.marker, len(x)
    colours = _each(marker.color or trace.line.color, number)
    symbols = _each(marker.symbol or "circle", number)
    above = _each(trace.error_y.array, number) if trace.error_y.array is not None else [0.0] * number
    below = above if trace.error_y.arrayminus is None else _each(trace.error_y.arrayminus, number)
    spreads = np.array([below, above])
    for kind in dict.fromkeys(zip(symbols, colours, strict=True)):
        symbol, colour = kind
        chosen = [i for i in range(number) if (symbols[i], colours[i]) == kind]
        panel.scatter(
            x[chosen],
            y[chosen],
            s=(0.8 * (marker.size or 6)) ** 2,
            marker=_MARKERS[symbol.removesuffix("-open")],
            facecolor="none" if symbol.endswith("-open") else colour,
            edgecolor=colour,
            linewidth=0.8 * (marker.line.width or 1),
            alpha=marker.opacity,
            zorder=3,
            label=label,
        )
        label = "_nolegend_"
        if spreads[:, chosen].any():
            panel.errorbar(x[chosen], y[chosen], yerr=spreads[:, chosen], fmt="none", ecolor=colour, elinewidth=0.8)


def _bar(panel: Axes, trace: go.Bar) -> None:
    label = _plain(trace.name) if trace.name else "_nolegend_"
    colour = trace.marker.color
    if trace.orientation == "h":
        bars = panel.barh(list(map(_plain, trace.y)), list(trace.x), height=0.65, color=colour, label=label)
        panel.bar_label(bars, list(trace.text or [""] * len(trace.x)), padding=3)
        return
    x, y = np.array(trace.x, float), np.array(trace.y, float)
    below = {place: height for bars in panel.containers for place, height in _tops(bars)}  # stacked
    bottom = [below.get(round(float(place), 4), 0.0) for place in x]
    panel.bar(x, y, width=trace.width, bottom=bottom, color=colour, label=label)


def _tops(bars: Iterable[Any]) -> list[tuple[float, float]]:
    return [(round(bar.get_x() + bar.get_width() / 2, 4), bar.get_y() + bar.get_height()) for bar in bars]


def _heatmap(panel: Axes, trace: go.Heatmap) -> None:
    colours = LinearSegmentedColormap.from_list("scale", [(stop, _rgba(colour)) for stop, colour in trace.colorscale])
    cells = np.array(trace.z, float)
    panel.imshow(cells, cmap=colours, vmin=trace.zmin, vmax=trace.zmax, aspect="auto", interpolation="nearest")
    if trace.text is not None:
        for i, row in enumerate(trace.text):
            for j, text in enumerate(row):
                panel.text(j, i, text, ha="center", va="center", fontsize=8)
    size = len(cells)
    step = -(-size // 25)
    panel.set_xticks(range(0, size, step), list(map(_plain, trace.x[::step])), rotation=45, ha="right")
    panel.set_yticks(range(0, size, step), list(map(_plain, trace.y[::step])))


def _refused(panel: Axes, trace: Any) -> None:
    raise TypeError(f"traces of the type {trace.type!r} cannot be painted")


_PAINTERS = {"scatter": _scatter, "bar": _bar, "heatmap": _heatmap}


def _mark(panels: dict[str, Axes], figure: go.Figure) -> None:
    """Draw the vertical lines of a figure, such as a cap, with their words."""
    for shape in figure.layout.shapes:
        chosen = panels.values() if shape.yref == "paper" else [panels[shape.yref]]
        for panel in chosen:
            panel.axvline(shape.x0, color=shape.line.color, linestyle=_DASHES[shape.line.dash], linewidth=1.2)
    first = next(iter(panels.values()))
    for note in figure.layout.annotations:
        first.annotate(
            _plain(note.text), (note.x, 1), (0, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
            ha=note.xanchor, va="bottom", color=_TEXT,
        )  # fmt: skip


def _legend(sheet: Figure, panels: Iterable[Axes]) -> None:
    """Put one legend of all panels below the figure."""
    found = {
        label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    if len(found) > 1:
        sheet.legend(found.values(), found.keys(), loc="outside lower left", ncols=3, frameon=False)


def _each(value: Any, number: int) -> list[Any]:
    return list(value) if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str) else [value] * number


def _plain(text: str) -> str:
    """Return text without plotly's markup."""
    return unescape(text.replace("<br>", "\n"))


def _rgba(colour: str) -> tuple[float, ...]:
    """Read `rgba(59,130,246,.6)`."""
    *parts, alpha = map(float, colour.removeprefix("rgba(").rstrip(")").split(","))
    return (*(part / 255 for part in parts), alpha)
