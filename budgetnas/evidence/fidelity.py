"""Whether a short training ranks networks as their full training does.

Intervals are percentile bootstraps over nets. Measured on pairs from a normal distribution
(`studies/results/intervals.txt`: 10 to 60 nets, a true tau of 0 to 0.85, k of 1 and 3, 500 repeats a case), that of
tau held the truth in 94 to 99 % of repeats. Fieller's interval on the scale of atanh, with 0.437 / (n - 4) for its
variance, is narrower, but up to 30 nets it held a tau of 0.85 in only 81 to 92 %. Recall and regret hang on the few
best nets, so their intervals are rough: they held the expected recall in 96 to 100 % and the expected regret in 77 to
100 %. Where it would have no width, since at least 95 % of resamples agree, there is none: nets that agree cannot
show by how much others would not. `tests/evidence/test_coverage.py` shows the same in small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import comb
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau

from budgetnas.arrays import BoolArray, FloatArray, IntArray
from budgetnas.evidence.estimate import Estimate, bootstrap

FEWEST_PAIRS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Fidelity:
    """How well a proxy stands for the full training; there are no intervals below `FEWEST_PAIRS` nets.

    Attributes:
        name: of the proxy.
        n: nets that have both scores.
        k: how many nets would be promoted.
        tau: Kendall's tau-b of proxy and full scores.
        recall: share of the k best nets that are among the k best by proxy.
        regret: what is lost by promoting the k best by proxy, in the unit of the full scores.
    """

    name: str
    n: int
    k: int
    tau: Estimate
    recall: Estimate
    regret: Estimate


class Chance(NamedTuple):
    """What is expected of k nets drawn at random.

    Attributes:
        recall: share of the k best nets among them.
        regret: the best full score minus the best of theirs.
    """

    recall: float
    regret: float


def fidelity(name: str, proxy: npt.ArrayLike, full: npt.ArrayLike, *, k: int, seed: int = 0) -> Fidelity:
    """Judge a proxy by the nets that were trained both ways.

    Args:
        name: of the proxy.
        proxy: [N] what ranks the nets, higher is better: scores of short trainings, or params, or MACs.
        full: [N] scores of full trainings.
        k: how many nets would be promoted, 1 or more.
        seed: of the bootstrap.

    Returns:
        Recall and regret are NaN where the proxy is the same for all nets, as tau is, and have no interval where it
        would have no width: k nets of a sample that happen to be the right ones are no proof that others would be.
    """
    short, long = _columns(proxy, full)
    return Fidelity(
        name=name,
        n=len(long),
        k=k,
        tau=tau(short, long, seed=seed),
        recall=_of_the_best(lambda p, f: _recall(p, f, k), short, long, seed=seed),
        regret=_of_the_best(lambda p, f: _regret(p, f, k), short, long, seed=seed),
    )


def by_chance(full: npt.ArrayLike, *, k: int) -> Chance:
    """Return the recall and the regret that k nets drawn at random are expected to have.

    Args:
        full: [N] scores of full trainings, N at least 1.
        k: how many are drawn, 1 or more; all where there are fewer.
    """
    (scores,) = _columns(full)
    n = len(scores)
    drawn = min(k, n)
    chances = [comb(below, drawn - 1) / comb(n, drawn) for below in range(n)]  # that the best drawn has so many below
    return Chance(recall=drawn / n, regret=float(scores.max() - np.sort(scores) @ chances))


def tau(proxy: npt.ArrayLike, full: npt.ArrayLike, *, seed: int = 0) -> Estimate:
    """Estimate Kendall's tau-b of two columns [N]."""
    short, long = _columns(proxy, full)
    return _estimate(_tau_by_rows(short, long), np.arange(len(long)), seed=seed)


def difference(first: npt.ArrayLike, second: npt.ArrayLike, full: npt.ArrayLike, *, seed: int = 0) -> Estimate:
    """Estimate tau(first, full) - tau(second, full), both on the same resamples: [N] each."""
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
    return float(kendalltau(one, other).statistic) if len(one) > 1 else float("nan")


def top_tau(proxy: npt.ArrayLike, full: npt.ArrayLike, share: float) -> float:
    """Return Kendall's tau-b among the best share of nets by full score.

    Args:
        proxy: [N] what ranks the nets, higher is better.
        full: [N] scores of full trainings.
        share: in (0, 1], rounded to whole nets, at least one; all nets that tie with the last of them belong to it.
    """
    assert 0 < share <= 1, "the share must be in (0, 1]"
    short, long = _columns(proxy, full)
    last = np.sort(long)[-max(1, round(share * len(long)))]
    return kendall(short[long >= last], long[long >= last])


