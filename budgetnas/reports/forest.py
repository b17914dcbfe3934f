"""The forest plot: the winner beside its controls, with every seed and with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import mean
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go

from budgetnas.evidence.estimate import Estimate
from budgetnas.evidence.scores import Score
from budgetnas.reports.axes import around
from budgetnas.reports.facts import Compared, ReportFacts
from budgetnas.reports.style import AXIS, FULL, GREY, SHORT, WINNER, dress
from budgetnas.text import plural

_ROW, _AROUND = 46, 150  # pixels
_LINE = 18  # letters of a name
_BESIDE = 0.2  # of a row, between a mean and its seeds
_GAP = 0.26  # of the height, between the two panels

Ends = tuple[float, float]


def forest_figure(facts: ReportFacts) -> go.Figure:
    """Draw the test score of the winner and of each control, and below the winner's gain over each.

    Args:
        facts: with two or more networks in `compared`.
    """
    figure, score, rows = go.Figure(), facts.score, [one for one in facts.compared if one.tests]
    factor, digits = score.factor, _digits(score)
    _add_intervals(
        figure, [one.over_images for one in rows], name="interval over seeds and images", width=2, score=score
    )
    _add_intervals(figure, [one.over_seeds for one in rows], name="interval over seeds", width=6, score=score)
    for i, one in enumerate(rows):
        figure.add_scatter(
            x=[round(factor * test, digits) for test in one.tests],
            y=[i + _BESIDE] * len(one.tests),
            name="a seed",
            showlegend=i == 0,
            legendgroup="a seed",
            mode="markers",
            marker={"color": GREY, "size": 6, "symbol": "circle-open"},
            hovertemplate=f"{_escaped(one.name)}, a seed: {score.hover('x')}<extra></extra>",
        )
    figure.add_scatter(
        x=[round(factor * mean(one.tests), digits) for one in rows],
        y=list(range(len(rows))),
        name="mean",
        mode="markers",
        marker={"color": [WINNER, *[FULL] * (len(rows) - 1)], "size": 11, "symbol": "diamond"},
        text=[f"{_escaped(one.name)}: {_escaped(one.spec)}, {plural(len(one.tests), 'seed')}" for one in rows],
        hovertemplate=f"%{{text}}<br>mean {score.hover('x')}<extra></extra>",
    )
    gains = [one for one in rows if one.gain is not None]
    known = [factor * end for one in rows for end in (*(one.over_images or one.over_seeds or ()), *one.tests)]
    dress(
        figure,
        x=f"test {score.words}{score.comma_unit}",
        y="",
        height=_AROUND + _ROW * (len(rows) + len(gains) + 2 * bool(gains)),
    )
    figure.update_layout(yaxis=_names(rows), xaxis={"range": around(known)})
    if gains:
        _add_gains(figure, gains, score, share=len(gains) / (len(rows) + len(gains)))
    return figure


def forest_caption(facts: ReportFacts) -> str:
    """Return what the figure shows."""
    text = (
        "The winner beside its controls, all trained alike with seeds that no choice has seen; a small circle is one. "
        "Intervals of means are at 95 %."
    )
    rows = [one for one in facts.compared if one.tests]
    if any(one.over_seeds is None for one in rows):
        text += " A network with one seed, or with seeds that do not differ, has no interval."
    if any(one.gain is not None for one in rows):
        text += (
            " Below: the winner's gain over each control, with the intervals of the table. A gain is shown where its "
            "interval lies right of zero; intervals of two means that overlap do not decide that."
        )
    return text


def _add_intervals(
    figure: go.Figure,
    intervals: Sequence[Ends | None],
    *,
    name: str,
    width: int,
    score: Score,
    scale: float | None = None,
    **axes: str,
) -> None:
    """Add a horizontal line for each interval, one row below the other."""
    known = [(i, interval) for i, interval in enumerate(intervals) if interval is not None]
    scale, digits = score.factor if scale is None else scale, _digits(score) + 1
    if known:
        figure.add_scatter(
            x=[
                end
                for _, (low, high) in known
                for end in (round(scale * low, digits), round(scale * high, digits), None)
            ],
            y=[place for i, _ in known for place in (i, i, None)],
            name=name,
            showlegend=not axes,
            legendgroup=name,
            mode="lines",
            line={"color": SHORT, "width": width},
            hovertemplate=f"{name}: %{{x:.{digits - 1}f}}<extra></extra>",
            **axes,
        )


def _digits(score: Score) -> int:
    return 2 if score.is_share else 4


def _add_gains(figure: go.Figure, rows: Sequence[Compared], score: Score, *, share: float) -> None:
    """Add the panel of gains, which takes this share of the height."""
    axes, digits = {"xaxis": "x2", "yaxis": "y2"}, _digits(score)
    unit = " points" if score.is_share else " less"
    wider, over_seeds = [_ends(one.gain_on_images) for one in rows], [_ends(one.gain) for one in rows]
    _add_intervals(figure, wider, name="interval over seeds and images", width=2, score=score, scale=1, **axes)
    _add_intervals(figure, over_seeds, name="interval over seeds", width=6, score=score, scale=1, **axes)
    figure.add_scatter(
        x=[round(one.gain.value, digits + 1) for one in rows if one.gain],
        y=list(range(len(rows))),
        name="gain",
        showlegend=False,
        mode="markers",
        marker={"color": WINNER, "size": 11, "symbol": "diamond"},
        text=[_escaped(one.name) for one in rows],
        hovertemplate=f"gain over %{{text}}: %{{x:+.{digits}f}}{unit}<extra></extra>",
        **axes,
    )
    known = [end for ends in (*wider, *over_seeds) if ends for end in ends]
    known += [0.0, *(one.gain.value for one in rows if one.gain)]
    title = {"text": "gain of the winner, points" if score.is_share else "how much less the winner's loss is"}
    figure.update_layout(
        yaxis={"domain": [(1 - _GAP) * share + _GAP, 1]},
        xaxis={"anchor": "y"},
        xaxis2={**AXIS, "title": title, "anchor": "y2", "range": around(known)},
        yaxis2={**_names(rows), "domain": [0, (1 - _GAP) * share], "anchor": "x2"},
    )
    figure.add_shape(
        type="line", x0=0, x1=0, y0=-0.5, y1=len(rows) - 0.5, xref="x2", yref="y2",
        line={"color": GREY, "dash": "dash", "width": 1.5},
    )  # fmt: skip


def _ends(gain: Estimate | None) -> Ends | None:
    return None if gain is None or gain.low is None or gain.high is None else (gain.low, gain.high)


def _names(rows: Sequence[Compared]) -> dict[str, Any]:
    """Return an axis with a row for each network, the first on top."""
    names = ["<br>".join(map(_escaped, wrap(one.name, _LINE))) for one in rows]
    ticks = {"tickmode": "array", "tickvals": list(range(len(rows))), "ticktext": names, "ticksuffix": "  "}
    return {**AXIS, **ticks, "range": [len(rows) - 0.5, -0.5], "showgrid": False}


def _escaped(text: str) -> str:
    return escape(text, quote=False)
