"""The scales of a model: standard scores, standard features, and the Matern correlation of distances between them."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from budgetnas.arrays import FloatArray, IntArray


def subset(scores: FloatArray, largest: int) -> IntArray:
    """Return the indices of at most `largest` scores: half of them the best, the rest evenly spaced over time."""
    if len(scores) <= largest:
        return np.arange(len(scores))
    order = np.argsort(-scores, kind="stable")
    best, others = order[: largest // 2], np.sort(order[largest // 2 :])
    evenly = np.linspace(0, len(others) - 1, largest - len(best)).astype(np.int64)
    return np.sort(np.concatenate([best, others[evenly]]))


def standard_scores(scores: FloatArray) -> FloatArray:
    """Standardise scores [N] to mean 0 and variance 1, robustly against outliers; their order stays.

    The result is the mean of two scales: the normal quantiles of the ranks, and the distance from the median in
    interquartile ranges, with its logarithm below the median. Ties share one value.
    """
    _, place, number = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(number) - (number - 1) / 2)[place]  # from 1, equal scores share the mean of theirs
    quantiles = ndtri((ranks - 0.5) / len(scores))
    low, median, high = np.quantile(scores, [0.25, 0.5, 0.75])
    distance = (scores - median) / max(high - low, 1e-9)
    distance = np.where(distance < 0, -np.log1p(np.maximum(-distance, 0)), distance)
    return _unit(_unit(quantiles) + _unit(distance))


def scores_of(standard: FloatArray, scores: FloatArray) -> FloatArray:
    """Map values on the scale of `standard_scores(scores)` back to scores, within the range of the scores."""
    knots, first = np.unique(standard_scores(scores), return_index=True)
    low, high = np.quantile(scores, [0.25, 0.75])
    levels = np.maximum(scores[first], low - 3 * (high - low))  # outliers do not help to interpolate
    values: FloatArray = np.interp(standard, knots, levels)
    return values


def unit(scores: FloatArray) -> float:
    """Return what a standard score above the median is worth in scores; 0 where all are equal."""
    low, high = scores_of(np.array([0.0, 1.0]), scores)
    return float(high - low)


def _unit(values: FloatArray) -> FloatArray:
    result: FloatArray = (values - values.mean()) / max(float(values.std()), 1e-9)
    return result


def standard_features(features: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return centre and scale of the features, so that rows have a mean square of about 1.

    The scale is the geometric mean of a feature's own standard deviation and the common one. So a feature that hardly
    varies, as params in a band, counts less than others, but still counts. A constant feature is not scaled.
    """
    std = features.std(axis=0)
    common = np.sqrt((std * std).mean())
    scale = np.sqrt(np.maximum(std * common, 1e-18))
    return features.mean(axis=0), np.where(std < 1e-9, 1.0, scale) * np.sqrt(features.shape[1])


def squared_distances(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the squared distance of every row [N, F] from every row [M, F]: [N, M]."""
    squares = (left * left).sum(axis=1)[:, None] + (right * right).sum(axis=1)[None] - 2 * left @ right.T
    result: FloatArray = np.maximum(squares, 0.0)
    return result


def matern(scaled: FloatArray) -> FloatArray:
    """Return the Matern-5/2 correlation at distances that are multiplied by sqrt(5) / length."""
    result: FloatArray = (1 + scaled + scaled * scaled / 3) * np.exp(-scaled)
    return result
