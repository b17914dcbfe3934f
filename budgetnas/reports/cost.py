"""The figure of accuracy against cost: short trainings below, full ones above, each with its Pareto front.

Short and full trainings are different fidelities, so neither a front nor an axis may hold both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from budgetnas.amounts import write_size
from budgetnas.budget import SIZES
from budgetnas.evidence.scores import ACCURACY, Score
from budgetnas.reports.axes import View, around, ends, first_view, outside
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


REPORTED = "reported (test set, best epoch)"
_AXES = {
    "params": "trainable parameters",
    "macs": "MACs for one image",
    "bytes": "bytes of the file",
    "memory": "bytes of memory for one image",
}
_AROUND, _BEYOND = 0.3, 0.1  # references may widen our own points' range by this share of it, or of its end
_MARGIN = 0.04
_SHORT, _FULL = "y", "y2"  # plotly's names of the lower and the upper axis


def costs(facts: ReportFacts) -> list[str]:
    """Return the costs that every trained network has: params, MACs, and sizes in bytes that are capped."""
    trials = complete(facts)
    return [cost for cost in _AXES if all(getattr(trial.candidate, cost) is not None for trial in trials)]


def axis_of(facts: ReportFacts, cost: str) -> str:
    """Name the axis of a cost, with the precision that it is for."""
    return f"{_AXES[cost]}, {facts.weights}" if cost in SIZES and facts.weights else _AXES[cost]


def caps(facts: ReportFacts) -> dict[str, int]:
    """Return all caps by their costs."""
    return {facts.cost: facts.cap, **facts.caps}


def cost_figure(facts: ReportFacts, cost: str) -> go.Figure:
    """Draw the validation score against a cost of `costs`: short trainings below, full ones above, each with its front.

    Hollow points are dominated: another of the same fidelity costs no more and is as good.
    """
    figure, trials, score = go.Figure(), complete(facts), facts.score
    finals = [trial for trial in trials if trial.number in facts.finals]
    scores = {trial.number: trial.score or 0.0 for trial in trials}
    full = {number: final.score for number, final in facts.finals.items()}
    on_front = _numbers_on_front(trials, scores, cost)
    for name, colour, seeded in (("short training", SHORT, False), ("short, models tried first", SEEDED, True)):
        group = [trial for trial in trials if bool(trial.facts.seeded) is seeded]
        marker = {"color": colour, "size": 7, "symbol": "circle"}
        _add_dots(figure, group, scores, score, on_front, cost=cost, name=name, axis=_SHORT, marker=marker)
    _add_dots(
        figure,
        finals,
        full,
        score,
        _numbers_on_front(finals, full, cost),
        cost=cost,
        name="full training",
        axis=_FULL,
        marker={"color": FULL, "size": 13, "symbol": "star"},
        spreads={trial.number: facts.finals[trial.number].spread or 0.0 for trial in finals},
    )
    _ring(figure, [trial for trial in finals if trial.number == facts.winner], full, score, cost)
    _add_front(figure, trials, scores, score, cost=cost, axis=_SHORT, colour=SHORT)
    _add_front(figure, finals, full, score, cost=cost, axis=_FULL, colour=FULL)
    _add_references(figure, shown_references(facts, cost), cost)
    _lay_out(figure, facts, cost)
    return figure


def cost_caption(facts: ReportFacts, cost: str) -> str:
    """Return what the figure shows, and what is outside its first view."""
    if cost == "params":
        text = (
            f"Validation {facts.score.words} of short trainings (dots) and full trainings (stars). These are different "
            "fidelities, so each has its own axis and its own Pareto front. A hollow point is dominated: another costs "
            "no more and is as good."
        )
    else:
        text = f"The same against {axis_of(facts, cost)}."
    far = [f"{reference.name} ({getattr(reference, cost):,})" for reference in outside_references(facts, cost)]
    if far:
        text += f" To the side, outside the first view: {', '.join(far)}."
    short, full = _views(facts, cost)
    return text + outside(short, "networks") + outside(full, "scores of full trainings")


def _views(facts: ReportFacts, cost: str) -> tuple[View | None, View | None]:
    """Return the first views of the axes of short and of full trainings."""
    short = [trial.score or 0.0 for trial in complete(facts)]
    return first_view(short, facts.score), first_view(_full_scores(facts, cost), facts.score)


def _full_scores(facts: ReportFacts, cost: str, sides: Sequence[int] = (0,)) -> list[float]:
    """Return what is in view on the axis of full trainings: our scores, `sides` spreads away, and near references."""
    finals = [facts.finals[trial.number] for trial in complete(facts) if trial.number in facts.finals]
    own = [final.score + side * (final.spread or 0.0) for final in finals for side in sides]
    far = outside_references(facts, cost)
    near = [r.accuracy / 100 for r in shown_references(facts, cost) if r.accuracy is not None and r not in far]
    return [*own, *near]


def _numbers_on_front(trials: Sequence[Trial], scores: Mapping[int, float], cost: str) -> set[int]:
    front = pareto_front([_cost(trial, cost) for trial in trials], [scores[trial.number] for trial in trials])
    return {trials[i].number for i in front}


def _cost(trial: Trial, cost: str) -> int:
    return int(getattr(trial.candidate, cost))


def shown_references(facts: ReportFacts, cost: str) -> list[Reference]:
    """Return the models of Pei et al. that the figure shows: those with an accuracy, where their cost is reported."""
    return [
        reference
        for reference in facts.references
        if reference.accuracy is not None and hasattr(reference, cost) and facts.score is ACCURACY
    ]


def outside_references(facts: ReportFacts, cost: str) -> list[Reference]:
    """Return the shown models whose cost is outside the figure's initial range."""
    low, high = _own_range(facts, cost)
    around = max(_AROUND * (high - low), _BEYOND * high)
    return [r for r in shown_references(facts, cost) if not low - around <= getattr(r, cost) <= high + around]


