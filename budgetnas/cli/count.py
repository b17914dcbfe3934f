"""`budgetnas count`: exact parameters, MACs, bytes and memory, without loading torch or optuna."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from budgetnas.arch.costs import NetworkCosts
from budgetnas.arch.counter import count
from budgetnas.arch.device_ledger import device_rows
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import Budget, share_of
from budgetnas.cli.caps import CAPS, add_cap_arguments, by_precision, read_caps, shares, sizes_json
from budgetnas.cli.options import (
    add_code_argument,
    add_network_arguments,
    add_shape_arguments,
    is_named,
    load_code,
    read_shape,
    typed_network,
)
from budgetnas.config.known_networks import definition, difference
from budgetnas.config.models import (
    SHIPPED,
    NamedModel,
    load_models,
    named_network,
    paper_models,
    shipped_models,
)
from budgetnas.config.toml import locate
from budgetnas.reports.breakdown import layers_of, layers_table
from budgetnas.text import aligned, write_macs

if TYPE_CHECKING:
    from budgetnas.certificates.latency import Latency

DESCRIPTION = (
    "Count parameters, MACs, bytes and memory exactly: of one network, or of all models that a study file declares."
)
EXAMPLE = "budgetnas count --blocks 4,5,3,0 --widths 64,128,250 --max-params 5e6"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = "%(prog)s [NAME] [options]"  # all of them would not leave the help on one screen
    named = "a network (resnet18, model5, 4x64-3x128), a study with models (paper), or a .toml"
    add_network_arguments(parser, named=named)
    add_code_argument(parser)
    add_cap_arguments(parser)
    add_shape_arguments(parser)
    parser.add_argument("--table", action="store_true", help="list every layer with its share")
    parser.add_argument("--latency", action="store_true", help="time it on this CPU, which takes the extra onnx")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print the counts."""
    load_code(arguments)
    shape = read_shape(arguments)
    budget = read_caps(arguments, shape)
    found = [_Counted(model, shape, budget, is_timed=arguments.latency) for model in _models(arguments)]
    if arguments.json:
        import json

        content = [counted.as_json(with_layers=arguments.table) for counted in found]
        print(json.dumps(content if len(found) > 1 else content[0], indent=2))
    elif len(found) > 1:
        _print_list(found, with_layers=arguments.table)
    else:
        _print_one(found[0], with_layers=arguments.table)


class _Counted:
    """One network with its cost."""

    def __init__(self, model: NamedModel, shape: DataShape, budget: Budget | None, *, is_timed: bool) -> None:
        self.model, self.shape, self.budget = model, shape, budget
        self.spec: ResNetSpec = model.spec
        self.cost = count(self.spec, shape)
        self.costs = by_precision(self.spec, shape)
        self.latency = _timed(self.spec, shape) if is_timed else None

    @property
    def note(self) -> str:
        """The model's note, with its difference from other networks of the same name."""
        return f"{self.model.note} {difference(self.model.namesake, self.spec, self.shape)}".strip()

    @property
    def table(self) -> str:
        """The ledger in lines: a row a layer, their sum below."""
        return "\n".join(aligned(layers_table(self.spec, self.shape)))

    @property
    def utilisations(self) -> dict[str, float]:
        """Each cost that is capped as a share of its cap."""
        caps = {} if self.budget is None else self.budget.caps()
        return {cost: share_of(self.within, cost, cap) for cost, cap in caps.items()}

    @property
    def within(self) -> NetworkCosts:
        """The costs at the precision of the caps."""
        return self.costs["fp32" if self.budget is None else self.budget.weights]

    @property
    def shares(self) -> list[str]:
        """The share of each cap in words."""
        used = {} if self.budget is None else shares(self.within, self.budget)
        return [f"{share} ({rest})" for share, rest in used.values()]

    def as_json(self, *, with_layers: bool) -> dict[str, Any]:
        spec, cost, shape = self.spec, self.cost, self.shape
        content: dict[str, Any] = {
            "id": spec.id,
            "name": self.model.name or None,
            **spec.to_json(),
            "channels": shape.channels,
            "height": shape.height,
            "width": shape.width,
            "classes": shape.classes,
            "params": cost.params,
            "macs": cost.macs,
            "activations": cost.activations,
            **sizes_json(self.costs),
            **{name: self.budget and getattr(self.budget, name) for name in CAPS},
            "utilisation": self.utilisations.get("params"),
            "utilisations": self.utilisations,
            **({} if self.latency is None else {"latency": asdict(self.latency)}),
            "note": self.note or None,
        }
        if with_layers:
            device = device_rows(lower(spec, shape), shape)
            content["layers"] = [
                {
                    "name": row.name,
                    "layer": row.kind,
                    "in_shape": row.in_shape,
                    "out_shape": row.out_shape,
                    "kernel": row.kernel,
                    "params": row.params,
                    "macs": row.macs,
                    "activations": row.activations,
                    "weights_bytes": {"fp32": device[row.name].fp32, "int8": device[row.name].int8},
                    "live_elements": device[row.name].live,
                }
                for row in layers_of(spec, shape)
            ]
        return content


