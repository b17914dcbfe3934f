"""The budget of a search: caps as people write them, and the one place that says whether a network fits them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Protocol

from budgetnas.exceptions import UsageError

if TYPE_CHECKING:  # `count` does without NumPy
    import numpy as np
    import numpy.typing as npt

_SUFFIX = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_DECIMAL = r"(?P<whole>\d+(?:_\d+)*)(?:\.(?P<part>\d+))?"
_NUMBER = re.compile(_DECIMAL + r"(?:[eE]\+?(?P<power>\d{1,2})|(?P<suffix>[kMG]))?", re.ASCII)
_SHARE = re.compile(_DECIMAL + r"%(?P<name>[A-Za-z0-9_. =-]+)", re.ASCII)
_LONGEST = 300  # a share of the longest id has fewer
_LARGEST = 10**15


def parse_cap(value: str | float, *, name: str = "max_params", reference: Callable[[str], int] | None = None) -> int:
    """Read a cap: `5e6`, `5M`, `272k`, `5_000_000`, a plain number, or a share of a network like `45%resnet18`.

    >>> parse_cap("5e6"), parse_cap("272k"), parse_cap("1.5M")
    (5000000, 272000, 1500000)

    Args:
        value: text as typed, or a number from a study file.
        name: name of the value in errors.
        reference: function from the name of a network to its count; without it shares are refused.

    Returns:
        The cap as a whole number of at least 1; a share is rounded down.

    Raises:
        UsageError: the value is none of these spellings, not whole, below 1, or above 1e15.
    """
    text = str(value).strip()
    share = _SHARE.fullmatch(text) if reference else None
    number = _NUMBER.fullmatch(text)
    if len(text) > _LONGEST or isinstance(value, bool) or (share is None and number is None):
        shares = " or 45%resnet18" if reference else ""
        raise UsageError(
            f"is {text[:120]!r}, but must be a count above 0, written like 5e6, 5M, 272k, 5_000_000{shares}.",
            argument=name,
        )
    if share is not None and reference is not None:
        digits, unit = _digits(share)
        amount, rest = digits * reference(share["name"]) // (100 * unit), 0
    else:
        assert number is not None
        digits, unit = _digits(number)
        scale: int = 10 ** int(number["power"] or 0) * _SUFFIX[number["suffix"] or ""]
        amount, rest = divmod(digits * scale, unit)
    if not 1 <= amount <= _LARGEST or rest:
        raise UsageError(f"is {text!r}, but must be a whole count from 1 to {_LARGEST:.0e}.", argument=name)
    return amount


def _digits(match: re.Match[str]) -> tuple[int, int]:
    """Return a decimal number as an integer numerator and a power of ten."""
    part = match["part"] or ""
    unit: int = 10 ** len(part)
    return int(match["whole"].replace("_", "") + part), unit


def write_cap(cap: int) -> str:
    """Write a cap in the shortest form that `parse_cap` reads back.

    >>> write_cap(5_000_000), write_cap(272_474)
    ('5M', '272474')
    """
    for suffix, unit in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        text = f"{cap / unit:.4g}"
        if cap >= unit and "e" not in text and parse_cap(text + suffix) == cap:
            return text + suffix
    return str(cap)


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
        mask: npt.NDArray[np.bool_] = reduce(
            and_, (getattr(networks, cost) <= cap for cost, cap in self.caps().items())
        )
        return mask

    def reason(self, network: CountedNetwork) -> str | None:
        """Say by how much a network exceeds the first cap that it does not fit; None if it fits all."""
        over = self.excess(network).items()
        return next((f"{number:,} {COSTS[name.removeprefix('max_')]} over the cap" for name, number in over), None)

    def __str__(self) -> str:
        return " and ".join(f"{cap:,} {COSTS[cost]}" for cost, cap in self.caps().items())


def cap_number(cap: int | None) -> int:
    """Return a cap as an integer; no cap is the largest 64-bit integer."""
    return 2**63 - 1 if cap is None else cap
