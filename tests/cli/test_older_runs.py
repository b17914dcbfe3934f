"""Runs that commit 5c8fc35 made open, resume to the same tables, report and verify."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.models import paper_models
from budgetnas.config.sections import DataConfig
from budgetnas.config.study import load_study
from budgetnas.data.load import load_dataset
from budgetnas.pipeline.declare import declare_reproduction, declare_training
from budgetnas.pipeline.prepare import prepare
from budgetnas.pipeline.train_request import TrainOptions, read_record
from budgetnas.runs.listing import read_run

MADE = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35"
NETWORKS = ["trial", "origin", "spec", "params", "macs", "utilisation"]


FINGERPRINT = "data.fingerprint"


def stored(run, key):
    """Return what an older version recorded of a run as a whole."""
    with contextlib.closing(sqlite3.connect(run / "study.db")) as database:
        (text,) = database.execute("SELECT value_json FROM study_user_attributes WHERE key = ?", (key,)).fetchone()
    return json.loads(text)


@pytest.fixture
def digits_are_many(monkeypatch):
    """Take the 1,437 training images of digits for a set of 50,000, of which "auto" holds out more than before."""
    monkeypatch.setattr("budgetnas.data.dataset._LARGE", 1_000)
    monkeypatch.setattr("budgetnas.data.dataset._OF_LARGE", 500)
    load_dataset.cache_clear()
    yield
    load_dataset.cache_clear()


@pytest.fixture
def runs(tmp_path):
    """A copy of the runs, which a test may change."""
    shutil.copytree(MADE, tmp_path / "runs", ignore=shutil.ignore_patterns("expected"))
    return tmp_path / "runs"


def kept(old, new):
    """What a newer version writes, as far as the older one wrote it too."""
    return {key: kept(value, new[key]) for key, value in old.items()} if isinstance(old, dict) else new


def expected(name: str) -> pd.DataFrame:
    return pd.read_csv(MADE / "expected" / f"{name}.csv")


def test_a_finished_search_is_read_reported_and_verified(runs, budgetnas):
    listed = json.loads(budgetnas("list", runs, "--json").stdout)
    assert {run["name"] for run in listed} == {"finished", "stopped", "trained"}
    for table in ("trials", "trainings"):
        (runs / "finished" / f"{table}.csv").unlink()
    done = budgetnas("report", runs / "finished")
    assert done.returncode == 0, done.stderr
    for table in ("trials", "trainings"):
        assert_frame_equal(pd.read_csv(runs / "finished" / f"{table}.csv"), expected(f"finished-{table}"))
    assert "<html" in (runs / "finished" / "report.html").read_text()
    for words in (("best", runs / "finished", "--max-params", "15k"), ("best", runs / "finished")):
        assert budgetnas(*words).returncode == 0
    verified = budgetnas("verify", runs / "finished" / "best", "--dataset", "digits")
    assert verified.returncode == 0, verified.stdout
    exported = budgetnas("export", runs / "finished", "--out", runs / "again")
    assert exported.returncode == 0, exported.stderr
    old, new = (
        json.loads((folder / "results.json").read_text()) for folder in (runs / "finished/best", runs / "again")
    )
    assert kept(old, new) == old
    row = "| validation, 1 fresh seed that no choice has seen | 88.15 % [83.9, 91.4] |"
    assert row in (runs / "again" / "README.md").read_text()
    assert budgetnas("verify", runs / "again").returncode == 0


@pytest.mark.parametrize("gone", ["results.json", "study.db"])
def test_fresh_seeds_speak_for_the_winner_of_an_older_run_wherever_they_are_read(runs, gone):
    (runs / "finished" / gone).unlink()
    run = read_run(runs / "finished")
    assert (run.score, run.test_accuracy) == (pytest.approx(253 / 287), pytest.approx(321 / 359))
    assert run.score_of == "validation after full training of 1 fresh seed"


def test_a_search_stopped_half_way_resumes_to_the_same_networks_by_its_name(runs, budgetnas):
    dry = budgetnas("search", "--name", "stopped", "--out", runs, "--dry-run", "--json")
    short, full = json.loads(dry.stdout)["costs"]
    assert (short["trainings"], full["trainings"], full["epochs"]) == (6, 2, 8)
    done = budgetnas("search", "--max-params", "20k", "--name", "stopped", "--out", runs)
    assert done.returncode == 0, done.stderr
    found, old = pd.read_csv(runs / "stopped" / "trials.csv"), expected("stopped-trials")
    assert_frame_equal(found[NETWORKS], old[NETWORKS])
    assert (found.state == "COMPLETE").all()
    assert list(found.score[:6]) == list(old.score[:6])
    assert (found.score - old.score).abs().max() < 0.1  # another processor, or another order of additions
    assert found.full_score.notna().sum() == 2
    assert budgetnas("verify", runs / "stopped" / "best", "--dataset", "digits").returncode == 0
    study = (runs / "stopped" / "study.toml").read_text()
    assert 'sampler = "thompson"\n' in study
    assert f'dir = "{runs}"\n' in study


def test_an_older_search_that_asks_for_more_seeds_keeps_equal_finals(runs, budgetnas):
    words = ("search", "--name", "stopped", "--out", runs, "--set", "full.repeats=2", "--dry-run", "--json")
    plan = json.loads(budgetnas(*words).stdout)
    assert plan["full"] == {"epochs": 4, "seeds": 2, "networks": 2, "finalists": 2}
    assert plan["costs"][-1]["trainings"] == 4
    assert plan["study"]["full.finals"] == "equal"
    halved = json.loads(budgetnas(*words, "--set", "full.finals=halving").stdout)
    assert (halved["full"]["networks"], halved["full"]["finalists"]) == (3, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--max-params", "21k"), "budget.max_params was 20000, is 21000"),
        (("--seed", "0"), "search.seed was 1, is 0"),
        (("--sampler", "random"), "search.sampler was 'thompson', is 'random'"),
        (("--subset", "20"), "data.fingerprint was "),
        (("--set", "engine.precision=bf16"), "full.recipe.precision was 'fp32', is 'bf16'"),
        (("--set", "full.recipe=long"), "full.recipe.batch_size was 128"),
        (("mine.toml",), "space.monotone was True, is False"),
    ],
)
def test_what_is_named_and_differs_is_refused(runs, budgetnas, tmp_path, words, said):
    (tmp_path / "mine.toml").write_text("[space]\nmonotone = false\n")
    before = (runs / "stopped" / "study.db").read_bytes()
    refused = budgetnas("search", *words, "--name", "stopped", "--out", runs, cwd=tmp_path)
    assert refused.returncode == 1
    assert "`stopped` was started with other settings (" in refused.stderr
    assert said.replace("full.recipe.batch_size was 128", "full.recipe.") in refused.stderr
    assert f"use the original ones (saved in `{runs / 'stopped' / 'study.toml'}`), or choose another" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert (runs / "stopped" / "study.db").read_bytes() == before


@pytest.mark.usefixtures("digits_are_many")
def test_an_older_search_keeps_its_validation_images_and_a_new_one_has_more(runs, budgetnas):
    told = budgetnas("search", "--name", "stopped", "--out", runs, "--dry-run", "--json")
    older = json.loads(told.stdout)["data"]
    assert (older["train"], older["validation"]) == (1_151, 287)
    new = prepare(load_study(None, {"budget.max_params": "20k", "data.dataset": "digits"})).data
    assert (len(new.train), len(new.validation)) == (938, 500)
    (runs / "mine.toml").write_text('[data]\nvalidation = "auto"\n')
    for named in (("--set", "data.validation=auto"), (runs / "mine.toml",)):
        refused = budgetnas("search", *named, "--name", "stopped", "--out", runs)
        assert refused.returncode == 1
        assert "data.validation was 'share', is 'auto'; the images have changed, or" in refused.stderr


@pytest.mark.usefixtures("digits_are_many")
@pytest.mark.parametrize("has_source", [True, False])
def test_an_older_training_keeps_its_validation_images_and_a_new_one_has_more(runs, has_source):
    setup = stored(runs / "trained", "setup") | {"source": {"dataset": "digits"} if has_source else None}
    with contextlib.closing(sqlite3.connect(runs / "trained" / "study.db")) as database, database:
        database.execute("UPDATE study_user_attributes SET value_json = ? WHERE key = 'setup'", (json.dumps(setup),))

    def declared(name, **data):
        spec = ResNetSpec.from_id("1x16-2x16")
        options = TrainOptions(folder=runs / name, data={"dataset": "digits", **data}, device="cpu")
        return declare_training(spec, options, recipe="full", dataset="auto")

    older, new = declared("trained"), declared("new")
    assert older.identity()[FINGERPRINT] == stored(runs / "trained", "identity")[FINGERPRINT]
    assert (len(older.data.validation), len(new.data.validation)) == (287, 500)
    named = declared("new", validation="share")
    assert named.identity()[FINGERPRINT] == older.identity()[FINGERPRINT]


@pytest.mark.usefixtures("digits_are_many")
def test_what_learns_from_all_images_has_them_in_the_same_order_as_in_older_versions(runs):
    options = TrainOptions(folder=runs / "papers", data={"dataset": "digits"}, device="cpu")
    (model,) = (one for one in paper_models() if one.name == "model1")
    declared = declare_reproduction([model], options, recipe="paper200", other_recipe="full", dataset="cifar10")
    assert (len(declared.data.validation), declared.learns_from) == (287, "all")
    assert declared.identity()[FINGERPRINT] == stored(runs / "trained", "identity")[FINGERPRINT]


@pytest.mark.usefixtures("digits_are_many")
def test_an_older_certificate_names_the_data_that_it_was_trained_on_as_such(runs, budgetnas):
    verified = budgetnas("verify", runs / "finished" / "best", "--dataset", "digits")
    assert verified.returncode == 0, verified.stdout
    assert "is not the data" not in verified.stdout


def test_a_calibration_does_not_take_a_search_for_its_own(runs, budgetnas):
    refused = budgetnas("calibrate", "--name", "stopped", "--out", runs)
    assert "kind was 'search', is 'calibration'" in refused.stderr


def test_the_words_that_made_a_run_still_mean_it_where_auto_means_other_images(runs, budgetnas, monkeypatch, tmp_path):
    def resolve(config, *, has_gpu):
        return replace(config, dataset=str(tmp_path / "harder.npz")) if config.dataset == "auto" else config

    monkeypatch.setattr("budgetnas.pipeline.request.resolve", resolve)
    monkeypatch.setattr("budgetnas.pipeline.prepare.resolve", resolve)
    monkeypatch.setattr("budgetnas.training.device.torch.cuda.is_available", lambda: False)
    rename(runs / "finished", runs / "digits-20k-s0")
    words = ("search", "--max-params", "20k", "--out", runs)
    done = budgetnas(*words)
    assert done.returncode == 0, done.stderr
    note = f"NOTE: An older version started `{runs / 'digits-20k-s0'}` with this command, so it is resumed."
    assert "".join(done.stdout.split()).startswith("".join(note.split()))
    assert "This search was already finished; this is its result." in done.stdout
    fresh = budgetnas(*words, "--seed", 1)
    assert "`--dataset` is" in fresh.stderr, "no run of an older version: the images that auto means now are asked for"


def rename(old: Path, new: Path) -> None:
    """Give a run another name, as if it had been made with it."""
    with contextlib.closing(sqlite3.connect(old / "study.db")) as database, database:
        database.execute("UPDATE studies SET study_name = replace(study_name, ?, ?)", (f"{old.name}/", f"{new.name}/"))
    old.rename(new)


def test_a_training_stopped_half_way_resumes_with_its_running_mean_by_its_name(runs, budgetnas):
    done = budgetnas("train", "1x16-2x16", "--name", "trained", "--out", runs)
    assert done.returncode == 0, done.stderr
    epochs = [line for line in done.stdout.splitlines() if line.startswith("1x16-2x16 #0")]
    assert len(epochs) == 25, "the first 15 epochs are not trained again"
    found, old = pd.read_csv(runs / "trained" / "epochs.csv"), expected("trained-epochs")
    assert_frame_equal(found[:15], old[:15])
    assert (found.accuracy - old.accuracy).abs().max() < 0.1
    assert abs(found.accuracy.iloc[-1] - old.accuracy.iloc[-1]) < 0.05
    assert read_record(runs / "trained").setup.source == DataConfig(dataset="digits", validation="share")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seed", "0"), "seed was 3, is 0"),
        (("--recipe", "full"), "recipe.lr was 0.5, is 0.1"),
        (("--precision", "bf16"), "recipe.precision was 'fp32', is 'bf16'"),
        (("--threads", "2"), "threads was 1, is 2"),
        (("--subset", "20"), "data.fingerprint was "),
    ],
)
def test_what_is_named_of_a_training_and_differs_is_refused(runs, budgetnas, words, said):
    refused = budgetnas("train", "1x16-2x16", *words, "--name", "trained", "--out", runs)
    assert refused.returncode == 1
    assert "was started with other settings (" in refused.stderr
    assert "use the original ones, or choose another --name." in refused.stderr
    if "--recipe" not in words:  # it differs in more than are told
        assert said in refused.stderr


def test_a_training_names_its_recipe_as_it_was_then_although_the_shipped_one_has_a_younger_key(runs, monkeypatch):
    with contextlib.closing(sqlite3.connect(runs / "trained" / "study.db")) as database, database:
        for key, name in (("identity", "recipe.ema"), ("setup", "$.recipe.ema")):
            (text,) = database.execute("SELECT value_json FROM study_user_attributes WHERE key = ?", (key,)).fetchone()
            content = json.loads(text)
            content.pop(name, None)
            content.get("recipe", {}).pop("ema", None)
            database.execute(
                "UPDATE study_user_attributes SET value_json = ? WHERE key = ?", (json.dumps(content), key)
            )
    monkeypatch.setattr("budgetnas.config.recorded.BEFORE", {"recipe.ema": 0.9})
    record = read_record(runs / "trained")
    assert (record.recipe.ema, record.setup.recipe.ema) == (0.9, 0.9)
    assert (record.recipe_as("long").ema, record.recipe_as("long").lr) == (0.9, 0.5)
    assert record.last("1x16-2x16") == (40, 1)
    assert record.last("1x16") is None


def test_a_training_on_images_whose_path_was_not_recorded_asks_for_it(runs, budgetnas):
    with contextlib.closing(sqlite3.connect(runs / "trained" / "study.db")) as database, database:
        database.execute("""UPDATE study_user_attributes SET value_json = replace(value_json, '"digits"', '"own"')""")
    asked = budgetnas("train", "1x16-2x16", "--name", "trained", "--out", runs)
    assert asked.returncode == 2
    assert "`--dataset` is missing, and" in asked.stderr
    assert "does not record the path of its images: give the path of own." in asked.stderr


def test_searches_are_compared_where_asked_and_their_folders_stay_as_they_are(runs, budgetnas, tmp_path):
    before = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    done = budgetnas("report", "runs/finished", "runs/stopped", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "comparison  comparison.html\n"
    assert "digits" in done.stderr  # its notice
    assert "<h1>2 searches</h1>" in (tmp_path / "comparison.html").read_text()
    there = budgetnas("report", "runs/stopped", "runs/finished", "--out", "a/b.html", "--json", cwd=tmp_path)
    content = json.loads(there.stdout)
    assert (content["comparison"], there.stderr) == ("a/b.html", "")
    assert (tmp_path / "a" / "b.html").is_file()
    assert [one["name"] for one in content["runs"]] == ["stopped", "finished"]
    assert content["differing"]["search.trials"] == ["12", "8"]
    assert {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()} == before
    for words, said in (
        (("runs/finished", "--out", "x.html"), "`--out` is given with one run"),
        (("runs/finished", "runs/stopped", "--out", "runs"), "`runs` cannot be written (Is a directory)"),
        (("runs/finished", "runs/finished"), "but must name different runs"),
    ):
        refused = budgetnas("report", *words, cwd=tmp_path)
        assert refused.returncode in (1, 2)
        assert said in refused.stderr
        assert refused.stderr.count("\n") == 1
