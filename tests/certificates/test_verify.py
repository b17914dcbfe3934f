from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_networks import made

from budgetnas.amounts import write_size
from budgetnas.arch.costs import costs_of
from budgetnas.budget import Budget
from budgetnas.certificates.certificate import load_certificate, write_certificate
from budgetnas.certificates.json_files import own_digest
from budgetnas.certificates.ledger import ledger_csv
from budgetnas.certificates.predict import logits
from budgetnas.certificates.verify import verify
from budgetnas.data.dataset import Dataset, Split, Traits
from budgetnas.exceptions import StorageError
from budgetnas.storage.files import digest, dump_json

FILES = (
    "MANIFEST.json", "README.md", "arch.json", "ledger.csv", "model.onnx", "model.py", "model.safetensors",
    "recipe.toml", "results.json",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("onnx", reason="onnx is in the extra `onnx`")
    assert write_certificate(tmp_path / "best", made()) is None
    return tmp_path / "best"


def failed(folder, data=None):
    return {check.name: check.finding for check in verify(folder, data) if check.passed is False}


def seal(folder, name, content):
    """Put other content into a file and make the manifest say so: no damage, but a change."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    manifest["files"][name] = {"sha256": digest(content), "bytes": len(content)}
    manifest["digest"] = own_digest(manifest)
    (folder / "MANIFEST.json").write_text(json.dumps(manifest))


def test_a_whole_certificate_holds_and_its_files_are_all_that_there_is(folder):
    checks = list(verify(folder))
    assert all(check.passed for check in checks), checks
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert checks[0].finding == f"digest {json.loads((folder / 'MANIFEST.json').read_text())['digest']}"
    told = {check.name: check.finding for check in checks}
    assert told["model.py"] == told["ledger.csv"] == "byte for byte what this version writes from arch.json"
    assert told["README.md"].endswith("writes from arch.json, results.json and the manifest")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.31, 0.5, 0.97])
def test_a_flipped_byte_is_caught_in_every_file(folder, name, place):
    content = bytearray((folder / name).read_bytes())
    content[int(place * len(content))] ^= 1
    (folder / name).write_bytes(bytes(content))
    found = failed(folder)
    assert name in found
    assert all("\n" not in told for told in found.values())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["truncated", "empty", "missing", "swapped"])
def test_a_file_that_is_cut_gone_or_another_one_is_named(folder, name, how):
    path = folder / name
    if how == "missing":
        path.unlink()
    else:
        other = folder / ("recipe.toml" if name != "recipe.toml" else "ledger.csv")
        content = {"truncated": path.read_bytes()[:-9], "empty": b"", "swapped": other.read_bytes()}[how]
        path.write_bytes(content)
    assert name in failed(folder)


def test_a_file_that_does_not_belong_is_named(folder):
    (folder / "notes.txt").write_text("mine")
    assert failed(folder) == {"files": "not of the certificate: notes.txt"}


def test_the_recipe_of_an_older_version_lacks_younger_keys(folder, monkeypatch):
    text = (folder / "recipe.toml").read_text()
    shorter = "".join(line for line in text.splitlines(True) if not line.startswith("ema = "))
    seal(folder, "recipe.toml", shorter.encode())
    assert "recipe.toml" in failed(folder)
    monkeypatch.setattr("budgetnas.config.recorded.BEFORE", {"recipe.ema": 0.9})
    assert failed(folder) == {}
    seal(folder, "recipe.toml", text.encode())
    assert failed(folder) == {}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("model.py", lambda text: text.replace("torch.relu", "torch.tanh")),
        ("ledger.csv", lambda text: text.replace("head", "tail")),
        ("README.md", lambda text: text.replace("50.00", "99.00")),
        ("recipe.toml", lambda text: text.replace("momentum = 0.9", "momentum = 0.90")),
        ("recipe.toml", lambda text: text + "colour = 1\n"),
        ("recipe.toml", lambda text: "= ="),
        ("results.json", lambda text: text.replace('"test_correct": 6', '"test_correct": 9')),
        ("results.json", lambda text: "[]"),
        ("model.safetensors", lambda text: "nothing"),
        ("model.onnx", lambda text: "nothing"),
        ("arch.json", lambda text: text.replace('"max_params": 10000000', '"max_params": 10')),
        ("arch.json", lambda text: text.replace('"params": ', '"params": 1')),
        ("arch.json", lambda text: text.replace('"format": 1', '"format": 2')),
        ("arch.json", lambda text: text.replace('"classes": [', '"classes": ["one more", ')),
        ("arch.json", lambda text: text.replace('"blocks"', '"block"')),
        ("arch.json", lambda text: "{}"),
        ("arch.json", lambda text: "null"),
    ],
)
def test_a_change_that_the_manifest_was_made_to_hide_is_found_by_what_it_means(folder, name, change):
    text = (folder / name).read_bytes().decode("latin-1")
    changed = change(text)
    assert changed != text
    seal(folder, name, changed.encode("latin-1"))
    found = failed(folder)
    assert found
    assert "files" not in found
    assert all("\n" not in told and "Traceback" not in told for told in found.values())
    if name in ("model.py", "ledger.csv", "README.md"):
        assert found[name].startswith("differs from what this version writes from arch.json")


def test_the_ledger_of_an_older_version_is_compared_as_it_was(folder):
    net = made()
    seal(folder, "ledger.csv", ledger_csv(net.spec, net.shape, with_device=False).encode())
    assert not failed(folder)
    seal(folder, "ledger.csv", ledger_csv(net.spec, net.shape, with_device=False).replace("head", "tail").encode())
    assert failed(folder)["ledger.csv"].startswith("differs from what this version writes from arch.json")


def test_caps_on_sizes_are_in_a_certificate_that_has_them_and_are_checked(tmp_path):
    net = made()
    costs = costs_of(net.spec, net.shape, "int8")
    budget = Budget(max_bytes=costs.bytes, max_memory=costs.memory, weights="int8")
    write_certificate(tmp_path / "best", made(budget=budget))
    (cost,) = (check for check in verify(tmp_path / "best") if check.name == "cost and cap")
    assert cost.passed
    assert cost.finding.endswith(f"{costs.memory:,} of {write_size(costs.memory)} of memory in int8")
    assert "without a cap" in cost.finding
    assert f"a device of {write_size(costs.bytes)} for the file and" in (tmp_path / "best" / "README.md").read_text()
    assert not failed(tmp_path / "best")
    arch = json.loads((tmp_path / "best" / "arch.json").read_text())
    assert (arch["max_params"], arch["max_bytes"], arch["weights"]) == (None, costs.bytes, "int8")
    seal(tmp_path / "best", "arch.json", dump_json(arch | {"max_memory": costs.memory - 1}))
    assert failed(tmp_path / "best")["cost and cap"].endswith(f"over its cap of {costs.memory - 1:,}")
    seal(tmp_path / "best", "arch.json", dump_json({key: value for key, value in arch.items() if key != "weights"}))
    assert "names a precision without a cap on a size" in failed(tmp_path / "best")["arch.json"]


def test_a_certificate_without_caps_on_sizes_is_what_it_was(folder):
    assert not {"max_bytes", "max_memory", "weights"} & json.loads((folder / "arch.json").read_text()).keys()


def test_weights_of_another_network_are_found(folder, tmp_path):
    from budgetnas.arch.spec import ResNetSpec

    write_certificate(tmp_path / "other", made(ResNetSpec(blocks=(1, 2), widths=(7, 12))))
    for name in ("model.safetensors", "model.onnx"):
        seal(folder, name, (tmp_path / "other" / name).read_bytes())
    assert {"model.safetensors", "model.onnx"} <= set(failed(folder))


@pytest.mark.parametrize("change", ["half", "nan"])
def test_weights_of_another_precision_or_of_no_numbers_are_found(folder, change):
    from safetensors.torch import load, save

    state = load((folder / "model.safetensors").read_bytes())
    weight = state["head.weight"]
    state["head.weight"] = weight.half() if change == "half" else weight * float("nan")
    seal(folder, "model.safetensors", save(state))
    told = failed(folder)["model.safetensors"]
    assert (
        told
        == {
            "half": "holds head.weight in another precision than float32",
            "nan": "holds numbers that are not finite",
        }[change]
    )


def test_onnx_that_says_another_normalisation_or_gives_more_logits_is_found(folder, tmp_path):
    write_certificate(tmp_path / "other", made(mean=(1.0, 2.0, 3.0)))
    seal(folder, "model.onnx", (tmp_path / "other" / "model.onnx").read_bytes())
    assert failed(folder) == {"model.onnx": "says that images are normalised otherwise than arch.json does"}
    onnx = pytest.importorskip("onnx", reason="onnx is in the extra `onnx`")
    model = onnx.load_model_from_string((tmp_path / "other" / "model.onnx").read_bytes())
    model.graph.node[-1].output[0] = "half"
    model.graph.node.append(onnx.helper.make_node("Concat", ["half", "half"], ["logits"], axis=1))
    seal(folder, "model.onnx", model.SerializeToString())
    assert failed(folder)["model.onnx"].startswith("node 27 is half = Gemm(")


def test_onnx_with_one_other_number_is_found(folder):
    onnx = pytest.importorskip("onnx", reason="onnx is in the extra `onnx`")
    model = onnx.load_model_from_string((folder / "model.onnx").read_bytes())
    last = bytearray(model.graph.initializer[-1].raw_data)
    last[0] ^= 1
    model.graph.initializer[-1].raw_data = bytes(last)
    seal(folder, "model.onnx", model.SerializeToString())
    assert failed(folder) == {"model.onnx": "10.bias holds other numbers than those that belong there"}


def test_a_manifest_that_points_outside_the_folder_is_refused(folder):
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    manifest["files"]["../../etc/passwd"] = {"sha256": "0", "bytes": 1}
    manifest["digest"] = own_digest(manifest)
    (folder / "MANIFEST.json").write_text(json.dumps(manifest))
    assert "no manifest of a certificate" in failed(folder)["MANIFEST.json"]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)

    def split(number):
        shape = (number, 9, 9, 3)
        return Split(images=rng.integers(0, 256, shape, dtype=np.uint8), labels=np.arange(number) % 4)

    return Dataset(
        name="own",
        classes=tuple("abcd"),
        train=split(4),
        validation=split(4),
        test=split(12),
        traits=Traits(shift=0, flip=False),
    )


def test_with_the_data_the_recorded_test_accuracy_is_found_again(tmp_path, data):
    net = made()
    write_certificate(tmp_path / "a", net)
    model, arch = load_certificate(tmp_path / "a")
    correct = int((logits(model, data.test.images, arch).argmax(1).numpy() == data.test.labels).sum())
    own = {**net.results["this_network"], "test_correct": correct}
    write_certificate(tmp_path / "b", made(results={**net.results, "this_network": own}))
    check = list(verify(tmp_path / "b", data))[-1]
    assert check.passed
    assert f"{correct} of 12 right, {correct} of 12 recorded" in check.finding
    assert "its fingerprint differs" in check.finding
    own["test_correct"] = (correct + 5) % 12
    write_certificate(tmp_path / "c", made(results={**net.results, "this_network": own}))
    assert (
        f"{correct} of 12 right, {own['test_correct']} of 12 recorded" in failed(tmp_path / "c", data)["test accuracy"]
    )


def test_images_whose_top_two_nearly_tie_may_differ_and_are_listed(tmp_path, data):
    import torch

    from budgetnas.models.build import build_model, pack

    net = made()
    model = build_model(net.spec, net.shape)
    with torch.no_grad():
        for parameter in model[-1].parameters():
            parameter.zero_()  # all logits are 0: every image ties
    own = {**net.results["this_network"], "test_correct": 9}
    write_certificate(tmp_path / "a", made(weights=pack(model), results={**net.results, "this_network": own}))
    check = list(verify(tmp_path / "a", data))[-1]
    assert check.passed
    assert "3 of 12 right, 9 of 12 recorded; top two logits within 0.001: images 0, 1, 2" in check.finding


def test_a_certificate_replaces_another_whole_or_not_at_all(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr("budgetnas.certificates.certificate.write_bytes", _full)
    with pytest.raises(StorageError, match="No space left"):
        write_certificate(folder, made(dataset="another"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["best"]
    monkeypatch.undo()
    write_certificate(folder, made(dataset="another"))
    assert json.loads((folder / "arch.json").read_text())["dataset"] == "another"
    assert [path.name for path in folder.parent.iterdir()] == ["best"]


def _full(path, content):
    if Path(path).name == "ledger.csv":
        raise StorageError("`ledger.csv` cannot be written (No space left on device): free some space there.")
    Path(path).write_bytes(content)


def test_the_same_network_gives_the_same_bytes(folder, tmp_path):
    write_certificate(tmp_path / "again", made())
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name
