"""The gate: the caps that a network must fit, and the only check whether it fits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Protocol

import numpy as np
import numpy.typing as npt

# The costs that can be capped, in words. A network has each as an attribute, and `Budget` caps it as `max_COST`.
COSTS = {"params": "parameters", "macs": "MACs"}


class CountedNetwork(Protocol):
    """A network with known costs."""

    @property
    def params(self) -> int:
        """Trainable parameters."""
        ...

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        ...


class CountedArrays(Protocol):
    """N networks with known costs."""

    @property
    def params(self) -> npt.NDArray[np.int64]:
        """Trainable parameters, [N]."""
        ...

    @property
    def macs(self) -> npt.NDArray[np.int64]:
        """Multiply-accumulates for one image, [N]."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """The caps of a search. Every network that is proposed, trained or chosen fits all of them.

    >>> budget = Budget(max_params=100_000, max_macs=20_000_000)
    >>> print(budget)
    100,000 parameters and 20,000,000 MACs

    Attributes:
        max_params: cap on trainable parameters.
        max_macs: cap on multiply-accumulates for one image; None for no cap.
    """

    max_params: int
    max_macs: int | None = None

    def caps(self) -> dict[str, int]:
        """Return the caps that are set, by their cost in `COSTS`."""
        caps = {cost: getattr(self, f"max_{cost}") for cost in COSTS}
        return {cost: cap for cost, cap in caps.items() if cap is not None}

    def excess(self, network: CountedNetwork) -> dict[str, int]:
        """Return by how much a network exceeds each cap that it does not fit, by the cap's name; empty if it fits."""
        over = {f"max_{cost}": getattr(network, cost) - cap for cost, cap in self.caps().items()}
        return {name: number for name, number in over.items() if number > 0}

    def fits(self, network: CountedNetwork) -> bool:
        """Return whether a network fits all caps."""
        return not self.excess(network)

    def mask(self, networks: CountedArrays) -> npt.NDArray[np.bool_]:
        """Return which of N networks fit all caps, [N] bool."""
        within = [np.asarray(getattr(networks, cost) <= cap) for cost, cap in self.caps().items()]
        return reduce(and_, within)

    def reason(self, network: CountedNetwork) -> str | None:
        """Say by how much a network exceeds the first cap that it does not fit; None if it fits all."""
        over = self.excess(network).items()
        return next((f"{number:,} {COSTS[name.removeprefix('max_')]} over the cap" for name, number in over), None)

    def __str__(self) -> str:
        return " and ".join(f"{cap:,} {COSTS[cost]}" for cost, cap in self.caps().items())


def cap_number(cap: int | None) -> int:
    """Return a cap as an integer; no cap is the largest 64-bit integer."""
    return int(np.iinfo(np.int64).max) if cap is None else cap
