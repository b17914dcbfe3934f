"""The course of a search: the best score so far over its trials, and the distribution of the short scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from budgetnas.evidence.scores import ACCURACY, Score
from budgetnas.reports.axes import View, ends, first_view, outside, round_step
from budgetnas.reports.facts import ReportFacts, complete
from budgetnas.reports.figures import shown_means
from budgetnas.reports.style import FULL, GREY, SHADES, SHORT, WINNER, dress, label
from budgetnas.text import plural

_MOST_BARS, _TICKS = 30, 8


def promoted(facts: ReportFacts) -> set[int]:
    """Return the numbers of the first-rung trials that were trained again at a later rung or in full."""
    later = {trial.root for trials in list(facts.rungs.values())[1:] for trial in trials}
    return later | set(facts.finals)


def _view(facts: ReportFacts) -> View | None:
    return first_view((trial.score or 0.0 for trial in complete(facts)), facts.score)


def progress_figure(facts: ReportFacts) -> go.Figure:
    """Draw every score over the number of its trial, and the best so far: observed, and by posterior mean."""
    figure, trials, score = go.Figure(), complete(facts), facts.score
    scores = {trial.number: trial.score or 0.0 for trial in trials}
    raised = promoted(facts)
    for name, chosen, colour in (("short training", False, SHADES[0]), ("promoted", True, FULL)):
        group = [trial for trial in trials if (trial.number in raised) is chosen]
        if group:
            figure.add_scatter(
                x=[trial.number for trial in group],
                y=[score.drawn(scores[trial.number]) for trial in group],
                name=name,
                mode="markers",
                marker={"color": colour, "size": 7, "symbol": "circle" if chosen else "circle-open"},
                text=[label(trial) for trial in group],
                hovertemplate=f"%{{text}}<br>{score.hover('y')}<extra></extra>",
            )
    _add_best(figure, scores, score, name="best observed so far", colour=SHORT)
    means = shown_means(facts)
    _add_best(figure, means, score, name=f"{score.highest} posterior mean so far", colour=WINNER)
    dress(figure, x="trial", y=f"short training{_unit(score)}", height=420)
    figure.update_yaxes(range=ends(_view(facts)))
    return figure


def _unit(score: Score) -> str:
    """Return what stands behind the title of an axis: `, %`, `, macro F1, %` or `, loss`."""
    return ("" if score is ACCURACY else f", {score.words}") + score.comma_unit


def _add_best(figure: go.Figure, values: Mapping[int, float], score: Score, *, name: str, colour: str) -> None:
    """Add the best value so far, as steps."""
    if len(values) > 1:
        numbers = sorted(values)
        figure.add_scatter(
            x=numbers,
            y=[score.drawn(best) for best in accumulate((values[number] for number in numbers), max)],
            name=name,
            mode="lines",
            line={"color": colour, "width": 2, "shape": "hv"},
            hovertemplate=f"trial %{{x}}: {score.hover('y')}<extra></extra>",
        )


def progress_caption(facts: ReportFacts) -> str:
    """Return what the figure shows, and what is outside its first view."""
    text = "Scores of short trainings in the order of their trials, and the best so far."
    if len(shown_means(facts)) > 1:
        text += " Posterior means are those at the end of the search, which know all scores."
    return text + outside(_view(facts), "scores")


def scores_figure(facts: ReportFacts) -> go.Figure:
    """Draw how many networks have which short score, those that were promoted apart from the others."""
    trials, raised, view = complete(facts), promoted(facts), _view(facts)
    score = facts.score
    scores = {trial.number: score.drawn(trial.score or 0.0) for trial in trials}
    edges = _edges(list(scores.values()), view)
    groups = (
        ("promoted", FULL, [score for number, score in scores.items() if number in raised]),
        ("not promoted", SHORT if not raised else GREY, [s for number, s in scores.items() if number not in raised]),
    )
    figure, digits = go.Figure(), 2 if score.is_share else 3
    for name, colour, found in groups:
        if found:
            counts, _ = np.histogram(found, bins=edges)
            bars = [(i, int(count)) for i, count in enumerate(counts) if count]
            figure.add_bar(
                x=[round(float(edges[i] + edges[i + 1]) / 2, 4) for i, _ in bars],
                y=[count for _, count in bars],
                width=round(0.92 * float(edges[1] - edges[0]), 4),
                name=f"{name} ({len(found):,})",
                marker={"color": colour},
                customdata=[f"{edges[i]:.{digits}f} to {edges[i + 1]:.{digits}f}{score.unit}" for i, _ in bars],
                hovertemplate="%{customdata}: %{y} " + name + "<extra></extra>",
            )
    dress(figure, x=f"score of the short training{_unit(score)}", y="networks", height=360)
    figure.update_layout(barmode="stack")
    width = float(edges[1] - edges[0])
    shown = (view.high - view.low if view else float(edges[-1] - edges[0])) / width
    figure.update_xaxes(range=ends(view), tick0=0, dtick=round(width * -(-shown // _TICKS), 9))
    return figure


def scores_caption(facts: ReportFacts) -> str:
    """Return what the figure shows, and what is outside its first view."""
    text = f"Distribution of the scores of {plural(len(complete(facts)), 'short training')}."
    if promoted(facts):
        text += " Promoted: trained again for longer, for their scores or at random."
    return text + outside(_view(facts), "scores")


def _edges(scores: Sequence[float], view: View | None) -> npt.NDArray[np.float64]:
    """Return the edges of bars of one round width that hold all scores, so many in view as tell something."""
    low, high = min(scores), max(scores)
    inside = [score for score in scores if view is None or view.low <= score <= view.high]
    first, last = (min(inside), high) if min(inside) < high else (low, high)
    width = round_step(first, last, min(_MOST_BARS, max(6, round(2 * len(inside) ** 0.5)))) if first < last else 1.0
    return width * np.arange(np.floor(low / width), np.floor(high / width) + 2)
