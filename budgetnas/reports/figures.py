"""Rungs against full training, and unexpected scores."""

from __future__ import annotations

from html import escape
from statistics import median

import plotly.graph_objects as go

from budgetnas.evidence.accuracy import wilson
from budgetnas.evidence.scores import Score
from budgetnas.reports.axes import View, ends, first_view, outside
from budgetnas.reports.facts import ReportFacts, complete
from budgetnas.reports.style import RUNGS, dress
from budgetnas.trials.trial import Trial, length_in_words


def has_pairs(facts: ReportFacts) -> bool:
    """Return whether any rung has two or more networks that were also fully trained."""
    return any(len(pairs) > 1 for pairs in facts.pairs.values())


def _views(facts: ReportFacts) -> tuple[View | None, View | None]:
    """Return the first views of both axes."""
    pairs = [pair for pairs in facts.pairs.values() for pair in pairs]
    return first_view((short for short, _ in pairs), facts.score), first_view((full for _, full in pairs), facts.score)


def fidelity_caption(facts: ReportFacts) -> str:
    """Return what the figure shows, and what is outside its first view."""
    short, full = _views(facts)
    text = "Scores at a rung against scores after full training: the better the ranking, the straighter the line."
    return text + outside(short, "scores at a rung") + outside(full, "scores in full")


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
    dress(figure, x=f"validation {score.words} at the rung{unit}", y=f"mean in full training{unit}", height=400)
    short, full = map(ends, _views(facts))
    figure.update_layout(xaxis={"range": short}, yaxis={"range": full})
    return figure


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