def recall(proxy: npt.ArrayLike, full: npt.ArrayLike, k: int) -> float:
    """Return the share of the k best nets by full score that are among the k best by proxy, in [0, 1].

    Of ties the earlier net comes first, in both orders. All nets are the k best where there are fewer than k.
    """
    short, long = _columns(proxy, full)
    return float(_recall(short, long, k))


def keeps_best(proxy: npt.ArrayLike, full: npt.ArrayLike, k: int) -> bool:
    """Tell whether the best net by full score is among the k best by proxy; of ties the earlier net comes first."""
    short, long = _columns(proxy, full)
    return bool(_best(short, k)[long.argmax()])


def regret(proxy: npt.ArrayLike, full: npt.ArrayLike, k: int) -> float:
    """Return the best full score minus the best full score among the k best nets by proxy, at least 0.

    Of ties the earlier net comes first.
    """
    short, long = _columns(proxy, full)
    return float(_regret(short, long, k))


def _recall(proxy: FloatArray, full: FloatArray, k: int) -> FloatArray:
    """Recall of each row: [.., N] to [..]."""
    shared = (_best(proxy, k) & _best(full, k)).sum(axis=-1)
    result: FloatArray = shared / min(k, full.shape[-1])
    return result


def _regret(proxy: FloatArray, full: FloatArray, k: int) -> FloatArray:
    """Regret of each row: [.., N] to [..]."""
    result: FloatArray = full.max(axis=-1) - np.where(_best(proxy, k), full, -np.inf).max(axis=-1)
    return result


def _best(scores: FloatArray, k: int) -> BoolArray:
    """Mark the k highest of each row, of ties the earlier: [.., N] to [.., N]."""
    assert k >= 1, "nothing is promoted"
    marks = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(marks, np.argsort(-scores, axis=-1, kind="stable")[..., :k], True, axis=-1)
    return marks


def _tau_by_rows(left: FloatArray, right: FloatArray) -> Callable[[IntArray], FloatArray]:
    """Return tau-b as a function of resamples: rows [R, N] that say which nets were drawn, to [R].

    A net drawn w times counts w times in every pair, so the pairs that agree minus those that do not are w' S w / 2,
    with S the products of the signs: one matrix product for all resamples, exact because all its numbers are whole.
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
    """Count the pairs of each resample that differ in rank: how often each net was drawn [R, N] to [R]."""
    order = np.argsort(rank, kind="stable")
    starts = np.flatnonzero(np.diff(rank[order], prepend=-1))
    sizes = np.add.reduceat(drawn[:, order], starts, axis=1)
    result: FloatArray = (drawn.shape[1] ** 2 - (sizes * sizes).sum(axis=1)) / 2
    return result


def _estimate(statistic: Callable[..., FloatArray], *columns: npt.NDArray[np.generic], seed: int) -> Estimate:
    """Return a statistic of the columns, with its interval where there are nets enough."""
    n = len(columns[0])
    if n == 0:
        return Estimate(value=float("nan"), n=0)
    value = float(statistic(*(column[None] for column in columns))[0])
    low, high = bootstrap(statistic, *columns, seed=seed) if n >= FEWEST_PAIRS else (None, None)
    return Estimate(value=value, low=low, high=high, n=n)


def _of_the_best(statistic: Callable[..., FloatArray], proxy: FloatArray, full: FloatArray, *, seed: int) -> Estimate:
    """Estimate what depends on the k best by proxy, where the proxy tells nets apart."""
    if len(proxy) > 1 and np.ptp(proxy) == 0:
        return Estimate(value=float("nan"), n=len(proxy))
    found = _estimate(statistic, proxy, full, seed=seed)
    return replace(found, low=None, high=None) if found.low == found.high else found


def _columns(*columns: npt.ArrayLike) -> tuple[FloatArray, ...]:
    arrays = tuple(np.asarray(column, dtype=np.float64) for column in columns)
    assert all(array.ndim == 1 and len(array) == len(arrays[0]) for array in arrays), "the columns differ in length"
    assert all(np.isfinite(array).all() for array in arrays), "a score is missing"
    return arrays
