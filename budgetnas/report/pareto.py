"""Which networks nobody beats: none other is as accurate for less."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Return the positions of the Pareto front, cheapest first.

    A point is on it when no other has at most its cost and at least its score, one of them better; of equal points the
    first stands for all.

    Args:
        costs: lower is better.
        scores: as many, higher is better.
    """
    front: list[int] = []
    for i in sorted(range(len(costs)), key=lambda i: (costs[i], -scores[i], i)):
        if not front or scores[i] > scores[front[-1]]:
            front.append(i)
    return front
