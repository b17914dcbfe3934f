from __future__ import annotations

import weakref
from math import prod

import pytest
import torch
from drawn_specs import specs
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from budgetnas.arch.counter import ledger
from budgetnas.arch.device import PRECISIONS
from budgetnas.arch.layers import Act, AvgPool, Conv, GlobalPool, Linear, Norm, Residual, Scale, Sigmoid
from budgetnas.arch.peak_memory import live_elements, peak_memory
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.models.build import BatchNorm, GatedChannels, ResidualSum, build_layers

shapes = st.builds(
    DataShape, channels=st.integers(1, 4), height=st.integers(1, 9), width=st.integers(1, 9), classes=st.integers(1, 11)
)


@st.composite
def chains(draw: st.DrawFn, channels: int = 3, depth: int = 2) -> tuple:
    """Draw chains of all layers, blocks in blocks and rectifiers at the start of a branch among them."""
    layers, wide = [], channels
    for _ in range(draw(st.integers(1, 4))):
        kinds = ["conv", "norm", "act", "pool"] + ["residual", "projected", "scale"] * (depth > 0)
        match draw(st.sampled_from(kinds)):
            case "conv":
                out = draw(st.integers(1, 6))
                kernel, stride = draw(st.sampled_from([(1, 1), (3, 1), (3, 2)])) if depth == 2 else (1, 1)
                layers.append(Conv(in_channels=wide, out_channels=out, kernel=kernel, stride=stride))
                wide = out
            case "norm":
                layers.append(Norm(channels=wide))
            case "act":
                layers.append(draw(st.sampled_from([Act(), Sigmoid()])))
            case "pool" if depth == 2:
                layers.append(AvgPool(kernel=2))
            case "residual":
                body, out = draw(chains(wide, depth - 1))
                layers.append(Residual(body=(*body, Conv(in_channels=out, out_channels=wide, kernel=1)), shortcut=()))
            case "projected":
                branches, out = [draw(chains(wide, depth - 1)) for _ in range(2)], draw(st.integers(1, 6))
                body, shortcut = (
                    (*branch, Conv(in_channels=last, out_channels=out, kernel=1)) for branch, last in branches
                )
                layers.append(Residual(body=body, shortcut=shortcut))
                wide = out
            case "scale":
                linear = Linear(in_features=wide, out_features=wide)
                layers.append(Scale(gate=(GlobalPool(), linear, Sigmoid())))
    return tuple(layers), wide


def brute_force(layers, shape):
    """Return the peak by the lifetimes of numbered tensors: an operation changes what nothing reads after it."""
    sizes = [shape.channels * shape.height * shape.width]
    outputs = {row.name: prod(row.out_shape) for row in ledger(layers, shape)}
    operations = []  # (tensors that are read, whether it could change its input, the new tensor)

    def write(reads, size, *, can_change=False):
        sizes.append(size)
        operations.append((reads, can_change, len(sizes) - 1))
        return len(sizes) - 1

    def unroll(chain, path, tensor):
        for i, layer in enumerate(chain):
            name = f"{path}{i}"
            if isinstance(layer, Residual):
                body = unroll(layer.body, f"{name}.body.", tensor)
                branch = unroll(layer.shortcut, f"{name}.shortcut.", tensor)
                tensor = write((body, branch), sizes[body])
            elif isinstance(layer, Scale):
                tensor = write((tensor, unroll(layer.gate, f"{name}.gate.", tensor)), sizes[tensor])
            else:
                tensor = write((tensor,), outputs[name], can_change=isinstance(layer, Norm | Act | Sigmoid))
        return tensor

    unroll(layers, "", 0)
    last = {tensor: step for step, (reads, _, _) in enumerate(operations) for tensor in reads}
    peak, live = 0, {0: sizes[0]}
    for step, (reads, can_change, new) in enumerate(operations):
        if can_change and last[reads[0]] == step:
            live[new] = live.pop(reads[0])
            peak = max(peak, sum(live.values()))
        else:
            live[new] = sizes[new]
            peak = max(peak, sum(live.values()))
            live = {tensor: size for tensor, size in live.items() if last.get(tensor, step) > step or tensor == new}
    return peak


