"""Installed without its dependencies, `count` runs, with NumPy `fit` and `space` too; others say why not."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
MODULES = {"pillow": "PIL", "scikit-learn": "sklearn", "optuna-dashboard": "optuna_dashboard"}
PACKAGES = [Requirement(text).name for text in PROJECT["dependencies"]]
DEPENDENCIES = [MODULES.get(name, name) for name in PACKAGES] + ["onnx", "onnxruntime", "ray"]


def run_without(missing, *words):
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({missing}))\n"  # a module that is None there is not found
        "from budgetnas.cli.main import main; sys.exit(main())"
    )
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)


@pytest.mark.parametrize(
    "words", [["count", "resnet20", "--table"], ["count", "paper", "--max-params", "5e6", "--json"]]
)
def test_count_needs_nothing(words):
    done = run_without(DEPENDENCIES, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "272,474" in done.stdout or "4992586" in done.stdout


@pytest.mark.parametrize(
    "words",
    [["fit", "resnet18", "--max-params", "5e6"], ["space", "--max-params", "300k", "--set", "space.widths=[8,32]"]],
)
def test_fit_and_space_need_numpy_alone(words):
    done = run_without([name for name in DEPENDENCIES if name != "numpy"], *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize(
    "words", [["fit", "resnet18", "--max-params", "5e6"], ["search", "--max-params", "5e6"], ["doctor"]]
)
def test_what_a_command_lacks_is_said_in_one_line(words):
    done = run_without(DEPENDENCIES, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"budgetnas: `{words[0]}` needs numpy, which is not installed: install budgetnas without `--no-deps`.\n"
    )
