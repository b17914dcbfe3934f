from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_studies import first, prepared

from budgetnas.config.study import load_study
from budgetnas.exceptions import StorageError, StudyMismatchError
from budgetnas.pipeline.open_run import opened, rehearsed, study_file
from budgetnas.pipeline.prepare import prepare
from budgetnas.runs.settings import CALIBRATION, SEARCH
from budgetnas.training.device import find_hardware


@pytest.mark.parametrize("storage", ["postgresql://me:secret@host/db", "postgresql://host/db?user=me&password=secret"])
def test_no_password_is_in_the_study_file_and_it_says_what_to_add(storage):
    text = study_file(prepared(output__storage=storage), kind=SEARCH)
    assert "secret" not in text
    assert "storage =" not in text
    assert "`budgetnas search RUN/study.toml --storage URL` goes on with it." in text.splitlines()[0]


def test_an_address_without_a_password_stays():
    assert 'storage = "postgresql://me@host/db"' in study_file(
        prepared(output__storage="postgresql://me@host/db"), kind=SEARCH
    )


def test_a_run_holds_the_study_that_goes_on_with_it(tmp_path):
    study = prepared(output__dir=str(tmp_path), full__repeats=2, proxy__rungs=[1, 2])
    with opened(study, kind=SEARCH) as run:
        path = run.folder / "study.toml"
    before = path.read_text()
    again = prepare(load_study(str(path), {}, []))
    assert again.config == study.config
    assert again.identity() == study.identity()
    with opened(again, kind=SEARCH):
        assert path.read_text() == before
    more = prepare(load_study(str(path), {"search.trials": 9}, []))
    with opened(more, kind=SEARCH):
        assert "trials = 9\n" in path.read_text()
    other = replace(study, config=replace(study.config, search=replace(study.config.search, seed=1)))
    with pytest.raises(StudyMismatchError), opened(other, kind=SEARCH):
        pass
    assert "seed = 0\n" in path.read_text()


def test_a_rehearsal_finds_what_a_driver_would_and_changes_nothing(tmp_path):
    study = prepared(output__dir=str(tmp_path / "runs"))
    assert rehearsed(study, kind=SEARCH)[1].first.trials == []
    assert list(tmp_path.iterdir()) == []
    with opened(study, kind=SEARCH) as run:
        first(study, run.ladder.first, 0.5)
        before = (run.folder / "study.db").read_bytes()
        found, ladder = rehearsed(study, kind=SEARCH)
        assert ladder.first.trials == run.ladder.first.trials
        assert found.tiers[0].band.low == run.prepared.tiers[0].band.low
        first(study, ladder.first, 0.7)
        assert (run.folder / "study.db").read_bytes() == before
    with pytest.raises(StudyMismatchError, match=r"search\.seed was 0, is 1"):
        rehearsed(prepared(output__dir=str(tmp_path / "runs"), search__seed=1), kind=SEARCH)
    (tmp_path / "other.db").write_text("no database at all, but long enough to be read as one" * 9)
    with pytest.raises(StorageError, match="is no usable Optuna study"):
        rehearsed(prepared(output__storage=f"sqlite:///{tmp_path}/other.db"), kind=SEARCH)


def test_a_run_goes_on_at_the_precision_that_it_began_with_on_whatever_machine(tmp_path):
    began, other = (replace(find_hardware("cpu"), precision=precision) for precision in ("fp32", "bf16"))
    config = prepared(output__dir=str(tmp_path)).config
    config = replace(config, engine=replace(config.engine, precision="auto"))
    with opened(prepare(config, began), kind=SEARCH) as run:
        path = run.folder / "study.toml"
    refusal = pytest.raises(StudyMismatchError, match=r"precision was 'fp32', is 'bf16'.*\(saved in `.*study\.toml`\)")
    with refusal, opened(prepare(config, other), kind=SEARCH):
        pass
    with opened(prepare(load_study(str(path), {}, []), other), kind=SEARCH) as run:
        assert {run.ladder.rungs[0].recipe.precision, run.ladder.full.recipe.precision} == {"fp32"}


def test_the_study_of_a_calibration_says_how_many_networks_it_has(tmp_path):
    study = prepared(output__dir=str(tmp_path), search__trials=5)
    with opened(study, kind=CALIBRATION):
        head = (Path(tmp_path) / "s" / "study.toml").read_text().splitlines()[0]
    assert "`budgetnas calibrate RUN/study.toml --networks 5` goes on with it." in head
