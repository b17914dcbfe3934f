from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made_networks import images, random_nets, trained

from budgetnas import __version__
from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates import onnx_graph
from budgetnas.certificates.onnx_check import explain, takes_raw_pixels
from budgetnas.certificates.onnx_graph import onnx_bytes
from budgetnas.certificates.onnx_run import run_onnx
from budgetnas.exceptions import DataError

onnx = pytest.importorskip("onnx", reason="onnx is in the extra `onnx`")
pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")
HERE = Path(__file__).parent
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
    for found in (*(run_onnx(plain, inputs, batch=batch) for batch in (1, 2, 7)), run_onnx(inside, raw, batch=2)):
        assert np.abs(found - expected).max() <= 1e-4 * scale
        assert (found.argmax(1) == expected.argmax(1)).all()
    for content in (plain, inside):
        onnx.checker.check_model(onnx.load_model_from_string(content), full_check=True)
        told = explain(content, spec, shape, model.state_dict())
        assert told.discrepancies == ()
        assert {"mean": told.mean, "std": told.std} == normalisation(shape)
        assert told.params == count(spec, shape).params
        stored = onnx.load_model_from_string(content).graph.initializer
        assert sum(row[2] for row in told.rows) == sum(int(np.prod(tensor.dims)) for tensor in stored)
        assert [row[:2] for row in told.rows] == [(tensor.name, tuple(tensor.dims)) for tensor in stored]


def test_the_same_weights_give_the_same_bytes_without_a_trace_of_the_machine():
    _, first = export(*SMALL)
    _, again = export(*SMALL)
    assert first == again
    for word in (b"site-packages", b"stack_trace", b"/home", b"/work", b"torch.nn"):
        assert word not in first
    props = {prop.key: prop.value for prop in onnx.load_model_from_string(first).metadata_props}
    assert "110.5" in props["normalisation"]
    assert props["normalisation_is"].startswith("not in the model")


def test_another_process_gives_the_same_bytes(tmp_path):
    code = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
