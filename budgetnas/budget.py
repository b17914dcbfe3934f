"""The budget of a search: caps as people write them, and the one place that says whether a network fits them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Literal, Protocol

from budgetnas.arch.device import COEFFICIENTS, PRECISIONS, Precision
from budgetnas.exceptions import UsageError
from budgetnas.text import plural, write_macs

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


_UNITS = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip
_SIZE = re.compile(_NUMBER.pattern.removesuffix("|(?P<suffix>[kMG]))?") + r")? ?(?P<unit>[A-Za-z]*)", re.ASCII)


def parse_size(value: str | float, *, name: str = "max_bytes") -> int:
    """Read a size in bytes: `300kB` (1 kB is 1,000 bytes), `128KiB` (1 KiB is 1,024 bytes), or a number of bytes.

    >>> parse_size("300kB"), parse_size("128KiB"), parse_size("0.5 MiB"), parse_size(300)
    (300000, 131072, 524288, 300)

    Args:
        value: text as typed, or a number from a study file.
        name: name of the value in errors.

    Returns:
        The size as a whole number of bytes, at least 1.

    Raises:
        UsageError: the value is none of these spellings, has an unknown unit, is no whole number of bytes, is below 1,
            or above 1e15.
    """
    text = str(value).strip()
    size = None if isinstance(value, bool) or len(text) > _LONGEST else _SIZE.fullmatch(text)
    if size is None or (size["unit"] or "B") not in _UNITS:
        raise UsageError(
            f"is {text[:120]!r}, but must be a size like 300kB or 128KiB: a number of bytes, or of "
            f"{', '.join(unit for unit in _UNITS if unit != 'B')} (kB is 1,000 bytes, KiB 1,024).",
            argument=name,
        )
    digits, unit = _digits(size)
    scale: int = 10 ** int(size["power"] or 0) * _UNITS[size["unit"] or "B"]
    amount, rest = divmod(digits * scale, unit)
    if not 1 <= amount <= _LARGEST or rest:
        raise UsageError(f"is {text!r}, but must be whole bytes from 1 to {_LARGEST:.0e}.", argument=name)
    return amount


def write_size(size: int) -> str:
    """Write a size in the shortest form that `parse_size` reads back; a number of bytes is spelt out.

    >>> write_size(300_000), write_size(131_072), write_size(304_722), write_size(300)
    ('300 kB', '128 KiB', '304,722 bytes', '300 bytes')
    """
    texts = {unit: f"{size / scale:.4g}" for unit, scale in _UNITS.items() if size >= scale > 1}
    exact = [f"{text} {unit}" for unit, text in texts.items() if Fraction(text) * _UNITS[unit] == size]
    return min((text for text in exact if "e" not in text), key=len, default=plural(size, "byte"))


# The costs that can be capped, in words. `Budget` caps each as `max_COST`.
COSTS = {"params": "parameters", "macs": "MACs", "bytes": "bytes of the file", "memory": "bytes of memory"}
SIZES = ("bytes", "memory")  # the costs that depend on the precision


class CountedNetwork(Protocol):
    """A network with known costs: an attribute for each cost in `COSTS`.

    `bytes` of the exported file and peak `memory` in bytes depend on the precision, so a network has them for one:
    that of the budget that it is held against. Where no cap asks for them, the attribute may be missing or None.
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
        if self.weights not in PRECISIONS:
            raise UsageError(
                f"is {self.weights!r}, but must be {', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}.",
                argument="weights",
            )

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
