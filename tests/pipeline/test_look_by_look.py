"""Sequential looks at the winner and its controls, with trainings that are made up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from optuna.storages import InMemoryStorage
from small_studies import first, ladder_of, prepared, train

from budgetnas.arrays import packed
from budgetnas.exceptions import StudyMismatchError
from budgetnas.pipeline.identity import resumed
from budgetnas.pipeline.look_by_look import train_controls
from budgetnas.pipeline.promote import choose, decide, planned, record_controls
from budgetnas.pipeline.work_left import expected, is_done, why_stopped, work_left
from budgetnas.trials.facts import Look, LookRule, RunFacts
from budgetnas.trials.selection import finalists
from budgetnas.trials.trial import Looks, complete, look_key

LOOKS = [2, 3, 5]
CONTROLS = ["1x16", "1x17", "1x18"]
SHARES = {"1x16": 0.2, "1x17": 0.59, "1x18": 0.7}  # of right images; the winner has .6
IMAGES = 400


class KilledError(Exception):
    """The driver was killed."""


class MadeUp:
    """A driver whose trainings and looks take no time, and that is killed after so many of both."""

    def __init__(self, ladder, lasts=10_000, fails=()):
        self.ladder, self.lasts, self.fails, self.seeds = ladder, lasts, fails, []

    def _step(self):
        if self.lasts == 0:
            raise KilledError
        self.lasts -= 1

    def train(self, source):
        for one in list(source._todo):
            self._step()
            failed = one.key in self.fails
            train(source.level.store, one, None if failed else 0.5)
        self.seeds.append(max((trial.repeat for trial in source.level.store.trials), default=-1) + 1)

    def test(self, level, trials):
        for trial in Looks(self.ladder.fulls.facts).untested(trials, level.name):
            self._step()
            spec = trial.candidate.spec.id
            rng = np.random.default_rng([len(spec), int(spec[-2:]), trial.repeat])
            right = rng.permutation(IMAGES) < IMAGES * (SHARES.get(spec, 0.6) + rng.normal(0, 0.01))
            look = Look(correct=int(right.sum()), images=IMAGES, right=packed(right))
            looks = {**(self.ladder.fulls.facts.looks or {}), look_key(trial, level.name): look}
            self.ladder.fulls.record(RunFacts(looks=looks))


@pytest.fixture
def storage():
    return InMemoryStorage()


def searched(storage, **changes):
    """A search whose full trainings are done and whose winner and controls are recorded."""
    words = {"evidence__controls": True, "evidence__control_networks": CONTROLS, "evidence__looks": LOOKS, **changes}
    study = prepared(search__trials=3, full__promote=2, **words)
    ladder = ladder_of(study, storage)
    if not ladder.first.trials:
        for score in (0.5, 0.9, 0.8):
            first(study, ladder.first, score, width=30 + round(10 * score))
        for one in planned(study, ladder, 0, decide(study, ladder, 0)):
            train(ladder.fulls, one, 0.9 - one.parent / 10)
    winner = choose(ladder.fulls, study.budgets)
    record_controls(study, ladder.fulls, ladder.controls.store.trials)
    return study, ladder, winner


def seeds(ladder):
    """The seeds of each network, the winner as such."""
    found = {}
    for trial in complete(ladder.controls.store.trials):
        spec = trial.candidate.spec.id
        found.setdefault(spec if spec in CONTROLS else "winner", []).append(trial.repeat)
    assert all(own == list(range(len(own))) for own in found.values())
    return {name: len(own) for name, own in found.items()}


def test_a_control_that_is_told_apart_gets_no_more_seeds_and_the_others_do(storage):
    study, ladder, winner = searched(storage)
    assert expected(study)["controls"] == work_left(study, ladder)["controls"] == 4 * 5
    driver = MadeUp(ladder)
    train_controls(study, ladder, winner, driver)
    assert driver.seeds == LOOKS
    found = seeds(ladder)
    assert found["winner"] == found["1x17"] == 5
    assert found["1x16"] == 2
    assert found["1x18"] in (2, 3)
    assert ladder.fulls.facts.look_rule == LookRule(seeds=tuple(LOOKS), level=1 - 0.05 / 3)
    assert work_left(study, ladder)["controls"] == 0
    driver.test(ladder.full, complete(ladder.fulls.trials))
    assert is_done(study, ladder)
    assert why_stopped(study, ladder) == "all trials were done"


def test_the_looks_end_when_every_control_is_told_apart(storage):
    study, ladder, winner = searched(storage, evidence__control_networks=["1x16"])
    driver = MadeUp(ladder)
    train_controls(study, ladder, winner, driver)
    assert seeds(ladder) == {"winner": 2, "1x16": 2}
    assert work_left(study, ladder)["controls"] == 0


def tables(ladder):
    trials = {(trial.candidate.spec.id, trial.repeat) for trial in complete(ladder.controls.store.trials)}
    looks = Looks(ladder.fulls.facts)
    return trials, {
        (trial.candidate.spec.id, trial.repeat): looks.of(trial, "controls") for trial in ladder.controls.store.trials
    }


def test_killed_anywhere_it_resumes_to_the_same_trainings_and_looks():
    study, whole, winner = searched(InMemoryStorage())
    train_controls(study, whole, winner, MadeUp(whole))
    steps = 2 * len(whole.controls.store.trials)
    for lasts in range(1, steps, 4):
        storage = InMemoryStorage()
        study, ladder, winner = searched(storage)
        with pytest.raises(KilledError):
            train_controls(study, ladder, winner, MadeUp(ladder, lasts))
        assert not is_done(study, ladder)
        study, again, winner = searched(storage)
        train_controls(study, again, winner, MadeUp(again))
        assert tables(again) == tables(whole)


def test_a_training_that_fails_holds_up_the_next_look_until_it_is_tried_again(storage):
    study, ladder, winner = searched(storage)
    driver = MadeUp(ladder, fails={("1x17", 1)})
    train_controls(study, ladder, winner, driver)
    assert driver.seeds == [2]
    assert not ladder.fulls.facts.looks
    assert why_stopped(study, ladder) == "some control trainings failed; run the same command to retry them"
    train_controls(study, ladder, winner, MadeUp(ladder))
    assert seeds(ladder)["1x17"] == 5


def test_a_control_that_is_added_later_starts_at_the_first_look(storage):
    few, ladder, winner = searched(storage, evidence__control_networks=["1x17"])
    train_controls(few, ladder, winner, MadeUp(ladder))
    study, ladder, winner = searched(storage)
    assert work_left(study, ladder)["controls"] == 2 * 5
    driver = MadeUp(ladder)
    train_controls(study, ladder, winner, driver)
    assert seeds(ladder)["1x16"] == 2
    assert seeds(ladder)["winner"] == 5


def test_looks_that_have_started_cannot_be_changed(storage):
    study, ladder, winner = searched(storage)
    ladder.fulls.record(RunFacts(identity=study.identity(), bands=((1, 60_000),)))
    evidence = study.config.evidence
    for other in (None, (2, 4, 8)):
        changed = replace(study, config=replace(study.config, evidence=replace(evidence, looks=other)))
        assert resumed(changed, ladder.fulls.facts), "nothing was compared yet"
    train_controls(study, ladder, winner, MadeUp(ladder))
    assert resumed(study, ladder.fulls.facts)
    for other in (None, (2, 4, 8)):
        changed = replace(study, config=replace(study.config, evidence=replace(evidence, looks=other)))
        with pytest.raises(
            StudyMismatchError, match=r"`evidence\.looks` is .* by \[2, 3, 5\], and other looks would err"
        ):
            resumed(changed, ladder.fulls.facts)


def test_without_looks_everything_is_trained_at_once_and_no_rule_is_recorded(storage):
    study, ladder, winner = searched(storage, evidence__looks=None, evidence__control_repeats=3)
    driver = MadeUp(ladder)
    train_controls(study, ladder, winner, driver)
    assert driver.seeds == [3]
    assert ladder.fulls.facts.look_rule is None
    assert set(seeds(ladder).values()) == {3}
    assert finalists(ladder.fulls.trials)[0] == winner


def test_refitted_networks_learn_from_validation_too_and_are_never_mixed_with_others(storage):
    words = {"evidence__looks": None, "evidence__control_repeats": 1}
    study, ladder, winner = searched(storage, **words, evidence__refit=True)
    assert ladder_of(prepared(evidence__controls=True), storage).controls.learns_from == "train", "none is trained yet"
    train_controls(study, ladder, winner, MadeUp(ladder))
    trial = ladder.controls.store.trials[0]
    assert (ladder.controls.task(trial).learns_from, ladder.controls.task(trial).watches) == ("all", "validation")
    assert not ladder.controls.is_scored
    assert ladder.fulls.facts.refit is True
    assert ladder.full.task(ladder.fulls.trials[0]).learns_from == "train"
    with pytest.raises(StudyMismatchError, match=r"`evidence.refit` is false, but `s` has trained .* with true"):
        searched(storage, **words)


def test_those_that_are_trained_without_are_not_joined_by_refitted_ones(storage):
    words = {"evidence__looks": None, "evidence__control_repeats": 1}
    study, ladder, winner = searched(storage, **words)
    train_controls(study, ladder, winner, MadeUp(ladder))
    assert ladder.fulls.facts.refit is None
    with pytest.raises(StudyMismatchError, match=r"use `evidence\.refit=false`"):
        searched(storage, **words, evidence__refit=True)
