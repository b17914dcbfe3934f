"""What a proposal may know: all points before it, and the results of batches up to the last but one.

So the table of trials depends neither on the number of workers nor on who finished first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from budgetnas.arch.spec import ResNetSpec
from budgetnas.trials.trial import Trial, TrialState

LAG = 2

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """The view of one proposal, by trial number.

    Attributes:
        number: of the trial to be proposed.
        points: [N, D] every point before it, proposed or seeded, whatever became of it.
        scores: [N] what is known of them, higher is better; NaN where nothing is (not finished, failed, pruned).
        pruned: [N] which of them were over the budget.
        seeded: how many of them were seeded models rather than proposals.
    """

    number: int
    points: IntArray
    scores: FloatArray
    pruned: BoolArray
    seeded: int = 0

    @property
    def observed(self) -> tuple[IntArray, FloatArray]:
        """Points [K, D] and scores [K] of those that are known."""
        known = ~np.isnan(self.scores)
        return self.points[known], self.scores[known]


def is_ready(trials: Sequence[Trial], number: int, batch: int) -> bool:
    """Tell whether every result that proposal `number` must know is there."""
    return all(trial.state.is_finished for trial in trials[: _known(number, batch)])


def history(trials: Sequence[Trial], number: int, batch: int, *, encode: Callable[[ResNetSpec], IntArray]) -> History:
    """Return what proposal `number` may know of the `trials` before it; `encode` makes a spec's point."""
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