import test_onnx
print(hashlib.sha256(test_onnx.export(*test_onnx.SMALL, with_preprocessing=True)[1]).hexdigest())
"""
    command = [sys.executable, "-c", code, str(HERE)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == hashlib.sha256(export(*SMALL, with_preprocessing=True)[1]).hexdigest()


def test_the_input_says_how_it_is_normalised():
    for raw, words in ((False, "not in the model: give (pixel - mean) / std"), (True, "give raw pixels")):
        told = onnx.load_model_from_string(export(*SMALL, with_preprocessing=raw)[1]).graph.input[0].doc_string
        assert words in told
        assert "mean [120.0, 110.5, 100.25], std [60.0, 55.5, 50.25]" in told


def test_the_shapes_say_what_every_initialiser_is():
    rows = explain(export(*SMALL, with_preprocessing=True)[1], *SMALL).rows
    assert rows[:4] == (
        ("pixels.mean", (1, 3, 1, 1), 3, "a constant: of normalisation"),
        ("pixels.std", (1, 3, 1, 1), 3, "a constant: of normalisation"),
        ("0.weight", (7, 3, 3, 3), 189, "weight of layer 0"),
        ("1.weight", (7,), 7, "weight of layer 1"),
    )
    assert ("5.shortcut.1.running_var", (11,), 11, "running_var of batch normalisation 5.shortcut.1") in rows


def test_no_images_give_no_logits():
    assert run_onnx(export(*SMALL)[1], images(SMALL[1], number=0).astype(np.float32)).shape == (0, 4)


def test_weights_that_do_not_belong_are_not_written(monkeypatch):
    state = trained(*SMALL).state_dict()
    words = {**normalisation(SMALL[1]), "with_preprocessing": False}
    for odd in (
        {**state, "10.weight": state["10.weight"].T},
        {name: state[name] for name in state if name != "1.bias"},
    ):
        with pytest.raises(DataError, match=r"the weights do not fit `1x7-2x11` at 1"):
            onnx_bytes(*SMALL, odd, **words)
    monkeypatch.setattr(onnx_graph, "LARGEST", 4 * count(*SMALL).params)
    with pytest.raises(DataError, match=r"`1x7-2x11` has 2 GiB of weights"):
        onnx_bytes(*SMALL, state, **words)


def test_weights_of_another_network_are_explained_as_what_they_are():
    _, content = export(*SMALL)
    told = explain(content, ResNetSpec(blocks=(1, 2), widths=(7, 12)), SMALL[1])
    assert any("the ledger" in line for line in told.discrepancies)
    assert explain(content, ResNetSpec(blocks=(1, 1), widths=(7, 11)), SMALL[1]).discrepancies


def altered(content, change):
    model = onnx.load_model_from_string(content)
    change(model)
    return model.SerializeToString()


def tensor_elsewhere():
    tensor = onnx.TensorProto(name="e", data_type=onnx.TensorProto.FLOAT, dims=[1, 4], data_location="EXTERNAL")
    tensor.external_data.add(key="location", value="secret.bin")
    return tensor


def elsewhere(content):
    """Let a tensor lie in another file, as no file of ours does."""

    def change(model):
        model.graph.initializer[-1].CopyFrom(tensor_elsewhere())

    return altered(content, change)


def deep_elsewhere(content):
    """Let a branch of a node hold a tensor that lies in another file: onnxruntime reads it from the working folder."""

    def change(model):
        inner = [onnx.helper.make_node("Identity", ["e"], ["o"])]
        out = [onnx.helper.make_tensor_value_info("o", onnx.TensorProto.FLOAT, [1, 4])]
        branch = onnx.helper.make_graph(inner, "branch", [], out, [tensor_elsewhere()])
        yes = onnx.numpy_helper.from_array(np.array(True))
        model.graph.node.append(onnx.helper.make_node("Constant", [], ["yes"], value=yes))
        model.graph.node.append(onnx.helper.make_node("If", ["yes"], ["read"], then_branch=branch, else_branch=branch))

    return altered(content, change)


def unreadable(content):
    """Damage a name so that it is no text."""
    return content.replace(b"B\x0710.bias", b"B\x0710.\xffias")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-400],
        lambda content: b"",
        lambda content: b"x" * 999,
        unreadable,
        elsewhere,
        deep_elsewhere,
    ],
)
@pytest.mark.parametrize(
    "use", [lambda content: explain(content, *SMALL), lambda content: run_onnx(content, images(SMALL[1])[:1])]
)
def test_what_is_no_model_of_ours_is_told_in_a_line(spoil, use, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.full(4, 1000, dtype=np.float32).tofile("secret.bin")
    content = export(*SMALL)[1]
    assert spoil(content) != content
    with pytest.raises(
        DataError, match=r"`model.onnx` (is no ONNX model|does not hold its own weights): export"
    ) as told:
        use(spoil(content))
    assert "\n" not in str(told.value)


def add_node(model):
    """Add a constant that no initialiser holds to the logits."""
    model.graph.node[-1].output[0] = "before"
    hidden = onnx.numpy_helper.from_array(np.zeros((1, 4), dtype=np.float32))
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["hidden"], value=hidden))
    model.graph.node.append(onnx.helper.make_node("Add", ["before", "hidden"], ["logits"]))


def exchange(first, second):
    def change(model):
        a, b = (next(t for t in model.graph.initializer if t.name == name) for name in (first, second))
        a.raw_data, b.raw_data = b.raw_data, a.raw_data

    return change


CHANGES = {
    "node 27 is before = Gemm(9.out, 10.weight, 10.bias), not logits = Gemm(9.out, 10.weight, 10.bias)": add_node,
    "node 25 is 8.out = Relu(6.out), not 8.out = Relu(7.out)": lambda m: m.graph.node[25].input.__setitem__(0, "6.out"),
    "node 0 is 0.out = Conv(images, 0.weight), not with these attributes": lambda m: m.graph.node[0].attribute.pop(),
    "an initialiser is 10.weight [11x4] of type 1, not 10.weight [4x11] of type 1": lambda m: m.graph.initializer[
        -2
    ].dims.__setitem__(slice(None), [11, 4]),
    "an initialiser is 10.bias [4] of type 10, not 10.bias [4] of type 1": lambda m: setattr(
        m.graph.initializer[-1], "data_type", onnx.TensorProto.FLOAT16
    ),
    "10.bias does not hold its 4 numbers": lambda m: setattr(m.graph.initializer[-1], "raw_data", b"1234"),
    "1.weight holds other numbers than those that belong there": exchange("1.weight", "1.running_mean"),
    "'\\x1b[2J' is no layer of 1x7-2x11": lambda m: m.graph.initializer.add(name="\x1b[2J.weight", dims=[2]),
    "its metadata do not say by what images are normalised": lambda m: m.metadata_props.pop(1),
    "its inputs, outputs or metadata are not those of 1x7-2x11, or something is beside the graph": lambda m: setattr(
        m.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 16
    ),
}


@pytest.mark.parametrize(("told", "change"), CHANGES.items())
def test_what_differs_from_the_graph_that_we_write_is_told(told, change):
    model, content = export(*SMALL)
    found = explain(altered(content, change), *SMALL, model.state_dict())
    assert told in found.discrepancies
    assert all(line.isprintable() for line in found.discrepancies)


def test_many_discrepancies_are_cut_short():
    content = altered(
        export(*SMALL)[1], lambda m: [m.graph.initializer.add(name=f"x{i}.weight", dims=[2]) for i in range(50)]
    )
    found = explain(content, *SMALL).discrepancies
    assert (len(found), found[-1]) == (9, "and 42 more")


@pytest.mark.parametrize(
    "said",
    ["", "{", "[]", "null", "[" * 100_000, '{"mean": 1, "std": 1}', '{"mean": [NaN, 1, 1], "std": [1, 1, 1]}',
     '{"mean": ["1", "1", "1"], "std": [1, 1, 1]}', '{"mean": [1], "std": [1]}',
     '{"mean": [1e39, 1, 1], "std": [1, 1, 1]}'],
)  # fmt: skip
def test_metadata_that_say_no_normalisation_are_told(said):
    content = altered(export(*SMALL)[1], lambda m: setattr(m.metadata_props[1], "value", said))
    assert "its metadata do not say by what images are normalised" in explain(content, *SMALL).discrepancies


def test_a_flip_of_any_byte_is_told():
    spec, shape = ResNetSpec(blocks=(1,), widths=(1,)), DataShape(channels=1, height=8, width=8, classes=2)
    model, content = export(spec, shape, with_preprocessing=True)
    said, silent = normalisation(shape), []
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 0x80 if place % 2 else 0x01
        try:
            found = explain(bytes(flipped), spec, shape, model.state_dict())
        except DataError:
            continue
        if not found.discrepancies and (found.mean, found.std) == (said["mean"], said["std"]):
            silent.append(content[place : place + 1])
    assert b"".join(silent).decode() in __version__  # of the program that wrote it: no part of the network


@pytest.mark.parametrize(
    ("kind", "of", "words"),
    [
        ("Cast", "before", {"to": 7}),
        ("Transpose", "before", {}),
        ("SequenceConstruct", "before", {}),
        ("Relu", "4.out", {}),
    ],
)
def test_what_gives_no_logits_is_told_in_a_line(kind, of, words):
    def change(model):
        model.graph.node[-1].output[0] = "before"
        model.graph.node.append(onnx.helper.make_node(kind, [of], ["logits"], **words))
        model.graph.output[0].ClearField("type")

    content = altered(export(*SMALL)[1], change)
    with pytest.raises(DataError, match=r"`model.onnx` does not give logits \[N, classes\]: export"):
        run_onnx(content, images(SMALL[1]).astype(np.float32))


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
from budgetnas.certificates.certificate import write_certificate
from budgetnas.certificates.verify import verify
print(write_certificate(Path("best"), made()))
print([check.name for check in verify(Path("best")) if check.passed is not True])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(HERE)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said, failed = done.stdout.splitlines()
    assert said.endswith("pip install 'budgetnas[onnx]' and export again")
    assert failed == "[]"
    assert not (tmp_path / "best" / "model.onnx").exists()
    assert "model.onnx" not in (tmp_path / "best" / "README.md").read_text()
