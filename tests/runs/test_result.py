from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from small_studies import first, train

from budgetnas.config import recorded as before
from budgetnas.exceptions import StorageError
from budgetnas.pipeline.describe import setup_of
from budgetnas.pipeline.level import PlannedTraining
from budgetnas.runs.caps import under_caps
from budgetnas.runs.files import rewrite, write_reports
from budgetnas.runs.headline import recommendation, recommended
from budgetnas.runs.listing import read_run
from budgetnas.runs.report_facts import report_facts
from budgetnas.runs.result import open_result, read_result
from budgetnas.runs.settings import read_setup
from budgetnas.runs.summary import as_json, headline, tables


@pytest.fixture
def made(make):
    return finished(make)


@pytest.fixture
def made_on_disk(make_on_disk):
    return finished(make_on_disk)


def finished(make):
    found = make(proxy__rungs=[1, 3], full__repeats=2, evidence__controls=True, evidence__control_promotions=2)
    found.trained([0.3 + i / 100 for i in range(12)])
    found.promoted()
    found.controlled(lambda one: 0.6 + one.repeat / 100)
    found.tested()
    return found


def test_a_setup_comes_back_from_the_storage_as_it_was(made):
    setup = setup_of(made.study)
    assert read_setup(json.loads(json.dumps(setup.as_json())), name="s") == setup
    assert made.result().setup == setup


def test_a_setup_of_an_older_version_has_the_values_that_the_program_had_then(made, monkeypatch):
    content = json.loads(json.dumps(setup_of(made.study).as_json()))
    del content["recipe"]["ema"], content["study"]["space"]["monotone"]
    monkeypatch.setattr(before, "BEFORE", {"recipe.ema": 0.9, "space.monotone": False})
    setup = read_setup(content, name="s")
    assert (setup.recipe.ema, setup.study.space.monotone, setup.space.monotone) == (0.9, False, False)
    assert "ema" not in content["recipe"]


def test_a_setup_of_another_version_is_said_to_be_one(made):
    content = {**setup_of(made.study).as_json(), "colour": "red"}
    with pytest.raises(StorageError, match=r"`s` was made by another version.*run it again"):
        read_setup(content, name="s")
    with pytest.raises(StorageError, match="another version"):
        read_setup(None, name="s")


def test_a_storage_without_the_search_names_those_that_it_holds(made, tmp_path):
    with pytest.raises(StorageError, match=r"`other` is no search in that storage, which holds s: give the folder"):
        read_result(made.storage, tmp_path, "other")
    with pytest.raises(StorageError, match=r"study.db` does not exist: give the folder of a run"):
        open_result(str(tmp_path / "nothing"))


def test_the_headline_says_net_share_of_the_cap_accuracies_seeds_and_data(made):
    result = made.result()
    told = headline(result)
    winner = result.winner
    for word in (winner.candidate.spec.id, f"{winner.candidate.params:,} parameters", "of 60,000", "validation",
                 "test", "+-", "on digits", "over 2 training seeds (7, 7)"):  # fmt: skip
        assert word in told, word


def test_costs_sum_up_what_was_trained(made):
    costs = tables(made.result())["costs"]
    assert [row[0] for row in costs.rows] == [
        "short trainings of 1 epoch",
        "short trainings of 3 epochs",
        "full trainings",
        "control trainings",
        "in all",
    ]
    assert costs.rows[0][1:4] == ("12", "12", "120")
    total = sum(len(trials) for trials in made.result().levels.values())
    assert costs.rows[-1][1] == str(total)


def test_everything_stands_in_files_beside_the_page(made, tmp_path):
    result = made.result()
    page = write_reports(result)
    assert {path.name for path in page.parent.iterdir()} >= {
        "report.html", "trials.csv", "trainings.csv", "curves.csv", "results.json", "manifest.json",
    }  # fmt: skip
    with (tmp_path / "trainings.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(trials) for trials in result.levels.values())
    fulls = [row for row in rows if row["level"] == "full"]
    for row in fulls:
        first, second = row["lineage"].split()
        assert first == f"r1/{row['root']}"
        assert second.startswith("r3/")
        assert row["test_images"] == "1000"
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    looks = sum(len(result.levels[level]) for level in ("full", "controls"))
    assert manifest["test_looks"]["count"] == len(manifest["test_looks"]["looks"]) == looks
    assert manifest["command"] == "budgetnas search --name 's'"
    content = json.loads((tmp_path / "results.json").read_text())
    assert content == json.loads(json.dumps({**as_json(result), "run": "s"}))
    assert content["winner"]["repeats"] == 2
    assert content["test_looks"] == looks


def test_a_search_without_any_training_can_be_read_too(make):
    made = make()
    page = write_reports(made.result())
    assert "No network has finished its full training yet" in page.read_text()


def test_reading_a_run_again_loads_no_torch(made_on_disk, tmp_path):
    folder = tmp_path.rename(tmp_path.parent / "s")
    try:
        main = "from budgetnas.cli.main import main; import sys"
        calls = [["report", str(folder)], ["best", str(folder), "--max-params", "30k,60k"]]
        words = f"{main}; assert all(main(words) == 0 for words in {calls!r}); print('torch' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)
        assert done.stdout.splitlines()[-1] == "False", done.stderr
    finally:
        folder.rename(tmp_path)


def test_a_report_is_made_again_byte_for_byte(made_on_disk, tmp_path):
    folder = tmp_path.rename(tmp_path.parent / "s")
    try:
        first = rewrite(str(folder)).read_bytes()
        assert rewrite(str(folder)).read_bytes() == first
    finally:
        folder.rename(tmp_path)


def test_what_pei_et_al_report_on_cifar10_is_shown_on_cifar10_alone(make):
    result = make().result()
    assert report_facts(result).references == ()
    study = result.setup.study
    for dataset, number in (("cifar10", 6), ("own/cifar10", 0), ("cifar100", 0)):
        setup = replace(result.setup, study=replace(study, data=replace(study.data, dataset=dataset)))
        assert len(report_facts(replace(result, setup=setup)).references) == number


@pytest.mark.parametrize(("blocks", "width"), [((2, 2), 64), ((1,), 44)], ids=["params", "MACs"])
def test_what_is_over_a_cap_is_named_as_best_nowhere(make_on_disk, tmp_path, blocks, width):
    made = make_on_disk(space__max_macs="2M")
    over = first(made.study, made.ladder.first, 0.9, width, blocks)
    train(made.ladder.fulls, PlannedTraining(candidate=over.candidate, repeat=0, parent=over.number), 0.9)
    result = made.result()
    assert recommendation(result) == "none fits 60,000 parameters and 2,000,000 MACs"
    assert (result.winner, result.finalists) == (None, [])
    assert headline(result) == "None of the fully trained networks fits 60,000 parameters and 2,000,000 MACs."
    assert [tier.remark for tier in under_caps(result, [60_000])] == ["no trained network fits"]
    (tmp_path / "s").mkdir()
    shutil.copy(tmp_path / "study.db", tmp_path / "s")
    listed = read_run(tmp_path / "s")
    assert (listed.score, listed.spec, listed.score_of) == (
        None, None, "none, since no trained network fits 60,000 parameters and 2,000,000 MACs"
    )  # fmt: skip
    fits = first(made.study, made.ladder.first, 0.5)
    result = made.result()
    assert [trial.number for trial in recommended(result)] == [fits.number, fits.number]
    assert as_json(result)["recommended_trial"] == as_json(result)["best_observed_trial"] == fits.number
    shutil.copy(tmp_path / "study.db", tmp_path / "s")
    assert read_run(tmp_path / "s").spec == fits.candidate.spec.id
