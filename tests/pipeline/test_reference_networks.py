"""The networks that are tried first, and the controls."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from small_studies import prepared

from budgetnas.arrays import Stream
from budgetnas.config.evidence import EvidenceConfig
from budgetnas.config.sections import DataConfig
from budgetnas.config.study import load_study
from budgetnas.data.load import SHAPES, is_known
from budgetnas.exceptions import StudyMismatchError, UsageError
from budgetnas.pipeline.calibrate import networks
from budgetnas.pipeline.open_run import opened
from budgetnas.pipeline.plan_lines import seed_lines, training_lines
from budgetnas.pipeline.prepare import prepare
from budgetnas.pipeline.promote import planned_controls
from budgetnas.pipeline.reference_networks import find_controls
from budgetnas.samplers.history import History, Pool
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.selection import Finalist
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


@pytest.fixture(scope="module")
def cifar_like(tmp_path_factory):
    """A study on own images of CIFAR's size, which the models of Pei et al. and ResNet-18 fit as they are."""
    path = tmp_path_factory.mktemp("own") / "own.npz"
    images = np.random.default_rng(0).integers(0, 256, (100, 32, 32, 3), dtype=np.uint8)
    labels = np.repeat(np.arange(10), 10)
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    words = {"budget.max_params": "5M", "data.dataset": str(path), "engine.device": "cpu", "output.name": "s"}
    return prepare(load_study(None, {**words, "search.paper_models": True}, []))


def test_at_the_cap_of_pei_et_al_model_5_is_the_best_that_fits(cifar_like):
    reported, scaled, macs, random = find_controls(cifar_like)
    assert (reported.origin, reported.spec.id) == ("model5 of Pei et al.", "4x64-5x128-3x256")
    assert scaled.origin == "scaled ResNet-18"
    assert scaled.spec.blocks == (2, 2, 2, 2)
    assert 0.99 * cifar_like.cap < scaled.params <= cifar_like.cap
    assert [round(width / scaled.spec.widths[0]) for width in scaled.spec.widths] == [1, 2, 4, 8]
    band = cifar_like.tiers[-1].band
    assert macs.macs == cifar_like.index.most_macs(band.low, band.high).macs <= cifar_like.budget.max_macs
    assert random.macs < macs.macs
    for net in (reported, scaled, macs, random):
        assert band.low <= net.params <= cifar_like.cap


def test_every_control_obeys_the_rules_of_the_space(cifar_like):
    for net in find_controls(prepared()) + find_controls(cifar_like):
        assert list(net.spec.widths) == sorted(net.spec.widths)
    small = prepared()
    for net in find_controls(small):
        assert len(net.spec.blocks) <= small.space.depth_range[1]
        assert net.params <= small.cap
        assert net.macs <= small.budget.max_macs


def test_no_proposal_is_always_the_random_control_or_the_first_network_of_a_calibration():
    same = Counter()
    for seed in range(3):
        study = prepared(search__seed=seed, search__trials=1)
        band, pool = study.tiers[-1].band, Pool(study.space, study.tiers[-1].band, seed=seed)
        others = {"control": find_controls(study)[-1].spec, "calibration": networks(study)[0].spec}
        for number in range(8):
            none = np.empty((0, 9), dtype=np.int64)
            history = History(number=number, points=none, scores=np.empty(0), pruned=np.empty(0, dtype=bool))
            proposed = study.space.decode(band.draw(1, rng=pool.rng(history, Stream.UNSEEN)).at(0).point)
            same.update((what, number) for what, spec in others.items() if spec == proposed)
    assert max(same.values(), default=0) < 3


def test_on_a_persons_own_data_there_is_none_of_them_unless_it_is_asked_for(cifar_like):
    own = cifar_like.with_paper_models(tried=False)
    others = [net.origin for net in find_controls(own)]
    assert others == ["scaled ResNet-18", "the most-MACs network", "a random network"]
    named = EvidenceConfig(controls=True, control_networks=("report",))
    (theirs,) = find_controls(replace(own, config=replace(own.config, evidence=named)))
    assert theirs.origin == "model5 of Pei et al."


def test_below_all_models_of_pei_et_al_there_is_none_of_them():
    names = [net.origin for net in find_controls(prepared())]
    assert names == ["scaled ResNet-18 of 3 stages", "the most-MACs network", "a random network"]


def test_a_study_may_name_its_controls_and_give_them_seeds_of_their_own(cifar_like):
    named = {"control_networks": ("resnet20", "random", "resnet110"), "control_repeats": 2}
    study = replace(cifar_like, config=replace(cifar_like.config, evidence=EvidenceConfig(controls=True, **named)))
    resnet20, random, resnet110 = find_controls(study)
    assert (resnet20.origin, resnet20.params) == ("resnet20", 272_474)
    assert (random.origin, resnet110.origin) == ("a random network", "resnet110")
    winner = Finalist(parent=0, candidate=random, runs=())
    assert [one.repeat for one in planned_controls(study, winner)] == [0] * 4 + [1] * 4
    small = prepared(evidence__control_networks=["resnet20", "random"])
    assert [net.origin for net in find_controls(small)] == ["a random network"]


def test_the_random_control_depends_on_the_seed_alone():
    same = [find_controls(prepared(search__trials=trials))[-1] for trials in (3, 5)]
    assert same[0] == same[1]
    assert len({find_controls(prepared(search__seed=seed))[-1].spec for seed in range(6)}) > 1


def test_a_control_may_have_more_stages_than_the_images_can_be_halved():
    flat, deep = "1x8m2=1x8m4=1x8m2=1x8m4=1x8m2", "1x8-1x8-1x8-1x8-1x8"
    study = prepared(evidence__controls=True, evidence__control_networks=[flat, deep])
    assert [net.origin for net in study.controls] == [flat]
