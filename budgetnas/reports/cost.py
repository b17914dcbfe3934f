"""The figure of accuracy against cost: short trainings below, full ones above, each with its Pareto front.

Short and full trainings are different fidelities, so neither a front nor an axis may hold both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from budgetnas.evidence.scores import ACCURACY, Score
from budgetnas.reports.facts import Reference, ReportFacts, complete
from budgetnas.reports.style import AXIS, FULL, GREY, SEEDED, SHORT, WINNER, dress, label
from budgetnas.trials.trial import Trial


def pareto_front(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Return the positions of the Pareto front, cheapest first.

    A point is on the front if no other has at most its cost and at least its score, with one of them better. Of equal
    points only the first counts.

    Args:
        costs: [N], lower is better.
        scores: [N], higher is better.
    """
    front: list[int] = []
    for i in sorted(range(len(costs)), key=lambda i: (costs[i], -scores[i], i)):
        if not front or scores[i] > scores[front[-1]]:
            front.append(i)
    return front


COSTS = {"params": "trainable parameters", "macs": "MACs for one image"}
REPORTED = "reported (test set, best epoch)"
_AROUND, _BEYOND = 0.3, 0.1  # references may widen our own points' range by this share of it, or of its end
_MARGIN = 0.04
_SHORT, _FULL = "y", "y2"  # plotly's names of the lower and the upper axis


def cost_figure(facts: ReportFacts, cost: str) -> go.Figure:
    """Draw the validation score against "params" or "macs".

    The front is of full trainings where there are two or more, else of short ones.
    """
    figure, trials, score = go.Figure(), complete(facts), facts.score
    finals = [trial for trial in trials if trial.number in facts.finals]
    scores = {trial.number: trial.score or 0.0 for trial in trials}
    full = {number: final.score for number, final in facts.finals.items()}
    for name, colour, seeded in (("short training", SHORT, False), ("short, models tried first", SEEDED, True)):
        group = [trial for trial in trials if bool(trial.facts.seeded) is seeded]
        _add_dots(figure, group, scores, score, cost=cost, name=name, axis=_SHORT, marker={"color": colour, "size": 7})
    _add_dots(
        figure,
        finals,
        full,
        score,
        cost=cost,
        name="full training",
        axis=_FULL,
        marker={"color": FULL, "size": 13, "symbol": "star"},
        spreads=[facts.finals[trial.number].spread or 0.0 for trial in finals],
    )
    _ring(figure, [trial for trial in finals if trial.number == facts.winner], full, score, cost)
    if len(finals) > 1:
        _add_front(figure, finals, full, score, cost=cost, axis=_FULL, colour=FULL)
    else:
        _add_front(figure, trials, scores, score, cost=cost, axis=_SHORT, colour=SHORT)
    _add_references(figure, shown_references(facts), cost)
    _lay_out(figure, facts, cost)
    return figure


def shown_references(facts: ReportFacts) -> list[Reference]:
    """Return the models of Pei et al. that figures show."""
    return [one for one in facts.references if one.accuracy is not None and facts.score is ACCURACY]


def outside_references(facts: ReportFacts, cost: str) -> list[Reference]:
    """Return the shown models whose cost is outside the figure's initial range."""
    low, high = _own_range(facts, cost)
    around = max(_AROUND * (high - low), _BEYOND * high)
    return [r for r in shown_references(facts) if not low - around <= getattr(r, cost) <= high + around]


