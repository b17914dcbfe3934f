"""The selection of trials for full training, and of the winner among the fully trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from budgetnas.budget import Budget
from budgetnas.trials.facts import required
from budgetnas.trials.trial import Candidate, Trial, complete


@dataclass(frozen=True, kw_only=True, slots=True)
class Finalist:
    """A promoted network with its full trainings.

    Attributes:
        parent: number of the first-rung trial that it was promoted from.
        candidate: the network.
        runs: its COMPLETE full trainings, one per seed.
    """

    parent: int
    candidate: Candidate
    runs: tuple[Trial, ...]

    @property
    def scores(self) -> tuple[float, ...]:
        """Validation accuracy of each training after its last epoch, in [0, 1]."""
        return tuple(run.score for run in self.runs if run.score is not None)

    @property
    def score(self) -> float:
        """Mean of the scores."""
        return mean(self.scores)

    @property
    def best_run(self) -> Trial:
        """The training of the highest score; of equal ones the first."""
        return max(self.runs, key=lambda run: (run.score or 0.0, -run.number))


def within(trials: Sequence[Trial], budget: Budget) -> list[Trial]:
    """Return the COMPLETE trials whose networks fit a budget; no other is promoted, wins or is named as best."""
    return [trial for trial in complete(trials) if budget.fits(trial.candidate)]


def promote(trials: Sequence[Trial], trusted: Sequence[float], number: int) -> list[Trial]:
    """Return the `number` COMPLETE trials of the highest trusted score, best first; of equals the smaller network.

    Each network counts once, by its best trial; only a sampler that may repeat itself trains one twice.
    """
    order = sorted(range(len(trials)), key=lambda i: (-trusted[i], trials[i].candidate.params, trials[i].number))
    distinct: dict[str, Trial] = {}
    for i in order:
        distinct.setdefault(trials[i].candidate.spec.id, trials[i])
    return list(distinct.values())[:number]


def ranking(score: float) -> float:
    """Round a mean score for comparison: means of equally many correct images may differ in their last bits."""
    return round(score, 9)


def finalists(full_trials: Sequence[Trial]) -> list[Finalist]:
    """Group finished full trainings by the trial that they were promoted from, the best mean score first.

    Of equal ones the smaller network is first, and of equally small ones the network that was proposed first.
    """
    groups: dict[int, list[Trial]] = {}
    for trial in complete(full_trials):
        groups.setdefault(required(trial.facts.parent, "parent"), []).append(trial)
    unsorted = [
        Finalist(parent=parent, candidate=runs[0].candidate, runs=tuple(runs)) for parent, runs in groups.items()
    ]
    return sorted(unsorted, key=lambda one: (-ranking(one.score), one.candidate.params, one.parent))


def tied(ranked: Sequence[Finalist]) -> list[Finalist]:
    """Return the finalists that share the score of the first, including it."""
    return [one for one in ranked if ranking(one.score) == ranking(ranked[0].score)]
