"""The best network of a run so far, and its accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from budgetnas.runs.reached import Accuracies, reached, reached_afresh, reached_in_full
from budgetnas.text import plural
from budgetnas.trials.selection import finalists, ranking
from budgetnas.trials.trial import Candidate, Looks, Trial

AFTER_FULL, AFTER_LAST = "validation after full training", "validation after the last epoch"


def after_fresh(seeds: int) -> str:
    """Say what a score of seeds is that no choice has seen."""
    return f"{AFTER_FULL} of {plural(seeds, 'fresh seed')}"


def best_in_full(fulls: Sequence[Trial], controls: Sequence[Trial], looks: Looks, *, images: int) -> dict[str, Any]:
    """Return the network of the best mean score after full training, nothing before any.

    Where it was trained again with seeds that no choice has seen, those speak for it.
    """
    ranked = finalists(fulls)
    if not ranked:
        return {}
    winner = ranked[0]
    fresh = reached_afresh(winner, controls, looks, images=images)
    found = fresh or reached_in_full(winner, looks, images=images)
    return _row(winner.candidate, found, after_fresh(len(found.runs)) if fresh else AFTER_FULL)


def best_of(trials: Sequence[Trial], score_of: str, looks: Looks, *, images: int) -> dict[str, Any]:
    """Return the network of the highest mean score over its COMPLETE trainings, of equals the smaller one."""
    groups: dict[tuple[Any, ...], list[Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.candidate.origin, trial.candidate.spec), []).append(trial)
    ranked = [(runs[0].candidate, reached(runs, looks, images=images)) for runs in groups.values()]
    if not ranked:
        return {}
    candidate, found = min(ranked, key=lambda one: (-ranking(one[1].validation.mean), one[0].params))
    return _row(candidate, found, score_of)


def _row(candidate: Candidate, found: Accuracies, score_of: str) -> dict[str, Any]:
    test = found.test
    return {
        "score": found.validation.mean,
        "score_interval": found.validation.interval,
        "score_of": score_of,
        "spec": candidate.spec.id,
        "params": candidate.params,
        "test_accuracy": test.mean if test else None,
        "test_interval": test.interval if test else None,
    }
