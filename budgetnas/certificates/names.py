"""Tensor names: in the built network, which uses the ledger's names, and in `model.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import TypeVar

from budgetnas.arch.layers import Conv, Linear, Norm, Residual
from budgetnas.arch.resnet import Section, basic_block, sections
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import DataError

T = TypeVar("T")
_BASIC = {0: "conv1", 1: "norm1", 3: "conv2", 4: "norm2"}
_TENSORS = {
    Conv: ("weight",),
    Norm: ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"),
    Linear: ("weight", "bias"),
}


def attribute(section: Section) -> str:
    """Return the attribute of the network that holds a section in `model.py`: `stage1` of "stage 1"."""
    return section.name.replace(" ", "")


def is_basic(residual: Residual) -> bool:
    """Return whether a block is two 3x3 convolutions, which has a class of its own in `model.py`."""
    first = residual.body[0]
    return isinstance(first, Conv) and residual == basic_block(
        first.in_channels, first.out_channels, stride=first.stride
    )


def module_names(spec: ResNetSpec) -> dict[str, str]:
    """Map the ledger's name of every module with tensors to its name in `model.py`."""
    return {ours: theirs for ours, (theirs, _) in _modules(sections(spec, DataShape())).items()}


def to_source(spec: ResNetSpec) -> dict[str, str]:
    """Map the built network's name of every tensor to its name in `model.py`."""
    return tensor_names(sections(spec, DataShape()))


def tensor_names(found: Sequence[Section]) -> dict[str, str]:
    """Map the name of every tensor of a network of these sections, built as one chain, to its name in `model.py`."""
    return {
        f"{ours}.{tensor}": f"{theirs}.{tensor}"
        for ours, (theirs, kind) in _modules(found).items()
        for tensor in _TENSORS[kind]
    }


def _modules(found: Sequence[Section]) -> dict[str, tuple[str, type]]:
    """Map the ledger's name of every module with tensors to its name in `model.py` and its kind."""
    modules: dict[str, tuple[str, type]] = {}
    start = 0  # of the section in the chain of all layers
    for section in found:
        home, blocks = attribute(section), count()
        for i, layer in enumerate(section.layers):
            if isinstance(layer, Residual):
                own = f"{home}.{next(blocks)}"
                inner = [_BASIC.get(j, "") if is_basic(layer) else f"body.{j}" for j in range(len(layer.body))]
                modules |= {
                    f"{start + i}.body.{j}": (f"{own}.{inner[j]}", type(one)) for j, one in enumerate(layer.body)
                }
                modules |= {
                    f"{start + i}.shortcut.{j}": (f"{own}.shortcut.{j}", type(one))
                    for j, one in enumerate(layer.shortcut)
                }
            else:
                modules[f"{start + i}"] = home if isinstance(layer, Linear) else f"{home}.{i}", type(layer)
        start += len(section.layers)
    return {ours: (theirs, kind) for ours, (theirs, kind) in modules.items() if kind in _TENSORS}


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
