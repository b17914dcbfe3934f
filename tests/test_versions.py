"""`scripts/versions`: with which Pythons and packages it would test; to run it takes downloads, so CI does not."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "versions"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def environments():
    done = subprocess.run([sys.executable, SCRIPT, "--dry-run"], capture_output=True, text=True, check=True)
    blocks = [block.splitlines() for block in done.stdout.strip().split("\n\n")]
    return {title: [shlex.split(line) for line in lines] for title, *lines in blocks}


def test_every_python_is_tested_or_said_to_be_missing():
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    titles = list(environments())
    for version in ("3.11", "3.12", "3.13"):
        assert {f"Python {version}, newest packages", f"Python {version}: not here"} & set(titles)
    if here in ("3.11", "3.12", "3.13"):
        assert any(title.startswith(f"Python {here}, newest") for title in titles)


def test_the_lowest_versions_are_those_that_the_package_allows():
    found = environments()
    (title,) = (title for title in found if title.endswith("lowest packages"))
    _, install, *_ = found[title]
    pins = {one.name: one.specifier for one in map(Requirement, (word for word in install if "==" in word))}
    needed = [Requirement(text) for text in PROJECT["dependencies"]]
    assert set(pins) == {one.name for one in needed}
    for one in needed:
        (pin,) = pins[one.name]
        assert pin.operator == "=="
        assert Version(pin.version) in one.specifier
        assert f">={pin.version}" in re.split(r",", str(one.specifier))


def test_the_tests_of_the_core_are_there_and_no_word_but_the_one_is_taken():
    for title, steps in environments().items():
        if "not here" not in title:
            assert all((ROOT / path).exists() for path in steps[-1][4:])
            assert len(steps[-1]) > 8
    refused = subprocess.run([sys.executable, SCRIPT, "--all"], capture_output=True, text=True)
    assert (refused.returncode, refused.stdout) == (2, "")
