"""The rule of a study: which model its sampler and its choices learn with, and what is known before any score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from budgetnas.arrays import FloatArray, IntArray
from budgetnas.config.sections import SearchConfig
from budgetnas.samplers import belief, joint
from budgetnas.samplers.history import START
from budgetnas.samplers.joint_thompson import JOINT_START
from budgetnas.samplers.macs_prior import MacsPrior, prior_of
from budgetnas.space.protocol import Space

ModelName = Literal["joint", "per_rung"]
FitName = Literal["best", "all"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """How a study learns from scores.

    Attributes:
        model: "joint" for one process over all lengths of training, "per_rung" for the rule of older studies, which
            goes from rung to rung.
        prior: on MACs, for "joint"; None without it.
        fit: which of many scores the hyperparameters of a recommendation are fitted to, for "joint": "best" for the
            better half, as long as there is only one length of training, "all" in older studies.
    """

    model: ModelName = "joint"
    prior: MacsPrior | None = None
    fit: FitName = "best"

    @property
    def start(self) -> int:
        """Proposals before scores are learned from, in a space of few kinds."""
        return JOINT_START if self.model == "joint" else START

    def recommend(
        self, space: Space, points: IntArray, scores: FloatArray, *above: FloatArray, seeds: FloatArray | None = None
    ) -> FloatArray:
        """Return the posterior mean of each network at the longest length, as `joint.recommend` describes."""
        if self.model == "joint":
            to_best = self.fit == "best"
            return joint.recommend(space, points, scores, *above, seeds=seeds, prior=self.prior, to_best=to_best)
        return belief.recommend(space, points, scores, *above, seeds=seeds)

    def expected(self, space: Space, points: IntArray, scores: FloatArray, *above: FloatArray) -> FloatArray:
        """Return the posterior mean of the standard score of each network at the longest length, trained there or not.

        There are six networks or more, and the model is "joint".
        """
        return joint.expected(space, points, scores, *above, prior=self.prior)

    def spread(self, space: Space, points: IntArray, scores: FloatArray, *above: FloatArray, among: IntArray) -> float:
        """Return how much networks differ in units of luck, as `joint.spread` describes; the model is "joint"."""
        return joint.spread(space, points, scores, *above, prior=self.prior, among=among)


def rule_of(search: SearchConfig, middles: Sequence[tuple[int, float]]) -> Rule:
    """Return the rule that a study asks for, given the most params and the median MACs of each tier's band."""
    return Rule(model=search.model, prior=prior_of(middles) if search.macs_prior else None, fit=search.fit)
