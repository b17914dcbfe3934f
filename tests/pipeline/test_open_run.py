from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_studies import first, prepared

from budgetnas.config import recorded as then
from budgetnas.config.study import load_study
from budgetnas.exceptions import StorageError, StudyMismatchError
from budgetnas.pipeline.describe import setup_of
from budgetnas.pipeline.open_run import loaded, opened, rehearsed, study_file
from budgetnas.pipeline.prepare import prepare
from budgetnas.runs.settings import Kind
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.storage.study import StudyStore
from budgetnas.training.device import find_hardware
from budgetnas.trials.facts import RunFacts


@pytest.fixture
def storage(tmp_path):
    return open_storage(sqlite_url(tmp_path / "study.db"))


@pytest.mark.parametrize("storage", ["postgresql://me:secret@host/db", "postgresql://host/db?user=me&password=secret"])
def test_no_password_is_in_the_study_file_and_it_says_what_to_add(storage):
    text = study_file(prepared(output__storage=storage))
    assert "secret" not in text
    assert "storage =" not in text
    assert "`budgetnas search RUN/study.toml --storage URL` resumes it." in text.splitlines()[0]


def test_an_address_without_a_password_stays():
    assert 'storage = "postgresql://me@host/db"' in study_file(prepared(output__storage="postgresql://me@host/db"))


def test_a_run_holds_the_study_that_goes_on_with_it(tmp_path):
    study = prepared(output__dir=str(tmp_path), full__repeats=2, proxy__rungs=[1, 2])
    with opened(study) as run:
        path = run.folder / "study.toml"
    before = path.read_text()
    again = prepare(load_study(str(path), {}, []))
    assert again.config == study.config
    assert again.identity() == study.identity()
    with opened(again):
        assert path.read_text() == before
    more = prepare(load_study(str(path), {"search.trials": 9}, []))
    with opened(more):
        assert "trials = 9\n" in path.read_text()
    other = replace(study, config=replace(study.config, search=replace(study.config.search, seed=1)))
    with pytest.raises(StudyMismatchError), opened(other):
        pass
    assert "seed = 0\n" in path.read_text()


def test_a_rehearsal_finds_what_a_driver_would_and_changes_nothing(tmp_path):
    study = prepared(output__dir=str(tmp_path / "runs"))
    assert rehearsed(study)[1].first.trials == []
    assert list(tmp_path.iterdir()) == []
    with opened(study) as run:
        first(study, run.ladder.first, 0.5)
        before = (run.folder / "study.db").read_bytes()
        found, ladder = rehearsed(study)
        assert ladder.first.trials == run.ladder.first.trials
        assert found.tiers[0].band.low == run.prepared.tiers[0].band.low
        first(study, ladder.first, 0.7)
        assert (run.folder / "study.db").read_bytes() == before
    with pytest.raises(StudyMismatchError, match=r"search\.seed was 0, is 1"):
        rehearsed(prepared(output__dir=str(tmp_path / "runs"), search__seed=1))
    (tmp_path / "other.db").write_text("no database at all, but long enough to be read as one" * 9)
    with pytest.raises(StorageError, match="is no usable Optuna study"):
        rehearsed(prepared(output__storage=f"sqlite:///{tmp_path}/other.db"))


def test_a_run_goes_on_at_the_precision_that_it_began_with_on_whatever_machine(tmp_path):
    began, other = (replace(find_hardware("cpu"), precision=precision) for precision in ("fp32", "bf16"))
    config = prepared(output__dir=str(tmp_path)).config
    config = replace(config, engine=replace(config.engine, precision="auto"))
    with opened(prepare(config, began)) as run:
        path = run.folder / "study.toml"
    refusal = pytest.raises(StudyMismatchError, match=r"precision was 'fp32', is 'bf16'.*\(saved in `.*study\.toml`\)")
    with refusal, opened(prepare(config, other)):
        pass
    with opened(prepare(load_study(str(path), {}, []), other)) as run:
        assert {run.ladder.rungs[0].recipe.precision, run.ladder.full.recipe.precision} == {"fp32"}


def test_the_study_of_a_calibration_says_how_many_networks_it_has(tmp_path):
    study = prepared(output__dir=str(tmp_path), search__trials=5)
    with opened(replace(study, kind=Kind.CALIBRATION)):
        head = (Path(tmp_path) / "s" / "study.toml").read_text().splitlines()[0]
    assert "`budgetnas calibrate RUN/study.toml --networks 5` resumes it." in head


def test_a_study_keeps_the_settings_that_it_was_started_with_and_its_bands(storage):
    tiers = {"budget__tiers": ["30k", "60k"], "budget__max_params": None}
    before, ladder = loaded(prepared(**tiers), storage)
    again, _ = loaded(prepared(search__trials=900, **tiers), storage)
    fulls = ladder.fulls
    assert [tier.band.low for tier in again.tiers] == [tier.band.low for tier in before.tiers]
    with pytest.raises(StudyMismatchError, match=r"search\.seed was 0, is 1"):
        loaded(prepared(search__seed=1, **tiers), storage)
    loaded(prepared(proxy__rungs=[3, 8], **tiers), storage)
    fulls.record(RunFacts(identity={**fulls.facts.identity, "proxy.rungs": [3, 24]}))  # as older versions recorded it
    loaded(prepared(proxy__rungs=[3, 24], **tiers), storage)
    with pytest.raises(StudyMismatchError, match=r"proxy\.rungs was \[3\], is \[2\]"):
        loaded(prepared(proxy__rungs=[2, 3], **tiers), storage)
    with pytest.raises(StudyMismatchError, match=r"kind was 'search', is 'calibration'"):
        loaded(replace(prepared(**tiers), kind=Kind.CALIBRATION), storage)


def test_an_older_study_resumes_with_the_values_that_the_program_had_then(storage, monkeypatch):
    study = prepared()
    fulls = loaded(study, storage)[1].fulls
    fulls.record(RunFacts(setup=setup_of(study).as_json()))
    younger = ("space.width_step", "proxy.recipe.ema", "full.recipe.ema")
    recorded = {key: value for key, value in fulls.facts.identity.items() if key not in younger}
    fulls.record(RunFacts(identity={**recorded, "proxy.recipe.lr": 0.3, "full.recipe.momentum": 0.8}))
    monkeypatch.setattr(then, "BEFORE", {"recipe.ema": 0.9, "space.width_step": 4})
    with pytest.raises(StudyMismatchError, match=r"other settings \(space.width_step was 4, is 8\): use the original"):
        loaded(prepared(), storage)
    again, _ = loaded(prepared(space__width_step=4), storage)
    assert (again.proxy.ema, again.full.ema, again.proxy.lr, again.full.momentum) == (0.9, 0.9, 0.3, 0.8)
    with pytest.raises(StudyMismatchError, match=r"proxy.recipe.batch_size was 512, is 128"):
        loaded(prepared(space__width_step=4, proxy__recipe="full"), storage)


def test_trials_of_another_making_are_not_adopted(storage):
    StudyStore(storage, "s/r3", prepared().ranges)
    with pytest.raises(StudyMismatchError, match="another version"):
        loaded(prepared(), storage)


def test_a_recipe_with_statistics_of_its_own_is_the_same_recipe_when_it_comes_back(storage, make_npz):
    study = prepared(data__dataset=str(make_npz()), full__recipe="paper200")
    for _ in range(2):
        loaded(study, storage)
