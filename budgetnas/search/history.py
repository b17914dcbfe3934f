"""What a proposal may know: all candidates before it, and the results of batches up to the last but one.

So the table of trials depends neither on the number of workers nor on who finished first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from budgetnas.records.trial import Candidate, Trial, TrialState

LAG = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """The view of one proposal.

    Attributes:
        number: of the trial to be proposed.
        seen: ids of every candidate before it.
        seeded: how many of those were seeded models rather than proposals.
        observed: candidates with known scores, by trial number.
        scores: their validation scores in [0, 1].
    """

    number: int
    seen: frozenset[str]
    seeded: int
    observed: tuple[Candidate, ...]
    scores: tuple[float, ...]


def is_ready(trials: Sequence[Trial], number: int, batch: int) -> bool:
    """Tell whether every result that proposal `number` must know is there."""
    return all(trial.state.is_finished for trial in trials[: _known(number, batch)])


def history(trials: Sequence[Trial], number: int, batch: int) -> History:
    """Return what proposal `number` may know of the `trials` before it."""
    known = [trial for trial in trials[: _known(number, batch)] if trial.state is TrialState.COMPLETE]
    return History(
        number=number,
        seen=frozenset(trial.candidate.spec.id for trial in trials[:number]),
        seeded=sum(bool(trial.attrs.get("seeded")) for trial in trials[:number]),
        observed=tuple(trial.candidate for trial in known),
        scores=tuple(trial.score for trial in known if trial.score is not None),
    )


def _known(number: int, batch: int) -> int:
    return max(0, (number // batch - LAG + 1) * batch)
