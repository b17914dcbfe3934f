"""The shipped studies and recipes: each has its row, each can be read, and the report's task is what it says it is."""

from __future__ import annotations

import re

import pytest

from budgetnas.arch.spec import DataShape
from budgetnas.config.models import SHIPPED, load_models, paper_models
from budgetnas.config.recipe import load_recipe
from budgetnas.config.study import StudyConfig, flatten, load_study
from budgetnas.config.toml import read_toml, shipped
from budgetnas.data.known import CIFAR_TRAITS
from budgetnas.data.load import resolve

STUDIES = sorted(path.stem for path in shipped().glob("*.toml"))
RECIPES = sorted(path.stem for path in shipped("recipes").glob("*.toml"))
SPACES = sorted(path.stem for path in shipped("spaces").glob("*.toml"))
SEARCHES = [name for name in STUDIES if name not in SHIPPED]
README = (shipped() / "README.md").read_text(encoding="utf-8")
SPELLED = ("budget", "space", "search", "proxy", "full", "evidence")


def test_every_study_and_recipe_has_one_row_and_no_row_has_none():
    studies, recipes = README.split("`recipes/`")
    studies, spaces = studies.split("`spaces/`")
    for part, names in ((studies, STUDIES), (spaces, SPACES), (recipes, RECIPES)):
        assert sorted(re.findall(r"^\| `([\w.-]+)` \|", part, re.MULTILINE)) == names


@pytest.mark.parametrize("name", SHIPPED)
def test_models_are_declared_and_say_what_they_are(name):
    assert load_models(shipped(f"{name}.toml"))
    assert read_toml(shipped(f"{name}.toml"))["description"]


@pytest.mark.parametrize("name", SEARCHES)
def test_a_study_can_be_searched_and_says_what_it_is(name):
    config = load_study(name, {}, [])
    assert config.description
    assert config.budget.caps(DataShape())
    assert config.proxy.recipe == "auto" or load_recipe(config.proxy.recipe)
    assert load_recipe(config.full.recipe)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_can_be_read_and_says_what_it_is(name):
    assert load_recipe(name).description


def plain_search_on_a_gpu() -> dict[str, object]:
    """Return what `budgetnas search --max-params 5e6` does on a GPU, as keys of a study file."""
    config = load_study(None, {"budget.max_params": "5e6"}, [])
    data = resolve(config.data, has_gpu=True)
    assert config.proxy.recipe == "auto", "proxy on CIFAR-10"
    proxy, full = load_recipe("proxy"), load_recipe(config.full.recipe)
    return flatten(config) | {
        "budget.max_params": config.budget.caps(DataShape())[-1],
        "data.dataset": data.dataset,
        "proxy.rungs": [CIFAR_TRAITS.proxy_epochs or proxy.epochs],
        "full.epochs": CIFAR_TRAITS.full_epochs or full.epochs,
    }


def test_the_reports_task_is_a_plain_search_with_rungs_repeats_and_controls():
    config = load_study("cifar10_5m", {}, [])
    study, plain = flatten(config) | {"budget.max_params": config.budget.caps(DataShape())[-1]}, plain_search_on_a_gpu()
    assert {key: (plain[key], study[key]) for key in study if plain[key] != study[key]} == {
        "description": ("", config.description),
        "proxy.rungs": ([8], [8, 24]),
        "full.repeats": (1, 3),
        "evidence.controls": (False, True),
        "evidence.control_promotions": (0, 10),
    }


def test_the_reports_task_is_spelled_out():
    written = read_toml(shipped("cifar10_5m.toml"))
    keys = {f"{section}.{key}" for section, table in written.items() if isinstance(table, dict) for key in table}
    decided = {key for key, value in flatten(StudyConfig()).items() if value is not None}
    assert keys >= {key for key in decided if key.partition(".")[0] in SPELLED}
    assert keys >= {"budget.max_params", "data.dataset", "proxy.rungs", "full.epochs"}


def test_the_marks_in_the_file_are_where_it_differs():
    marked = re.findall(r"^(\w+) = .*# not ", shipped("cifar10_5m.toml").read_text(), re.MULTILINE)
    assert marked == ["rungs", "repeats", "controls", "control_promotions"]


def test_the_paper_has_all_its_models_and_the_note_on_model_5():
    models = {model.name: model for model in paper_models()}
    assert set(models) == {"resnet18", "model1", "model2", "model3", "model4", "model5", "model5-prose"}
    reported = {name: model for name, model in models.items() if name != "model5-prose"}
    assert all(model.reported_params and model.reported_accuracy for model in reported.values())
    assert "250" in models["model5"].note
    assert "256" in models["model5"].note
