"""Certificates of networks of every kind of block: whole ones pass, and what differs in a new layer is found."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_specs import specs
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from made_networks import images, made
from own_blocks import Gated, Separable, given, nothing_given
from safetensors.torch import load, load_file, save

from budgetnas.arch.counter import count
from budgetnas.arch.kinds import KINDS
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.certificate import load_certificate, write_certificate
from budgetnas.certificates.json_files import own_digest, read_arch
from budgetnas.certificates.names import module_names
from budgetnas.certificates.onnx_check import explain
from budgetnas.certificates.onnx_run import run_onnx
from budgetnas.certificates.predict import normalised
from budgetnas.certificates.verify import verify
from budgetnas.exceptions import StorageError
from budgetnas.storage.files import digest

onnx = pytest.importorskip("onnx", reason="onnx is in the extra `onnx`")
pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")

# Every new layer: a grouped convolution, a pooled shortcut, squeeze-excitation, a neck.
NAME = "n5-d-e2-1x8m4g2-1x12m4k5g4"
SMALL = {"widths": st.integers(1, 9), "stem_width": st.integers(0, 9), "blocks": st.integers(1, 2)}


def network_of(text: str) -> torch.nn.Module:
    module: dict[str, type[torch.nn.Module]] = {"__name__": "model"}
    exec(compile(text, "model.py", "exec"), module)
    return module["ResNet"]()


def params(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10)
@drawn(data=st.data())
def test_a_certificate_of_any_network_passes_and_all_its_forms_agree(kind, data):
    spec = data.draw(specs(2, kind=st.just(kind), **SMALL))
    shape = DataShape(height=data.draw(st.integers(7, 9)), width=data.draw(st.integers(7, 9)), classes=4)
    with tempfile.TemporaryDirectory() as home:
        assert write_certificate(Path(home) / "best", made(spec, shape)) is None
        assert_that_all_forms_agree(Path(home) / "best", spec, shape)


@pytest.mark.parametrize("code", [Separable, Gated])
@settings(max_examples=6)
@drawn(data=st.data())
def test_a_certificate_of_an_own_kind_passes_without_its_code(code, data):
    sides = st.lists(st.integers(1, 9), min_size=2, max_size=2)
    shape = DataShape(height=data.draw(st.integers(7, 9)), width=9, classes=4)
    with tempfile.TemporaryDirectory() as home:
        with given(code()):
            widths, kernels = data.draw(sides), data.draw(st.sampled_from([(3, 3), (5, 1)]))
            spec = ResNetSpec(blocks=(1, 2), widths=tuple(widths), kernels=kernels, kind=code.name, stem_width=5)
            assert write_certificate(Path(home) / "best", made(spec, shape)) is None
        with nothing_given():
            assert_that_all_forms_agree(Path(home) / "best", spec, shape)
            (found,) = failed(without_layers(Path(home) / "best")).values()
            assert f"(the layers of its {code.name} blocks are missing)" in found


def without_layers(folder):
    """Take the layers of an own kind out of a certificate."""
    arch = json.loads((folder / "arch.json").read_text())
    del arch["spec"]["block_layers"]
    seal(folder, "arch.json", json.dumps(arch).encode())
    return folder


def assert_that_all_forms_agree(folder, spec, shape):
    checks = list(verify(folder))
    assert all(check.passed for check in checks), checks
    model, arch = load_certificate(folder)
    content = (folder / "model.onnx").read_bytes()
    network = network_of((folder / "model.py").read_text())
    network.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    onnx.checker.check_model(onnx.load_model_from_string(content), full_check=True)
    counted = {params(model), params(network), explain(content, spec, shape, model.state_dict()).params, arch["params"]}
    assert counted == {count(spec, shape).params}
    batch = normalised(images(shape), arch)
    with torch.no_grad():
        expected = model(batch)
        assert torch.equal(network.eval()(batch), expected)
    difference = np.abs(run_onnx(content, batch.numpy()) - expected.numpy()).max()
    assert difference <= 1e-4 * max(1.0, float(expected.abs().max()))


def test_the_names_of_new_modules_in_model_py():
    names = module_names(ResNetSpec.from_id(NAME))
    assert {ours: theirs for ours, theirs in names.items() if ours.startswith(("5.", "7", "8", "1"))} == {
        "1": "stem.1",
        "5.body.0": "stage2.0.body.0",
        "5.body.1": "stage2.0.body.1",
        "5.body.3": "stage2.0.body.3",
        "5.body.4": "stage2.0.body.4",
        "5.body.6": "stage2.0.body.6",
        "5.body.7": "stage2.0.body.7",
        "5.body.8.gate.1": "stage2.0.body.8.linear1",
        "5.body.8.gate.3": "stage2.0.body.8.linear2",
        "5.shortcut.1": "stage2.0.shortcut.1",
        "5.shortcut.2": "stage2.0.shortcut.2",
        "7": "neck.0",
        "8": "neck.1",
        "11": "head",
    }
    inverted = module_names(ResNetSpec.from_id("1x8t1=2x9t2"))
    assert inverted["3.body.0"] == "stage1.0.body.0"
    assert [inverted[name] for name in ("4", "11", "12.body.0")] == ["stage2.0", "stage2.7", "stage2.8.body.0"]


@pytest.fixture
def folder(tmp_path):
    shape = DataShape(height=9, width=9, classes=4)
    assert write_certificate(tmp_path / "best", made(ResNetSpec.from_id(NAME), shape)) is None
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


def node(model, kind, name=None):
    return next(one for one in model.graph.node if one.op_type == kind and name in (None, one.name))


def attribute(of, name):
    return next(one for one in of.attribute if one.name == name)


def no_group(model):
    conv = node(model, "Conv", "3.body.3")
    conv.attribute.remove(attribute(conv, "group"))


CHANGES = {
    "3.body.3.out = Conv(3.body.2.out, 3.body.3.weight), not with these attributes": lambda m: setattr(
        attribute(node(m, "Conv", "3.body.3"), "group"), "i", 4
    ),
    "is 3.body.3.out = Conv(3.body.2.out, 3.body.3.weight), not with": no_group,
    "is 5.shortcut.0.out = AveragePool(4.out), not with these attributes": lambda m: setattr(
        attribute(node(m, "AveragePool"), "ceil_mode"), "i", 0
    ),
    "is 5.shortcut.0.out = AveragePool(4.out), not with these": lambda m: setattr(
        attribute(node(m, "AveragePool"), "count_include_pad"), "i", 1
    ),
    "3.body.8.gate.4.out = HardSigmoid(": lambda m: setattr(node(m, "Sigmoid"), "op_type", "HardSigmoid"),
    "3.body.8.out = Add(": lambda m: setattr(node(m, "Mul"), "op_type", "Add"),
    "3.body.8.factors.out = Unsqueeze(3.body.8.gate.3.out,": lambda m: node(m, "Unsqueeze").input.__setitem__(
        0, "3.body.8.gate.3.out"
    ),
    "3.body.8.gate.1 holds 0 + 0 numbers, the ledger 36 + 0": lambda m: [
        m.graph.initializer.remove(one) for one in list(m.graph.initializer) if one.name.startswith("3.body.8.gate.1.")
    ],
}


@pytest.mark.parametrize(("told", "change"), CHANGES.items())
def test_onnx_that_differs_in_a_new_layer_is_found(folder, told, change):
    model = onnx.load_model_from_string((folder / "model.onnx").read_bytes())
    change(model)
    seal(folder, "model.onnx", model.SerializeToString())
    found = failed(folder)
    assert list(found) == ["model.onnx"]
    assert told in found["model.onnx"]


def test_the_sides_that_a_mean_and_a_factor_share_are_stored_once(folder):
    model = onnx.load_model_from_string((folder / "model.onnx").read_bytes())
    assert [one.name for one in model.graph.initializer].count("pixels.axes") == 1
    assert len([one for one in model.graph.node if "pixels.axes" in one.input]) == 5  # three means, two factors


def test_weights_without_those_of_a_gate_are_found(folder):
    state = load((folder / "model.safetensors").read_bytes())
    del state["stage2.0.body.8.linear1.weight"]
    seal(folder, "model.safetensors", save(state))
    found = failed(folder)
    assert {"model.safetensors", "model.onnx"} == set(found)
    assert f"misses a tensor of `{NAME}`: 'stage2.0.body.8.linear1.weight' (1 such)" in found["model.safetensors"]


def test_weights_of_other_groups_are_found(folder, tmp_path):
    other = ResNetSpec.from_id(NAME.replace("g4", "g2"))
    write_certificate(tmp_path / "other", made(other, DataShape(height=9, width=9, classes=4)))
    seal(folder, "model.safetensors", (tmp_path / "other" / "model.safetensors").read_bytes())
    told = failed(folder)["model.safetensors"]
    assert "'5.body.3.weight' in another size" in told


def test_arch_json_holds_what_differs_from_a_basic_network_and_nothing_else(folder):
    found = json.loads((folder / "arch.json").read_text())
    assert (found["format"], found["id"]) == (1, NAME)
    assert found["spec"] == ResNetSpec.from_id(NAME).to_json()
    _, spec, _ = read_arch((folder / "arch.json").read_bytes(), where=folder / "arch.json")
    assert spec.id == NAME


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("layers", [1, 1], "`spec.layers` is no key of spec"),
        ("kind", "a dense one", "is 'a dense one', but must be basic or bottleneck or inverted"),
        ("kind", "dense", "a block of the kind 'dense' has only its own layers"),
        ("kind", None, "spec.kind"),
        ("groups", [3, 4], "holds 3, but must divide the 4 channels"),
        ("groups", "2", "spec.groups"),
        ("kernels", [3, 4], "holds 4, but must be odd"),
        ("squeeze", 0, "holds 0, but must be a whole number"),
        ("neck", 5.5, "spec.neck"),
        ("shortcut", "conv", "is a default that is left out"),
    ],
)
def test_an_architecture_that_this_version_does_not_know_is_refused_by_the_key(folder, key, value, told):
    found = json.loads((folder / "arch.json").read_text())
    found["spec"][key] = value
    with pytest.raises(StorageError, match="is no architecture of this program") as refused:
        read_arch(json.dumps(found).encode(), where=Path("arch.json"))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
