"""`budgetnas doctor` on this machine, and where something is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

import budgetnas
from budgetnas.cli.main import main
from budgetnas.machine import examine


def test_a_machine_that_can_search_says_so_and_keeps_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert f"budgetnas {budgetnas.__version__}" in text
    assert f"torch {torch.__version__.partition('+')[0]}" in text
    for word in ("cpu: ", "bf16 ", "digits: 1,797 images", "cifar10: its first use downloads", "can be written"):
        assert word in text, word
    assert "A search can run here." in text.splitlines()
    assert list(tmp_path.iterdir()) == []


def test_programs_get_the_same_as_json(tmp_path, capsys):
    assert main(["doctor", "--out", str(tmp_path / "runs"), "--data-dir", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["can_search"] is True
    assert found["torch_error"] is None
    assert found["devices"][0]["kind"] == "cpu"
    assert found["devices"][0]["bf16"] in (True, False)
    assert found["cores"] >= 1
    assert {"onnx", "onnxruntime", "ray", "psycopg", "matplotlib", "resvg-py", "tensorboard", "wandb", "mlflow"} == {
        extra["name"] for extra in found["extras"]
    }
    assert None not in found["versions"].values()
    assert found["disk_free"] > 0
    assert not any(one["stops"] for one in found["to_do"])


def test_a_folder_that_cannot_be_written_stops_a_search(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["doctor", "--out", str(tmp_path / "file" / "runs")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "No search can run here yet." in lines
    assert (
        f"TO DO: `{tmp_path / 'file' / 'runs'}` cannot be written (Not a directory): give another folder" in lines[-1]
    )


def test_a_package_comes_with_the_extra_that_names_it(monkeypatch):
    lines = ["torch>=2.9", "onnx>=1.17; extra == 'onnx'", "ruff ; (python_version > '3') and extra == 'lint'"]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: lines)
    found = examine(Path("runs"), Path("data"))
    install = {extra.name: extra.install for extra in found.extras}
    assert install["onnx"] == "pip install 'budgetnas[onnx]'"
    assert install["psycopg"] == "pip install psycopg"
    assert list(found.versions) == ["python", "budgetnas", "torch", "sqlite"]


@pytest.mark.parametrize("broken", ["raise OSError('libtorch_cpu.so: cannot open shared object file')", ""])
def test_a_torch_that_is_broken_or_empty_is_a_line_and_no_traceback(tmp_path, broken):
    """Other modules in torch's place: one that cannot load its library, one with nothing in it."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(broken)
    words = [sys.executable, "-m", "budgetnas", "doctor", "--out", str(tmp_path / "runs")]
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        words, env={**os.environ, "PYTHONPATH": path}, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    (told,) = (line for line in done.stdout.splitlines() if line.startswith("TO DO: torch cannot be imported ("))
    assert "pip install --force-reinstall torch torchvision" in told
    assert "bf16 unknown" in done.stdout
    assert "digits: 1,797 images" in done.stdout


def test_versions_are_told_where_the_program_was_not_installed(monkeypatch, capsys):
    def not_there(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.requires", not_there)
    assert main(["doctor"]) == 0
    assert f"torch {torch.__version__.partition('+')[0]}" in capsys.readouterr().out
