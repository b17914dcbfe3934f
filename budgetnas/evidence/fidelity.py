"""Fidelity: how well a short training ranks networks, compared with their full training.

Intervals are percentile bootstraps over networks. Their coverage was measured on pairs from a normal distribution
(`studies/results/intervals.txt`: 10 to 60 networks, a true tau of 0 to 0.85, k of 1 and 3, 500 repeats per case). The
interval of tau contained the truth in 94 to 99 % of repeats. Fieller's interval on the atanh scale, with variance
0.437 / (n - 4), is narrower, but with up to 30 networks it contained a tau of 0.85 in only 81 to 92 %. Recall and
regret depend on the few best networks, so their intervals are rough: they contained the expected recall in 96 to 100 %
and the expected regret in 77 to 100 %. Where at least 95 % of resamples agree, no interval is given: its width would be
0, which says nothing about other networks. `tests/evidence/test_coverage.py` repeats this on a small scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import comb
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from budgetnas.arrays import BoolArray, FloatArray, IntArray
from budgetnas.evidence.estimate import Estimate, bootstrap

FEWEST_PAIRS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Fidelity:
    """The ranking quality of a proxy; without intervals below `FEWEST_PAIRS` networks.

    Attributes:
        name: name of the proxy.
        n: number of networks with both scores.
        k: number of networks that would be promoted.
        tau: Kendall's tau-b of proxy and full scores.
        recall: share of the k best networks that are among the k best by proxy.
        regret: loss by promoting the k best by proxy, in the unit of the full scores.
    """

    name: str
    n: int
    k: int
    tau: Estimate
    recall: Estimate
    regret: Estimate


class Chance(NamedTuple):
    """Expected recall and regret of k networks drawn at random.

    Attributes:
        recall: share of the k best networks among them.
        regret: the best full score minus their best full score.
    """

    recall: float
    regret: float


def fidelity(name: str, proxy: npt.ArrayLike, full: npt.ArrayLike, *, k: int, seed: int = 0) -> Fidelity:
    """Estimate the fidelity of a proxy from networks with both scores.

    Args:
        name: name of the proxy.
        proxy: [N] values that rank the networks, higher is better: scores of short trainings, params or MACs.
        full: [N] scores of full trainings.
        k: number of networks that would be promoted, 1 or more.
        seed: seed of the bootstrap.

    Returns:
        Tau, recall and regret; all NaN where the proxy is the same for all networks. Recall and regret have no interval
        where its width would be 0: that k networks of one sample were the best does not show that others would be.
    """
    short, long = _columns(proxy, full)
    return Fidelity(
        name=name,
        n=len(long),
        k=k,
        tau=tau(short, long, seed=seed),
        recall=_of_the_best(lambda p, f: recall(p, f, k), short, long, seed=seed),
        regret=_of_the_best(lambda p, f: regret(p, f, k), short, long, seed=seed),
    )


def by_chance(full: npt.ArrayLike, *, k: int) -> Chance:
    """Return the expected recall and regret of k networks drawn at random.

    Args:
        full: [N] scores of full trainings, N at least 1.
        k: number of draws, 1 or more; at most all networks.
    """
    (scores,) = _columns(full)
    n = len(scores)
    drawn = min(k, n)
    chances = [comb(below, drawn - 1) / comb(n, drawn) for below in range(n)]  # of this many below the best drawn
    return Chance(recall=drawn / n, regret=float(scores.max() - np.sort(scores) @ chances))


def tau(proxy: npt.ArrayLike, full: npt.ArrayLike, *, seed: int = 0) -> Estimate:
    """Estimate Kendall's tau-b of two columns [N]."""
    short, long = _columns(proxy, full)
    return _estimate(_tau_by_rows(short, long), np.arange(len(long)), seed=seed)


def difference(first: npt.ArrayLike, second: npt.ArrayLike, full: npt.ArrayLike, *, seed: int = 0) -> Estimate:
    """Estimate tau(first, full) - tau(second, full) of columns [N], both on the same resamples."""
    left, right, long = _columns(first, second, full)
    one, other = _tau_by_rows(left, long), _tau_by_rows(right, long)
    return _estimate(lambda rows: one(rows) - other(rows), np.arange(len(long)), seed=seed)


