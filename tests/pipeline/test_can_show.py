"""What the fresh seeds can show is said before they are trained."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.storages import InMemoryStorage
from small_studies import first, ladder_of, pace, prepared, train

from budgetnas.evidence.power import assumed_sd, smallest_gain
from budgetnas.pipeline.can_show import can_show, known_sd
from budgetnas.pipeline.plan import Plan
from budgetnas.pipeline.plan_json import as_json
from budgetnas.pipeline.plan_lines import training_lines
from budgetnas.pipeline.promote import decide, planned
from budgetnas.trials.facts import Look, RunFacts
from budgetnas.trials.trial import look_key

PACE = pace(100)


@pytest.fixture(scope="module")
def study():
    return prepared(
        evidence__controls=True,
        evidence__looks=[3, 5, 8, 12],
        search__trials=3,
        full__promote=3,
        full__repeats=3,
        full__finals="equal",
    )


def test_the_plan_says_the_smallest_gain_from_the_spread_that_is_assumed(study):
    lines = dict(training_lines(study))
    assert lines["controls"].endswith(": 10 epochs, 3, 5, 8 or 12 fresh seeds each, until told apart")
    sd = assumed_sd(359)
    gain = smallest_gain(sd, (3, 5, 8, 12))
    assert lines["can show"] == (
        f"a gain of {gain:.2g} points or more over a control, with 80 % power: the standard "
        f"deviation over seeds is {sd:.2g} points, assumed for 359 test images"
    )


def test_a_program_reads_the_same_and_whether_the_spread_is_known(study):
    found = as_json(Plan(prepared=study, usual=PACE, large=PACE, costs=(), seed_sd=0.23))["controls"]
    assert (found["seeds"], found["looks"]) == (12, (3, 5, 8, 12))
    assert found["can_show"] == {
        "points": 0.32,
        "power_percent": 80,
        "seed_sd": 0.23,
        "is_known": True,
        "test_images": 359,
    }
    assert "as in its trainings so far" in dict(training_lines(study, seed_sd=0.23))["can show"]


def test_without_controls_or_with_one_seed_there_is_nothing_to_say():
    for words in ({}, {"evidence__controls": True}):
        one = prepared(**words)
        assert can_show(one) is None
        assert "can show" not in dict(training_lines(one))


def test_the_spread_is_known_from_repeated_trainings_and_best_from_their_tests(study):
    ladder, rng = ladder_of(study, InMemoryStorage()), np.random.default_rng(0)
    for i in range(3):
        first(study, ladder.first, 0.5 + i / 10)
    assert known_sd(ladder) is None
    for one in planned(study, ladder, 0, decide(study, ladder, 0)):
        train(ladder.fulls, one, one.parent / 10 + 0.5 + rng.normal(0, 0.01))
    runs = ladder.fulls.trials
    scores = [[100 * run.score for run in runs if run.root == parent] for parent in range(3)]
    assert known_sd(ladder) == pytest.approx(np.sqrt(np.mean([np.var(own, ddof=1) for own in scores])))
    looks = {look_key(run, "full"): Look(correct=500 + 10 * run.repeat, images=1000) for run in runs}
    ladder.fulls.record(RunFacts(looks=looks))
    assert known_sd(ladder) == pytest.approx(1.0)


def test_another_score_than_accuracy_is_shown_by_fewer_images_and_a_loss_only_once_its_spread_is_known():
    words = {"evidence__controls": True, "evidence__control_repeats": 3}
    even, balanced, loss = (
        prepared(search__score=score, **words) for score in ("accuracy", "balanced_accuracy", "loss")
    )
    assert can_show(even).points <= can_show(balanced).points, "classes of digits are of nearly equal size"
    assert can_show(balanced).as_json()["score"] == "balanced_accuracy"
    assert can_show(loss) is None
    assert (
        can_show(loss, 0.01).write().startswith("a loss that is lower by 0.031 or more over a control, with 80 % power")
    )
    assert "deviation over seeds is 0.01, as in" in can_show(loss, 0.01).write()