def _models(arguments: argparse.Namespace) -> Sequence[NamedModel]:
    if is_named(arguments):
        name = arguments.network
        if name in SHIPPED or name.endswith(".toml"):
            return load_models(locate(name))
        hint = "an id like 4x64-5x128-3x256, or the path of a .toml file with [[models]]"
        return [_noted(named_network(name, others=SHIPPED, hint=hint))]
    model = typed_network(arguments)
    noted = _noted(model)
    return [replace(noted, note=f"{model.note} {noted.note}".strip()) if noted != model else model]


def _noted(model: NamedModel) -> NamedModel:
    """Add a note where a network given by its numbers is a shipped model."""
    known = next((shipped for shipped in shipped_models() if shipped.spec == model.spec), None)
    if known is None or known.name == model.name:
        return model
    owner = " of Pei et al" if known.name in {paper.name for paper in paper_models() if paper.seeded} else ""
    return replace(model, note=f"this is {known.name}{owner}. {known.note}".strip(), namesake=known.namesake)


def _print_one(counted: _Counted, *, with_layers: bool) -> None:
    spec, shape, cost = counted.spec, counted.shape, counted.cost
    images = f"{shape.channels}x{shape.height}x{shape.width} images, {shape.classes} classes"
    if with_layers:
        print(counted.table, end="\n\n")
    print(f"{spec.id}: {spec.in_words}; {images}")
    print(f"parameters   {cost.params:,}")
    print(f"MACs         {cost.macs:,} ({write_macs(cost.macs)})")
    print(f"activations  {cost.activations:,}")
    float32, int8 = counted.costs["fp32"], counted.costs["int8"]
    print(f"file         at most {float32.bytes:,} bytes in fp32, {int8.bytes:,} in int8")
    print(f"memory       {float32.memory:,} bytes in fp32, {int8.memory:,} in int8")
    for name, share in zip(("utilisation", "", "", ""), counted.shares, strict=False):
        print(f"{name:<13}{share}")
    if counted.latency is not None:
        print(f"latency      {_written(counted.latency)}")
    if counted.note:
        print(f"note: {counted.note}")


def _timed(spec: ResNetSpec, shape: DataShape) -> Latency:
    from budgetnas.certificates.latency import measure  # with torch

    return measure(spec, shape)


def _written(found: Latency) -> str:
    spread = f"{1e3 * found.median:.3g} ms for one image, {1e3 * found.low:.3g} to {1e3 * found.high:.3g} in 80 %"
    where = f"one thread of {found.processor}, {found.runtime}"
    return f"{spread} of {found.runs} runs; measured, never promised: {where}"


def _print_list(found: Sequence[_Counted], *, with_layers: bool) -> None:
    width = max(len(counted.model.name) for counted in found)
    for counted in found:
        if with_layers:
            print(f"{counted.model.name}\n{counted.table}\n")
        line = f"{counted.model.name:{width}}  {counted.cost.params:>12,} parameters  "
        line += f"{write_macs(counted.cost.macs):>9} MACs"
        times = [] if counted.latency is None else [_written(counted.latency)]
        print("  ".join([line, *counted.shares, *times]))
    for counted in found:
        if counted.model.note:
            print(f"note: {counted.model.name}: {counted.model.note}")
    for namesake in dict.fromkeys(counted.model.namesake for counted in found if counted.model.namesake):
        names = ", ".join(counted.model.name for counted in found if counted.model.namesake == namesake)
        print(f"note: {names}: {definition(namesake)}. `budgetnas count NAME` counts both.")
