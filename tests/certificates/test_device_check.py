"""Device files in a certificate: whole ones pass, and every change is found, also where the folder is sealed again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from made_networks import images, made

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.certificate import write_certificate
from budgetnas.certificates.device_check import check_device_file, precision_of
from budgetnas.certificates.device_graph import serialised
from budgetnas.certificates.json_files import own_digest
from budgetnas.certificates.predict import normalised
from budgetnas.certificates.quantise import quantise
from budgetnas.certificates.verify import verify
from budgetnas.exceptions import BudgetNASError
from budgetnas.models.build import read_state
from budgetnas.storage.files import digest

onnx = pytest.importorskip("onnx", reason="onnx is in the extra `onnx`")
pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")

NET = made(ResNetSpec.from_id("n5-d-e2-1x8m4g2-1x12m4k5g4"), DataShape(height=9, width=9, classes=4))


@pytest.fixture(scope="module")
def int8():
    batch = normalised(images(NET.shape, number=20), NET.arch()).numpy()
    graph, calibration = quantise(NET.spec, NET.shape, read_state(NET.weights), batch, mean=NET.mean, std=NET.std)
    return serialised(graph), {"model.int8.onnx": {"calibration": calibration.as_json()}}


@pytest.fixture
def folder(tmp_path, int8):
    content, measured = int8
    assert (
        write_certificate(
            tmp_path / "best", NET, fold_norms=True, quantised={"model.int8.onnx": content}, measured=measured
        )
        is None
    )
    return tmp_path / "best"


def failed(folder):
    return {check.name: check.finding for check in verify(folder) if check.passed is False}


def seal(folder, name, content):
    """Put other content into a file and make the manifest say so."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    manifest["files"][name] = {"sha256": digest(content), "bytes": len(content)}
    manifest["digest"] = own_digest(manifest)
    (folder / "MANIFEST.json").write_text(json.dumps(manifest))


def test_a_whole_certificate_says_what_was_counted(folder):
    told = {check.name: (check.passed, check.finding) for check in verify(folder)}
    assert all(passed for passed, _ in told.values()), told
    facts = json.loads((folder / "results.json").read_text())["files"]
    for name, precision in (("model.onnx", "fp32"), ("model.int8.onnx", "int8")):
        content = (folder / name).read_bytes()
        counted = facts[name]["counted"]
        assert precision_of(content) == counted["precision"] == precision
        stored = sum(len(one.raw_data) for one in onnx.load_model_from_string(content).graph.initializer)
        assert stored == counted["weights_bytes"]
        assert len(content) == facts[name]["bytes"] <= counted["file_bytes"]
        assert told[name][1].startswith(f"{precision}: {stored:,} bytes of weights as counted, {len(content):,} in all")
    card = (folder / "README.md").read_text()
    assert "calibrated on 20 images of the training split, seed 0" in card
    assert f"{facts['model.int8.onnx']['bytes']:,} bytes" in card
    assert "VNNI" in card


def test_a_plain_certificate_has_no_word_of_it(tmp_path):
    assert write_certificate(tmp_path / "best", NET) is None
    assert "files" not in json.loads((tmp_path / "best" / "results.json").read_text())
    card = (tmp_path / "best" / "README.md").read_text()
    assert not {"int8", "folded"} & set(card.replace("`", " ").replace(".", " ").split())
    assert precision_of((tmp_path / "best" / "model.onnx").read_bytes()) is None


def initializer(model, name):
    return next(one for one in model.graph.initializer if one.name == name)


def nodes(model, kind):
    return [one for one in model.graph.node if one.op_type == kind]


def put(model, name, data):
    initializer(model, name).raw_data = data


