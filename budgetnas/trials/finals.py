"""The finals of a search: how many networks are fully trained, and how many of these with all seeds."""

from __future__ import annotations

from typing import NamedTuple


class Finals(NamedTuple):
    """The finals of one cap.

    Attributes:
        networks: that are fully trained once, or more often.
        finalists: the best of these, which are trained with all seeds and compete to win.
    """

    networks: int
    finalists: int


def equal(promote: int, available: int | None = None) -> Finals:
    """Return the finals in which every promoted network has all seeds.

    Args:
        promote: networks.
        available: networks that there are to promote, if known.
    """
    networks = promote if available is None else min(promote, available)
    return Finals(networks, networks)


def halving(promote: int, repeats: int, available: int | None = None) -> Finals:
    """Return the finals of as many trainings as `equal` ones, in which more networks are trained, most of them once.

    Half as many networks as `promote` have all seeds, rounded up. Where there are too few networks to use all trainings
    so, more have all seeds.

    Args:
        promote: networks that `equal` finals train.
        repeats: seeds of each finalist.
        available: networks that there are to promote, if known.
    """
    if repeats == 1:
        return equal(promote, available)
    finalists = -(-promote // 2)
    networks = promote * repeats - finalists * (repeats - 1)
    if available is None or available >= networks:
        return Finals(networks, finalists)
    return Finals(available, min(available, (promote * repeats - available) // (repeats - 1)))