def kendall(left: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """Return Kendall's tau-b of two columns [N], in [-1, 1]; NaN where one of them is constant or N < 2.

    >>> round(kendall([0.61, 0.63, 0.66, 0.70], [0.91, 0.93, 0.92, 0.95]), 3)
    0.667

    Kendall, "The treatment of ties in ranking problems" (Biometrika 33, 1945).
    """
    one, other = _columns(left, right)
    from scipy.stats import kendalltau  # takes a second to import, which every command would wait for

    return float(kendalltau(one, other).statistic) if len(one) > 1 else float("nan")


def recall(proxy: FloatArray, full: FloatArray, k: int) -> FloatArray:
    """Return the share of the k best networks by full score that are among the k best by proxy, in [0, 1].

    Ties go to the earlier network, in both orders. With fewer than k networks, all are the k best.

    Args:
        proxy: [.., N] values that rank the networks, higher is better.
        full: [.., N] scores of full trainings.
        k: number of networks that would be promoted, 1 or more.

    Returns:
        [..] the recall of each row.
    """
    shared = (_best(proxy, k) & _best(full, k)).sum(axis=-1)
    result: FloatArray = shared / min(k, full.shape[-1])
    return result


def regret(proxy: FloatArray, full: FloatArray, k: int) -> FloatArray:
    """Return the best full score minus the best full score among the k best networks by proxy, at least 0.

    Ties go to the earlier network. Shapes are those of `recall`.
    """
    result: FloatArray = full.max(axis=-1) - np.where(_best(proxy, k), full, -np.inf).max(axis=-1)
    return result


def _best(scores: FloatArray, k: int) -> BoolArray:
    """Mark the k highest of each row, ties to the earlier: [.., N] to [.., N]."""
    assert k >= 1, "nothing is promoted"
    marks = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(marks, np.argsort(-scores, axis=-1, kind="stable")[..., :k], True, axis=-1)
    return marks


def _tau_by_rows(left: FloatArray, right: FloatArray) -> Callable[[IntArray], FloatArray]:
    """Return tau-b as a function of resamples: from rows [R, N] of drawn networks to [R].

    A network drawn w times counts w times in every pair, so concordant minus discordant pairs are w' S w / 2, with S
    the products of signs. That is one matrix product for all resamples, and exact, since all numbers are integers.
    """
    n = len(left)
    ranks = [np.unique(column, return_inverse=True)[1] for column in (left, right)]
    agreement = np.prod([np.sign(rank[:, None] - rank).astype(np.float64) for rank in ranks], axis=0)

    def by_rows(rows: IntArray) -> FloatArray:
        offsets = n * np.arange(len(rows))[:, None]
        drawn = np.bincount((rows + offsets).ravel(), minlength=n * len(rows)).reshape(-1, n).astype(np.float64)
        surplus = ((drawn @ agreement) * drawn).sum(axis=1) / 2
        untied = _untied(drawn, ranks[0]) * _untied(drawn, ranks[1])
        with np.errstate(invalid="ignore"):  # 0 / 0 where a column is constant in a resample
            result: FloatArray = surplus / np.sqrt(untied)
        return np.clip(result, -1, 1)

    return by_rows


def _untied(drawn: FloatArray, rank: IntArray) -> FloatArray:
    """Count the pairs of each resample that differ in rank: from the counts of draws [R, N] to [R]."""
    order = np.argsort(rank, kind="stable")
    starts = np.flatnonzero(np.diff(rank[order], prepend=-1))
    sizes = np.add.reduceat(drawn[:, order], starts, axis=1)
    result: FloatArray = (drawn.shape[1] ** 2 - (sizes * sizes).sum(axis=1)) / 2
    return result


def _estimate(statistic: Callable[..., FloatArray], *columns: npt.NDArray[np.generic], seed: int) -> Estimate:
    """Return a statistic of the columns, with its interval if there are enough networks."""
    n = len(columns[0])
    if n == 0:
        return Estimate(value=float("nan"), n=0)
    value = float(statistic(*(column[None] for column in columns))[0])
    low, high = bootstrap(statistic, *columns, seed=seed) if n >= FEWEST_PAIRS else (None, None)
    return Estimate(value=value, low=low, high=high, n=n)


def _of_the_best(statistic: Callable[..., FloatArray], proxy: FloatArray, full: FloatArray, *, seed: int) -> Estimate:
    """Estimate a statistic of the k best by proxy; NaN where the proxy is the same for all networks."""
    if len(proxy) > 1 and np.ptp(proxy) == 0:
        return Estimate(value=float("nan"), n=len(proxy))
    found = _estimate(statistic, proxy, full, seed=seed)
    return replace(found, low=None, high=None) if found.low == found.high else found


def _columns(*columns: npt.ArrayLike) -> tuple[FloatArray, ...]:
    arrays = tuple(np.asarray(column, dtype=np.float64) for column in columns)
    assert all(array.ndim == 1 and len(array) == len(arrays[0]) for array in arrays), "the columns differ in length"
    assert all(np.isfinite(array).all() for array in arrays), "a score is missing"
    return arrays
