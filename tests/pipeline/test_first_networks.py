"""Which networks a search tries first: on data sets known by name those of Pei et al., on own data none of them."""

from __future__ import annotations

import pytest
from small_studies import prepared

from budgetnas.config.sections import DataConfig
from budgetnas.config.study import load_study
from budgetnas.data.load import SHAPES, is_known
from budgetnas.exceptions import StudyMismatchError, UsageError
from budgetnas.pipeline.open_run import opened
from budgetnas.pipeline.plan_lines import seed_lines, training_lines
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.trial import TrialState

THEIRS = ["model1", "model2", "model3", "model4", "model5"]


def names(**changes):
    return [seed.origin for seed in prepared(**{"search__paper_models": "auto", **changes}).seeds]


def test_they_are_tried_where_the_data_set_is_known_by_name():
    assert names() == names(data__dataset="digits-hard") == THEIRS
    assert names(search__paper_models=False) == []
    assert prepared(search__paper_models="auto").config.search.paper_models is True, "a run records what was decided"


@pytest.mark.parametrize("name", ["own.npz", "cifar10.npz", "digits.npz"])
def test_on_a_persons_own_data_they_are_neither_tried_nor_named(make_npz, name):
    path = str(make_npz(name=name))
    own = prepared(data__dataset=path, search__paper_models="auto")
    assert (own.seeds, own.config.search.paper_models) == ((), False)
    assert seed_lines(own) == []
    assert "tried first" not in dict(training_lines(own))
    assert names(data__dataset=path, search__first_models=["resnet20"]) == ["resnet20"]
    assert names(data__dataset=path, search__paper_models=True) == THEIRS, "who asks for them gets them"


def test_what_is_known_by_name():
    known = ("cifar10", "cifar100", "digits", "digits-hard")
    assert all(is_known(DataConfig(dataset=name)) for name in (*known, f"{SHAPES}cifar10"))
    assert not any(is_known(DataConfig(dataset=name)) for name in ("./cifar10", "cifar10.npz", "data/digits", "auto"))


def test_a_run_on_own_data_that_an_older_version_started_keeps_its_first_trials(make_npz, tmp_path):
    words = {"data__dataset": str(make_npz()), "output__dir": str(tmp_path / "runs"), "budget__max_params": "5M"}
    with opened(prepared(**words, search__paper_models=True)) as run:
        path = run.prepared.study_path
        recorded = path.read_text()
    assert "paper_models = true\n" in recorded
    with opened(prepared(**words, search__paper_models="auto")) as run:
        assert [seed.origin for seed in run.prepared.seeds] == THEIRS
        for seed in run.prepared.seeds:  # wider than anything of this space
            run.ladder.fulls.add(seed, state=TrialState.RUNNING, facts=TrialFacts(repeat=0))
    assert path.read_text() == recorded
    refused = pytest.raises(StudyMismatchError, match=r"search\.paper_models was True, is False")
    with refused, opened(prepared(**words, search__paper_models=False)):
        pass


def test_short_trainings_are_taken_over_with_the_list_that_they_were_started_with(make_npz, tmp_path):
    words = {"data__dataset": str(make_npz()), "output__dir": str(tmp_path / "runs")}
    with opened(prepared(**words, search__paper_models=True, output__name="old")):
        pass
    new = {"proxy__from_run": str(tmp_path / "runs" / "old"), "full__epochs": 20, "search__paper_models": "auto"}
    with opened(prepared(**words, **new)) as run:
        assert [seed.origin for seed in run.prepared.seeds] == THEIRS


def test_the_key_is_auto_true_or_false():
    assert load_study(None, {}).search.paper_models == "auto"
    with pytest.raises(UsageError, match=r"`search\.paper_models` is 'yes', but must be true or false or auto"):
        load_study(None, {"search.paper_models": "yes"})
