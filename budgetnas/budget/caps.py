"""The caps that a network must fit, and the one place that says whether it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Counted(Protocol):
    """A network whose costs are known."""

    @property
    def params(self) -> int:
        """Trainable parameters."""
        ...

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Caps:
    """Both caps of a search. Whatever is proposed, trained or chosen fits them.

    >>> print(Caps(max_params=100_000, max_macs=20_000_000))
    100,000 parameters and 20,000,000 MACs

    Attributes:
        max_params: on trainable parameters.
        max_macs: on multiply-accumulates for one image; None for no cap.
    """

    max_params: int
    max_macs: int | None = None

    def excess(self, network: Counted) -> dict[str, int]:
        """Return by how much a network is over each cap that it does not fit, by the cap's name."""
        over = {"max_params": network.params - self.max_params}
        if self.max_macs is not None:
            over["max_macs"] = network.macs - self.max_macs
        return {cap: number for cap, number in over.items() if number > 0}

    def fits(self, network: Counted) -> bool:
        """Tell whether a network is within both caps."""
        return not self.excess(network)

    def reason(self, network: Counted) -> str | None:
        """Say by how much a network is over the first cap that it does not fit; None if it is within both."""
        units = {"max_params": "parameters", "max_macs": "MACs"}
        return next((f"{number:,} {units[cap]} over the cap" for cap, number in self.excess(network).items()), None)

    def __str__(self) -> str:
        macs = "" if self.max_macs is None else f" and {self.max_macs:,} MACs"
        return f"{self.max_params:,} parameters{macs}"
