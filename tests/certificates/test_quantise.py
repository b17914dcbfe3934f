from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from made_networks import trained
from own_blocks import Gated
from own_blocks import given as own_code

from budgetnas.arch.device import file_bytes, weights_bytes
from budgetnas.arch.kinds import KINDS
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.device_graph import device_graph, serialised
from budgetnas.certificates.onnx_run import run_onnx
from budgetnas.certificates.quantise import IMAGES, calibration_images, quantise
from budgetnas.data.dataset import Split

onnx = pytest.importorskip("onnx", reason="onnx is in the extra `onnx`")
pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")


def drawn(number, *, seed):
    """Draw networks of every kind in turn, with every choice."""
    rng = random.Random(seed)
    for i in range(number):
        kind, stages = KINDS[i % len(KINDS)], rng.choice([1, 2, 3])
        words = {
            "blocks": tuple(rng.choice([1, 2]) for _ in range(stages)),
            "widths": tuple(4 * rng.randint(1, 6) for _ in range(stages)),
            "stem_width": rng.choice([0, 5]),
            "kind": kind,
            "kernels": tuple(rng.choice([3, 5]) for _ in range(stages)),
            "strides": (1, *(rng.choice([1, 2]) for _ in range(stages - 1))),
            "shortcut": rng.choice(["conv", "pool"]),
            "squeeze": rng.choice([None, 4]),
            "neck": rng.choice([None, 9]),
        }
        if kind == "bottleneck":
            words |= {"mids": (4,) * stages, "groups": tuple(rng.choice([1, 2]) for _ in range(stages))}
        if kind == "inverted":
            words |= {"expansions": tuple(rng.choice([1, 3]) for _ in range(stages))}
        yield ResNetSpec(**words)


def assert_that_int8_is_as_counted_and_close(spec, shape):
    model = trained(spec, shape)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(100, shape.channels, shape.height, shape.width)).astype(np.float32)
    words = {"mean": (120.5,) * shape.channels, "std": (60.25,) * shape.channels}
    graph, calibration = quantise(spec, shape, model.state_dict(), images[:64], **words)
    content = serialised(graph)
    onnx.checker.check_model(graph.model, full_check=True)
    layers = lower(spec, shape)
    assert sum(len(tensor.raw_data) for tensor in graph.model.graph.initializer) == weights_bytes(layers, "int8")
    assert len(content) <= file_bytes(layers, "int8")
    assert (calibration.split, calibration.images) == ("train", 64)
    again, _ = quantise(spec, shape, model.state_dict(), images[:64], **words)
    assert serialised(again) == content
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    found = run_onnx(content, images, is_exact=True)
    spread = float(expected.std())
    assert float(np.sqrt(np.mean((found - expected) ** 2))) <= 0.15 * spread + 0.02
    return float(np.mean(found.argmax(1) == expected.argmax(1)))


def test_int8_files_of_20_networks_of_all_kinds_are_as_counted_and_say_the_same():
    shape = DataShape(channels=3, height=9, width=8, classes=4)
    agreements = [assert_that_int8_is_as_counted_and_close(spec, shape) for spec in drawn(20, seed=0)]
    assert np.mean(agreements) > 0.9


def test_an_own_kind_is_quantised():
    with own_code(Gated()):
        spec = ResNetSpec(blocks=(1, 2), widths=(8, 12), kernels=(3, 5), kind="Gated_2", stem_width=6)
        assert_that_int8_is_as_counted_and_close(spec, DataShape(channels=1, height=9, width=8, classes=4))


def test_numbers_are_those_of_onnxruntimes_own_quantisation(tmp_path):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    spec, shape = ResNetSpec(blocks=(1, 1), widths=(8, 12)), DataShape(channels=3, height=9, width=8, classes=4)
    state = trained(spec, shape).state_dict()
    images = np.random.default_rng(0).normal(size=(32, 3, 9, 8)).astype(np.float32)
    words = {"mean": (120.5,) * 3, "std": (60.25,) * 3}
    ours, _ = quantise(spec, shape, state, images, **words)
    (tmp_path / "fp32.onnx").write_bytes(serialised(device_graph(spec, shape, state, "fp32", **words)))

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = [{"images": images}]

        def get_next(self):
            return self.left.pop() if self.left else None

    quantize_static(
        tmp_path / "fp32.onnx", tmp_path / "int8.onnx", Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip
    theirs = onnx.load(tmp_path / "int8.onnx")
    values = {one.name: onnx.numpy_helper.to_array(one) for one in theirs.graph.initializer}
    own = {one.name: onnx.numpy_helper.to_array(one) for one in ours.model.graph.initializer}
    layers = [name[1:] for name in own if name.startswith("w")]
    assert len(layers) == 7
    for layer in layers:
        assert np.abs(own[f"s{layer}"] - values[f"w{layer}_scale"]).max() <= 1e-6 * own[f"s{layer}"].max()
        differ = own[f"w{layer}"].astype(int) - values[f"w{layer}_quantized"]
        assert np.abs(differ).max() <= 1
        assert np.mean(differ != 0) <= 0.01
    assert own["a0"] == pytest.approx(values["images_scale"], rel=0.01)
    assert abs(int(own["z0"]) - int(values["images_zero_point"])) <= 1


def test_calibration_is_on_a_fixed_draw_of_the_images_that_are_given():
    images = np.arange(2000, dtype=np.uint16).view(np.uint8).reshape(2000, 1, 2, 1)
    train = Split(images=images, labels=np.zeros(2000, dtype=np.int64))
    found = calibration_images(train)
    assert found.shape == (IMAGES, 1, 2, 1)
    numbers = found.reshape(-1, 2).copy().view(np.uint16).ravel()
    assert len(set(numbers.tolist())) == IMAGES
    assert (numbers == np.sort(numbers)).all()
    assert numbers.max() > 1900
    assert (calibration_images(train) == found).all()
    few = Split(images=images[:7], labels=train.labels[:7])
    assert (calibration_images(few) == images[:7]).all()
