"""`budgetnas fit`: scales a network's widths to fill a cap."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from budgetnas.arch.counter import count
from budgetnas.arch.spec import MAX_BLOCKS, MAX_WIDTH, DataShape, ResNetSpec
from budgetnas.cli.options import (
    CAP_HELP,
    add_network_arguments,
    add_shape_arguments,
    read_network,
    read_shape,
    read_whole,
)
from budgetnas.config.known_networks import difference, is_mistakable
from budgetnas.config.models import read_cap
from budgetnas.text import write_macs

DESCRIPTION = "Scale the widths of a network until they fill a cap. Ratios are kept as closely as the step allows."
EXAMPLE = "budgetnas fit --blocks 4,5,3,0 --widths 64,128,250 --max-params 5e6"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_network_arguments(parser, named="a network by name or id (resnet18, 4x64-5x128-3x256)", has_stem=False)
    parser.add_argument("--max-params", metavar="N", required=True, help=CAP_HELP)
    parser.add_argument("--step", default="1", metavar="N", help="grid of the widths (default 1)")
    add_shape_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print the network."""
    from budgetnas.budget import Budget
    from budgetnas.space.widths import fit, widest

    shape = read_shape(arguments)
    cap = read_cap(arguments.max_params, shape)
    model = read_network(arguments)
    given, step = model.spec, read_whole("--step", arguments.step)
    found = fit(given, shape, Budget(max_params=cap), step=step)
    params = count(found, shape).params
    following = _next_size(found, shape, cap, step)
    deeper = [
        (i + 1, count(_deeper(found, i), shape).params - params)
        for i in range(len(found.blocks))
        if found.blocks[i] < MAX_BLOCKS
    ]
    note = difference(model.namesake, given, shape) if is_mistakable(model.namesake, shape) else ""
    if arguments.json:
        import json

        content = {
            "id": found.id,
            "blocks": found.blocks,
            "widths": found.widths,
            "params": params,
            "macs": count(found, shape).macs,
            "max_params": cap,
            "utilisation": params / cap,
            "next": following and {"id": following[1].id, "params": following[0]},
            "one_more_block": dict(deeper),
            "note": note or None,
        }
        print(json.dumps(content, indent=2))
        return
    print(f"{found.id}: --blocks {_list(found.blocks)} --widths {_list(found.widths)}")
    print(f"parameters   {params:,} ({params / cap:.2%} of {cap:,}, {cap - params:,} left)")
    print(f"MACs         {write_macs(count(found, shape).macs)}")
    if following is None:
        print(f"next size    none: no wider network is considered than {widest(given, step):,} channels")
    else:
        print(f"next size    {following[1].id}: {following[0]:,}, {following[0] - cap:,} over")
    for stage, cost in deeper:
        print(f"one more block in stage {stage} costs {cost:,}")
    if note:
        print(f"note: {model.name}: {note}")


def _next_size(found: ResNetSpec, shape: DataShape, cap: int, step: int) -> tuple[int, ResNetSpec] | None:
    """Return the smallest network over the cap that is one step wider in one stage."""
    wider = [_wider(found, i, step) for i in range(len(found.widths)) if found.widths[i] + step <= MAX_WIDTH]
    sizes = [(count(spec, shape).params, spec) for spec in wider]
    return min((size for size in sizes if size[0] > cap), key=lambda size: size[0], default=None)


def _wider(spec: ResNetSpec, stage: int, step: int) -> ResNetSpec:
    widths = (*spec.widths[:stage], spec.widths[stage] + step, *spec.widths[stage + 1 :])
    return ResNetSpec(blocks=spec.blocks, widths=widths)


def _deeper(spec: ResNetSpec, stage: int) -> ResNetSpec:
    blocks = (*spec.blocks[:stage], spec.blocks[stage] + 1, *spec.blocks[stage + 1 :])
    return ResNetSpec(blocks=blocks, widths=spec.widths)


def _list(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
