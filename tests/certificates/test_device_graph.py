from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import torch
from drawn_specs import specs
from hypothesis import given, settings
from hypothesis import strategies as st
from made_networks import trained
from own_blocks import Gated, Separable
from own_blocks import given as own_code

from budgetnas.arch.device import COEFFICIENTS, PRECISIONS, file_bytes, weights_bytes
from budgetnas.arch.kinds import KINDS
from budgetnas.arch.layers import Act, AvgPool, Conv, GlobalPool, Linear, Norm, Residual, Scale, Sigmoid
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.device_graph import _Graph, device_graph, quantised, range_of, serialised
from budgetnas.certificates.onnx_run import run_onnx
from budgetnas.models.build import build_layers, build_model

onnx = pytest.importorskip("onnx", reason="onnx is in the extra `onnx`")
pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")

SMALL = {"widths": st.integers(1, 20), "stem_width": st.integers(0, 20), "blocks": st.integers(1, 2)}
ANY = defaultdict(lambda: (0.1, 3))
WORST = -1.2345678901234567e-05  # no number of a file is longer as text


def file_of(spec, shape, state, precision, number=WORST):
    words = {"mean": (number,) * shape.channels, "std": (number,) * shape.channels}
    graph = device_graph(spec, shape, state, precision, ranges=ANY, **words)
    return graph, serialised(graph)


def assert_counted(graph, content, spec, shape, precision):
    layers = lower(spec, shape)
    stored = sum(len(tensor.raw_data) for tensor in graph.model.graph.initializer)
    assert stored == weights_bytes(layers, precision)
    assert stored < len(content) <= file_bytes(layers, precision)


def empty(spec, shape):
    with torch.device("meta"):
        state = build_model(spec, shape).state_dict()
    return {name: torch.zeros(tensor.shape) for name, tensor in state.items()}


@settings(max_examples=200)
@given(specs(4), st.integers(1, 4), st.sampled_from([2, 100, 1000]))
def test_files_of_random_networks_are_as_large_as_counted(spec, channels, classes):
    shape = DataShape(channels=channels, classes=classes)
    state = empty(spec, shape)
    for precision in PRECISIONS:
        assert_counted(*file_of(spec, shape, state, precision), spec, shape, precision)


def assert_that_folding_keeps_the_logits(spec, shape, *, seed):
    model = trained(spec, shape, seed=seed)
    graph, content = file_of(spec, shape, model.state_dict(), "fp32")
    assert_counted(graph, content, spec, shape, "fp32")
    onnx.checker.check_model(graph.model, full_check=True)
    assert not {"BatchNormalization", "ReduceMean", "Unsqueeze"} & {node.op_type for node in graph.model.graph.node}
    images = np.random.default_rng(seed).normal(size=(5, shape.channels, shape.height, shape.width)).astype("f4")
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    found = run_onnx(content, images, batch=2)
    assert np.abs(found - expected).max() <= 1e-4 * max(1.0, float(np.abs(expected).max()))
    half, content = file_of(spec, shape, model.state_dict(), "fp16")
    onnx.checker.check_model(half.model, full_check=True)
    assert run_onnx(content, images).shape == expected.shape


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=7)
@given(data=st.data())
def test_folding_keeps_the_logits_of_any_network(kind, data):
    spec = data.draw(specs(2, kind=st.just(kind), **SMALL))
    shape = DataShape(channels=data.draw(st.integers(1, 3)), height=data.draw(st.integers(7, 9)), width=8, classes=4)
    assert_that_folding_keeps_the_logits(spec, shape, seed=data.draw(st.integers(0, 99)))


@pytest.mark.parametrize("code", [Separable, Gated])
def test_folding_keeps_the_logits_of_an_own_kind(code):
    with own_code(code()):
        spec = ResNetSpec(blocks=(1, 2), widths=(5, 8), kernels=(3, 5), kind=code.name, stem_width=4)
        assert_that_folding_keeps_the_logits(spec, DataShape(height=9, width=8, classes=4), seed=0)


