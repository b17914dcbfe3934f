"""The figures of a report, each under its caption: one list for the page and for files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import plotly.graph_objects as go

from budgetnas.reports.confusion import confusion_caption, confusion_figure
from budgetnas.reports.cost import cost_caption, cost_figure, costs
from budgetnas.reports.curves import curves_caption, curves_figure, has_curves
from budgetnas.reports.drawing import drawing, drawing_caption
from budgetnas.reports.facts import ReportFacts, complete, winning_trial
from budgetnas.reports.figures import fidelity_caption, fidelity_figure, has_pairs
from budgetnas.reports.forest import forest_caption, forest_figure
from budgetnas.reports.importance import importance_caption, importance_figure, importances
from budgetnas.reports.parallel import parallel_caption, parallel_figure
from budgetnas.reports.progress import progress_caption, progress_figure, scores_caption, scores_figure


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A figure of plotly, or one drawn as SVG, with its caption as text."""

    figure: go.Figure | str
    caption: str


def gallery(facts: ReportFacts) -> dict[str, Picture]:
    """Return the figures of a report by their names; those without data are left out."""
    return {name: Picture(figure=figure, caption=caption) for name, figure, caption in _pictures(facts)}


def _pictures(facts: ReportFacts) -> Iterator[tuple[str, go.Figure | str, str]]:
    trials = complete(facts)
    if trials:
        for cost in costs(facts):
            yield cost, cost_figure(facts, cost), cost_caption(facts, cost)
    if len(trials) > 1:
        yield "progress", progress_figure(facts), progress_caption(facts)
        yield "scores", scores_figure(facts), scores_caption(facts)
        yield "parallel", parallel_figure(facts), parallel_caption(facts)
        if isinstance(shares := importances(trials), dict):
            yield "importance", importance_figure(shares), importance_caption(trials)
    if has_curves(facts):
        yield "curves", curves_figure(facts), curves_caption(facts)
    if has_pairs(facts):
        yield "fidelity", fidelity_figure(facts), fidelity_caption(facts)
    if sum(bool(one.tests) for one in facts.compared) > 1:
        yield "controls", forest_figure(facts), forest_caption(facts)
    if (winner := winning_trial(facts)) is not None:
        yield "winner", drawing(winner.candidate.spec, facts.shape), drawing_caption(winner)
    for split, matrix in facts.confusion.items():
        yield f"confusion-{split}", confusion_figure(matrix, facts.classes), confusion_caption(split)
