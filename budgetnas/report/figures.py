"""The figures of accuracy over epochs, and of a rung's accuracy against that of full training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from budgetnas.records.levels import length_in_words
from budgetnas.records.numbers import plural
from budgetnas.report.facts import ReportFacts
from budgetnas.report.palette import FULL, RUNGS, WINNER, dress, points

_A_LAYER, _LAYERS = 25, 12  # at least so many curves a layer, at most so many layers
_EVERY_EPOCH = 12  # up to as many epochs each has a tick
Curve = Mapping[int, float]


def curves_figure(facts: ReportFacts) -> go.Figure:
    """Draw validation accuracy by epoch: a colour and an entry of the legend for each rung, the winner bold."""
    figure = go.Figure()
    for i, (name, trials) in enumerate(facts.rungs.items()):
        curves = [(trial.root, trial.curve) for trial in trials if trial.curve]
        _add_curves(figure, curves, name=length_in_words(name), colour=RUNGS[i % len(RUNGS)], width=1)
    full = [(number, curve) for number, final in facts.finals.items() for curve in final.curves if curve]
    others = [(number, curve) for number, curve in full if number != facts.winner]
    _add_curves(figure, others, name="full", colour=FULL, width=1.5)
    won = [(number, curve) for number, curve in full if number == facts.winner]
    name = f"full, the winner ({plural(len(won), 'seed')})"
    _add_curves(figure, won, name=name, colour=WINNER, width=2.5)
    dress(figure, x="epoch", y="validation accuracy, %", height=460)
    last = max((x for trace in figure.data for x in trace.x if x is not None), default=0)
    figure.update_xaxes(rangemode="tozero", dtick=1 if last <= _EVERY_EPOCH else None)
    return figure


def _add_curves(
    figure: go.Figure, curves: Sequence[tuple[int, Curve]], *, name: str, colour: str, width: float
) -> None:
    """Add a group of curves in a few layers.

    A trace for each of a thousand curves would make a browser crawl, and in one trace their overlaps would not show.
    """
    if not curves:
        return
    group = escape(name, quote=False)
    style = {"line": {"color": colour, "width": width}, "mode": "lines", "legendgroup": group}
    figure.add_scatter(x=[None], y=[None], name=group, **style | {"line": {"color": colour, "width": max(width, 2)}})
    layers = min(_LAYERS, -(-len(curves) // _A_LAYER))
    for i in range(layers):
        x, y, numbers = _joined(curves[i::layers])
        figure.add_scatter(
            x=x,
            y=y,
            customdata=numbers,
            opacity=0.5 if layers > 1 else 0.9,
            showlegend=False,
            hovertemplate="trial %{customdata}, epoch %{x}: %{y:.2f} %<extra></extra>",
            **style | ({} if min(len(curve) for _, curve in curves) > 1 else {"mode": "lines+markers"}),
        )


def _joined(curves: Sequence[tuple[int, Curve]]) -> tuple[list[int | None], list[float | None], list[int | None]]:
    """Return epochs, accuracies and numbers of trials, with a gap after each curve."""
    x: list[int | None] = []
    y: list[float | None] = []
    numbers: list[int | None] = []
    for number, curve in curves:
        epochs = sorted(curve)
        x += [*epochs, None]
        y += [*(points(curve[epoch]) for epoch in epochs), None]
        numbers += [*[number] * len(epochs), None]
    return x, y, numbers


def has_pairs(facts: ReportFacts) -> bool:
    """Tell whether any rung has networks to compare: two or more that were fully trained too."""
    return any(len(pairs) > 1 for pairs in facts.pairs.values())


def fidelity_figure(facts: ReportFacts) -> go.Figure:
    """Draw the score at a rung against the mean score of full training, a colour for each rung."""
    figure = go.Figure()
    for i, (name, pairs) in enumerate(facts.pairs.items()):
        if pairs:
            figure.add_scatter(
                x=[points(short) for short, _ in pairs],
                y=[points(full) for _, full in pairs],
                name=escape(length_in_words(name), quote=False),
                showlegend=True,
                mode="markers",
                marker={"color": RUNGS[i % len(RUNGS)], "size": 9, "opacity": 0.85},
                hovertemplate="%{x:.2f} % at this rung<br>%{y:.2f} % in full<extra></extra>",
            )
    return dress(figure, x="validation accuracy at the rung, %", y="mean in full training, %", height=400)
