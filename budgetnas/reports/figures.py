"""Figures of a search: learning curves, rungs against full training, parallel coordinates, unexpected scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from statistics import median
from typing import Any

import numpy as np
import plotly.graph_objects as go

from budgetnas.evidence.accuracy import wilson
from budgetnas.evidence.scores import ACCURACY, Score
from budgetnas.reports.facts import ReportFacts, complete
from budgetnas.reports.style import FULL, LOW_TO_HIGH, RUNGS, WINNER, dress, undress
from budgetnas.space.parameters import is_plain, parameters
from budgetnas.text import plural
from budgetnas.trials.trial import Trial, length_in_words

_A_LAYER, _LAYERS = 25, 12  # at least this many curves per layer, at most this many layers
_EVERY_EPOCH = 12  # with at most this many epochs, each has a tick
Curve = Mapping[int, float]


def curves_figure(facts: ReportFacts) -> go.Figure:
    """Draw the validation score by epoch: one colour and legend entry per rung, the winner bold."""
    figure, score = go.Figure(), facts.score
    for i, (name, trials) in enumerate(facts.rungs.items()):
        curves = [(trial.root, trial.curve) for trial in trials if trial.curve]
        _add_curves(figure, curves, name=length_in_words(name), colour=RUNGS[i % len(RUNGS)], width=1, score=score)
    full = [(number, curve) for number, final in facts.finals.items() for curve in final.curves if curve]
    others = [(number, curve) for number, curve in full if number != facts.winner]
    _add_curves(figure, others, name="full", colour=FULL, width=1.5, score=score)
    won = [(number, curve) for number, curve in full if number == facts.winner]
    name = f"full, the winner ({plural(len(won), 'seed')})"
    _add_curves(figure, won, name=name, colour=WINNER, width=2.5, score=score)
    dress(figure, x="epoch", y=f"validation {score.words}{score.comma_unit}", height=460)
    last = max((x for trace in figure.data for x in trace.x if x is not None), default=0)
    figure.update_xaxes(rangemode="tozero", dtick=1 if last <= _EVERY_EPOCH else None)
    return figure


def _add_curves(
    figure: go.Figure, curves: Sequence[tuple[int, Curve]], *, name: str, colour: str, width: float, score: Score
) -> None:
    """Add a group of curves as a few traces.

    A thousand traces would make a browser crawl; a single trace would hide overlaps.
    """
    if not curves:
        return
    group = escape(name, quote=False)
    style = {"line": {"color": colour, "width": width}, "mode": "lines", "legendgroup": group}
    figure.add_scatter(x=[None], y=[None], name=group, **style | {"line": {"color": colour, "width": max(width, 2)}})
    layers = min(_LAYERS, -(-len(curves) // _A_LAYER))
    for i in range(layers):
        x, y, numbers = _joined(curves[i::layers], score)
        figure.add_scatter(
            x=x,
            y=y,
            customdata=numbers,
            opacity=0.5 if layers > 1 else 0.9,
            showlegend=False,
            hovertemplate=f"trial %{{customdata}}, epoch %{{x}}: {score.hover('y')}<extra></extra>",
            **style | ({} if min(len(curve) for _, curve in curves) > 1 else {"mode": "lines+markers"}),
        )


def _joined(
    curves: Sequence[tuple[int, Curve]], score: Score
) -> tuple[list[int | None], list[float | None], list[int | None]]:
    """Return epochs, scores and trial numbers, with a gap after each curve."""
    x: list[int | None] = []
    y: list[float | None] = []
    numbers: list[int | None] = []
    for number, curve in curves:
        epochs = sorted(curve)
        x += [*epochs, None]
        y += [*(score.drawn(curve[epoch]) for epoch in epochs), None]
        numbers += [*[number] * len(epochs), None]
    return x, y, numbers


def has_pairs(facts: ReportFacts) -> bool:
    """Return whether any rung has two or more networks that were also fully trained."""
    return any(len(pairs) > 1 for pairs in facts.pairs.values())


def fidelity_figure(facts: ReportFacts) -> go.Figure:
    """Draw the mean score of full training against the score at each rung, one colour per rung."""
    figure, score = go.Figure(), facts.score
    for i, (name, pairs) in enumerate(facts.pairs.items()):
        if pairs:
            figure.add_scatter(
                x=[score.drawn(short) for short, _ in pairs],
                y=[score.drawn(full) for _, full in pairs],
                name=escape(length_in_words(name), quote=False),
                showlegend=True,
                mode="markers",
                marker={"color": RUNGS[i % len(RUNGS)], "size": 9, "opacity": 0.85},
                hovertemplate=f"{score.hover('x')} at this rung<br>{score.hover('y')} in full<extra></extra>",
            )
    unit = score.comma_unit
    return dress(figure, x=f"validation {score.words} at the rung{unit}", y=f"mean in full training{unit}", height=400)


_MOST_TICKS = 12


def parallel_figure(trials: Sequence[Trial], score: Score = ACCURACY) -> go.Figure:
    """Draw trials over the dimensions of their networks, params, MACs and score, coloured by score.

    Those of an absent stage are 0. Dimensions that are the same for all are left out.

    Args:
        trials: two or more COMPLETE trials.
        score: of the study.
    """
    trials = sorted(trials, key=lambda trial: trial.score or 0.0)  # the best is drawn on top
    scores = [score.drawn(trial.score or 0.0) for trial in trials]
    columns = [*_architecture(trials), *_results(trials, scores, "score, %" if score.is_share else score.words)]
    worst = float(np.quantile(scores, 0.05 if score.is_share else 0.95))  # one failed training washes out no others
    ends = (worst, max(scores)) if score.is_share else (min(scores), worst)
    figure = go.Figure(
        go.Parcoords(
            dimensions=[column for column in columns if len(set(column["values"])) > 1],
            line={
                "color": scores,
                "colorscale": [list(stop) for stop in LOW_TO_HIGH],
                "cmin": ends[0],
                "cmax": ends[1],
                "reversescale": not score.is_share,
            },
            labelangle=-20,
            unselected={"line": {"color": "#8b95a5", "opacity": 0.12}},
        )
    )
    return undress(figure, height=400, l=48, r=48, t=76, b=24)


def _architecture(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    specs = [trial.candidate.spec for trial in trials]
    is_wide = not all(map(is_plain, specs))
    found = [parameters(spec, is_wide=is_wide) for spec in specs]
    names = dict.fromkeys(name for values in sorted(found, key=len, reverse=True) for name in values)
    return [_counts(name.replace("_", " "), [values.get(name, 0) for values in found]) for name in names]


def _results(trials: Sequence[Trial], scores: Sequence[float], name: str) -> list[dict[str, Any]]:
    return [
        {"label": "params", "values": [trial.candidate.params for trial in trials], "tickformat": ".3~s"},
        {"label": "MACs", "values": [trial.candidate.macs for trial in trials], "tickformat": ".3~s"},
        {"label": name, "values": list(scores), "tickformat": ".4~r"},
    ]


def _counts(name: str, values: Sequence[int]) -> dict[str, Any]:
    """Make a column of integers with ticks at integers only."""
    column: dict[str, Any] = {"label": name, "values": list(values), "tickformat": "d"}
    if max(values) - min(values) < _MOST_TICKS:
        column["tickvals"] = list(range(min(values), max(values) + 1))
    return column


_FAR = 7  # median distances: 4.7 standard deviations of a normal distribution, Tukey's outer fence
_MOST = 3  # trials named


def shown_means(facts: ReportFacts) -> dict[int, float]:
    """Return the posterior means that are worth showing, by trial number.

    A mean far from its score is left out; all are left out where too few scores made the model.
    """
    if all(facts.trusted.get(trial.number) == trial.score for trial in complete(facts)):
        return {}
    far = {trial.number for trial in unexpected(facts)}
    return {number: mean for number, mean in facts.trusted.items() if number not in far}


def unexpected(facts: ReportFacts) -> list[Trial]:
    """Return the trials that scored far from their posterior mean, farthest first.

    Far means more than seven times the median distance, and more than the choice of images explains.
    """
    trials = [trial for trial in complete(facts) if trial.number in facts.trusted]
    distances = {trial.number: abs((trial.score or 0.0) - facts.trusted[trial.number]) for trial in trials}
    usual = median(distances.values()) if distances else 0.0
    far = [trial for trial in trials if distances[trial.number] > _FAR * usual and not _by_chance(trial, facts)]
    return sorted(far, key=lambda trial: -distances[trial.number])


def explanation(facts: ReportFacts) -> str:
    """Return a sentence on the trials with unexpected scores and their likely cause; "" without any."""
    found = unexpected(facts)
    if not found:
        return ""
    named = "; ".join(_in_words(trial, facts.trusted[trial.number], facts.score) for trial in found[:_MOST])
    more = f"; and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return f"No posterior mean is shown for scores that are far from it: {named}{more}."


def _in_words(trial: Trial, mean: float, score: Score) -> str:
    value = trial.score or 0.0
    why = "a failed training?" if value < mean else "luck, or a network unlike the others?"
    found, expected = score.write(value, unit=" %"), score.write(mean, unit=" %")
    return f"trial {trial.number} scored {found} where {expected} was expected ({why})"


def _by_chance(trial: Trial, facts: ReportFacts) -> bool:
    """Return whether the choice of images alone could explain a score's distance from its posterior mean."""
    low, high = trial.facts.interval or wilson((trial.score or 0.0) * facts.images, facts.images)
    return low <= facts.trusted[trial.number] <= high
