"""The commands of a contributor: on one page, there to be run, and what `.ci/run` calls."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted(path.name for path in (ROOT / "scripts").iterdir() if path.is_file())
RUN_BY_A_TEST = {
    "gpu": "test_gpu_rehearsal.py",
    "house": "test_house.py",
    "versions": "test_versions.py",
}  # which CI runs
ROOMS = re.compile(r'"([a-z |]+)"')


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_be_run_and_parsed_and_ci_calls_it(name):
    path = ROOT / "scripts" / name
    assert os.access(path, os.X_OK)
    if "python" in path.read_text().partition("\n")[0]:
        compile(path.read_text(), str(path), "exec")
    else:
        subprocess.run(["bash", "-n", str(path)], check=True)
    if name in RUN_BY_A_TEST:
        assert f'"scripts" / "{name}"' in (ROOT / "tests" / RUN_BY_A_TEST[name]).read_text()
        return
    assert re.search(rf"^ *(.* )?scripts/{name}\b", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)


def test_ci_begins_with_the_second_command_of_the_readme():
    lines = (ROOT / "README.md").read_text().splitlines()
    _, command = (line for line in lines if line.startswith("pip install "))
    ci = (ROOT / ".ci" / "run").read_text()
    assert command == "pip install '.[test]' && pytest"
    assert """grep -m 1 -F "pip install '.[test]'" README.md""" in ci
    assert ci.index('-c "$command"') < ci.index("scripts/")


def test_contributing_is_one_page_with_four_commands_and_the_rooms_of_the_contract():
    lines = (ROOT / "CONTRIBUTING.md").read_text().splitlines()
    assert len(lines) <= 65
    commands = [line.split()[0] for line in lines if line.startswith("scripts/")]
    assert commands == ["scripts/install", "scripts/check", "scripts/test", "scripts/docs"]
    contract = (ROOT / "pyproject.toml").read_text().partition("layers = [")[2].partition("]")[0]
    start = next(i for i, line in enumerate(lines) if line.startswith("cli/ "))
    tree = lines[start : lines.index("```", start)]
    shown = [re.sub(r"/|\.py", "", name) for line in tree for name in re.split(r"   +", line)[0].split()]
    for layer in ROOMS.findall(contract):
        rooms = layer.split(" | ")
        assert set(shown[: len(rooms)]) == set(rooms)
        del shown[: len(rooms)]
    assert shown == []


def test_the_hooks_before_a_commit_are_local():
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (.*)", text) == ["local"]
    assert re.findall(r"language: (.*)", text) == ["system"]
    assert re.findall(r"entry: (.*)", text) == ["scripts/check"]