class Live(TorchDispatchMode):
    """Counts the elements of the storages that live, as torch's operations make them."""

    def __init__(self, image, model):
        super().__init__()
        self.weights = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
        self.sizes, self.peak = {}, 0
        self.see(image)

    def see(self, tensor):
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self.sizes and key not in self.weights:
            self.sizes[key] = storage.nbytes() // tensor.element_size()
            weakref.finalize(storage, self.sizes.pop, key)
        self.peak = max(self.peak, sum(self.sizes.values()))

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        self.see(found)
        return found


def execute(module, box):
    """Run a built module on the one tensor of a box, as a device does; drop each tensor as soon as nothing reads it."""
    match module:
        case nn.Sequential():
            for one in module:
                box = [execute(one, box)]
            return box.pop()
        case ResidualSum():
            body = execute(module.body, [box[0]])
            branch = execute(module.shortcut, box)
            return body + branch
        case GatedChannels():
            gate = execute(module.gate, [box[0]])
            return box.pop() * gate[:, :, None, None]
        case nn.Identity() | BatchNorm():
            return box.pop()
        case nn.ReLU():
            return functional.relu(box.pop(), inplace=module.inplace)
        case nn.Sigmoid():
            return box.pop().sigmoid_()
        case nn.Conv2d():
            return functional.conv2d(box.pop(), module.weight, None, module.stride, module.padding, 1, module.groups)
        case _:
            return module(box.pop())


@settings(max_examples=100, deadline=None)
@given(specs(4), shapes)
def test_the_peak_of_a_network_is_that_of_the_lifetimes_of_its_tensors(spec, shape):
    layers = lower(spec, shape)
    peak = brute_force(layers, shape)
    assert [peak_memory(layers, shape, precision) for precision in PRECISIONS] == [4 * peak, 2 * peak, peak]


@settings(max_examples=300, deadline=None)
@given(chains(), st.integers(1, 9), st.integers(1, 9))
def test_the_peak_of_any_chain_is_that_of_the_lifetimes_of_its_tensors(chain, height, width):
    shape = DataShape(channels=3, height=height, width=width, classes=1)
    assert peak_memory(chain[0], shape, "int8") == brute_force(chain[0], shape)


@settings(max_examples=20, deadline=None)
@given(specs(3, widths=st.integers(1, 16)), shapes)
def test_an_execution_has_as_many_elements_alive_at_once(spec, shape):
    layers = lower(spec, shape)
    model = build_layers(layers).eval()
    box = [torch.zeros(1, shape.channels, shape.height, shape.width)]
    with torch.no_grad(), Live(box[0], model) as live:
        execute(model, box)
    assert live.peak == peak_memory(layers, shape, "int8")


def test_every_layer_of_the_ledger_has_its_live_elements():
    spec, shape = ResNetSpec.from_id("1x16-1x32"), DataShape(height=8, width=8)
    live = live_elements(lower(spec, shape), shape)
    assert list(live) == [row.name for row in ledger(lower(spec, shape), shape)]
    assert live["0"] == (3 + 16) * 64
    assert live["3.body.0"] == 2 * 16 * 64
    assert live["3.body.4"] == 3 * 16 * 64  # the sum: both terms, and what it writes
    assert live["5.body.4"] == 16 * 64 + 32 * 16
    assert live["5.shortcut.0"] == 32 * 16 + 16 * 64 + 32 * 16
    assert live["8"] == 32 + 10


@pytest.mark.parametrize(("precision", "size"), [("fp32", 4), ("fp16", 2), ("int8", 1)])
def test_the_peak_of_resnet20_is_its_first_sum(precision, size):
    layers = lower(ResNetSpec.from_id("3x16-3x32-3x64"), DataShape())
    assert peak_memory(layers, DataShape(), precision) == size * 3 * 16 * 32 * 32