def _own_range(facts: ReportFacts, cost: str) -> tuple[int, int]:
    found = [_cost(trial, cost) for trial in complete(facts)]
    found += [cap] if (cap := caps(facts).get(cost)) else []
    low, high = min(found, default=0), max(found, default=0)
    return (low, high) if high > low else (9 * low // 10, 11 * high // 10)


def _first_range(facts: ReportFacts, cost: str) -> list[float]:
    """Return the initial range of the cost axis: our own points and the references near them."""
    far = outside_references(facts, cost)
    inside = [int(getattr(r, cost)) for r in shown_references(facts, cost) if r not in far]
    low, high = min(*_own_range(facts, cost), *inside), max(*_own_range(facts, cost), *inside)
    return [low - _MARGIN * (high - low), high + _MARGIN * (high - low)]


def _lay_out(figure: go.Figure, facts: ReportFacts, cost: str) -> None:
    """Place the axes: two panels over one cost axis, or one panel where nothing was fully trained."""
    unit = f", {facts.score.words}" if facts.score is not ACCURACY else ""
    unit += facts.score.comma_unit
    has_two = any(trace.yaxis == _FULL for trace in figure.data)
    short, full = map(ends, _views(facts, cost))
    below = ("short" if has_two else "short training") + unit
    dress(figure, x=axis_of(facts, cost), y=below, height=580 if has_two else 420)
    figure.update_xaxes(range=_first_range(facts, cost), exponentformat="SI", anchor="y")
    figure.update_yaxes(range=short)
    if has_two:
        known = [facts.score.drawn(value) for value in _full_scores(facts, cost, sides=(-1, 1))]
        if full is None and known and outside_references(facts, cost):
            full = around(known)
        upper = {**AXIS, "title": {"text": f"full{unit}"}, "domain": [0.56, 1], "anchor": "x", "range": full}
        figure.update_layout(yaxis={"domain": [0, 0.5]}, yaxis2=upper)
    cap = caps(facts).get(cost)
    if cap is not None:
        line = {"color": GREY, "dash": "dash", "width": 1.5}
        figure.add_shape(type="line", x0=cap, x1=cap, y0=0, y1=1, yref="paper", line=line)
        place = {"x": cap, "y": 1, "yref": "paper", "xanchor": "right", "yanchor": "bottom"}
        text = write_size(cap) if cost in SIZES else f"{cap:,}"
        figure.add_annotation(**place, text=f"cap {text}", showarrow=False)
        figure.update_layout(margin={"t": 46})


def _add_dots(
    figure: go.Figure,
    trials: Sequence[Trial],
    scores: Mapping[int, float],
    score: Score,
    on_front: Collection[int],
    *,
    cost: str,
    name: str,
    axis: str,
    marker: dict[str, Any],
    spreads: Mapping[int, float] | None = None,
) -> None:
    if not trials:
        return
    trials = sorted(trials, key=lambda trial: trial.number not in on_front)  # the legend shows the first one's marker
    found = [abs(score.drawn((spreads or {}).get(trial.number, 0.0))) for trial in trials]
    symbols = [marker["symbol"] if trial.number in on_front else f"{marker['symbol']}-open" for trial in trials]
    figure.add_scatter(
        x=[_cost(trial, cost) for trial in trials],
        y=[score.drawn(scores[trial.number]) for trial in trials],
        yaxis=axis,
        error_y={"array": found, "thickness": 1, "width": 3} if any(found) else None,
        name=f"{name}, mean and sd" if any(found) else name,
        mode="markers",
        marker={"opacity": 0.8, **marker, "symbol": symbols},
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
    """Draw the best score up to each cost, as steps between the points of the front."""
    if not trials:
        return
    found = [_cost(trial, cost) for trial in trials]
    front = pareto_front(found, [scores[trial.number] for trial in trials])
    figure.add_scatter(
        x=[found[i] for i in front],
        y=[score.drawn(scores[trials[i].number]) for i in front],
        yaxis=axis,
        name=f"Pareto front of {'full' if axis == _FULL else 'short'} trainings",
        mode="lines",
        line={"color": colour, "width": 1.5, "shape": "hv", "dash": "dot"},
        hoverinfo="skip",
    )


def _ring(figure: go.Figure, winner: Sequence[Trial], full: Mapping[int, float], score: Score, cost: str) -> None:
    if winner:
        figure.add_scatter(
            x=[_cost(trial, cost) for trial in winner],
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
