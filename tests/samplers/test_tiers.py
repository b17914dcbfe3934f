from __future__ import annotations

import numpy as np

from budgetnas.samplers.history import History
from budgetnas.samplers.tiers import TieredSampler


class Named:
    """Proposes its own number, as long as it has any left."""

    def __init__(self, number, left=10**6):
        self.number, self.left = number, left

    def propose(self, history):
        return np.array([self.number]) if (history.points[:, 0] == self.number).sum() < self.left else None


def history(points, seeded=0):
    rows = np.array(points, dtype=np.int64).reshape(-1, 1)
    unknown = np.full(len(rows), np.nan)
    return History(number=len(rows), points=rows, scores=unknown, pruned=np.zeros(len(rows), dtype=bool), seeded=seeded)


def play(sampler, number, seeded=0):
    points = [-1] * seeded
    while len(points) < number + seeded:
        point = sampler.propose(history(points, seeded))
        if point is None:
            break
        points.append(int(point[0]))
    return points[seeded:]


def test_every_round_has_every_tier_once_in_orders_that_differ():
    played = play(TieredSampler([Named(i) for i in range(3)], seed=0), 60)
    rounds = [tuple(played[i : i + 3]) for i in range(0, 60, 3)]
    assert all(sorted(one) == [0, 1, 2] for one in rounds)
    assert len(set(rounds)) > 3


def test_seeded_models_take_no_turn():
    tiers = [Named(i) for i in range(3)]
    assert play(TieredSampler(tiers, seed=0), 12) == play(TieredSampler(tiers, seed=0), 12, seeded=5)


def test_a_tier_that_ran_out_leaves_its_turns_to_the_others():
    played = play(TieredSampler([Named(0), Named(1, left=2), Named(2, left=4)], seed=1), 20)
    assert len(played) == 20
    assert played.count(1) == 2
    assert played.count(2) == 4
    assert play(TieredSampler([Named(0, left=1), Named(1, left=2)], seed=1), 20) in ([0, 1, 1], [1, 0, 1], [1, 1, 0])
