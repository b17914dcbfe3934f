from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config import recorded as before
from budgetnas.config.recipe import Recipe, load_recipe, resumed_recipe, write_recipe
from budgetnas.config.recorded import is_recorded, over, read_study_table
from budgetnas.config.sections import DataConfig
from budgetnas.config.study import StudyConfig, flatten, load_study, named_keys
from budgetnas.config.toml import build
from budgetnas.exceptions import UsageError
from budgetnas.training.tasks import Setting, TrainTask
from budgetnas.trials.declaration import whole

MADE = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35"


def test_the_study_of_a_run_is_told_from_a_persons_by_its_first_line(tmp_path):
    assert is_recorded(MADE / "stopped" / "study.toml")
    path = tmp_path / "study.toml"
    assert not is_recorded(path)
    path.write_bytes(b"\xff\xfe# no text\n")
    assert not is_recorded(path)
    path.write_text("[output]\nname = 's'\n")
    assert not is_recorded(path)
    assert not is_recorded(tmp_path)
    assert not is_recorded(tmp_path / ("x" * 500))


def test_what_a_run_recorded_has_the_values_of_then_and_a_persons_file_the_defaults(monkeypatch, tmp_path):
    monkeypatch.setattr(before, "BEFORE", {"space.monotone": False})
    text = (MADE / "stopped" / "study.toml").read_text().replace("monotone = true\n", "")
    path = tmp_path / "study.toml"
    path.write_text(text)
    assert not load_study(str(path), {}).space.monotone
    assert load_study(str(path), {"space.monotone": True}).space.monotone
    path.write_text(text.partition("\n")[2])
    assert load_study(str(path), {}).space.monotone


def test_the_study_of_a_run_means_the_folder_that_it_lies_in(tmp_path, monkeypatch):
    for name in ("stopped", "renamed"):
        shutil.copytree(MADE / "stopped", tmp_path / "moved" / name)
    monkeypatch.chdir(tmp_path)
    assert read_study_table(Path("moved/stopped/study.toml"))["output"] == {"dir": "moved", "name": "stopped"}
    assert read_study_table(Path("moved/renamed/study.toml"))["output"] == {"dir": "runs", "name": "stopped"}
    monkeypatch.chdir(tmp_path / "moved" / "stopped")
    assert read_study_table(Path("study.toml"))["output"]["dir"] == str(tmp_path / "moved")


def test_keys_lie_over_keys_section_by_section():
    base = {"a": {"x": 1, "y": 2}, "b": {"z": 3}, "c": 4}
    assert over(base, {"a": {"y": 5}, "b": 6, "d": {}}) == {"a": {"x": 1, "y": 5}, "b": 6, "c": 4, "d": {}}
    assert base["a"]["y"] == 2


@pytest.mark.parametrize(
    ("overrides", "settings", "trials"), [({}, [], None), ({"search.trials": 3}, [], 3), ({}, ["search.trials=4"], 4)]
)
def test_a_key_of_the_file_can_be_passed_over(tmp_path, overrides, settings, trials):
    path = tmp_path / "mine.toml"
    path.write_text("[search]\ntrials = 7\nseed = 2\n")
    search = named_keys(str(path), overrides, settings, besides=["search.trials"])["search"]
    assert (search.get("trials"), search["seed"]) == (trials, 2)


TRAINED = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35" / "trained"


@pytest.fixture
def younger(monkeypatch):
    """Take keys for ones that did not exist when a record was made."""

    def pretend(**values):
        monkeypatch.setattr(before, "BEFORE", {key.replace("__", "."): value for key, value in values.items()})

    return pretend


def test_every_key_of_the_table_exists_has_a_value_that_fits_and_is_never_none():
    for key, value in before.BEFORE.items():
        section, _, name = key.partition(".")
        kind, table = (Recipe, {name: value}) if section == "recipe" else (StudyConfig, {section: {name: value}})
        found = asdict(build(kind, table, ""))
        assert json.loads(json.dumps(found[name] if section == "recipe" else found[section][name])) == value
        with pytest.raises(UsageError):
            build(kind, {name: None} if section == "recipe" else {section: {name: None}}, "")


def test_a_record_has_younger_keys_with_their_values_of_then_and_its_own_as_they_are(younger):
    younger(recipe__ema=0.9, recipe__lr=3.0, space__monotone=False, search__batch=2)
    assert before.recipe_then({"lr": 0.1}) == {"lr": 0.1, "ema": 0.9}
    assert before.younger({"lr": 0.1}) == {"ema": 0.9}
    recorded = {"space": {"stages": [1, 4]}, "description": "x"}
    filled = {"space": {"stages": [1, 4], "monotone": False}, "search": {"batch": 2}, "description": "x"}
    assert before.study_then(recorded) == filled
    assert recorded == {"space": {"stages": [1, 4]}, "description": "x"}
    assert before.as_then({"ema": 0.9, "lr": 0.1}) == {"lr": 0.1}
    assert before.as_then({"ema": 0.0, "lr": 0.1}) == {"ema": 0.0, "lr": 0.1}


