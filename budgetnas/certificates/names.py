"""Tensor names: in the built network, which uses the ledger's names, and in `model.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from budgetnas.arch.layers import Conv, GlobalPool, Layer, Linear, Norm, Residual, Scale
from budgetnas.arch.resnet import Section, basic_block, sections
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import DataError

T = TypeVar("T")
_BASIC = {0: "conv1", 1: "norm1", 3: "conv2", 4: "norm2"}  # modules of a `BasicBlock`, by their place in the body
_GATE = {1: "linear1", 3: "linear2"}  # of a `SqueezeExcitation`
_TENSORS = {
    Conv: ("weight",),
    Norm: ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"),
    Linear: ("weight", "bias"),
}


def parts_of_source(found: Sequence[Section]) -> tuple[Section, ...]:
    """Return the sections as `model.py` has them: the layers of the head before its mean are a part, "neck"."""
    *others, head = found
    mean = head.layers.index(GlobalPool())
    neck = (replace(head, name="neck", layers=head.layers[:mean]),) if mean else ()
    return (*others, *neck, replace(head, layers=head.layers[mean:]))


def attribute(section: Section) -> str:
    """Return the attribute of the network that holds a section in `model.py`: `stage1` of "stage 1"."""
    return section.name.replace(" ", "")


def is_basic(layer: Layer) -> bool:
    """Return whether a layer is two 3x3 convolutions and a shortcut, which are a class of their own in `model.py`."""
    first = layer.body[0] if isinstance(layer, Residual) else None
    return isinstance(first, Conv) and layer == basic_block(first.in_channels, first.out_channels, stride=first.stride)


def modules_of_source(layers: Sequence[Layer]) -> list[tuple[int, Layer]]:
    """Return the layers that are modules of a sequence in `model.py`, with their places in the chain.

    The rectifier behind a basic block is inside its class.
    """
    return [(i, layer) for i, layer in enumerate(layers) if not (i and is_basic(layers[i - 1]))]


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
    for section in parts_of_source(found):
        home = attribute(section)
        for place, (i, layer) in enumerate(modules_of_source(section.layers)):
            modules |= _named(layer, f"{start + i}", home if isinstance(layer, Linear) else f"{home}.{place}")
        start += len(section.layers)
    return modules


def _named(layer: Layer, ours: str, theirs: str) -> dict[str, tuple[str, type]]:
    """Return the entries of `_modules` for a layer and those in it, from its own two names."""
    match layer:
        case Residual():
            chains = {"body": (layer.body, _BASIC if is_basic(layer) else {}), "shortcut": (layer.shortcut, {})}
        case Scale():
            chains = {"gate": (layer.gate, _GATE)}
        case _:
            return {ours: (theirs, type(layer))} if type(layer) in _TENSORS else {}
    return {
        name: entry
        for chain, (layers, names) in chains.items()
        for j, one in enumerate(layers)
        for name, entry in _named(one, f"{ours}.{chain}.{j}", f"{theirs}.{names.get(j, f'{chain}.{j}')}").items()
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
