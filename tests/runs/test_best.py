from __future__ import annotations

import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.runs.best import AFTER_LAST, best_of
from budgetnas.trials.facts import Look, RunFacts, TrialFacts
from budgetnas.trials.trial import Candidate, Looks, Trial, TrialState


def training(number, width, right):
    """A finished training of 100 validation images, tested on 1,000 with as good a share."""
    candidate = Candidate(spec=ResNetSpec(blocks=(1,), widths=(width,)), params=width, macs=1, origin="own")
    facts = TrialFacts(seed=number, weights_sha256="x")
    return Trial(number=number, candidate=candidate, state=TrialState.COMPLETE, score=right / 100, facts=facts)


def best(*trainings):
    looks = {f"{one.number}:x": Look(correct=round(1_000 * one.score), images=1_000) for one in trainings}
    return best_of(trainings, AFTER_LAST, Looks(RunFacts(looks=looks)), images=100)


def test_the_mean_over_seeds_speaks_for_a_network_and_not_its_luckiest_seed():
    found = best(training(0, 8, 99), training(1, 8, 81), training(2, 16, 92), training(3, 16, 94))
    assert (found["spec"], found["score"], found["score_of"]) == ("1x16", pytest.approx(0.93), AFTER_LAST)
    assert found["test_accuracy"] == pytest.approx(0.93)
    assert found["score_interval"][0] < 0.93 < found["score_interval"][1]
    assert found["test_interval"][0] > found["score_interval"][0]  # more images


def test_of_equal_networks_the_smaller_stands_with_its_own_test_accuracy():
    large, small = training(0, 16, 90), training(1, 8, 90)
    looks = Looks(RunFacts(looks={"0:x": Look(correct=1, images=10), "1:x": Look(correct=9, images=10)}))
    found = best_of([large, small], AFTER_LAST, looks, images=100)
    assert (found["params"], found["test_accuracy"]) == (8, 0.9)


def test_of_nothing_there_is_no_best():
    assert best() == {}
