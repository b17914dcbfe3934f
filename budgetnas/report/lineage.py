"""What became of a candidate: its trials at every rung, known by the number of the first one."""

from __future__ import annotations

from budgetnas.records.trial import Trial, TrialState
from budgetnas.report.facts import ReportFacts


def complete(facts: ReportFacts) -> list[Trial]:
    """Return the COMPLETE trials of the first rung, by number; each has a score."""
    return [trial for trial in facts.trials if trial.state is TrialState.COMPLETE and trial.score is not None]


def later_scores(facts: ReportFacts) -> dict[str, dict[int, float]]:
    """Return, for every rung after the first, the scores in [0, 1] by number of the first-rung trial."""
    return {
        name: {trial.root: trial.score for trial in trials if trial.score is not None}
        for name, trials in list(facts.rungs.items())[1:]
    }


def winning_trial(facts: ReportFacts) -> Trial | None:
    """Return the first-rung trial that won; None before any full training ended."""
    return next((trial for trial in facts.trials if trial.number == facts.winner), None)
