"""What is published beside the code: the citation, the package's metadata and the issue templates agree with it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import budgetnas

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
HOLDERS = re.search(r"Copyright \(c\) \d{4} (.+)", (ROOT / "LICENSE").read_text())[1]


def test_the_citation_is_of_this_version_and_of_the_holders_of_the_licence():
    assert {"cff-version", "message", "title", "authors"} <= set(CITATION)  # what the format asks for
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["version"] == budgetnas.__version__
    assert CITATION["authors"] == [{"name": HOLDERS}] == PROJECT["authors"]
    assert CITATION["license"] == PROJECT["license"]
    assert CITATION["abstract"] == PROJECT["description"]
    assert CITATION["keywords"] == PROJECT["keywords"]


def test_the_version_of_python_that_is_tested_is_one_that_is_claimed():
    claimed = {line.split()[-1] for line in PROJECT["classifiers"] if re.search(r"Python :: \d\.\d", line)}
    assert PROJECT["requires-python"].removeprefix(">=") in claimed
    assert len(set(PROJECT["classifiers"])) == len(PROJECT["classifiers"])


def test_no_address_and_no_contact_is_invented():
    assert not {"urls", "maintainers"} & set(PROJECT)
    assert not {"url", "repository", "doi", "contact"} & set(CITATION)
    for path in (ROOT / "CITATION.cff", *TEMPLATES):
        assert not re.search(r"https?:|@[a-z]", path.read_text()), path.name


@pytest.mark.parametrize("path", [path for path in TEMPLATES if path.stem != "config"], ids=lambda path: path.stem)
def test_an_issue_template_is_a_form(path):
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form)
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert any(field.get("validations", {}).get("required") for field in form["body"])
    for field in form["body"]:
        assert field["type"] in ("textarea", "input", "dropdown", "checkboxes", "markdown")
        assert field["attributes"]["label"]


def test_ci_builds_the_archives_that_would_be_published_checks_them_and_tries_the_wheel():
    ci = (ROOT / ".ci" / "run").read_text()
    steps = [
        "pip install -q build twine",
        "python -m build",
        "twine check",
        "pip install -q --no-deps --force-reinstall",
    ]
    places = [ci.index(step) for step in steps]
    assert places == sorted(places)
    assert "/CITATION.cff" in (ROOT / "pyproject.toml").read_text()
