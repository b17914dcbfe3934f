"""Spaces and made-up truths that the tests of samplers share."""

from __future__ import annotations

import numpy as np

from budgetnas.samplers.history import History
from budgetnas.space.band import make_index
from budgetnas.space.protocol import Dimension, Space
from budgetnas.space.resnet import ResNetSpace

DEFAULT = ResNetSpace()
BAND = make_index(DEFAULT, max_macs=1_748_374_528).band(4_000_000, 5_000_000)


def _operation(i):
    return Dimension(name=f"op{i}", values=range(4), ordered=False, labels=("none", "skip", "1x1", "3x3"))


class Cells(Space):
    """Four unordered operations and an ordered width: params grow with the width and with some operations."""

    dimensions = (
        *map(_operation, range(4)),
        Dimension(name="width", values=range(8, 65, 8)),
    )
    weights = np.array([0, 0, 1, 9])

    def params(self, points):
        """Count them."""
        return (1 + self.weights[points[:, :4]].sum(axis=1)) * points[:, 4] ** 2


def by_macs(points: np.ndarray) -> np.ndarray:
    """A made-up accuracy of residual networks: more MACs help, four stages help a little."""
    return 0.5 + 0.04 * np.log2(DEFAULT.macs(points) / 1e8) + 0.01 * points[:, 0]


def search(sampler, number, score, *, space=DEFAULT, fails=lambda i: False, points=None):
    """Propose one after the other, every result known at once; return the points."""
    proposed = [] if points is None else list(points)
    while len(proposed) < number:
        so_far = np.array(proposed, dtype=np.int64).reshape(len(proposed), len(space.dimensions))
        scores = score(so_far) if len(so_far) else np.empty(0)
        scores = np.where([fails(i) for i in range(len(so_far))], np.nan, scores)
        pruned = np.zeros(len(so_far), dtype=bool)
        point = sampler.propose(History(number=len(so_far), points=so_far, scores=scores, pruned=pruned))
        if point is None:
            break
        proposed.append(point)
    return np.array(proposed, dtype=np.int64).reshape(len(proposed), len(space.dimensions))
