"""Learning curves: finalists and controls by name, short trainings in grey behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from budgetnas.evidence.scores import Score
from budgetnas.reports.axes import View, ends, first_view, outside
from budgetnas.reports.facts import Compared, ReportFacts, winning_trial
from budgetnas.reports.style import FULL, NAMED, SHADES, WINNER, dress, short_id
from budgetnas.text import plural
from budgetnas.trials.trial import Trial, length_in_words

Curve = Mapping[int, float]

_A_LAYER, _LAYERS = 25, 12  # at least this many curves per layer, at most this many layers
_HEIGHT, _ENTRY = 440, 14  # pixels: of the figure, and for each entry of the legend
_EVERY_EPOCH = 12  # with at most this many epochs, each has a tick


@dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    """Curves that share a colour and an entry of the legend.

    `hover` names a curve by its number, which stands before it in `curves`.
    """

    name: str
    hover: str
    colour: str
    width: float
    curves: Sequence[tuple[int, Curve]]
    dash: str = "solid"


def has_curves(facts: ReportFacts) -> bool:
    """Return whether any training has a curve."""
    return any(group.curves for group in _groups(facts))


def curves_figure(facts: ReportFacts) -> go.Figure:
    """Draw the validation score by epoch: the winner bold, finalists and controls each in a colour of its own."""
    figure = go.Figure()
    groups = [group for group in _groups(facts) if group.curves]
    for group in groups:
        _add(figure, group, facts.score)
    dress(
        figure,
        x="epoch",
        y=f"validation {facts.score.words}{facts.score.comma_unit}",
        height=_HEIGHT + _ENTRY * len(groups),
    )
    last = max((x for trace in figure.data for x in trace.x if x is not None), default=0)
    figure.update_xaxes(rangemode="tozero", dtick=1 if last <= _EVERY_EPOCH else None)
    figure.update_yaxes(range=ends(_view(facts)))
    return figure


def curves_caption(facts: ReportFacts) -> str:
    """Return what the figure shows, and what is outside its first view."""
    dashed = " Dashed: controls." if any(one.curves for one in _controls(facts)) else ""
    return (
        "Finalists and controls by name; short trainings are grey." + dashed + " Each rung trains from scratch with "
        "its own schedule; no training continues a shorter one. Click a name in the legend to hide or show it; "
        "double-click to show it alone." + outside(_view(facts), "epochs of all trainings")
    )


def _view(facts: ReportFacts) -> View | None:
    """Return the first view of the scores: of all epochs."""
    curves = (curve for group in _groups(facts) for _, curve in group.curves)
    return first_view((value for curve in curves for value in curve.values()), facts.score)


def _groups(facts: ReportFacts) -> Iterator[_Group]:
    """Yield the groups in the order of drawing, the winner last."""
    short = "trial %{customdata}"
    for i, (name, trials) in enumerate(facts.rungs.items()):
        curves = [(trial.root, trial.curve) for trial in trials if trial.curve]
        colour = SHADES[i % len(SHADES)]
        yield _Group(name=length_in_words(name), hover=short, colour=colour, width=1, curves=curves)
    by_number = {trial.number: trial for trial in facts.trials}
    others = [number for number in facts.finals if number != facts.winner]
    for number, colour in zip(others, NAMED, strict=False):
        yield _final(facts, by_number[number], colour, width=1.5)
    unnamed = [(number, curve) for number in others[len(NAMED) :] for curve in facts.finals[number].curves if curve]
    yield _Group(name="other full trainings", hover=f"{short} in full", colour=FULL, width=1, curves=unnamed)
    for control, colour in zip(_controls(facts), reversed(NAMED), strict=False):
        hover = f"{escape(control.name, quote=False)}, seed %{{customdata}}"
        seeds: list[tuple[int, Curve]] = list(enumerate(control.curves, 1))
        yield _Group(name=control.name, hover=hover, colour=colour, width=1.5, curves=seeds, dash="dash")
    if (winner := winning_trial(facts)) is not None and winner.number in facts.finals:
        yield _final(facts, winner, WINNER, width=2.5)


def _controls(facts: ReportFacts) -> Sequence[Compared]:
    return facts.compared[1:]


def _final(facts: ReportFacts, trial: Trial, colour: str, *, width: float) -> _Group:
    """Return the full trainings of one network, one curve per seed."""
    curves = [(i, curve) for i, curve in enumerate(facts.finals[trial.number].curves, 1) if curve]
    won = "the winner, " if trial.number == facts.winner else ""
    name = f"{short_id(trial.candidate.spec.id)} ({won}{plural(len(curves), 'seed')})"
    hover = f"trial {trial.number} in full, seed %{{customdata}}"
    return _Group(name=name, hover=hover, colour=colour, width=width, curves=curves)


def _add(figure: go.Figure, group: _Group, score: Score) -> None:
    """Add a group of curves as a few traces.

    A thousand traces would make a browser crawl; a single trace would hide overlaps.
    """
    name = escape(group.name, quote=False)
    line = {"color": group.colour, "width": group.width, "dash": group.dash}
    style = {"mode": "lines", "legendgroup": name}
    figure.add_scatter(x=[None], y=[None], name=name, line=line | {"width": max(group.width, 2)}, **style)
    layers = min(_LAYERS, -(-len(group.curves) // _A_LAYER))
    for i in range(layers):
        curves = group.curves[i::layers]
        x, y, numbers = _joined(curves, score)
        figure.add_scatter(
            x=x,
            y=y,
            customdata=numbers,
            line=line,
            opacity=0.5 if group.colour in SHADES else 0.9,
            showlegend=False,
            hovertemplate=f"{group.hover}, epoch %{{x}}: {score.hover('y')}<extra></extra>",
            **style | ({} if min(len(curve) for _, curve in curves) > 1 else {"mode": "lines+markers"}),
        )


def _joined(
    curves: Sequence[tuple[int, Curve]], score: Score
) -> tuple[list[int | None], list[float | None], list[int | None]]:
    """Return epochs, scores and numbers, with a gap after each curve."""
    x: list[int | None] = []
    y: list[float | None] = []
    numbers: list[int | None] = []
    for number, curve in curves:
        epochs = sorted(curve)
        x += [*epochs, None]
        y += [*(score.drawn(curve[epoch]) for epoch in epochs), None]
        numbers += [*[number] * len(epochs), None]
    return x, y, numbers
