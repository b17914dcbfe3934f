"""The note and small figures of a study on optuna-dashboard; all foreign text is escaped.

The dashboard sends every figure again at each poll, so these are the figures of the page with fewer trials: `thin`
leaves out trials that are neither good nor on a front.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import plotly.graph_objects as go

from budgetnas.reports.cost import axis_of, cost_figure, costs, pareto_front
from budgetnas.reports.curves import Curve, curves_figure, has_curves
from budgetnas.reports.facts import FinalScore, ReportFacts, complete
from budgetnas.reports.figures import fidelity_figure, has_pairs
from budgetnas.text import Table, escaped, trimmed
from budgetnas.trials.trial import Trial

LARGEST = 50_000  # bytes of JSON per figure, exclusive
BEST_CURVES = 20
_LIMITS = (600, 300, 150, 75, 36, 18, 9)  # trials per figure, tried in turn
_POINTS_A_TRIAL = 4  # a figure of curves may have this many times as many points

_TOOLS = ("toImage", "zoom", "pan", "select", "lasso", "zoomIn", "zoomOut", "autoScale", "resetScale")

T = TypeVar("T")


def board_figures(facts: ReportFacts) -> dict[str, go.Figure]:
    """Return the figures "params", "macs", those of capped sizes, "curves" and "fidelity"; empty ones are left out.

    Each is below `LARGEST` bytes as JSON, and its title says what it leaves out.
    """
    figures = {}
    if complete(facts):
        for cost in costs(facts):
            figures[cost] = _small(facts, partial(_cost, cost=cost))
    if has_curves(facts):
        figures["curves"] = _small(facts, _curves)
    if has_pairs(facts):
        figures["fidelity"] = _small(facts, _fidelity)
    return figures


def thin(facts: ReportFacts, limit: int) -> ReportFacts:
    """Thin out COMPLETE trials and full trainings to about `limit`, evenly by number.

    The winner and the best trials stay, and those on a Pareto front unless they are too many.
    """
    trials = complete(facts)
    finals = [trial for trial in trials if trial.number in facts.finals]
    full = {trial.number: facts.finals[trial.number].score for trial in finals}
    kept = _kept(finals, full, limit // 3, costs(facts))
    if facts.winner is not None and facts.winner in full:
        kept.add(facts.winner)
    shown = kept | _kept(trials, {trial.number: trial.score or 0.0 for trial in trials}, limit, costs(facts))
    return replace(
        facts,
        trials=[trial for trial in trials if trial.number in shown],
        finals={number: final for number, final in facts.finals.items() if number in kept},
    )


def _kept(trials: Sequence[Trial], scores: Mapping[int, float], limit: int, costs: Sequence[str]) -> set[int]:
    """Return the numbers of about `limit` trials: the front of each cost, the best, and others evenly."""
    numbers = [trial.number for trial in trials]
    if len(numbers) <= limit:
        return set(numbers)
    ranked = [scores[number] for number in numbers]
    kept = set(sorted(numbers, key=lambda number: -scores[number])[: limit // 6])
    for cost in costs:
        front = pareto_front([getattr(trial.candidate, cost) for trial in trials], ranked)
        kept |= {numbers[i] for i in _evenly(front, limit // 6)}
    others = [number for number in numbers if number not in kept]
    return kept | set(_evenly(others, limit - len(kept)))


def _evenly(items: Sequence[T], number: int) -> list[T]:
    """Return `number` evenly spaced items, including the first and the last, or all of fewer items."""
    if len(items) <= number:
        return list(items)
    return [items[round(i * (len(items) - 1) / max(number - 1, 1))] for i in range(number)]


def _small(facts: ReportFacts, draw: Callable[[ReportFacts, int], go.Figure]) -> go.Figure:
    """Draw with as many trials as fit."""
    for limit in _LIMITS:
        figure = draw(facts, limit)
        if len(figure.to_json()) < LARGEST:
            break
    return figure


def _titled(figure: go.Figure, title: str) -> go.Figure:
    """Add a title, let the dashboard's card decide the height, and hide the toolbar, which would cover the title."""
    figure.update_layout(
        title={"text": title, "font": {"size": 14}, "x": 0.01},
        margin={"t": 56},
        height=None,
        modebar={"remove": list(_TOOLS)},
    )
    return figure


