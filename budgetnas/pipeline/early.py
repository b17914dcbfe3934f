"""What is decided between the short trainings, batch by batch: full trainings of some networks, or the end.

Decisions are recorded before they take effect. Each uses the full trainings that were decided on before it, and short
ones of all batches but the running and the last one, so it depends neither on the number of workers nor on stops.
"""

from __future__ import annotations

import numpy as np

from budgetnas.arrays import IntArray, Stream, generator
from budgetnas.pipeline.can_show import can_show
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.level import PlannedTraining
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.samplers.outlook import Outlook, early_quota
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.trial import complete


def early(ladder: Ladder) -> list[int]:
    """Return the numbers of the short trainings whose networks were fully trained early, or will be next."""
    return [number for numbers in (ladder.fulls.facts.early or {}).values() for number in numbers]


def early_scores(ladder: Ladder) -> dict[int, float]:
    """Return the scores of the finished ones, by these numbers."""
    decided, first = set(early(ladder)), [trial for trial in complete(ladder.fulls.trials) if not trial.repeat]
    return {trial.root: trial.score for trial in first if trial.root in decided and trial.score is not None}


def planned_early(ladder: Ladder) -> list[PlannedTraining]:
    """Return the full trainings that were decided on, one of each network."""
    trials = ladder.first.trials
    return [
        PlannedTraining(
            candidate=trials[number].candidate,
            repeat=0,
            parent=number,
            lineage=(f"{ladder.rungs[0].name}/{number}",),
        )
        for number in early(ladder)
    ]


def decide_early(prepared: PreparedStudy, ladder: Ladder, outlook: Outlook, places: IntArray, number: int) -> bool:
    """Decide what to train fully before the next short training, and record it; return whether anything.

    Full trainings keep in step with the short ones, and two are left for the networks that are best in the end.

    Args:
        prepared: the study.
        ladder: its levels.
        outlook: of the search.
        places: numbers of the trials of its trained networks.
        number: of the next short training.
    """
    decided, search = early(ladder), prepared.config.search
    left = early_quota(number, search.trials, prepared.finals().networks) - len(decided)
    if left <= 0:
        return False
    rng = generator(search.seed, number, Stream.EARLY)
    chosen = outlook.worth_full(~np.isin(places, decided), price=prepared.prices[0], rng=rng)[:left]
    if len(chosen):
        before, key = ladder.fulls.facts.early or {}, str(number)
        ladder.fulls.record(RunFacts(early={**before, key: (*before.get(key, ()), *places[chosen].tolist())}))
    return bool(len(chosen))


HOPELESS = 0.2  # chance of a new network that is better by more than can be shown, below which a search stops


def stops_hopeless(prepared: PreparedStudy, ladder: Ladder) -> bool:
    """Return whether a study that stops when it is hopeless has been found so; more trials are in vain then."""
    return prepared.config.search.stop == "hopeless" and bool(ladder.first.facts.hopeless)


def is_hopeless(prepared: PreparedStudy, outlook: Outlook, number: int) -> bool:
    """Return whether a new network is unlikely to be better than the best one by more than the seeds can show."""
    shown = can_show(prepared)
    rng = generator(prepared.config.search.seed, number, Stream.CHANCE)
    return shown is not None and outlook.chance(shown.points / 100, rng) < HOPELESS
