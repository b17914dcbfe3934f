"""What the model of all short scores expects of each network, and which scores lie far from it."""

from __future__ import annotations

from statistics import median

from budgetnas.evidence.accuracy import wilson
from budgetnas.records.numbers import write_percent
from budgetnas.records.trial import Trial
from budgetnas.report.facts import ReportFacts
from budgetnas.report.lineage import complete

_FAR = 7  # median distances: 4.7 standard deviations of a normal one, where Tukey's outer fence stands
_MOST = 3  # that are named


def shown_means(facts: ReportFacts) -> dict[int, float]:
    """Return the posterior means that say something of their network, by number of trial.

    A mean far from the score is left out, and all are where too few scores made a model.
    """
    if all(facts.trusted.get(trial.number) == trial.score for trial in complete(facts)):
        return {}
    far = {trial.number for trial in unexpected(facts)}
    return {number: mean for number, mean in facts.trusted.items() if number not in far}


def unexpected(facts: ReportFacts) -> list[Trial]:
    """Return the trials that scored far from their posterior mean, the farthest first.

    Far is more than seven times the median distance of all, and more than other images could explain.
    """
    trials = [trial for trial in complete(facts) if trial.number in facts.trusted]
    distances = {trial.number: abs((trial.score or 0.0) - facts.trusted[trial.number]) for trial in trials}
    usual = median(distances.values()) if distances else 0.0
    far = [trial for trial in trials if distances[trial.number] > _FAR * usual and not _by_chance(trial, facts)]
    return sorted(far, key=lambda trial: -distances[trial.number])


def explanation(facts: ReportFacts) -> str:
    """Say what scored far from what is expected of it, and what that may mean; nothing where nothing did."""
    found = unexpected(facts)
    if not found:
        return ""
    told = "; ".join(_told(trial, facts.trusted[trial.number]) for trial in found[:_MOST])
    more = f"; and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return f"No posterior mean is shown for scores that are far from it: {told}{more}."


def _told(trial: Trial, mean: float) -> str:
    score = trial.score or 0.0
    why = "a failed training?" if score < mean else "luck, or a network unlike the others?"
    return f"trial {trial.number} scored {write_percent(score)} % where {write_percent(mean)} % is expected ({why})"


def _by_chance(trial: Trial, facts: ReportFacts) -> bool:
    """Tell whether the images alone could explain how far a score lies from its posterior mean."""
    low, high = wilson((trial.score or 0.0) * facts.images, facts.images)
    return low <= facts.trusted[trial.number] <= high
