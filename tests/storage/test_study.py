from __future__ import annotations

import sqlite3
from dataclasses import replace

import optuna
import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.exceptions import StorageError
from budgetnas.space.parameters import Ranges
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.storage.lease import leased
from budgetnas.storage.study import StudyStore, metric_name, record_look
from budgetnas.trials.facts import Look, RunFacts, TrialFacts
from budgetnas.trials.trial import Candidate, TrialState

RANGES = Ranges(stages=(1, 4), blocks=(1, 8), widths=(16, 512))
SPEC = ResNetSpec(blocks=(4, 5, 3), widths=(64, 128, 250))
CANDIDATE = Candidate(spec=SPEC, params=4_848_142, macs=864_952_004, origin="model5")


@pytest.fixture
def url(tmp_path):
    return sqlite_url(tmp_path / "study.db")


@pytest.fixture
def store(url):
    return StudyStore(open_storage(url), "mine/r3", RANGES)


def test_a_trial_goes_through_its_life_and_reads_back_whole(store, url):
    trial = store.add(CANDIDATE, state=TrialState.RUNNING, facts=TrialFacts(seeded=True))
    assert (trial.number, trial.state, trial.candidate) == (0, TrialState.RUNNING, CANDIDATE)
    store.report(0, 1, 0.5)
    store.report(0, 2, 0.75)
    store.finish(0, 0.75, TrialFacts(seconds=1.5))
    (again,) = StudyStore(open_storage(url), "mine/r3", RANGES).trials
    assert again == store.trials[0]
    assert (again.score, again.curve, again.state) == (0.75, {1: 0.5, 2: 0.75}, TrialState.COMPLETE)
    assert again.facts == TrialFacts(seeded=True, seconds=1.5)


def test_the_origin_that_an_older_version_stored_reads_as_this_one_words_it(store, url):
    for origin in ("model5 of the report", "resnet20"):
        candidate = replace(CANDIDATE, origin=origin)
        store.add(candidate, state=TrialState.RUNNING, facts=TrialFacts())
    assert [trial.candidate.origin for trial in store.trials] == ["model5 of Pei et al.", "resnet20"]
    (first, _) = optuna.load_study(study_name="mine/r3", storage=url).trials
    assert first.user_attrs["origin"] == "model5 of the report", "what is stored stays"


def test_the_dashboard_names_the_score_also_of_a_study_that_an_older_version_made(url):
    optuna.create_study(study_name="mine/r3", storage=url, direction="maximize")
    assert optuna.load_study(study_name="mine/r3", storage=url).metric_names is None
    StudyStore(open_storage(url), "mine/r3", RANGES)
    assert optuna.load_study(study_name="mine/r3", storage=url).metric_names == ["validation accuracy"]
    StudyStore(open_storage(url), "mine/r3", RANGES, metric=metric_name("loss", split="test"))
    assert optuna.load_study(study_name="mine/r3", storage=url).metric_names == ["test loss"]


def test_optuna_reads_it_as_its_own(store, url):
    store.add(CANDIDATE, state=TrialState.PRUNED, facts=TrialFacts())
    store.add(CANDIDATE, state=TrialState.RUNNING, facts=TrialFacts())
    store.finish(1, 0.9, TrialFacts())
    study = optuna.load_study(study_name="mine/r3", storage=url)
    assert study.best_trial.number == 1
    assert study.best_params == {
        "stages": 3, "blocks_1": 4, "blocks_2": 5, "blocks_3": 3, "blocks_4": 1,
        "width_1": 64, "width_2": 128, "width_3": 250, "width_4": 16,
    }  # fmt: skip
    assert study.trials[0].state is optuna.trial.TrialState.PRUNED
    assert study.best_trial.user_attrs["spec"] == "4x64-5x128-3x250"


def test_failures_keep_their_reason_and_unfinished_trials_can_be_handed_on(store):
    store.add(CANDIDATE, state=TrialState.RUNNING, facts=TrialFacts())
    store.release(0)
    assert store.trials[0].state is TrialState.WAITING
    store.restart(0)
    assert store.trials[0].state is TrialState.RUNNING
    store.fail(0, "diverged in epoch 2", diverged=True)
    assert (store.trials[0].state, store.trials[0].facts.reason) == (TrialState.FAIL, "diverged in epoch 2")


def test_files_that_are_no_optuna_database_are_refused_and_left_alone(tmp_path, url):
    path = tmp_path / "study.db"
    path.write_bytes(b"this is no database, only text that is long enough to look at" * 20)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="no usable Optuna study"):
        open_storage(url)
    assert path.read_bytes() == before
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"another program \(recipes\)"):
        open_storage(url)
    assert path.read_bytes() == before


@pytest.mark.parametrize("url", ["study.db", "nonsense://x", "sqlite:////no/such/folder/study.db"])
def test_addresses_that_lead_nowhere_are_named(url):
    with pytest.raises(StorageError, match="no usable Optuna study"):
        open_storage(url)


def test_a_study_of_somebody_else_is_refused(url):
    study = optuna.create_study(study_name="mine/r3", storage=url, direction="maximize")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(StorageError, match="not made by budgetnas"):
        StudyStore(open_storage(url), "mine/r3", RANGES)


def test_a_look_is_made_once_and_counted_with_the_others(store, url):
    store.record(RunFacts(looks={"full/1:a": Look(correct=1, images=2)}))
    made = []

    def read():
        made.append(1)
        return Look(correct=7, images=9)

    for _ in range(2):
        assert record_look(open_storage(url), "mine/r3", "int8/1:b", read) == (Look(correct=7, images=9), 2)
    assert made == [1]
    assert set(store.facts.looks) == {"full/1:a", "int8/1:b"}
    assert store.facts.looks["full/1:a"] == Look(correct=1, images=2)


def test_nobody_looks_while_a_driver_holds_the_study(store, url):
    def read():
        raise AssertionError("the test set was read")

    with leased(open_storage(url), "mine/r3", what="mine"), pytest.raises(StorageError, match="is in use by process"):
        record_look(open_storage(url), "mine/r3", "int8/1:b", read)
    assert store.facts.looks is None


def test_a_look_that_fails_is_not_recorded(store, url):
    def read():
        raise StorageError("cannot be read")

    with pytest.raises(StorageError, match="cannot be read"):
        record_look(open_storage(url), "mine/r3", "int8/1:b", read)
    assert store.facts.looks is None
    assert store.facts.lease is None
