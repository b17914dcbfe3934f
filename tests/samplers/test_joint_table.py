"""A made-up table of unordered operations that depend on one another, as those of cells do."""

from __future__ import annotations

import numpy as np
import pytest
from spaces import search

from budgetnas.samplers.rules import Rule
from budgetnas.samplers.samplers import make_sampler
from budgetnas.space.band import make_index
from budgetnas.space.protocol import Dimension, Space

SEEDS, AFTER = 12, (20, 40, 100)
NOISE = 0.5  # standard deviations of the truth


class Operations(Space):
    """Five unordered choices of four operations of the same cost."""

    dimensions = tuple(Dimension(name=f"op{i}", values=range(4), ordered=False) for i in range(5))

    def params(self, points):
        """Count them."""
        return np.full(len(points), 1_000)


SPACE = Operations()
BAND = make_index(SPACE, max_macs=None).band(0, 1_000)


def table(seed):
    """Return the truth and the scores of all networks, [4, 4, 4, 4, 4] each, with a truth of variance 1."""
    rng, truth = np.random.default_rng(seed), np.zeros((4,) * 5)
    for i in range(5):
        truth += rng.standard_normal(4).reshape(np.where(np.arange(5) == i, 4, 1))
        for j in range(i):
            together = np.isin(np.arange(5), (i, j))
            truth += 0.5 * rng.standard_normal((4, 4)).reshape(np.where(together, 4, 1))
    truth = (truth - truth.mean()) / truth.std()
    return truth, truth + NOISE * rng.standard_normal(truth.shape)


@pytest.fixture(scope="module")
def regrets():
    """Regret of the recommended and of the best observed network of each seed, after each number: [2, SEEDS, 3]."""
    rule, found = Rule(), np.zeros((2, SEEDS, len(AFTER)))
    for seed in range(SEEDS):
        truth, scores = table(seed)
        sampler = make_sampler("thompson", SPACE, BAND, seed=seed, rule=rule)
        points = search(sampler, max(AFTER), lambda points, of=scores: of[tuple(points.T)], space=SPACE)
        for k, number in enumerate(AFTER):
            tried = tuple(points[:number].T)
            recommended = rule.recommend(SPACE, points[:number], scores[tried]).argmax()
            for which, place in enumerate((recommended, scores[tried].argmax())):
                found[which, seed, k] = truth.max() - truth[tried][place]
    return found


def test_the_recommended_network_is_not_worse_than_the_best_observed_one(regrets):
    differences = regrets[0] - regrets[1]
    error = differences.std(axis=0, ddof=1) / np.sqrt(SEEDS)
    assert (differences.mean(axis=0) <= 2 * error).all(), differences.mean(axis=0)
    assert differences.mean() < 0


def test_more_trainings_recommend_a_better_network(regrets):
    after = regrets[0].mean(axis=0)
    assert after[0] > after[1] > after[2]
    assert after[2] < 0.6, "standard deviations; the best of a hundred random networks is about 0.9 away"
