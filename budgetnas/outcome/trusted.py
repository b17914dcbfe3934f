"""The score to trust for what a rung has trained, and who was sent up from one for it, or by chance instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from budgetnas.records.levels import FULL, complete
from budgetnas.records.trial import Trial
from budgetnas.search.recommend import recommend
from budgetnas.space.resnet import ResNetSpace


def trusted_scores(space: ResNetSpace, first: Sequence[Trial], *above: Sequence[Trial]) -> dict[int, float]:
    """Return the score to trust for each COMPLETE trial of the highest rung given, by number of its first-rung trial.

    Args:
        space: of the search.
        first: trials of the first rung.
        above: trials of each rung above it, from the lowest to the highest.
    """
    found = complete(first)
    points = np.array([space.encode(trial.candidate.spec) for trial in found], dtype=np.int64)
    scores = [{trial.root: trial.score for trial in complete(rung)} for rung in (first, *above)]
    columns = [np.array([rung.get(trial.number, np.nan) for trial in found], dtype=np.float64) for rung in scores]
    means = recommend(space, points, *columns)
    return {trial.number: float(mean) for trial, mean in zip(found, means, strict=True) if trial.number in scores[-1]}


def drawn_at_random(facts: Mapping[str, Any]) -> frozenset[int]:
    """Return the numbers of all first-rung trials that chance ever sent up, from the facts of a search."""
    return frozenset(number for decision in facts.get("promotions", {}).values() for number in decision["random"])


def promoted_for_scores(facts: Mapping[str, Any]) -> frozenset[int]:
    """Return the numbers of all first-rung trials that ever got full training for their scores."""
    decisions = [one for one in facts.get("promotions", {}).values() if one.get("to", FULL) == FULL]
    return frozenset(number for decision in decisions for number in decision["best"])
