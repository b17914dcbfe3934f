"""Bytes of arrays of networks, and their peak memory, are those of their layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_specs import as_networks, specs
from hypothesis import given, settings
from hypothesis import strategies as st
from own_blocks import Gated, Separable
from own_blocks import given as code_given

from budgetnas.arch import pool_bytes, pool_memory
from budgetnas.arch.device import PRECISIONS, file_bytes
from budgetnas.arch.layers import Act, AvgPool, Conv, Norm, Residual
from budgetnas.arch.peak_memory import peak_memory
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec

SHAPES = st.builds(
    DataShape,
    channels=st.integers(1, 5),
    height=st.integers(1, 33),
    width=st.integers(1, 33),
    classes=st.integers(1, 2_000),
)
LARGE = {"blocks": st.integers(1, 4), "widths": st.integers(1, 600), "stem_width": st.integers(0, 600)}


class PreActivated(Separable):
    """Blocks whose norms come before their convolutions."""

    name = "pre"

    def block(self, in_channels, out_channels, stride, kernel):
        wide = Conv(in_channels=in_channels, out_channels=out_channels, kernel=kernel, stride=stride)
        body = (Norm(channels=in_channels), Act(), wide)
        if stride == 1 and in_channels == out_channels:
            return (Residual(body=body, shortcut=()),)
        down = (AvgPool(kernel=stride),) if stride > 1 else ()
        return (Residual(body=body, shortcut=(*down, replace(wide, kernel=1, stride=1))),)


class NormFirst(Separable):
    """Blocks that open with a norm and end with a convolution, so that norms are folded across blocks and stages."""

    name = "norm_first"

    def block(self, in_channels, out_channels, stride, kernel):
        conv = Conv(in_channels=in_channels, out_channels=out_channels, kernel=kernel, stride=stride)
        return (Norm(channels=in_channels), Act(), conv)


def check(spec: ResNetSpec, shape: DataShape) -> None:
    nets, layers = as_networks(spec, 5), lower(spec, shape)
    for precision in PRECISIONS:
        assert pool_bytes.bytes_of(nets, shape, precision)[0] == file_bytes(layers, precision)
    assert pool_memory.peaks_of(nets, shape)[0] == peak_memory(layers, shape, "int8")


@settings(max_examples=100)
@given(specs(5, **LARGE), SHAPES)
def test_arrays_count_networks_of_every_kind_as_layers_do(spec, shape):
    check(spec, shape)


@pytest.mark.parametrize("code", [Separable, Gated, PreActivated, NormFirst])
@settings(max_examples=10)
@given(spec=specs(5), shape=SHAPES)
def test_arrays_count_own_blocks_as_layers_do(code, spec, shape):
    with code_given(code()):
        own = ResNetSpec(
            blocks=spec.blocks,
            widths=spec.widths,
            stem_width=spec.stem_width,
            kernels=spec.kernels,
            strides=spec.strides,
            neck=spec.neck,
            kind=code.name,
        )
        check(own, shape)


def test_many_networks_are_counted_row_by_row():
    rng = np.random.default_rng(0)
    spec = ResNetSpec(blocks=(1, 1), widths=(16, 24), shortcut="pool")
    one = as_networks(spec, 2)
    widths = rng.integers(1, 99, (5_000, 2))
    many = {name: np.repeat(values, len(widths), axis=0) for name, values in one.others.items()}
    nets = replace(one, blocks=np.repeat(one.blocks, len(widths), axis=0), widths=widths, stem_widths=None, others=many)
    shape = DataShape(height=9, width=8)
    sizes, peaks = pool_bytes.bytes_of(nets, shape, "fp16"), pool_memory.peaks_of(nets, shape)
    for i in rng.integers(0, len(widths), 50):
        layers = lower(ResNetSpec(blocks=(1, 1), widths=tuple(widths[i].tolist()), shortcut="pool"), shape)
        assert (sizes[i], 2 * peaks[i]) == (file_bytes(layers, "fp16"), peak_memory(layers, shape, "fp16"))
