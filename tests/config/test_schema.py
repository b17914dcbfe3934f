"""The JSON schema of study files: up to date, and of one mind with the code that reads them."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from budgetnas.config.study import StudyConfig, flatten, named_keys
from budgetnas.config.toml import build, shipped
from budgetnas.exceptions import UsageError

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads(shipped("study.schema.json").read_text())
SHIPPED = [*sorted((ROOT / "studies").glob("*.toml")), *sorted((ROOT / "studies" / "spaces").glob("*.toml"))]
RUNS = sorted((ROOT / "tests" / "fixtures").glob("*/*/study.toml"))
KEYS = {key: value for key, value in flatten(StudyConfig()).items() if "." in key}


def wrong(table):
    return sorted(error.message for error in Draft7Validator(SCHEMA).iter_errors(table))


def at(key):
    section, name = key.split(".")
    return SCHEMA["properties"][section]["properties"][name]


def takes(key, value):
    section, name = key.split(".")
    try:
        build(StudyConfig, {section: {name: value}}, "")
    except UsageError:
        return False
    return True


def test_it_is_what_the_code_gives():
    sys.path.insert(0, str(ROOT / "docs" / "extensions"))
    from study_schema import FILE, write_schema

    assert FILE.read_text() == write_schema(), "python docs/extensions/study_schema.py regenerates it"


def test_it_has_every_key_with_its_default_and_a_description():
    Draft7Validator.check_schema(SCHEMA)
    found = {
        f"{section}.{key}": inner
        for section, table in SCHEMA["properties"].items()
        for key, inner in table.get("properties", {}).items()
    }
    assert set(found) == set(KEYS)
    assert {key: inner.get("default") for key, inner in found.items()} == KEYS
    assert [key for key, inner in found.items() if not inner.get("description")] == []


@pytest.mark.parametrize("path", [*SHIPPED, *RUNS], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_it_accepts_every_shipped_study_and_every_run(path):
    assert wrong(tomllib.loads(path.read_text())) == []


def test_it_accepts_the_documented_study_file():
    text = (ROOT / "docs" / "study.md").read_text().split("```toml\n")[1].split("```")[0]
    uncommented = "\n".join(line[2:] if line.startswith("# ") and "=" in line else line for line in text.splitlines())
    assert wrong(tomllib.loads(uncommented)) == []


@pytest.mark.parametrize(
    "setting",
    ["search.trails=5", "search.trials=0", "search.trials='many'", "search.sampler=best", "budget.min_utilisation=1.5",
     "data.test_share=1.0", "space.stages=[1]", "engine.gpus_per_trial=0", "nothing.at=1", "evidence.controls=1"],
)  # fmt: skip
def test_it_marks_what_the_code_refuses(setting):
    table = named_keys(None, {}, [setting])
    assert len(wrong(table)) == 1
    with pytest.raises(UsageError):
        build(StudyConfig, table, "")


VALUES = st.one_of(
    st.integers(-3, 600), st.integers(10**6, 10**8), st.floats(-1, 2), st.booleans(),
    st.sampled_from(["", "auto", "none", "5M", "thompson", "cpu", "all"]),
    st.lists(st.one_of(st.integers(1, 9), st.sampled_from(["conv", "resnet20"])), max_size=3),
)  # fmt: skip


@given(st.sampled_from(sorted(KEYS)), VALUES)
def test_it_marks_nothing_that_the_code_takes(key, value):
    section, name = key.split(".")
    assert not (takes(key, value) and wrong({section: {name: value}}))


@pytest.mark.parametrize("key", [key for key in KEYS if {"minimum", "maximum"} & set(at(key))])
def test_its_ranges_end_where_the_code_refuses(key):
    for name, step in (("minimum", -1), ("maximum", 1)):
        if name in at(key):
            edge = at(key)[name]
            assert takes(key, edge)
            assert not takes(key, edge + step)
