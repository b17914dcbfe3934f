"""The options for the caps of a network, and what it uses of each in words."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from budgetnas.arch.costs import NetworkCosts, costs_of
from budgetnas.arch.device import PRECISIONS, Precision
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import SIZES, Budget, amount, share_of, write_cost
from budgetnas.config.caps import read_budget

CAPS = ("max_params", "max_macs", "max_bytes", "max_memory", "weights")


def add_cap_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `CAPS`, any of which may be given."""
    add = parser.add_argument
    add("--max-params", metavar="N", help="cap on parameters, like 5e6, 5M, 272k or 45%%resnet18")
    add("--max-macs", metavar="N", help="cap on multiply-accumulates for one image, like 50M")
    add("--max-bytes", metavar="SIZE", help="cap on the exported file, like 300kB; a plain number is bytes")
    add("--max-memory", metavar="SIZE", help="cap on the tensors that live at once, like 128KiB")
    add("--weights", metavar="TYPE", help="precision of both: fp32 (default), fp16 or int8")


def read_caps(arguments: argparse.Namespace, shape: DataShape) -> Budget | None:
    """Read the options of `add_cap_arguments`; None where no cap is given.

    Raises:
        UsageError: a value is malformed.
    """
    return read_budget(shape, **{name: getattr(arguments, name) for name in CAPS})


def by_precision(spec: ResNetSpec, shape: DataShape) -> dict[Precision, NetworkCosts]:
    """Return the costs of a network at every precision."""
    return {weights: costs_of(spec, shape, weights) for weights in PRECISIONS}


def sizes_json(costs: Mapping[Precision, NetworkCosts]) -> dict[str, dict[str, int]]:
    """Return what depends on the precision as JSON values, in bytes."""
    return {
        "weights_bytes": {weights: found.weights_bytes for weights, found in costs.items()},
        "file_bytes": {weights: found.bytes for weights, found in costs.items()},
        "memory": {weights: found.memory for weights, found in costs.items()},
    }


def shares(costs: NetworkCosts, budget: Budget) -> dict[str, tuple[str, str]]:
    """Write what a network uses of each cap, by its cost: `99.85% of 5,000,000` and `7,414 left`."""
    found = {}
    for cost, cap in budget.caps().items():
        rest, unit = cap - amount(costs, cost), " bytes" if cost in SIZES else ""
        words = f"{cap:,}" if cost == "params" else write_cost(cap, cost)
        share = f"{share_of(costs, cost, cap):.2%} of {words}" + (f" in {budget.weights}" if unit else "")
        found[cost] = share, f"{rest:,}{unit} left" if rest >= 0 else f"OVER by {-rest:,}{unit}"
    return found
