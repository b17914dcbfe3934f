"""The budget of a search: its caps, and the one place that says whether a network fits them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Literal, Protocol

from budgetnas.amounts import write_size
from budgetnas.arch.device import COEFFICIENTS, PRECISIONS, Precision
from budgetnas.exceptions import UsageError
from budgetnas.text import write_macs

if TYPE_CHECKING:  # `count` does without NumPy
    import numpy as np
    import numpy.typing as npt

# The costs that can be capped, in words. `Budget` caps each as `max_COST`.
COSTS = {"params": "parameters", "macs": "MACs", "bytes": "bytes of the file", "memory": "bytes of memory"}
SIZES = ("bytes", "memory")  # the costs that depend on the precision


def read_precision(weights: str) -> Precision:
    """Return a precision by its name.

    Raises:
        UsageError: there is none of this name.
    """
    for precision in PRECISIONS:
        if weights == precision:
            return precision
    names = f"{', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}"
    raise UsageError(f"is {weights!r}, but must be {names}.", argument="weights")


class CountedNetwork(Protocol):
    """A network with known costs: an attribute for each cost in `COSTS`.

    `bytes` of the exported file and peak `memory` in bytes depend on the precision, so a network has them for one:
    that of the budget that judges it. Where no cap asks for them, the attribute may be missing or None.
    """

    @property
    def params(self) -> int:
        """Trainable parameters."""
        ...

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        ...


class CountedArrays(Protocol):
    """N networks with known costs: an array [N] int64 for each cost in `COSTS`.

    `bytes` and `memory` are those of one precision, as with `CountedNetwork`, and may be missing where nothing asks.
    """

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
    """The caps of a search, at least one. Every network that is proposed, trained or chosen fits all of them.

    >>> print(Budget(max_params=100_000, max_macs=20_000_000))
    100,000 parameters and 20,000,000 MACs
    >>> print(Budget(max_bytes=40_000, max_memory=6 * 1024, weights="int8"))
    40 kB for the file and 6 KiB of memory in int8

    Attributes:
        max_params: cap on trainable parameters; None for no cap, as for the others.
        max_macs: cap on multiply-accumulates for one image.
        max_bytes: cap on the bytes of the exported file.
        max_memory: cap on the bytes of live tensors while one image runs through the network, layer by layer.
        weights: precision of weights and activations that `max_bytes` and `max_memory` are for.

    Raises:
        UsageError: no cap is given.
    """

    max_params: int | None = None
    max_macs: int | None = None
    max_bytes: int | None = None
    max_memory: int | None = None
    weights: Precision = "fp32"

    def __post_init__(self) -> None:
        if not self.caps():
            raise UsageError("is missing: give a cap, for example on parameters or bytes.", argument="max_params")
        read_precision(self.weights)

    def caps(self) -> dict[str, int]:
        """Return the caps that are set, by their cost in `COSTS`."""
        caps = {cost: getattr(self, f"max_{cost}") for cost in COSTS}
        return {cost: cap for cost, cap in caps.items() if cap is not None}

    @property
    def band_cost(self) -> Literal["params", "bytes"]:
        """The cost that a search's band is of: that of the cap that binds.

        Where both are capped, bytes bind if weights alone, one for each parameter of that cap, would be more.
        """
        has_room = room(None, self.max_bytes, self.weights)
        is_bytes = has_room is not None and (self.max_params is None or has_room < self.max_params)
        return "bytes" if is_bytes else "params"

    @property
    def band_cap(self) -> int | None:
        """The cap on the cost that a search's band is of; None where neither parameters nor bytes are capped."""
        return self.caps().get(self.band_cost)

    def excess(self, network: CountedNetwork) -> dict[str, int]:
        """Return by how much a network exceeds each cap that it does not fit, by the cap's name; empty if it fits."""
        over = {f"max_{cost}": amount(network, cost) - cap for cost, cap in self.caps().items()}
        return {name: number for name, number in over.items() if number > 0}

    def fits(self, network: CountedNetwork) -> bool:
        """Return whether a network fits all caps."""
        return not self.excess(network)

    def mask(self, networks: CountedArrays) -> npt.NDArray[np.bool_]:
        """Return which of N networks fit all caps, [N] bool."""
        mask: npt.NDArray[np.bool_] = reduce(and_, (amount(networks, cost) <= cap for cost, cap in self.caps().items()))
        return mask

    def reason(self, network: CountedNetwork) -> str | None:
        """Say by how much a network exceeds the first cap that it does not fit; None if it fits all."""
        over = self.excess(network).items()
        return next((f"{number:,} {COSTS[name.removeprefix('max_')]} over the cap" for name, number in over), None)

    def __str__(self) -> str:
        return self._words(lambda macs: f"{macs:,}")

    @property
    def in_words(self) -> str:
        """The caps in words, MACs short.

        >>> Budget(max_params=100_000, max_macs=20_000_000).in_words
        '100,000 parameters and 20.000 M MACs'
        """
        return self._words(write_macs)

    def _words(self, macs: Callable[[int], str]) -> str:
        caps = self.caps()
        words = [f"{macs(cap)} MACs" if cost == "macs" else write_cost(cap, cost) for cost, cap in caps.items()]
        joined = " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
        return f"{joined} in {self.weights}" if caps.keys() & set(SIZES) else joined


def room(max_params: int | None, max_bytes: int | None, weights: Precision) -> int | None:
    """Return the most parameters that two caps leave room for, if each is a weight of the file; None for any number."""
    weighed = None if max_bytes is None else max_bytes // COEFFICIENTS[weights].weight
    return min((cap for cap in (max_params, weighed) if cap is not None), default=None)


def write_cost(number: int, cost: str) -> str:
    """Write a number of a cost in words.

    >>> write_cost(5_000_000, "params"), write_cost(128 * 1024, "memory"), write_cost(300, "bytes")
    ('5,000,000 parameters', '128 KiB of memory', '300 bytes for the file')
    """
    sizes = {"bytes": "for the file", "memory": "of memory"}
    return f"{write_size(number)} {sizes[cost]}" if cost in sizes else f"{number:,} {COSTS[cost]}"


def amount(counted: CountedNetwork | CountedArrays, cost: str) -> Any:
    """Return a cost, in `COSTS`, of one network or of arrays of them."""
    value = getattr(counted, cost)
    assert value is not None, f"{cost} is capped, but was not counted"
    return value


def share_of(counted: CountedNetwork, cost: str, cap: int) -> float:
    """Return the share of a cap on a cost that a network uses."""
    share: float = amount(counted, cost) / cap
    return share


def cap_number(cap: int | None) -> int:
    """Return a cap as an integer; no cap is the largest 64-bit integer."""
    return 2**63 - 1 if cap is None else cap
