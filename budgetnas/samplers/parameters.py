"""A space's dimensions as Optuna parameters, points as their values, and checks of enqueued values.

Optuna ignores an enqueued name that nothing suggests, and only warns about a value outside every distribution, so these
are checked here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from budgetnas.arrays import IntArray
from budgetnas.exceptions import UsageError
from budgetnas.space.protocol import Dimension, Space


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return one fixed distribution per dimension: integers of step 1 if ordered, choices if not.

    Only the sampler knows the grid of an ordered dimension, so networks off the grid can be stored too.
    """
    return {dimension.name: _distribution(dimension) for dimension in space.dimensions}


def to_params(space: Space, point: IntArray) -> dict[str, Any]:
    """Return the parameters of a point [D]; a value outside a parameter's range becomes the nearest one inside."""
    result: dict[str, Any] = {}
    for dimension, value in zip(space.dimensions, point.tolist(), strict=True):
        if dimension.ordered:
            result[dimension.name] = min(max(value, dimension.values[0]), dimension.values[-1])
        else:
            nearest = min(dimension.values, key=lambda known: abs(known - value))
            result[dimension.name] = dimension.label(nearest)
    return result


def to_point(space: Space, params: Mapping[str, Any]) -> IntArray:
    """Return the point [D] of parameters, as `distributions` describes them."""
    return np.array([_value(dimension, params[dimension.name]) for dimension in space.dimensions], dtype=np.int64)


def _distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.ordered:
        return IntDistribution(dimension.values[0], dimension.values[-1])
    return CategoricalDistribution([dimension.label(value) for value in dimension.values])


def _value(dimension: Dimension, param: Any) -> int:
    if dimension.ordered or dimension.labels is None:
        return int(param)
    return dimension.values[list(dimension.labels).index(param)]


_ALIKE = 0.8  # least difflib ratio of a misspelling: "widht 1" and `width_1` have 0.83, "width_mult" and `width` 0.71


def check_enqueued(space: Space, fixed: Mapping[str, Any], *, suggested: Iterable[str] = ()) -> None:
    """Check enqueued values `fixed` by name; parameters outside the space, among them all `suggested`, are ignored.

    Raises:
        UsageError: a name is close to a dimension's, or a value is not in its dimension.
    """
    known = {dimension.name: dimension for dimension in space.dimensions}
    plain = {_plain(name): name for name in known}
    for name, value in fixed.items():
        if name in known and not has_value(known[name], value):
            raise UsageError(f"`enqueue_trial` has `{name}` = {value!r}, but must have {_rule(known[name])} there.")
        if name in known:
            continue
        if name not in suggested and (near := difflib.get_close_matches(_plain(name), plain, n=1, cutoff=_ALIKE)):
            raise UsageError(
                f"`enqueue_trial` has {name!r}, but the dimensions are {_listed(known)}: write {plain[near[0]]}; a "
                "parameter of your own that has such a name must be suggested before the network."
            )


def has_network(space: Space, fixed: Mapping[str, Any]) -> bool:
    """Return whether a whole network was enqueued, not nothing of one.

    Raises:
        UsageError: only a part of a network was enqueued.
    """
    missing = sorted(dimension.name for dimension in space.dimensions if dimension.name not in fixed)
    if missing and len(missing) < len(space.dimensions):
        raise UsageError(f"`enqueue_trial` has no {', '.join(missing)}: give all dimensions of a network, or none.")
    return not missing


def check_read(space: Space, fixed: Mapping[str, Any], suggested: Iterable[str]) -> None:
    """Check that values `fixed` that were enqueued without a network are among all that the study has suggested.

    Raises:
        UsageError: a parameter was never suggested.
    """
    known = [dimension.name for dimension in space.dimensions]
    unread = sorted(set(fixed) - set(known) - set(suggested))
    if unread and not set(fixed) & set(known):
        raise UsageError(
            f"`enqueue_trial` has {', '.join(map(repr, unread))}, which the objective did not suggest; the "
            f"dimensions are {_listed(known)}: write one of these, or leave it out."
        )


def has_value(dimension: Dimension, value: Any) -> bool:
    """Return whether a dimension's parameter may be `value`; an ordered one may also be between two grid values."""
    if isinstance(value, bool) and True not in (dimension.labels or ()):
        return False
    if dimension.ordered:
        low, high = dimension.values[0], dimension.values[-1]
        return isinstance(value, Real) and float(value).is_integer() and low <= float(value) <= high
    return value in (dimension.labels or dimension.values)


def _rule(dimension: Dimension) -> str:
    values = dimension.values
    if not dimension.ordered:
        return f"one of {_listed(map(repr, dimension.labels or values))}"
    return f"{values[0]}" if len(values) == 1 else f"a whole number from {values[0]} to {values[-1]}"


def _plain(name: str) -> str:
    """Normalise a name: no capitals, spaces or underscores."""
    return "".join(filter(str.isalnum, name.casefold()))


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names))
