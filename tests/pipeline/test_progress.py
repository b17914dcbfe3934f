from __future__ import annotations

import pytest
from small_studies import first, ladder_of, net, prepared

from budgetnas.engine.protocol import EpochReport
from budgetnas.pipeline import progress as module
from budgetnas.pipeline.level import PlannedTraining
from budgetnas.pipeline.progress import Listener, Meter
from budgetnas.pipeline.trial_source import ListedTrials
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


def test_the_rest_of_a_level_is_told_by_the_epochs_that_this_driver_saw(storage, now):
    study = prepared()
    ladder = ladder_of(study, storage)
    nets = [PlannedTraining(candidate=net(study, 16), repeat=i) for i in range(3)]
    source = ListedTrials(ladder.full, nets)
    ear = Ear()
    meter = Meter(ear, source, budget=study.budget)
    meter.tick()
    assert (ear.progress.done, ear.progress.total, ear.progress.seconds_left) == (0, 3, None)
    assert (ear.progress.epochs_done, ear.progress.epochs, ear.progress.running) == (0, 30, ())
    trials = source.upcoming(0), source.upcoming(1)
    for trial in trials:
        meter.started(trial)
    now[0] += 20
    meter.tick()
    assert [(one.name, one.epoch, one.epochs, one.seconds) for one in ear.progress.running] == [
        ("1x16", 1, 10, 20),
        ("1x16 #1", 1, 10, 20),
    ]
    assert [(one.accuracy, one.seconds_left) for one in ear.progress.running] == [(None, None)] * 2
    meter.epoch_ended(trials[0], report(8))  # an earlier driver had brought it to 7
    meter.epoch_ended(trials[1], report(1))
    assert ear.epoch == (trials[1].number, 1)
    meter.tick()
    assert ear.progress.epochs_done == 9
    assert ear.progress.seconds_left == pytest.approx((30 - 9) * 10)
    assert [(one.epoch, one.accuracy, one.seconds_left) for one in ear.progress.running] == [(9, 0.5, 2), (2, 0.5, 9)]
    assert ladder.fulls.finish(trials[0].number, 0.5, {}).state is TrialState.COMPLETE
    meter.tick()
    assert (ear.progress.done, ear.progress.best, ear.progress.epochs_done) == (1, 0.5, 11)
    assert ear.progress.seconds_left == pytest.approx((20 - 1) * 10)


def test_a_training_keeps_its_row_and_the_next_one_takes_the_row_that_is_free(storage):
    study = prepared()
    ladder = ladder_of(study, storage)
    source = ListedTrials(ladder.full, [PlannedTraining(candidate=net(study, 16), repeat=i) for i in range(4)])
    ear = Ear()
    meter = Meter(ear, source, budget=study.budget)
    trials = [source.upcoming(i) for i in range(3)]
    for trial in trials:
        meter.started(trial)
    ladder.fulls.fail(trials[1].number, "out of memory")
    meter.tick()
    assert [one.name for one in ear.progress.running] == ["1x16", "1x16 #2"]
    meter.started(source.upcoming(2))
    meter.tick()
    assert [one.name for one in ear.progress.running] == ["1x16", "1x16 #3", "1x16 #2"]
    assert (ear.progress.done, ear.progress.total, ear.progress.epochs) == (0, 3, 30), "failed ones aside"


def test_what_an_earlier_driver_trained_counts_until_this_one_knows_better(storage):
    study = prepared()
    before = ladder_of(study, storage)
    wanted = [PlannedTraining(candidate=net(study, 16), repeat=i) for i in range(2)]
    started = ListedTrials(before.full, wanted).upcoming(0)
    before.fulls.report(started.number, 1, 0.4)
    before.fulls.report(started.number, 2, 0.5)
    before.fulls.release(started.number)
    ladder = ladder_of(study, storage)
    ear = Ear()
    meter = Meter(ear, ListedTrials(ladder.full, wanted), budget=study.budget)
    meter.tick()
    assert (ear.progress.epochs_done, ear.progress.epochs) == (2, 20)
    ladder.fulls.restart(started.number)
    meter.started(ladder.fulls.trials[started.number])
    meter.tick()
    assert [one.epoch for one in ear.progress.running] == [3]
    meter.epoch_ended(ladder.fulls.trials[started.number], report(2))  # its last state was older than its curve
    meter.tick()
    assert ear.progress.epochs_done == 2


def test_the_best_so_far_is_of_what_fits(storage):
    study = prepared()
    ladder = ladder_of(study, storage)
    ear = Ear()
    meter = Meter(ear, ListedTrials(ladder.rungs[0], []), budget=study.budget)
    first(study, ladder.first, 0.9, 64, (2, 2))
    meter.tick()
    assert (ear.progress.done, ear.progress.best) == (1, None)
    first(study, ladder.first, 0.6)
    meter.tick()
    assert (ear.progress.done, ear.progress.best) == (2, 0.6)
