"""What a study holds on to, and what it still asks for, without training."""

from __future__ import annotations

import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.study import load_study
from budgetnas.exceptions import StudyMismatchError
from budgetnas.pipeline.prepare import prepare
from budgetnas.pipeline.resume import hold, is_done, why_stopped, work_left
from budgetnas.records.trial import Candidate, TrialState
from budgetnas.storage.database import open_storage, sqlite_url, study_names
from budgetnas.storage.study import Ranges, StudyStore

RANGES = Ranges(stages=(1, 4), blocks=(1, 8), widths=(1, 512))


def prepared(**changes):
    words = {
        "budget.max_params": "60k",
        "data.dataset": "digits",
        "engine.device": "cpu",
        "search.trials": 3,
        "full.promote": 2,
        "output.name": "s",
    }
    return prepare(load_study(None, words | changes, []))


@pytest.fixture
def storage(tmp_path):
    return open_storage(sqlite_url(tmp_path / "study.db"))


def proxy(store, number, score):
    candidate = Candidate(spec=ResNetSpec(blocks=(1,), widths=(10 + number,)), params=9, macs=9, origin="random")
    store.add(candidate, state=TrialState.RUNNING, attrs={})
    store.finish(number, score, {})


def full(fulls, candidate, parent, score):
    trial = fulls.add(candidate, state=TrialState.RUNNING, attrs={"parent": parent, "repeat": 0})
    if score is None:
        fulls.fail(trial.number, "out of memory")
    else:
        fulls.finish(trial.number, score, {"weights_sha256": "0"})


def test_a_study_is_held_to_its_beginning_and_keeps_its_band(storage):
    fulls = StudyStore(storage, "s/full", RANGES)
    first = hold(prepared(), fulls, names=study_names(storage))
    again = hold(prepared(**{"search.trials": 900}), fulls, names=study_names(storage))
    assert (again.band.low, again.band.high) == (first.band.low, first.band.high)
    with pytest.raises(StudyMismatchError, match=r"search\.seed was 0, is 1"):
        hold(prepared(**{"search.seed": 1}), fulls, names=study_names(storage))


def test_trials_of_another_making_are_not_adopted(storage):
    StudyStore(storage, "s/r3", RANGES)
    fulls = StudyStore(storage, "s/full", RANGES)
    with pytest.raises(StudyMismatchError, match="another version"):
        hold(prepared(), fulls, names=study_names(storage))


def test_what_is_left_is_counted_down_to_nothing(storage):
    study = prepared()
    proxies, fulls = StudyStore(storage, "s/r3", RANGES), StudyStore(storage, "s/full", RANGES)
    assert work_left(study, proxies, fulls) == (3, 2)
    for number, score in enumerate((0.5, 0.9)):
        proxy(proxies, number, score)
    assert work_left(study, proxies, fulls) == (1, 2)
    assert "hours of --max-hours were over" in why_stopped(study, proxies, fulls)
    proxy(proxies, 2, 0.8)
    assert work_left(study, proxies, fulls) == (0, 2)
    full(fulls, proxies.trials[1].candidate, 1, 0.9)
    full(fulls, proxies.trials[2].candidate, 2, None)
    assert work_left(study, proxies, fulls) == (0, 1)
    assert why_stopped(study, proxies, fulls) == "some full trainings failed; the same command tries them again"
    full(fulls, proxies.trials[2].candidate, 2, 0.7)
    assert work_left(study, proxies, fulls) == (0, 0)
    assert not is_done(study, proxies, fulls)
    fulls.record("looks", {"0:0": {}, "2:0": {}})
    assert is_done(study, proxies, fulls)
    assert why_stopped(study, proxies, fulls) == "all trials were done"


def test_a_band_that_ran_out_leaves_nothing(storage):
    study = prepared(**{"full.promote": 1})
    proxies, fulls = StudyStore(storage, "s/r3", RANGES), StudyStore(storage, "s/full", RANGES)
    proxy(proxies, 0, 0.5)
    proxies.record("exhausted", True)
    assert work_left(study, proxies, fulls) == (0, 1)
    full(fulls, proxies.trials[0].candidate, 0, 0.9)
    fulls.record("looks", {"0:0": {}})
    assert why_stopped(study, proxies, fulls) == "the band ran out of architectures"


def test_a_recipe_with_statistics_of_its_own_is_the_same_recipe_when_it_comes_back(storage, make_npz):
    study = prepared(**{"data.dataset": str(make_npz()), "full.recipe": "paper200"})
    fulls = StudyStore(storage, "s/full", RANGES)
    for _ in range(2):
        hold(study, fulls, names=study_names(storage))
