"""`budgetnas count`: exact parameters and MACs, at once, with nothing heavy loaded."""

from __future__ import annotations

import argparse

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget.cap import parse_cap
from budgetnas.cli.numbers import parse_list, write_macs
from budgetnas.complexity.counter import count
from budgetnas.config.models import NamedModel, load_models, paper_models
from budgetnas.config.reader import locate
from budgetnas.exceptions import UsageError

NAME = "count"
SUMMARY = "count parameters and MACs exactly, without building the network"
DESCRIPTION = "Count parameters and MACs exactly, of one network or of all models that a study file declares."
EXAMPLE = "budgetnas count --blocks 4,5,3,0 --widths 64,128,250 --max-params 5e6"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("study", nargs="?", metavar="STUDY", help="a study with [[models]]: `paper`, or a .toml file")
    parser.add_argument("--blocks", metavar="B,B,..", help="basic blocks per stage; 0 for an empty stage")
    parser.add_argument("--widths", metavar="W,W,..", help="channels, one per stage or one per non-empty stage")
    parser.add_argument("--max-params", metavar="N", help="cap to compare with, like 5e6 or 5M")


def run(arguments: argparse.Namespace) -> None:
    """Print the counts."""
    shape = DataShape()
    cap = None if arguments.max_params is None else parse_cap(arguments.max_params, name="--max-params")
    if arguments.study is not None:
        if arguments.blocks is not None or arguments.widths is not None:
            raise UsageError("`--blocks` and `--widths` do not go with a study: give one or the other.")
        _print_models(load_models(locate(arguments.study)), shape, cap)
        return
    if arguments.blocks is None or arguments.widths is None:
        raise UsageError("`--blocks` and `--widths` are both needed: give them, or the name of a study like `paper`.")
    blocks = parse_list(arguments.blocks, "--blocks")
    spec = ResNetSpec.from_stages(blocks, parse_list(arguments.widths, "--widths"))
    _print_one(spec, blocks, shape, cap)


def _print_one(spec: ResNetSpec, blocks: tuple[int, ...], shape: DataShape, cap: int | None) -> None:
    cost = count(spec, shape)
    stages = ", ".join(f"{b} block{'s' * (b > 1)} of {w}" for b, w in zip(spec.blocks, spec.widths, strict=True))
    print(f"{spec.id}: {stages}; {shape.channels}x{shape.height}x{shape.width} images, {shape.classes} classes")
    print(f"parameters   {cost.params:,}")
    print(f"MACs         {cost.macs:,} ({write_macs(cost.macs)})")
    if cap is not None:
        print(f"utilisation  {_utilisation(cost.params, cap)}")
    if 0 in blocks[: len(blocks) - _trailing_zeros(blocks)]:
        print(f"note: empty stages in the middle were removed, so this is --blocks {','.join(map(str, spec.blocks))}")
    for model in paper_models():
        if model.spec == spec:
            print(f"note: {model.name} of the report. {model.note}".rstrip())


def _print_models(models: tuple[NamedModel, ...], shape: DataShape, cap: int | None) -> None:
    width = max(len(model.name) for model in models)
    for model in models:
        cost = count(model.spec, shape)
        line = f"{model.name:{width}}  {cost.params:>12,} parameters  {write_macs(cost.macs):>9} MACs"
        print(line if cap is None else f"{line}  {_utilisation(cost.params, cap)}")
    for model in models:
        if model.note:
            print(f"note: {model.name}: {model.note}")


def _utilisation(params: int, cap: int) -> str:
    rest = f"{cap - params:,} left" if params <= cap else f"OVER by {params - cap:,}"
    return f"{params / cap:.2%} of {cap:,} ({rest})"


def _trailing_zeros(blocks: tuple[int, ...]) -> int:
    return next((i for i, count in enumerate(reversed(blocks)) if count), len(blocks))
