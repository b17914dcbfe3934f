"""The selection of trials for full training, and of the winner among the fully trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from budgetnas.budget import Budget
from budgetnas.trials.record import required
from budgetnas.trials.trial import Candidate, Trial, complete


@dataclass(frozen=True, kw_only=True, slots=True)
class Finalist:
    """A promoted network with its full trainings.

    Attributes:
        parent: number of the first-rung trial that it was promoted from.
        candidate: the network.
        runs: its COMPLETE full trainings, one per seed.
        trusted: its posterior mean, where that decides; None where the mean score does.
        seeds: that it has, of those that decide.
    """

    parent: int
    candidate: Candidate
    runs: tuple[Trial, ...]
    trusted: float | None = None
    seeds: int = 0

    @property
    def rank(self) -> tuple[int, float]:
        """What the choice goes by: lower is better, and equal ones tie."""
        return -self.seeds, -ranking(self.score if self.trusted is None else self.trusted)

    @property
    def scores(self) -> tuple[float, ...]:
        """Validation score of each training after its last epoch, higher for a better network."""
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


def finalists(
    full_trials: Sequence[Trial], *, trusted: Mapping[int, float] | None = None, repeats: int = 1
) -> list[Finalist]:
    """Group finished full trainings by the trial that they were promoted from, the best network first.

    Of equal ones the smaller network is first, and of equally small ones the network that was proposed first.

    Args:
        full_trials: the full trainings.
        trusted: posterior mean of each network, by that trial; where it is given it decides among those with all seeds,
            which are before the others; else the mean score decides.
        repeats: seeds of a network that has all.
    """
    groups: dict[int, list[Trial]] = {}
    for trial in complete(full_trials):
        groups.setdefault(required(trial.facts.parent, "parent"), []).append(trial)
    unsorted = [
        Finalist(
            parent=parent,
            candidate=runs[0].candidate,
            runs=tuple(runs),
            trusted=None if trusted is None else trusted[parent],
            seeds=0 if trusted is None else min(len(runs), repeats),
        )
        for parent, runs in groups.items()
    ]
    return sorted(unsorted, key=lambda one: (one.rank, one.candidate.params, one.parent))


def tied(ranked: Sequence[Finalist]) -> list[Finalist]:
    """Return the finalists between which nothing decides but their sizes: the first, and those equal to it."""
    return [one for one in ranked if one.rank == ranked[0].rank]
