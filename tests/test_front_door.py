"""The names of `budgetnas` itself: where they come from, what they load, and that no room takes their place."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import budgetnas

ROOT = Path(__file__).parent.parent
BELOW = [module.name for module in pkgutil.iter_modules(budgetnas.__path__)]


def fresh(code: str) -> str:
    """Run code in a process of its own; return what it prints."""
    words = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_the_names_are_sorted_and_are_what_is_there():
    assert budgetnas.__all__ == sorted(set(budgetnas.__all__))
    assert {"BudgetSampler", "suggest", "ResNetSpace", "ResNetSpec"} <= set(budgetnas.__all__)
    assert {"search", "train", "count", "fit", "load_dataset", "load_certificate", "load_run"} <= set(budgetnas.__all__)
    assert set(budgetnas.__all__) <= set(dir(budgetnas))
    for name in budgetnas.__all__:
        assert getattr(budgetnas, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        getattr(budgetnas, "serach")  # noqa: B009


def test_type_checkers_find_each_name_where_it_is_loaded_from():
    tree = ast.parse(Path(budgetnas.__file__).read_text())
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {alias.name: node.module for node in guarded.body for alias in node.names}
    assert told == {name: f"budgetnas.{home}" for name, home in budgetnas._HOMES.items()}
    assert sorted(told) == budgetnas.__all__


def test_no_name_is_that_of_a_room_whose_import_would_take_its_place():
    assert not set(budgetnas.__all__) & set(BELOW)


def test_the_import_of_every_module_leaves_every_name_what_it_was():
    code = """
import importlib, pkgutil, budgetnas
EXEMPT = {"budgetnas.__main__", "budgetnas.engine.cluster", "budgetnas.trackers.wandb", "budgetnas.trackers.mlflow"}
before = {name: getattr(budgetnas, name) for name in budgetnas.__all__}
for module in pkgutil.walk_packages(budgetnas.__path__, "budgetnas."):
    if module.name not in EXEMPT:
        importlib.import_module(module.name)
assert all(getattr(budgetnas, name) is value for name, value in before.items())
print(len(before))
"""
    assert fresh(code) == f"{len(budgetnas.__all__)}\n"


def test_counting_loads_nothing_heavy():
    code = """
import sys, budgetnas
print(budgetnas.count("resnet20").params, budgetnas.ResNetSpec.from_id("2x16").id)
print([name for name in ("torch", "optuna", "pandas", "plotly", "numpy", "rich") if name in sys.modules])
"""
    assert fresh(code) == "272474 2x16\n[]\n"


def test_pages_and_examples_know_no_room():
    rooms = "|".join(BELOW)
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "docs" / "conf.py"]
    pages += [*(ROOT / "examples").glob("*.py"), *(ROOT / "examples").glob("*.rst")]
    found = [
        f"{path.relative_to(ROOT)}: {line}"
        for path in pages
        for line in path.read_text().splitlines()
        if re.search(rf"\bbudgetnas\.({rooms})\b|from budgetnas import ({rooms})\b", line)
    ]
    assert not found


def test_the_reference_has_every_name_once():
    sys.path.insert(0, str(ROOT / "docs" / "extensions"))
    api_reference = importlib.import_module("api_reference")
    told = re.findall(r"auto(?:class|function|exception):: budgetnas\.(\w+)", api_reference.api_reference())
    assert sorted(told) == budgetnas.__all__


SCRIPT = """
import budgetnas

with open("began", "a") as file:
    file.write("once")
result = budgetnas.search(
    max_params="60k", dataset="digits", trials=2, promote=1, full_epochs=1, paper_models=False, device="cpu", workers=2,
    name="bare", settings={"space.widths": (16, 64), "proxy.rungs": [1]},
)
print(result)
assert repr(budgetnas.load_run(result.folder)) == repr(result)
"""


def test_a_script_without_a_guard_searches_with_two_workers(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    words = [sys.executable, "-W", "error", "script.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "began").read_text() == "once"
    (line,) = done.stdout.splitlines()
    assert re.fullmatch(r"<SearchResult: network \S+, parameters .* of 60,000, .* folder runs/bare>", line)
