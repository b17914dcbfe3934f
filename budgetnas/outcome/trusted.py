"""The score to trust for what a rung has trained, and who was sent up from it by chance instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from budgetnas.records.levels import complete
from budgetnas.records.trial import Trial
from budgetnas.search.recommend import recommend
from budgetnas.space.resnet import ResNetSpace


def trusted_scores(space: ResNetSpace, trials: Sequence[Trial]) -> dict[int, float]:
    """Return the score to trust for each COMPLETE trial of one rung, by number of its first-rung trial."""
    found = complete(trials)
    points = np.array([space.encode(trial.candidate.spec) for trial in found], dtype=np.int64)
    means = recommend(space, points, np.array([trial.score for trial in found], dtype=np.float64))
    return {trial.root: float(value) for trial, value in zip(found, means, strict=True)}


def drawn_at_random(facts: Mapping[str, Any]) -> frozenset[int]:
    """Return the numbers of all first-rung trials that chance ever sent up, from the facts of a search."""
    return frozenset(number for decision in facts.get("promotions", {}).values() for number in decision["random"])
