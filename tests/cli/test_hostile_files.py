"""A malicious pickle in every place that a file is read from: its code never runs, and a line says what is wrong."""

from __future__ import annotations

import io
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from budgetnas.cli.main import main
from budgetnas.storage.files import digest
from budgetnas.training.checkpoint import Checkpoints

WORDS = (
    "search", "--max-params", "60k", "--trials", "2", "--promote", "1", "--full-epochs", "1", "--device", "cpu",
    "--dataset", "digits", "--no-paper-models", "--set", "proxy.rungs=[1]", "--workers", "1",
)  # fmt: skip


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.fixture
def marker(tmp_path):
    path = tmp_path / "executed"
    yield path
    assert not path.exists(), "code of a file was run"


def plain(marker):
    return pickle.dumps(Payload(marker))


def torch_file(marker):
    buffer = io.BytesIO()
    torch.save({"state": Payload(marker)}, buffer)
    return buffer.getvalue()


def numpy_file(marker):
    buffer = io.BytesIO()
    np.savez(buffer, x_train=np.array([Payload(marker)], dtype=object))
    return buffer.getvalue()


HOSTILE = [plain, torch_file, numpy_file]


@pytest.fixture(scope="module")
def finished(budgetnas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    done = budgetnas(*WORDS, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "digits-60k-s0"


@pytest.fixture
def run(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "digits-60k-s0")
    return tmp_path / "digits-60k-s0"


def test_the_payloads_would_run_where_pickles_are_read(tmp_path):
    pickle.loads(plain(tmp_path / "one"))
    torch.load(io.BytesIO(torch_file(tmp_path / "two")), weights_only=False)
    np.load(io.BytesIO(numpy_file(tmp_path / "three")), allow_pickle=True)["x_train"]
    assert {path.name for path in tmp_path.iterdir()} >= {"one", "two", "three"}


@pytest.mark.parametrize("make", HOSTILE)
@pytest.mark.parametrize(
    "name",
    ["MANIFEST.json", "arch.json", "model.safetensors", "model.onnx", "model.py", "recipe.toml", "results.json",
     "ledger.csv", "README.md"],
)  # fmt: skip
def test_no_file_of_a_certificate_runs_code(run, marker, capsys, make, name):
    (run / "best" / name).write_bytes(make(marker))
    assert main(["verify", str(run / "best")]) == 1
    assert f"FAILED  {name}" in capsys.readouterr().out
    main(["predict", str(run / "best"), str(run / "best" / name)])
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("make", HOSTILE)
@pytest.mark.parametrize("name", ["study.db", "full/0.safetensors"])
@pytest.mark.parametrize("command", ["report", "best", "export", "search"])
def test_neither_storage_nor_weights_run_code(run, marker, capsys, monkeypatch, make, name, command):
    (run / name).write_bytes(make(marker))
    monkeypatch.chdir(run.parent)
    words = {"export": ["export", str(run), "--out", "out"], "search": [*WORDS, "--out", "."]}
    status = main(words.get(command, [command, str(run)]))
    error = capsys.readouterr().err
    reads_weights = command in ("export", "search")
    if name == "study.db" or reads_weights:
        assert status == 1
        assert error.count("\n") == 1
    assert not (run.parent / "out").exists()


@pytest.mark.parametrize("make", HOSTILE)
def test_no_state_of_a_training_runs_code(tmp_path, marker, make):
    content = make(marker)
    (tmp_path / "states").mkdir()
    (tmp_path / "states" / "00001.pt").write_bytes(content)
    (tmp_path / "states" / "00001.sha256").write_text(digest(content) + "\n")
    found = Checkpoints(tmp_path / "states").load(at_most=9)
    assert found.state is None
    assert "could not be used" in found.damaged[0]


def npz_of(content):
    """Put bytes into every array of an .npz, as its members are named."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as pack:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            pack.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def test_an_image_file_is_never_handed_to_another_program(finished, tmp_path, capsys, monkeypatch):
    """PIL runs Ghostscript on an EPS whatever its name is, but only if it may open one."""
    ran = []
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *words, **more: ran.append(words))
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    for split in ("train", "test"):
        for label in "ab":
            (tmp_path / "images" / split / label).mkdir(parents=True)
            (tmp_path / "images" / split / label / "1.png").write_bytes(eps)
    image = tmp_path / "images" / "test" / "a" / "1.png"
    assert main(["predict", str(finished / "best"), str(image)]) == 1
    assert "cannot be read as an image" in capsys.readouterr().err
    assert main(["search", "--max-params", "60k", "--device", "cpu", "--dataset", str(tmp_path / "images")]) == 1
    assert "cannot be read as an image" in capsys.readouterr().err
    assert ran == []


def npz_of_pickles(marker):
    return npz_of(plain(marker))


def npz_of_objects(marker):
    with zipfile.ZipFile(io.BytesIO(numpy_file(marker))) as members:
        return npz_of(members.read("x_train.npy"))


@pytest.mark.parametrize("make", [*HOSTILE, npz_of_pickles, npz_of_objects])
def test_no_data_set_study_or_recipe_runs_code(tmp_path, marker, capsys, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    content = make(marker)
    (tmp_path / "own.npz").write_bytes(content)
    (tmp_path / "own.toml").write_bytes(content)
    for split in ("train", "test"):
        for label in "ab":
            (tmp_path / "images" / split / label).mkdir(parents=True)
            (tmp_path / "images" / split / label / "1.png").write_bytes(content)
    base = ["search", "--max-params", "60k", "--device", "cpu"]
    for words in (["--dataset", "own.npz"], ["--dataset", "images"], ["own.toml"], ["--set", "full.recipe=own.toml"]):
        assert main([*base, *words]) in (1, 2)
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("make", [*HOSTILE, npz_of_pickles, npz_of_objects])
@pytest.mark.parametrize("name", ["own.npz", "own.pkl", "own.npy", "own.png", "own"])
def test_nothing_that_is_to_be_classified_runs_code(finished, tmp_path, marker, capsys, make, name):
    (tmp_path / name).write_bytes(make(marker))
    assert main(["predict", str(finished), str(tmp_path / name), "--csv", str(tmp_path / "out.csv")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()
