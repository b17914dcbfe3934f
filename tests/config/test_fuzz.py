"""Study files, recipes and files of models that are wrong in any way: one error of ours, never another."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import asdict

import pytest
from hostile import PLAIN, WORDS, damaged, deep, fuzz, mutated, only_ours
from hypothesis import example, given
from hypothesis import strategies as st

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape
from budgetnas.config.models import load_models
from budgetnas.config.recipe import Recipe, load_recipe, write_recipe
from budgetnas.config.study import StudyConfig, flatten, load_study
from budgetnas.config.toml import build, shipped
from budgetnas.exceptions import UsageError

STUDY = shipped("cifar10_5m.toml").read_bytes()
RECIPE = shipped("recipes", "modern200.toml").read_bytes()
MODELS = shipped("paper.toml").read_bytes()
KEYS = tuple(flatten(StudyConfig()))
SHAPE = DataShape()


def toml(value) -> str:
    """Write any value as TOML has it, as an inline table where it is one; what TOML lacks is written all the same."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >> 10_000:
        return f"{value:#x}"  # no limit on digits here, in Python neither
    return json.dumps(value)


def toml_file(content: dict) -> bytes:
    lines = [f"{json.dumps(str(key))} = {toml(value)}" for key, value in content.items()]
    return "\n".join(lines).encode(errors="surrogatepass")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "any.toml"


def read_study(path, content: bytes, settings=()):
    path.write_bytes(content)
    config = only_ours(load_study, str(path), {}, list(settings))
    only_ours(load_study, str(path), {"budget.max_params": "5M", "output.name": "a"}, list(settings))
    if config is not None:
        only_ours(config.budget.caps, SHAPE)
        only_ours(config.space.space, SHAPE)
        only_ours(config.space.macs_cap, SHAPE, 10**6)


@fuzz(40)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode), damaged(STUDY)))
@example(b"a = " + b"[" * 5_000)
@example(b"budget = 0x" + b"F" * 20_000)
@example(b"[budget]\nmax_params = 0x" + b"F" * 20_000)
@example(b"[budget]\nmax_params = 1\nmax_params = 2\n")
@example(b"\xff\xfe")
def test_bytes_as_a_study(path, content):
    read_study(path, content)


@fuzz(80)
@given(mutated(tomllib.loads(STUDY.decode())))
@example({"output": {"dir": "a\0b"}})
@example({"budget": {"max_params": deep()}})
@example({"x" * 100_000: 1})
def test_a_study_with_wrong_values(path, content):
    read_study(path, toml_file(content))


@fuzz(80)
@given(st.sampled_from((*KEYS, "a.b", "search", "search.trials.x", "\0.x")), st.one_of(PLAIN.map(toml), st.text()))
@example("budget.max_params", "1\n[budget]")
@example("space.widths", "[1, 0x" + "F" * 9_000 + "]")
def test_any_value_of_any_key(path, key, text):
    path.write_bytes(b"")
    only_ours(load_study, None, {}, [f"{key}={text}"])
    only_ours(load_study, str(path), {}, [text, f"{key}{text}"])


@fuzz(60)
@given(st.one_of(mutated(tomllib.loads(RECIPE.decode())).map(toml_file), damaged(RECIPE), st.binary(max_size=99)))
def test_a_recipe(path, content):
    path.write_bytes(content)
    only_ours(load_recipe, str(path))


@fuzz(60)
@given(st.one_of(mutated(tomllib.loads(MODELS.decode())).map(toml_file), damaged(MODELS), st.binary(max_size=99)))
@example(b"models = [0x" + b"F" * 9_000 + b"]")
def test_a_file_of_models(path, content):
    path.write_bytes(content)
    for model in only_ours(load_models, path) or ():
        spec = only_ours(lambda model=model: model.spec)
        if spec is not None:
            only_ours(count, spec, SHAPE)


@fuzz(60)
@given(st.sampled_from(WORDS) | st.text(max_size=20), st.sampled_from(("", ".toml")))
def test_any_name_of_a_file(tmp_path, name, suffix):
    for read in (lambda name: load_study(name, {}, []), load_recipe):
        with pytest.raises(UsageError):
            read(f"{tmp_path}/no/{name}{suffix}")
    only_ours(load_recipe, name + suffix)


@fuzz(60)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
@example("\x7f")
def test_a_recipe_comes_back_as_it_was_written(text):
    recipe = Recipe(description=text, lr=1e-07, mean=(0.5,), std=(1e-3,))
    assert build(Recipe, tomllib.loads(write_recipe(recipe)), "recipe") == recipe


def test_a_null_character_is_named_with_its_key():
    with pytest.raises(UsageError, match=r"^`output\.dir` is 'a\\x00b', but must be a string without null characters"):
        load_study(None, {}, [r'output.dir="a\u0000b"'])
    assert asdict(load_study(None, {}, ["output.dir=x"]).output)["dir"] == "x"