def _own_range(facts: ReportFacts, cost: str) -> tuple[int, int]:
    costs = [int(getattr(trial.candidate, cost)) for trial in complete(facts)]
    costs += [facts.cap] if cost == facts.cost else []
    low, high = min(costs, default=0), max(costs, default=0)
    return (low, high) if high > low else (9 * low // 10, 11 * high // 10)


def _first_range(facts: ReportFacts, cost: str) -> list[float]:
    """Return the initial range of the cost axis: our own points and the references near them."""
    outside = outside_references(facts, cost)
    inside = [int(getattr(r, cost)) for r in shown_references(facts) if r not in outside]
    low, high = min(*_own_range(facts, cost), *inside), max(*_own_range(facts, cost), *inside)
    return [low - _MARGIN * (high - low), high + _MARGIN * (high - low)]


def _lay_out(figure: go.Figure, facts: ReportFacts, cost: str) -> None:
    """Place the axes: two panels over one cost axis, or one panel where nothing was fully trained."""
    unit = f", {facts.score.words}" if facts.score is not ACCURACY else ""
    unit += facts.score.comma_unit
    has_two = any(trace.yaxis == _FULL for trace in figure.data)
    dress(figure, x=COSTS[cost], y=("short" if has_two else "short training") + unit, height=580 if has_two else 420)
    figure.update_xaxes(range=_first_range(facts, cost), exponentformat="SI", anchor="y")
    if has_two:
        upper = {**AXIS, "title": {"text": f"full{unit}"}, "domain": [0.56, 1], "anchor": "x"}
        figure.update_layout(yaxis={"domain": [0, 0.5]}, yaxis2=upper)
    if cost == facts.cost:
        line = {"color": GREY, "dash": "dash", "width": 1.5}
        figure.add_shape(type="line", x0=facts.cap, x1=facts.cap, y0=0, y1=1, yref="paper", line=line)
        place = {"x": facts.cap, "y": 1, "yref": "paper", "xanchor": "right", "yanchor": "bottom"}
        figure.add_annotation(**place, text=f"cap {facts.cap:,}", showarrow=False)
        figure.update_layout(margin={"t": 28})


def _add_dots(
    figure: go.Figure,
    trials: Sequence[Trial],
    scores: Mapping[int, float],
    score: Score,
    *,
    cost: str,
    name: str,
    axis: str,
    marker: dict[str, Any],
    spreads: Sequence[float] = (),
) -> None:
    if not trials:
        return
    bars = {"array": [abs(score.drawn(spread)) for spread in spreads], "thickness": 1, "width": 3}
    figure.add_scatter(
        x=[getattr(trial.candidate, cost) for trial in trials],
        y=[score.drawn(scores[trial.number]) for trial in trials],
        yaxis=axis,
        error_y=bars if any(spreads) else None,
        name=f"{name}, mean and sd" if any(spreads) else name,
        mode="markers",
        marker={"opacity": 0.8, **marker},
        text=[label(trial) for trial in trials],
        hovertemplate=f"%{{text}}<br>%{{x:,}} {cost}<br>{score.hover('y')}<extra></extra>",
    )


def _add_front(
    figure: go.Figure,
    trials: Sequence[Trial],
    scores: Mapping[int, float],
    score: Score,
    *,
    cost: str,
    axis: str,
    colour: str,
) -> None:
    """Draw the best score up to each cost, as steps."""
    if not trials:
        return
    costs = [int(getattr(trial.candidate, cost)) for trial in trials]
    front = pareto_front(costs, [scores[trial.number] for trial in trials])
    best = [score.drawn(scores[trials[i].number]) for i in front]
    figure.add_scatter(
        x=[*(costs[i] for i in front), max(costs)],
        y=[*best, best[-1]],
        yaxis=axis,
        name=f"Pareto front of {'full' if axis == _FULL else 'short'} trainings",
        mode="lines",
        line={"color": colour, "width": 1.5, "shape": "hv", "dash": "dot"},
        hoverinfo="skip",
    )


def _ring(figure: go.Figure, winner: Sequence[Trial], full: Mapping[int, float], score: Score, cost: str) -> None:
    if winner:
        figure.add_scatter(
            x=[getattr(trial.candidate, cost) for trial in winner],
            y=[score.drawn(full[trial.number]) for trial in winner],
            yaxis=_FULL,
            name="winner",
            mode="markers",
            marker={"color": WINNER, "size": 22, "symbol": "circle-open", "line": {"width": 2.5}},
            hoverinfo="skip",
        )


def _add_references(figure: go.Figure, references: Sequence[Reference], cost: str) -> None:
    if references:
        figure.add_scatter(
            x=[getattr(reference, cost) for reference in references],
            y=[reference.accuracy for reference in references],
            yaxis=_FULL,
            name=REPORTED,
            mode="markers",
            marker={"color": GREY, "size": 10, "symbol": "diamond-open", "line": {"width": 1.5}},
            text=[escape(reference.name, quote=False) for reference in references],
            hovertemplate="%{text}, as reported<br>%{x:,} " + cost + "<br>%{y:.2f} %<extra></extra>",
        )