CHANGES = {
    "holds other numbers in w1 than": lambda m: put(m, "w1", bytes(len(initializer(m, "w1").raw_data))),
    "holds other numbers in s1 than": lambda m: put(m, "s1", np.ones(8, dtype="<f4").tobytes()),
    "holds other numbers in b1 than": lambda m: put(m, "b1", bytes(32)),
    "holds other numbers in extra than": lambda m: m.graph.initializer.add(name="extra", data_type=3, raw_data=b"1"),
    "has other nodes, inputs": lambda m: setattr(nodes(m, "Add")[0], "op_type", "Mul"),
    "has other nodes, inputs, outputs or": lambda m: m.graph.node.remove(nodes(m, "QuantizeLinear")[3]),
    "has other nodes, inputs, outputs or metadata": lambda m: setattr(m.metadata_props[0], "value", "{}"),
    "has other nodes, inputs, outputs or metadata than": lambda m: m.graph.node[0].attribute.add(name="x", i=1, type=2),
    "`a1` of the file is no scale or zero point": lambda m: put(m, "a1", np.float32(np.nan).tobytes()),
    "`a1` of the file is no scale": lambda m: put(m, "a1", np.float32(-1).tobytes()),
    "`a0` of the file is no scale": lambda m: put(m, "a0", b""),
    "`z1` of the file is no scale": lambda m: put(m, "z1", b"12"),
    "holds no scale and zero point of tensor 0": lambda m: m.graph.initializer.remove(initializer(m, "z0")),
}


@pytest.mark.parametrize(("told", "change"), CHANGES.items())
def test_an_int8_file_that_was_changed_is_found(int8, told, change):
    model = onnx.load_model_from_string(int8[0])
    change(model)
    words = {"mean": list(NET.mean), "std": list(NET.std)}
    state = read_state(NET.weights)
    assert check_device_file(int8[0], NET.spec, NET.shape, state, "int8", **words).startswith("int8: ")
    with pytest.raises(BudgetNASError) as refused:
        check_device_file(model.SerializeToString(), NET.spec, NET.shape, state, "int8", **words)
    assert told in str(refused.value)


def test_a_changed_file_that_was_sealed_again_fails_its_certificate(folder):
    model = onnx.load_model_from_string((folder / "model.int8.onnx").read_bytes())
    put(model, "w1", bytes(len(initializer(model, "w1").raw_data)))
    seal(folder, "model.int8.onnx", model.SerializeToString())
    assert list(failed(folder)) == ["model.int8.onnx"]


def test_a_folded_file_that_was_changed_is_found(folder):
    model = onnx.load_model_from_string((folder / "model.onnx").read_bytes())
    put(model, "w1", bytes(len(initializer(model, "w1").raw_data)))
    seal(folder, "model.onnx", model.SerializeToString())
    assert "holds other numbers in w1" in failed(folder)["model.onnx"]
    seal(folder, "model.onnx", (folder / "model.int8.onnx").read_bytes())
    assert "has another size than results.json says" in failed(folder)["model.onnx"]


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts["model.int8.onnx"].update(bytes=1),
        lambda facts: facts["model.int8.onnx"]["counted"].update(file_bytes=1),
        lambda facts: facts["model.int8.onnx"]["counted"].update(weights_bytes=1),
        lambda facts: facts.pop("model.int8.onnx"),
    ],
)
def test_recorded_sizes_that_are_wrong_are_found(folder, change):
    results = json.loads((folder / "results.json").read_text())
    change(results["files"])
    seal(folder, "results.json", json.dumps(results).encode())
    assert {"model.int8.onnx", "README.md"} == set(failed(folder))


def test_a_plain_model_in_place_of_the_folded_one_is_found(folder, tmp_path):
    write_certificate(tmp_path / "plain", NET)
    seal(folder, "model.onnx", (tmp_path / "plain" / "model.onnx").read_bytes())
    assert "has another size" in failed(folder)["model.onnx"]


@drawn(st.integers(0, 10**6), st.binary(min_size=1, max_size=9))
def test_fuzz_any_other_bytes_in_an_int8_file_are_refused(int8, place, other):
    content = bytearray(int8[0])
    place %= len(content)
    content[place : place + len(other)] = other
    words = {"mean": list(NET.mean), "std": list(NET.std)}
    try:
        check_device_file(bytes(content), NET.spec, NET.shape, read_state(NET.weights), "int8", **words)
    except BudgetNASError:
        return
    found, ours = (onnx.load_model_from_string(one) for one in (bytes(content), int8[0]))
    for model in (found, ours):  # scales and zero points alone may be others
        for tensor in list(model.graph.initializer):
            if tensor.name[0] in "az":
                tensor.ClearField("raw_data")
    assert found == ours
