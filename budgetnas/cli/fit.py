"""`budgetnas fit`: scales a network's widths to fill a cap."""

from __future__ import annotations

import argparse

from budgetnas.arch.counter import count
from budgetnas.cli.options import (
    CAP_HELP,
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
from budgetnas.config.models import read_cap
from budgetnas.text import write_macs

DESCRIPTION = (
    "Scale the widths of a network until they fill a cap. Ratios are kept as closely as the step allows; stem and "
    "middle channels follow, everything else stays."
)
EXAMPLE = "budgetnas fit --blocks 4,5,3,0 --widths 64,128,250 --max-params 5e6"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_network_arguments(parser, named="a network by name or id (resnet18, 4x64-5x128-3x256)")
    parser.add_argument("--max-params", metavar="N", required=True, help=CAP_HELP)
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
    cap = read_cap(arguments.max_params, shape)
    model = read_network(arguments)
    given, step = model.spec, read_whole("--step", arguments.step)
    found = fit(given, shape, Budget(max_params=cap), step=step)
    params = count(found, shape).params
    sizes = [(count(spec, shape).params, spec) for spec in wider(given, found, step)]
    following = min((size for size in sizes if size[0] > cap), key=lambda size: size[0], default=None)
    costs = {stage: count(spec, shape).params - params for stage, spec in deeper(given, found).items()}
    note = difference(model.namesake, given, shape) if is_mistakable(model.namesake, shape) else ""
    if arguments.json:
        import json

        content = {
            "id": found.id,
            **found.to_json(),
            "params": params,
            "macs": count(found, shape).macs,
            "max_params": cap,
            "utilisation": params / cap,
            "next": following and {"id": following[1].id, "params": following[0]},
            "one_more_block": costs,
            "note": note or None,
        }
        print(json.dumps(content, indent=2))
        return
    print(f"{found.id}: {typed_words(found)}")
    print(f"parameters   {params:,} ({params / cap:.2%} of {cap:,}, {cap - params:,} left)")
    print(f"MACs         {write_macs(count(found, shape).macs)}")
    if following is None:
        print(f"next size    none: no wider network is considered than {widest(given, step):,} channels")
    else:
        print(f"next size    {following[1].id}: {following[0]:,}, {following[0] - cap:,} over")
    for stage, cost in costs.items():
        print(f"one more block in stage {stage} costs {cost:,}")
    if note:
        print(f"note: {model.name}: {note}")