ODD = (
    Norm(channels=3),
    Act(),
    Residual(body=(Act(), Conv(in_channels=3, out_channels=3, kernel=3)), shortcut=(Act(), Sigmoid())),
    Norm(channels=3),
    Act(),
    Norm(channels=3),
    Norm(channels=3),
    Scale(gate=(GlobalPool(), Act(), Sigmoid())),
    AvgPool(kernel=2),
    GlobalPool(),
    Linear(in_features=3, out_features=4),
)  # an order of layers that no kind of ours has


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_any_order_of_layers_is_written(precision):
    torch.manual_seed(0)
    model = build_layers(ODD)
    for _ in range(3):
        model(2 * torch.randn(16, 3, 6, 6) + 1)
    model.eval()
    shape = DataShape(channels=3, height=6, width=6, classes=4)
    graph = _Graph(model.state_dict(), precision, defaultdict(lambda: (0.02, 0)))
    graph.logits(graph.chain(ODD, "", graph.image())[0])
    assert sum(len(tensor.raw_data) for tensor in graph.initializers) == weights_bytes(ODD, precision)
    one = ResNetSpec(blocks=(1,), widths=(1,))
    shell = file_of(one, shape, empty(one, shape), precision)[0].model
    for field, parts in (("node", graph.nodes), ("initializer", graph.initializers)):
        shell.graph.ClearField(field)
        getattr(shell.graph, field).extend(parts)
    onnx.checker.check_model(shell, full_check=True)
    images = torch.randn(4, 3, 6, 6).clamp(-1, 1)
    with torch.no_grad():
        expected = model(images).numpy()
    found = run_onnx(shell.SerializeToString(), images.numpy(), is_exact=True)
    assert np.abs(found - expected).max() <= (1e-5 if precision == "fp32" else 0.1)


LARGE = [
    Conv(in_channels=4096, out_channels=4096, kernel=31, stride=2, groups=4096),
    Conv(in_channels=2_097_152, out_channels=2_097_152, kernel=1, stride=2, groups=2_097_152),
    Linear(in_features=1, out_features=2_097_152),
    AvgPool(kernel=127),
    GlobalPool(),
    Residual(body=(), shortcut=()),
    Scale(gate=()),
    Act(),
    Sigmoid(),
]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("layer", LARGE, ids=lambda layer: type(layer).__name__)
def test_no_layer_has_a_larger_graph_than_its_bound(layer, precision):
    sizes = {
        Conv: lambda: (layer.out_channels, 1, layer.kernel, layer.kernel),
        Linear: lambda: (layer.out_features, 1),
    }
    state = {"0.weight": torch.zeros(sizes[type(layer)]())} if type(layer) in sizes else {}
    graph = _Graph(state, precision, ANY)
    graph._count = 99_998
    value, written = graph.chain((layer,), "", "d99999")
    graph._settled(written, value)
    found = sum(field_size(node.ByteSize()) for node in graph.nodes)
    for tensor in graph.initializers:
        found += field_size(tensor.ByteSize()) - len(tensor.raw_data)
    assert 0 < found <= COEFFICIENTS[precision].graph[type(layer)]
    assert found >= COEFFICIENTS[precision].graph[type(layer)] - 40  # the bound is no guess


def field_size(content):
    """Bytes of a message in a message: a tag, its length in 7 bits a byte, and its content."""
    return 1 + max(1, -(-content.bit_length() // 7)) + content


def test_weights_of_int8_are_the_nearest_of_255_levels():
    weights = np.random.default_rng(0).normal(size=(6, 3, 3, 3))
    weights[2] = 0
    levels, scales = quantised(weights)
    assert levels.dtype == np.int8
    assert scales.dtype == np.float32
    assert (np.abs(levels).reshape(6, -1).max(axis=1) == [127, 127, 0, 127, 127, 127]).all()
    back = levels * scales.reshape(-1, 1, 1, 1).astype(np.float64)
    assert (np.abs(back - weights) <= scales.reshape(-1, 1, 1, 1) * 0.5001).all()


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_range_holds_its_ends_and_zero(low, width):
    scale, zero = range_of(low, low + width)
    assert scale > 0
    assert float(np.float32(scale)) == scale
    for end in (min(low, 0), max(low + width, 0)):
        assert -128.5 - 1e-3 <= end / scale + zero <= 127.5 + 1e-3
    assert scale <= max(low + width, 0, -low) * 2 / 255 * 1.01 + 2.0**-100


def test_a_rectified_tensor_uses_all_levels():
    assert range_of(0.0, 255.0) == (1.0, -128)
    assert range_of(3.0, 255.0) == (1.0, -128)
    assert range_of(0.0, 0.0) == (2.0**-100, -128)
