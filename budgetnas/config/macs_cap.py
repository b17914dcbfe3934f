"""The cap on MACs of a study: a number, a share of a network, or the default, which follows the cap on parameters."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from budgetnas.amounts import parse_cap
from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape
from budgetnas.budget import Budget, cap_number, room
from budgetnas.config.models import cost_of, named_network
from budgetnas.exceptions import InfeasibleBudgetError
from budgetnas.space.resnet import ResNetSpace
from budgetnas.space.widths import fit, narrowest

AUTO, NONE = "auto", "none"
IN_WORDS = "3 times ResNet-20 scaled to the cap"  # the meaning of `AUTO`
_TIMES, _RIVAL = 3, "resnet20"
_CIFAR10 = DataShape()  # named networks are counted on these images


def read_macs_cap(value: str | float, space: ResNetSpace, *, most_params: int | None) -> int | None:
    """Return the cap on MACs for one image; None for no cap.

    >>> read_macs_cap("auto", ResNetSpace(), most_params=272_474)
    122439552
    >>> read_macs_cap("50%resnet20", ResNetSpace(shape=DataShape(height=16, width=16)), most_params=272_474)
    5101648

    Args:
        value: a number, text like "1.75G", `NONE`, `AUTO`, or a share of a network's MACs like "200%model5".
            `AUTO` is three times the MACs of ResNet-20 that `fit` scales to the cap on params, or of the narrowest such
            network where none fits, and at least those of the network with the lowest value of every dimension. A
            network is counted on 3x32x32 images with 10 classes; its MACs are scaled with the image area.
        space: with the shape of the images.
        most_params: the most that the other caps leave room for; None for any number, where `AUTO` is no cap.

    Raises:
        UsageError: the value is none of these.
    """
    if value == NONE or (value == AUTO and most_params is None):
        return None
    if value == AUTO and most_params is not None:
        smallest = space.canonical(np.array([[dimension.values[0] for dimension in space.dimensions]]))
        return max(_on_area(_TIMES * _rival_macs(most_params), space.shape), int(space.macs(smallest)[0]))
    cap = parse_cap(value, name="space.max_macs", reference=lambda known: cost_of(known, _CIFAR10).macs)
    return _on_area(cap, space.shape) if "%" in str(value) else cap


def macs_rule(budget: Budget, space: ResNetSpace) -> str | None:
    """Return the rule of the cap on MACs in words, if it is the default under the other caps; else None."""
    default = read_macs_cap(AUTO, space, most_params=room(budget.max_params, budget.max_bytes, budget.weights))
    return None if budget.max_macs is None or budget.max_macs != default else IN_WORDS


def _on_area(macs: int, shape: DataShape) -> int:
    scaled = macs * shape.height * shape.width // (_CIFAR10.height * _CIFAR10.width)
    return min(scaled, cap_number(None))


@lru_cache
def _rival_macs(max_params: int) -> int:
    """Return the MACs of ResNet-20, scaled to a cap on params."""
    given = named_network(_RIVAL).spec
    try:
        spec = fit(given, _CIFAR10, Budget(max_params=max_params))
    except InfeasibleBudgetError:
        spec = narrowest(given)
    return count(spec, _CIFAR10).macs
