from __future__ import annotations

import pytest
from optuna.storages import InMemoryStorage
from small_studies import first, ladder_of, prepared, train

from budgetnas.pipeline.describe import setup_of
from budgetnas.pipeline.promote import (
    choose,
    decide,
    decide_finals,
    planned,
    planned_controls,
    planned_finals,
    ranking,
    record_controls,
)
from budgetnas.pipeline.random_arm import decide_arm, planned_arm
from budgetnas.pipeline.work_left import rival
from budgetnas.runs.result import read_result
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.trials.facts import Look, RunFacts
from budgetnas.trials.trial import look_key

DRIVER = {"command": "budgetnas search --name 's'", "hardware": {"device": "cpu"}, "started": "now"}


class Made:
    """A search whose trainings are made up: what it holds is real, but nothing was trained."""

    def __init__(self, folder, storage, **changes):
        self.folder = folder
        self.study = prepared(**changes)
        self.storage = storage
        self.ladder = ladder_of(self.study, self.storage)
        self.ladder.fulls.record(RunFacts(setup=setup_of(self.study).as_json()))
        self.ladder.fulls.record(RunFacts(drivers=(DRIVER,)))

    def trained(self, scores):
        for i, score in enumerate(scores):
            first(self.study, self.ladder.first, score, width=20 + i % 24, blocks=(1 + i // 24,))

    def promoted(self, score=lambda one: 0.5 + one.parent / 100 + one.repeat / 1000):
        for rung in range(len(self.ladder.rungs)):
            store = self.ladder.levels[rung + 1].store
            for one in planned(self.study, self.ladder, rung, decide(self.study, self.ladder, rung)):
                train(store, one, score(one))
        if self.study.config.full.is_halving:
            chosen = decide_finals(self.study, self.ladder)
            for one in self.ladder.full.missing(planned_finals(self.study, self.ladder, chosen)):
                train(self.ladder.fulls, one, score(one))
        choose(self.ladder.fulls, self.study.budgets, ranked=ranking(self.study, self.ladder))

    def controlled(self, score):
        winner = ranking(self.study, self.ladder)[0]
        best = None
        if self.ladder.random is not None:
            for one in planned_arm(self.study, decide_arm(self.study, self.ladder)):
                train(self.ladder.random.store, one, score(one))
            best = rival(self.study, self.ladder)
        record_controls(self.study, self.ladder.fulls, self.ladder.controls.store.trials, best)
        for one in {one.key: one for one in planned_controls(self.study, winner, best)}.values():
            train(self.ladder.controls.store, one, score(one))

    def tested(self, correct=lambda level, trial: round(1000 * trial.score)):
        """Look at the test set of 1,000 images: as many are right as validation says, unless told otherwise."""
        looks = {
            look_key(trial, level.name): Look(correct=correct(level.name, trial), images=1000)
            for level in self.ladder.tested
            for trial in level.store.trials
            if trial.score is not None
        }
        self.ladder.fulls.record(RunFacts(looks=looks))

    def result(self):
        return read_result(self.storage, self.folder, "s")


@pytest.fixture
def make(tmp_path):
    """Make a made-up search in memory; keywords are keys of its study, `__` for the dot."""
    return lambda **changes: Made(tmp_path, InMemoryStorage(), **changes)


@pytest.fixture
def make_on_disk(tmp_path):
    """Make a made-up search in the `study.db` of its folder; keywords as of `make`."""
    return lambda **changes: Made(tmp_path, open_storage(sqlite_url(tmp_path / "study.db")), **changes)
