"""Tensor names: in the built network, which uses the ledger's names, and in `model.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from budgetnas.arch.layers import Conv, Linear, Norm, Residual
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import DataError

T = TypeVar("T")
_BODY = {0: "conv1", 1: "norm1", 3: "conv2", 4: "norm2"}
_TENSORS = {
    Conv: ("weight",),
    Norm: ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"),
    Linear: ("weight", "bias"),
}


def module_names(spec: ResNetSpec) -> dict[str, str]:
    """Map the ledger's name of every module with tensors to its name in `model.py`."""
    names: dict[str, str] = {}
    owners = [(stage, block) for stage, blocks in enumerate(spec.blocks, start=1) for block in range(blocks)]
    layers = lower(spec, DataShape())
    for i, layer in enumerate(layers):
        match layer:
            case Residual():
                stage, block = owners.pop(0)
                own = f"stage{stage}.{block}"
                names |= {f"{i}.body.{j}": f"{own}.{name}" for j, name in _BODY.items()}
                names |= {f"{i}.shortcut.{j}": f"{own}.shortcut.{j}" for j in range(len(layer.shortcut))}
            case Linear():
                names[f"{i}"] = "head"
            case Conv() | Norm():
                names[f"{i}"] = f"stem.{i}"
            case _:
                pass
    return names


def to_source(spec: ResNetSpec) -> dict[str, str]:
    """Map the built network's name of every tensor to its name in `model.py`."""
    kinds = dict(_kinds(spec))
    return {
        f"{ours}.{tensor}": f"{theirs}.{tensor}"
        for ours, theirs in module_names(spec).items()
        for tensor in _TENSORS[kinds[ours]]
    }


def rename_to_source(state: Mapping[str, T], spec: ResNetSpec) -> dict[str, T]:
    """Rename the tensors of a built network to their names in `model.py`.

    Raises:
        DataError: a tensor is missing, or is not of this network.
    """
    return _rename(state, to_source(spec), spec)


def rename_from_source(state: Mapping[str, T], spec: ResNetSpec) -> dict[str, T]:
    """Rename the tensors of `model.py` to their names in the built network.

    Raises:
        DataError: a tensor is missing, or is not of this network.
    """
    return _rename(state, {theirs: ours for ours, theirs in to_source(spec).items()}, spec)


def _rename(state: Mapping[str, T], names: Mapping[str, str], spec: ResNetSpec) -> dict[str, T]:
    odd = sorted(set(state) - set(names)), sorted(set(names) - set(state))
    for keys, fault in zip(odd, ("has a tensor that is not of", "misses a tensor of"), strict=True):
        if keys:
            raise DataError(
                f"the file of weights {fault} `{spec.id}`: {keys[0]!r} ({len(keys)} such): take the file that belongs "
                "to the network."
            )
    return {names[key]: value for key, value in state.items()}


def _kinds(spec: ResNetSpec) -> list[tuple[str, type]]:
    found: list[tuple[str, type]] = []
    for i, layer in enumerate(lower(spec, DataShape())):
        if isinstance(layer, Residual):
            found += [(f"{i}.body.{j}", type(inner)) for j, inner in enumerate(layer.body)]
            found += [(f"{i}.shortcut.{j}", type(inner)) for j, inner in enumerate(layer.shortcut)]
        else:
            found.append((f"{i}", type(layer)))
    return found
