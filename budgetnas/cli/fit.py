"""`budgetnas fit`: scales a network's widths to fill a cap."""

from __future__ import annotations

import argparse

from budgetnas.arch.costs import costs_of
from budgetnas.cli.caps import CAPS, add_cap_arguments, by_precision, read_caps, shares, sizes_json
from budgetnas.cli.options import (
    add_code_argument,
    add_network_arguments,
    add_shape_arguments,
    load_code,
    read_network,
    read_shape,
    read_whole,
    typed_words,
)
from budgetnas.config.known_networks import difference, is_mistakable
from budgetnas.text import write_macs

DESCRIPTION = (
    "Scale the widths of a network until they fill its caps. Ratios are kept as closely as the step allows; stem and "
    "middle channels follow, everything else stays."
)
EXAMPLE = "budgetnas fit --blocks 4,5,3,0 --widths 64,128,250 --max-params 5e6"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = "%(prog)s [NAME] [options]"  # all of them would not leave the help on one screen
    add_network_arguments(parser, named="a network by name or id (resnet18, 4x64-5x128-3x256)")
    add_cap_arguments(parser)
    parser.add_argument("--step", default="1", metavar="N", help="grid of the widths (default 1)")
    add_code_argument(parser)
    add_shape_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print the network."""
    from budgetnas.budget import Budget
    from budgetnas.space.widths import deeper, fit, wider, widest

    load_code(arguments)
    shape = read_shape(arguments)
    budget = read_caps(arguments, shape) or Budget()
    model = read_network(arguments)
    given, step = model.spec, read_whole("--step", arguments.step)
    found = fit(given, shape, budget, step=step)
    costs = costs_of(found, shape, budget.weights)
    sizes = [(costs_of(spec, shape, budget.weights), spec) for spec in wider(given, found, step)]
    over = [(size, spec) for size, spec in sizes if not budget.fits(size)]
    following = min(over, key=lambda size: size[0].params, default=None)
    blocks = {stage: costs_of(spec, shape, budget.weights) for stage, spec in deeper(given, found).items()}
    more = {stage: block.params - costs.params for stage, block in blocks.items()}
    note = difference(model.namesake, given, shape) if is_mistakable(model.namesake, shape) else ""
    if arguments.json:
        import json

        content = {
            "id": found.id,
            **found.to_json(),
            "params": costs.params,
            "macs": costs.macs,
            **sizes_json(by_precision(found, shape)),
            **{name: getattr(budget, name) for name in CAPS},
            "utilisation": None if budget.max_params is None else costs.params / budget.max_params,
            "next": following and {"id": following[1].id, "params": following[0].params},
            "one_more_block": more,
            "note": note or None,
        }
        print(json.dumps(content, indent=2))
        return
    print(f"{found.id}: {typed_words(found)}")
    used = shares(costs, budget)
    for name, cost, written in (
        ("parameters", "params", f"{costs.params:,}"),
        ("MACs", "macs", write_macs(costs.macs)),
        ("file", "bytes", f"at most {costs.bytes:,} bytes in {budget.weights}"),
        ("memory", "memory", f"{costs.memory:,} bytes in {budget.weights}"),
    ):
        if cost in ("params", "macs", *used):
            print(f"{name:<13}{written}" + (f" ({', '.join(used[cost])})" if cost in used else ""))
    if following is None:
        print(f"next size    none: no wider network is considered than {widest(given, step):,} channels")
    else:
        size, spec = following
        excess = budget.excess(size).get("max_params")
        why = f", {excess:,} over" if excess else f" parameters, {budget.reason(size)}"
        print(f"next size    {spec.id}: {size.params:,}{why}")
    for stage, params in more.items():
        print(f"one more block in stage {stage} costs {params:,}")
    if note:
        print(f"note: {model.name}: {note}")