def _cost(facts: ReportFacts, limit: int, *, cost: str) -> go.Figure:
    name = f"{facts.score.words[:1].upper()}{facts.score.words[1:]}"
    less, title = thin(facts, limit), f"{name} against {axis_of(facts, cost)}"
    shown, of_all = len(less.trials), len(complete(facts))
    if shown < of_all:
        title += f"<br>{shown:,} of {of_all:,} networks, the best and the Pareto front among them"
    return _titled(cost_figure(less, cost), title)


def _curves(facts: ReportFacts, limit: int) -> go.Figure:
    rungs = {name: _best_curves(trials) for name, trials in facts.rungs.items()}
    finals = dict(sorted(facts.finals.items(), key=lambda item: item[0] != facts.winner)[:BEST_CURVES])
    number = sum(map(len, rungs.values())) + sum(len(final.curves) for final in finals.values())
    epochs = max(2, _POINTS_A_TRIAL * limit // max(number, 1))
    less = replace(
        facts,
        rungs={name: [replace(t, curve=_coarse(t.curve, epochs)) for t in trials] for name, trials in rungs.items()},
        finals={number: _coarse_final(final, epochs) for number, final in finals.items()},
    )
    title = f"Learning curves: full trainings, and the best {BEST_CURVES} of every rung"
    longest = [len(trial.curve) for trials in rungs.values() for trial in trials]
    longest += [len(curve) for final in finals.values() for curve in final.curves]
    return _titled(
        curves_figure(less), title + (f"<br>{epochs} epochs of each" if max(longest, default=0) > epochs else "")
    )


def _best_curves(trials: Sequence[Trial]) -> list[Trial]:
    drawn = [trial for trial in trials if trial.curve and trial.score is not None]
    return sorted(drawn, key=lambda trial: -(trial.score or 0.0))[:BEST_CURVES]


def _coarse(curve: Curve, epochs: int) -> dict[int, float]:
    return {epoch: curve[epoch] for epoch in _evenly(sorted(curve), epochs)}


def _coarse_final(final: FinalScore, epochs: int) -> FinalScore:
    return replace(final, curves=[_coarse(curve, epochs) for curve in final.curves])


def _fidelity(facts: ReportFacts, limit: int) -> go.Figure:
    each = limit // max(len(facts.pairs), 1)
    ranked = {name: sorted(pairs, key=lambda pair: pair[1]) for name, pairs in facts.pairs.items()}
    less = replace(facts, pairs={name: _evenly(pairs, each) for name, pairs in ranked.items()})
    title = "Score at a rung against full training"
    shown, of_all = (sum(map(len, pairs.values())) for pairs in (less.pairs, facts.pairs))
    return _titled(fidelity_figure(less), title + (f"<br>{shown:,} of {of_all:,} pairs" if shown < of_all else ""))


_IMPORTANCE = (
    "The importance that optuna-dashboard draws counts the blocks and width of an absent stage as their lowest values. "
    "report.html compares them only among the networks that have the stage."
)


def note(facts: ReportFacts) -> str:
    """Return headline, verdict, facts and tables as GitHub-flavoured Markdown."""
    warned = (f"Warning: {warning}" for warning in facts.warnings)
    paragraphs = (facts.notice, *facts.remarks, facts.verdict, *warned, _IMPORTANCE)
    return compose(facts.headline, paragraphs=paragraphs, lines=facts.lines, tables=facts.tables.values())


def compose(
    headline: str, *, paragraphs: Iterable[str], lines: Iterable[tuple[str, str]], tables: Iterable[Table]
) -> str:
    """Return a Markdown note: a heading, paragraphs, a list of (name, value), tables; empty parts are left out."""
    parts = [
        f"# {escaped(headline)}",
        *(escaped(paragraph) for paragraph in paragraphs),
        "\n".join(f"- {escaped(name)}: {escaped(value)}" for name, value in lines),
        *map(_table, tables),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(table: Table) -> str:
    table = trimmed(table)
    if not table.rows and not table.notes:
        return ""
    head = [_row(table.columns), _row(["---", *("---:" for _ in table.columns[1:])], is_text=False)]
    rows = ["", *head, *map(_row, table.rows)] if table.rows else []
    notes = [f"\n{escaped(line)}" for line in table.notes]
    return "\n".join([f"## {escaped(table.title)}", *rows, *notes])


def _row(cells: Iterable[str], *, is_text: bool = True) -> str:
    return f"| {' | '.join(map(escaped, cells) if is_text else cells)} |"
