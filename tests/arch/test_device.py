from __future__ import annotations

import subprocess
import sys

import pytest
from drawn_specs import specs
from hypothesis import given
from hypothesis import strategies as st
from own_blocks import Gated, Separable
from own_blocks import given as own_code

from budgetnas.arch.counter import ledger, total_of
from budgetnas.arch.device import COEFFICIENTS, PRECISIONS, as_convolution, file_bytes, fixed_bytes, weights_bytes
from budgetnas.arch.layers import Act, AvgPool, Conv, GlobalPool, Linear, Norm, Residual, Scale, Sigmoid
from budgetnas.arch.resnet import lower, sections
from budgetnas.arch.spec import DataShape, ResNetSpec

SHAPES = st.builds(
    DataShape, channels=st.integers(1, 4), height=st.integers(8, 40), width=st.just(33), classes=st.integers(2, 200)
)


def everything_in(layers):
    """Return all layers of a chain, those inside others too."""
    found = []
    for layer in layers:
        found.append(layer)
        for name in ("body", "shortcut", "gate"):
            found += everything_in(getattr(layer, name, ()))
    return found


@given(specs(4), SHAPES)
def test_bytes_are_those_of_each_number_that_is_stored(spec, shape):
    layers = lower(spec, shape)
    found = everything_in(layers)
    channels = sum(one.channels for one in found if isinstance(one, Norm))
    outputs = channels + sum(one.out_features for one in found if isinstance(one, Linear))
    numbers = total_of(ledger(layers, shape)).params - channels  # of scale and shift, one is left as a bias
    tensors = sum(isinstance(one, Conv | Linear | AvgPool | GlobalPool | Residual | Scale) for one in found)
    assert weights_bytes(layers, "fp32") == 4 * numbers
    assert weights_bytes(layers, "fp16") == 2 * numbers
    assert weights_bytes(layers, "int8") == (numbers - outputs) + 4 * outputs + 4 * outputs + (4 + 1) * tensors


@given(specs(4), SHAPES, st.sampled_from(PRECISIONS))
def test_bytes_add_up_over_parts_and_layers(spec, shape, precision):
    parts = [section.layers for section in sections(spec, shape)]
    layers = lower(spec, shape)
    assert weights_bytes(layers, precision) == sum(weights_bytes(part, precision) for part in parts)
    graph = sum(COEFFICIENTS[precision].graph.get(type(one), 0) for one in everything_in(layers))
    fixed = fixed_bytes(shape.channels, precision)
    assert file_bytes(layers, precision) == weights_bytes(layers, precision) + graph + fixed


@pytest.mark.parametrize("code", [Separable, Gated])
def test_bytes_of_an_own_kind(code):
    with own_code(code()):
        spec = ResNetSpec(blocks=(1, 2), widths=(5, 8), kernels=(3, 5), kind=code.name, stem_width=4)
        layers = lower(spec, DataShape())
    found = everything_in(layers)
    outputs = sum(getattr(one, "out_channels", getattr(one, "out_features", 0)) for one in found)
    weights = sum(
        one.kernel**2 * one.in_channels * one.out_channels // one.groups
        if isinstance(one, Conv)
        else one.in_features * one.out_features
        for one in found
        if isinstance(one, Conv | Linear)
    )
    assert weights_bytes(layers, "fp32") == 4 * (weights + outputs)


def test_a_norm_behind_no_convolution_is_one():
    norm, relu = Norm(channels=6), Act()
    pair = (Conv(in_channels=3, out_channels=6, kernel=1), norm)
    for precision in PRECISIONS:
        alone = weights_bytes((as_convolution(norm),), precision)
        assert weights_bytes((norm,), precision) == alone > 0
        assert weights_bytes((relu, norm), precision) == alone
        assert weights_bytes((*pair, norm), precision) == weights_bytes(pair, precision) + alone
        assert weights_bytes((Residual(body=pair, shortcut=(norm,)),), precision) - alone == weights_bytes(
            (Residual(body=pair, shortcut=()),), precision
        )


def test_every_kind_of_layer_but_the_folded_one_has_a_bound():
    kinds = {Conv, Linear, AvgPool, GlobalPool, Residual, Scale, Act, Sigmoid}
    for one in COEFFICIENTS.values():
        assert set(one.graph) == kinds
        assert min(one.graph.values()) > 0


def test_the_bytes_of_resnet20_by_hand():
    layers = lower(ResNetSpec(blocks=(3, 3, 3), widths=(16, 32, 64)), DataShape())
    channels, tensors = 16 + 6 * 16 + 7 * 32 + 7 * 64, 21 + 9 + 1 + 1  # convolutions, sums, the mean, the linear layer
    weights = 272_474 - 2 * channels - 10
    assert weights_bytes(layers, "fp32") == 4 * (weights + channels + 10)
    assert weights_bytes(layers, "int8") == weights + 8 * (channels + 10) + 5 * tensors
    assert file_bytes(layers, "int8") < file_bytes(layers, "fp16") < file_bytes(layers, "fp32")


def test_counting_bytes_loads_neither_numpy_nor_torch():
    code = "import sys, budgetnas.arch.device; print(sorted({'numpy', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
