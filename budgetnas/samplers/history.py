"""The history that a proposal may use: all points before it, and the results of batches up to the last but one.

So the trials depend neither on the number of workers nor on the order in which they finish.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from budgetnas.arch.spec import ResNetSpec
from budgetnas.arrays import BoolArray, FloatArray, IntArray
from budgetnas.trials.trial import Trial, TrialState

LAG = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """The view of one proposal, by trial number.

    Attributes:
        number: number of the trial to be proposed.
        points: [N, D] every point before it, proposed or seeded.
        scores: [N] their scores, higher is better; NaN where unknown (not finished, failed, pruned).
        pruned: [N] whether they were over the budget.
        seeded: number of seeded models among them.
    """

    number: int
    points: IntArray
    scores: FloatArray
    pruned: BoolArray
    seeded: int = 0

    @property
    def observed(self) -> tuple[IntArray, FloatArray]:
        """Points [K, D] and scores [K] of the trials with a known score."""
        known = ~np.isnan(self.scores)
        return self.points[known], self.scores[known]


def is_ready(trials: Sequence[Trial], number: int, batch: int) -> bool:
    """Return whether all results that proposal `number` depends on are known."""
    return all(trial.state.is_finished for trial in trials[: _known(number, batch)])


def history(trials: Sequence[Trial], number: int, batch: int, *, encode: Callable[[ResNetSpec], IntArray]) -> History:
    """Return the history for proposal `number`, given all `trials`; `encode` maps a spec to its point."""
    known = _known(number, batch)
    before = trials[:number]
    scores = [trial.score if trial.number < known and trial.score is not None else np.nan for trial in before]
    points = [encode(trial.candidate.spec) for trial in before]
    return History(
        number=number,
        points=np.array(points, dtype=np.int64).reshape(len(before), -1 if before else 0),
        scores=np.array(scores, dtype=np.float64),
        pruned=np.array([trial.state is TrialState.PRUNED for trial in before], dtype=bool),
        seeded=sum(bool(trial.facts.seeded) for trial in before),
    )


def _known(number: int, batch: int) -> int:
    return max(0, (number // batch - LAG + 1) * batch)
