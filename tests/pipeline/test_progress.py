from __future__ import annotations

import pytest
from small_studies import first, ladder_of, net, prepared

from budgetnas.engine.protocol import EpochReport
from budgetnas.pipeline import progress as module
from budgetnas.pipeline.level import PlannedTraining
from budgetnas.pipeline.progress import Listener, Meter
from budgetnas.pipeline.trial_source import ListedTrials
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.trials.trial import TrialState


class Ear(Listener):
    def progressed(self, progress):
        self.progress = progress

    def epoch_ended(self, trial, report):
        self.epoch = (trial.number, report.epoch)


@pytest.fixture
def now(monkeypatch):
    time = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: time[0])
    return time


def report(epoch):
    return EpochReport(epoch=epoch, lr=0.1, train_loss=1.0, train_accuracy=0.5, accuracy=0.5, loss=1.0, seconds=1.0)


def test_the_rest_of_a_level_is_told_by_the_epochs_that_this_driver_saw(tmp_path, now):
    study = prepared()
    ladder = ladder_of(study, open_storage(sqlite_url(tmp_path / "study.db")))
    nets = [PlannedTraining(candidate=net(study, 16), repeat=i) for i in range(3)]
    source = ListedTrials(ladder.full, nets)
    ear = Ear()
    meter = Meter(ear, ladder.full, total=source.total, budget=study.budget)
    meter.tick()
    assert (ear.progress.done, ear.progress.total, ear.progress.seconds_left) == (0, 3, None)
    first, second = source.upcoming(0), source.upcoming(1)
    now[0] += 20
    meter.epoch_ended(first, report(8))  # an earlier driver had brought it to 7
    meter.epoch_ended(second, report(1))
    assert ear.epoch == (second.number, 1)
    meter.tick()
    assert ear.progress.seconds_left == pytest.approx((30 - 9) * 10)
    assert ladder.fulls.finish(first.number, 0.5, {}).state is TrialState.COMPLETE
    meter.tick()
    assert (ear.progress.done, ear.progress.best) == (1, 0.5)
    assert ear.progress.seconds_left == pytest.approx((20 - 1) * 10)


def test_the_best_so_far_is_of_what_fits(tmp_path):
    study = prepared()
    ladder = ladder_of(study, open_storage(sqlite_url(tmp_path / "study.db")))
    ear = Ear()
    meter = Meter(ear, ladder.rungs[0], total=lambda: 3, budget=study.budget)
    first(study, ladder.first, 0.9, 64, (2, 2))
    meter.tick()
    assert (ear.progress.done, ear.progress.best) == (1, None)
    first(study, ladder.first, 0.6)
    meter.tick()
    assert (ear.progress.done, ear.progress.best) == (2, 0.6)
