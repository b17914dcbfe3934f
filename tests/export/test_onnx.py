from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from made_networks import images, random_nets, trained

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.complexity.counter import count
from budgetnas.exceptions import DataError
from budgetnas.export.onnx_check import explain, run_onnx, takes_raw_pixels
from budgetnas.export.onnx_graph import onnx_bytes

onnx = pytest.importorskip("onnx", reason="onnx is in the extra `onnx`")
pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")
SMALL = ResNetSpec(blocks=(1, 2), widths=(7, 11)), DataShape(channels=3, height=9, width=9, classes=4)


def normalisation(shape):
    return {"mean": (120.0, 110.5, 100.25)[: shape.channels], "std": (60.0, 55.5, 50.25)[: shape.channels]}


def export(spec, shape, *, with_preprocessing=False, seed=0):
    model = trained(spec, shape, seed=seed)
    words = {**normalisation(shape), "with_preprocessing": with_preprocessing}
    return model, onnx_bytes(spec, shape, model.state_dict(), **words)


@pytest.mark.parametrize(("spec", "shape"), list(random_nets(20, seed=1)))
def test_it_agrees_with_torch_with_and_without_normalisation_inside(spec, shape):
    raw = images(shape, number=7)
    mean, std = (np.array(values, dtype=np.float32).reshape(1, -1, 1, 1) for values in normalisation(shape).values())
    inputs = (raw.astype(np.float32) - mean) / std
    model, plain = export(spec, shape)
    _, inside = export(spec, shape, with_preprocessing=True)
    assert (takes_raw_pixels(plain), takes_raw_pixels(inside)) == (False, True)
    with torch.no_grad():
        expected = model(torch.from_numpy(inputs)).numpy()
    scale = max(1.0, float(np.abs(expected).max()))
    for found in (run_onnx(plain, inputs, batch=3), run_onnx(inside, raw, batch=7)):
        assert np.abs(found - expected).max() <= 1e-4 * scale
        assert (found.argmax(1) == expected.argmax(1)).all()
    for content in (plain, inside):
        onnx.checker.check_model(onnx.load_model_from_string(content), full_check=True)
        told = explain(content, spec, shape)
        assert told.discrepancies == ()
        assert told.params == count(spec, shape).params
        stored = onnx.load_model_from_string(content).graph.initializer
        assert sum(elements for _, elements, _ in told.rows) == sum(int(np.prod(tensor.dims)) for tensor in stored)
        assert len(told.rows) == len(stored)


def test_the_same_weights_give_the_same_bytes_without_a_trace_of_the_machine():
    _, first = export(*SMALL)
    _, again = export(*SMALL)
    assert first == again
    for word in (b"site-packages", b"stack_trace", b"/home", b"/work", b"torch.nn"):
        assert word not in first
    props = {prop.key: prop.value for prop in onnx.load_model_from_string(first).metadata_props}
    assert "110.5" in props["normalisation"]
    assert props["normalisation_is"].startswith("not in the model")


def test_weights_of_another_network_are_explained_as_what_they_are():
    _, content = export(*SMALL)
    told = explain(content, ResNetSpec(blocks=(1, 2), widths=(7, 12)), SMALL[1])
    assert any("the ledger" in line for line in told.discrepancies)
    assert explain(content, ResNetSpec(blocks=(1, 1), widths=(7, 11)), SMALL[1]).discrepancies


def elsewhere(content):
    """Let a tensor lie in another file, as no file of ours does."""
    model = onnx.load_model_from_string(content)
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return model.SerializeToString()


@pytest.mark.parametrize(
    "spoil", [lambda content: content[:-400], lambda content: b"", lambda content: b"x" * 999, elsewhere]
)
def test_what_is_no_model_of_ours_is_told_in_a_line(spoil):
    _, content = export(*SMALL)
    with pytest.raises(
        DataError, match=r"`model.onnx` (is no ONNX model|does not hold its own weights): export"
    ) as told:
        explain(spoil(content), *SMALL)
    assert "\n" not in str(told.value)


def test_a_model_that_cannot_run_is_told_in_a_line():
    _, content = export(*SMALL)
    model = onnx.load_model_from_string(content)
    model.graph.node[0].input[1] = "nowhere"
    with pytest.raises(DataError, match=r"`model.onnx` cannot be run \(") as told:
        run_onnx(model.SerializeToString(), images(SMALL[1]).astype(np.float32))
    assert "\n" not in str(told.value)


def test_without_the_extra_the_rest_is_made_and_what_lacks_is_said(tmp_path):
    code = """
import sys
sys.modules["onnx"] = sys.modules["onnxruntime"] = None  # as if not installed
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from made_networks import made
from budgetnas.export.certificate import write_certificate
from budgetnas.export.verify import verify
print(write_certificate(Path("best"), made()))
print([check.name for check in verify(Path("best")) if check.passed is not True])
"""
    from pathlib import Path

    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code, str(here)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said, failed = done.stdout.splitlines()
    assert said.endswith("pip install 'budgetnas[onnx]' and export again")
    assert failed == "[]"
    assert not (tmp_path / "best" / "model.onnx").exists()
    assert "model.onnx" not in (tmp_path / "best" / "README.md").read_text()
