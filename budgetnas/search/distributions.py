"""A space's dimensions as Optuna's parameters, and points as their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from budgetnas.space.protocol import Dimension, Space

IntArray = npt.NDArray[np.int64]


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return one fixed distribution per dimension: integers of step 1 if ordered, choices if not.

    The grid of an ordered dimension is the sampler's: networks off the grid can be stored beside its proposals.
    """
    return {dimension.name: _distribution(dimension) for dimension in space.dimensions}


def to_params(space: Space, point: IntArray) -> dict[str, Any]:
    """Return the parameters of a point [D]; values that a parameter cannot have become the nearest that it can."""
    result: dict[str, Any] = {}
    for dimension, value in zip(space.dimensions, point.tolist(), strict=True):
        if dimension.ordered:
            result[dimension.name] = min(max(value, dimension.values[0]), dimension.values[-1])
        else:
            nearest = min(dimension.values, key=lambda known: abs(known - value))
            result[dimension.name] = dimension.label(nearest)
    return result


def to_point(space: Space, params: Mapping[str, Any]) -> IntArray:
    """Return the point [D] of parameters that `distributions` describes."""
    return np.array([_value(dimension, params[dimension.name]) for dimension in space.dimensions], dtype=np.int64)


def _distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.ordered:
        return IntDistribution(dimension.values[0], dimension.values[-1])
    return CategoricalDistribution([dimension.label(value) for value in dimension.values])


def _value(dimension: Dimension, param: Any) -> int:
    if dimension.ordered or dimension.labels is None:
        return int(param)
    return dimension.values[list(dimension.labels).index(param)]