def test_a_word_that_meant_something_else_is_read_with_its_meaning_of_then():
    for name, (word, meaning) in before.MEANINGS.items():
        section, _, key = name.partition(".")
        assert word != meaning
        for value in (word, meaning):
            build(StudyConfig, {section: {key: value}}, "")
        recorded = {section: {key: word, "monotone": False}}
        assert before.study_then(recorded)[section].items() >= {key: meaning, "monotone": False}.items()
        assert before.identity_then({name: word}) == {name: meaning}
        assert before.identity_then({name: "41M"}) == {name: "41M"}
        then, named = before.study_then(recorded), {section: {key: word, "stages": [1, 2]}, "search": {"seed": 1}}
        assert before.named_then(then, named) == {section: {"stages": [1, 2]}, "search": {"seed": 1}}
        for other in ({section: {key: "41M"}}, {section: {}}, {}, {section: 3}):
            assert before.named_then(other, named) == named
            assert before.named_then(then, other) == other


def test_an_identity_has_them_for_each_recipe_and_sections_where_it_is_that_of_a_study(younger):
    younger(recipe__ema=0.9, space__monotone=False)
    study = {"kind": "search", "proxy.recipe.lr": 0.1, "full.recipe.lr": 0.2, "full.recipe.ema": 0.5}
    filled = {"proxy.recipe.ema": 0.9, "space.monotone": False}
    assert before.identity_then(study) == {**study, **filled}
    assert before.identity_then({"recipe.lr": 0.1, "seed": 0}) == {"recipe.lr": 0.1, "seed": 0, "recipe.ema": 0.9}
    assert before.identity_then({}) == {}


def test_a_shipped_name_means_what_it_meant_when_the_run_was_started():
    asked = load_recipe("proxy")
    recorded = {**json.loads(json.dumps(asdict(asked))), "lr": 0.25, "precision": "bf16"}
    same = resumed_recipe(asked, "proxy", recorded, recorded_name="proxy")
    assert same == replace(asked, lr=0.25)
    assert resumed_recipe(asked, "proxy", recorded, recorded_name="full") == asked
    assert resumed_recipe(asked, "proxy", {**recorded, "colour": 1}, recorded_name="proxy") == asked


def test_of_a_younger_key_a_file_says_only_what_stands_in_it(younger, tmp_path):
    younger(recipe__ema=0.9)
    path = tmp_path / "mine.toml"
    recorded = {key: value for key, value in asdict(Recipe()).items() if key != "ema"}
    for text, ema in (("lr = 0.1\n", 0.9), ("lr = 0.1\nema = 0.5\n", 0.5)):
        path.write_text(text)
        asked = load_recipe(str(path))
        assert resumed_recipe(asked, str(path), recorded, recorded_name=str(path)).ema == ema
    assert resumed_recipe(load_recipe("long"), "long", recorded, recorded_name=None).ema == 0.9
    assert resumed_recipe(asked, str(path), {**recorded, "ema": 0.1}, recorded_name=None) == asked


def old_training(recipe: Recipe | None = None) -> TrainTask:
    """The training whose states the fixture holds."""
    with closing(sqlite3.connect(f"file:{TRAINED / 'study.db'}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT value_json FROM study_user_attributes WHERE key IN ('setup', 'identity')")
        facts = {}
        for (value,) in rows:
            facts |= json.loads(value)
    found = build(Recipe, before.recipe_then(facts["recipe"]), "recipe")
    return TrainTask(
        setting=Setting(
            data=DataConfig(dataset="digits"),
            fingerprint=facts["data.fingerprint"],
            device=facts["device"],
            threads=facts["threads"],
        ),
        spec=ResNetSpec.from_id("1x16-2x16"),
        recipe=recipe or found,
        phases=whole(40),
        seed=4283569776,
        keep_weights=True,
        epochs=40,
    )


def test_the_state_of_an_old_training_is_still_that_of_this_one(younger):
    (path,) = (TRAINED / "states").glob("*/00015.pt")
    digest = torch.load(path, weights_only=True)["task"]
    task = old_training()
    assert task.digest() == digest
    assert (task.recipe.ema, task.recipe.ema_rule) == (0.999, "fixed"), "as it was until its half"
    assert old_training(replace(task.recipe, ema_rule="steps")).digest() != digest
    younger(recipe__ema=0.999)
    without = task.digest()
    assert without != digest, "the key is left out, as a version before it did"
    assert old_training(replace(task.recipe, ema=0.5)).digest() not in (digest, without)


def test_a_running_mean_of_an_old_run_keeps_its_fixed_decay_and_a_new_one_has_it_by_steps(tmp_path):
    path = tmp_path / "mine.toml"
    recorded = {key: value for key, value in asdict(load_recipe("long")).items() if key != "ema_rule"}
    for name, text in (("long", ""), (str(path), "ema = 0.99\n")):
        path.write_text(text)
        asked = load_recipe(name)
        assert asked.ema_rule == "steps"
        assert resumed_recipe(asked, name, recorded, recorded_name=name).ema_rule == "fixed"
    path.write_text('ema = 0.99\nema_rule = "steps"\n')
    assert resumed_recipe(load_recipe(str(path)), str(path), recorded, recorded_name=str(path)).ema_rule == "steps"


def test_a_recipe_is_written_without_the_keys_that_an_older_one_lacks():
    text = write_recipe(Recipe(), without={"ema_rule"})
    assert "ema_rule" not in text
    assert text == "".join(
        line for line in write_recipe(Recipe()).splitlines(True) if not line.startswith("ema_rule =")
    )


def test_sections_of_the_table_are_sections_of_a_study():
    assert {key for key in before.BEFORE if not key.startswith("recipe.")} <= set(flatten(StudyConfig()))
