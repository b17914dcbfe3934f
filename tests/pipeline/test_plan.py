from __future__ import annotations

import re
from dataclasses import replace
from math import ceil

import pytest
from small_studies import prepared

from budgetnas.arch.costs import costs_of
from budgetnas.cli.console import Console
from budgetnas.engine.protocol import Failed, Finished
from budgetnas.exceptions import BudgetNASError
from budgetnas.pipeline.plan import TIMED_NETWORKS, Pace, Plan, expected_costs, make_plan
from budgetnas.pipeline.plan_json import as_json
from budgetnas.pipeline.plan_lines import (
    LONGEST_SECONDS,
    bought,
    plan_lines,
    shorter,
    too_long,
    training_lines,
)
from budgetnas.runs.costs import Cost
from budgetnas.runs.settings import Kind
from budgetnas.space.band import fitting
from budgetnas.text import write_macs, write_time
from budgetnas.training.tasks import Timing

PACE = Pace(step=0.001, validation=0.0003, start=0.5)


def test_every_level_leaves_time_for_those_above_and_the_last_has_all_of_it(monkeypatch):
    study = prepared(engine__max_hours=1.0, engine__workers=1)
    costs = tuple(Cost(level=level, trainings=1, epochs=1, images=1, seconds=1_200) for level in ("r1", "r3", "full"))
    plan = Plan(prepared=study, usual=PACE, large=PACE, costs=costs)
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    ends = {}
    for level in ("r1", "r3", "full"):
        clock = plan.clock(level, since=100.0)
        ends[level] = next(seconds for seconds in range(0, 4_000, 100) if over(monkeypatch, clock, 100.0 + seconds))
        monkeypatch.setattr("time.monotonic", lambda: now)
    assert ends == {"r1": 1_800, "r3": 2_400, "full": 3_600}
    without = replace(study, config=replace(study.config, engine=replace(study.config.engine, max_hours=None)))
    assert not over(monkeypatch, replace(plan, prepared=without).clock("r1", since=100.0), 1e9)


def over(monkeypatch, clock, now):
    monkeypatch.setattr("time.monotonic", lambda: now)
    return clock.is_over


class Stopwatch:
    """Takes a nanosecond for a MAC, one task of those at hand after the other."""

    def __init__(self, study, capacity, *, fails=False):
        self.capacity, self.seen, self._study, self._fails, self._tasks = capacity, [], study, fails, {}

    def submit(self, key, task):
        assert key not in self._tasks
        assert len(self._tasks) < self.capacity
        self._tasks[key] = task

    def wait(self, timeout):
        key, task = self._tasks.popitem()
        if self._fails:
            return [Failed(key=key, reason="no such device")]
        self.seen.append(self._study.candidate(task.spec, "random"))
        seconds = self.seen[-1].macs / 1e9
        timed = Timing(seconds_per_image=seconds, validation_seconds_per_image=seconds / 4, start_seconds=0.5)
        return [Finished(key=key, result=timed)]


@pytest.mark.parametrize("capacity", [1, 3, 20])
def test_networks_from_all_over_the_band_are_timed_on_all_workers(capacity):
    study = prepared(budget__tiers=["30k", "60k"], budget__max_params=None, space__max_macs="2M")
    stopwatch = Stopwatch(study, capacity)
    plan = make_plan(study, stopwatch, left={"r3": 10, "full": 10})
    assert len(stopwatch.seen) % capacity == 0
    nets = {net.spec: net for net in stopwatch.seen}.values()
    assert len(nets) == TIMED_NETWORKS
    assert {net.params <= 30_000 for net in nets} == {True, False}, "every tier has its share"
    short, full = plan.costs
    assert plan.usual.step == pytest.approx(sum(net.macs for net in nets) / len(nets) / 1e9)
    images = len(study.data.train) + len(study.data.validation) / 4
    assert short.seconds == pytest.approx(10 * 0.5 + short.epochs * images * plan.usual.step)
    assert full.seconds > 10 * 0.5 + full.epochs * images * plan.usual.step, "those of more MACs are promoted"
    study = replace(study, kind=Kind.CALIBRATION)
    drawn = make_plan(study, Stopwatch(study, capacity), left={"r3": 10, "full": 10}).costs[1]
    assert drawn.seconds == pytest.approx(10 * 0.5 + drawn.epochs * images * plan.usual.step)


def test_the_default_cap_on_macs_is_said_in_words():
    lines = lambda study: dict(plan_lines(Plan(prepared=study, usual=PACE, large=PACE, costs=())))  # noqa: E731
    study = prepared()
    index, cap = study.index, study.budget.max_params
    over = fitting(index, cap, ignore_macs=True) - fitting(index, cap)
    assert over > 0
    words = f"{over} networks within the cap on parameters need more than {write_macs(study.budget.max_macs)}"
    assert lines(study)["MACs"] == f"{words}, the default: 3 times ResNet-20 scaled to the cap (`space.max_macs`)"
    assert lines(prepared(space__max_macs="2M"))["MACs"].endswith("within the cap on parameters need more than 2.000 M")
    assert "MACs" not in lines(prepared(space__max_macs="none"))


def test_a_plan_under_caps_of_a_device_says_what_each_keeps_out():
    device = {"budget__max_params": None, "budget__max_bytes": "60kB", "budget__weights": "int8"}
    study = prepared(**device, budget__max_memory="3KiB", space__max_macs="none")
    free = prepared(**device, space__max_macs="none")
    over = free.tiers[0].fitting - study.tiers[0].fitting
    assert over > 0
    lines = dict(plan_lines(Plan(prepared=study, usual=PACE, large=PACE, costs=())))
    assert lines["budget"].startswith("60 kB for the file and 3 KiB of memory in int8: ")
    assert f"{study.tiers[0].band.high:,} bytes of the file: " in lines["band"]
    assert lines["memory"] == f"{over} networks within the cap on bytes of the file need more than 3 KiB of memory"
    assert study.name == "s"
    members = study.tiers[0].band.members()
    for point in members.points[:20]:
        net = study.candidate(study.space.decode(point), "any")
        costs = costs_of(net.spec, study.data.shape, "int8")
        assert (net.bytes, net.memory) == (costs.bytes, costs.memory)
        assert study.budget.fits(net)
        assert study.utilisation(net) == costs.bytes / 60_000
    assert len(members) == len(study.tiers[0].band)


def test_a_cap_on_memory_alone_has_a_band_of_parameters():
    study = prepared(budget__max_params=None, budget__max_memory="4KiB", budget__weights="int8")
    lines = dict(plan_lines(Plan(prepared=study, usual=PACE, large=PACE, costs=())))
    assert lines["budget"].startswith("4 KiB of memory in int8: ")
    assert lines["band"].startswith(f"{study.tiers[0].band.low:,} to {study.cap:,} parameters: ")
    assert lines["memory"].endswith("networks need more than 4 KiB of memory")
    assert "MACs" not in lines


def test_a_device_that_can_train_nothing_is_told():
    study = prepared()
    told = r"`engine.device` is cpu, but cannot train a network of the band \(no such device\)"
    with pytest.raises(BudgetNASError, match=told):
        make_plan(study, Stopwatch(study, 2, fails=True), left={"r3": 1})


def test_full_trainings_of_fewer_epochs_than_short_ones_are_told():
    assert dict(training_lines(prepared(full__epochs=3)))["promotion"] == "best 2, 3 epochs, 1 seed each"
    told = dict(training_lines(prepared(full__epochs=2)))["promotion"]
    assert told == "best 2, 2 epochs (fewer than the short trainings have), 1 seed each"


def test_a_plan_notes_which_recipe_does_not_fit_the_length_of_which_trainings(tmp_path, capsys):
    (tmp_path / "mine.toml").write_text('ema = 0.999\nema_rule = "fixed"\nstep = "batch"\n')
    study = prepared(proxy__rungs=[2, 3], full__recipe=str(tmp_path / "mine.toml"))
    plan = Plan(prepared=study, usual=PACE, large=PACE, costs=())
    short, full = plan.notes
    assert short.startswith("short trainings of 2 epochs, recipe proxy: after 36 steps the running statistics of batch")
    assert full.startswith(f"full trainings, recipe {tmp_path}/mine.toml: after 180 steps the running mean still holds")
    assert as_json(plan)["notes"] == [short, full]
    Console(as_json=False).planned(plan)
    assert f"NOTE: {full}\n" in capsys.readouterr().out
    assert Plan(prepared=prepared(full__recipe="long"), usual=PACE, large=PACE, costs=()).notes == []


def test_controls_that_there_is_no_room_for_are_told():
    study = prepared(evidence__controls=True, evidence__control_networks=["resnet20", "random", "1x8-1x8-1x8-1x8"])
    assert dict(training_lines(study))["controls"] == (
        "the winner, a random network: 10 epochs, 1 fresh seed each; without resnet20, 1x8-1x8-1x8-1x8: over a cap, or "
        "the images are halved too often"
    )


def test_a_plan_notes_names_that_mean_other_networks_elsewhere_on_larger_images(make_npz):
    large = {"data__dataset": str(make_npz(side=64)), "budget__max_params": "12M"}
    lines = dict(training_lines(prepared(**large, search__first_models=["resnet18", "resnet20"])))
    assert lines["tried first"] == "resnet18, resnet20"
    assert lines["note"].startswith("resnet18: The network here is pytorch-cifar's")
    assert "note" not in dict(training_lines(prepared(**large)))
    assert "note" not in dict(training_lines(prepared(budget__max_params="12M", search__first_models=["resnet18"])))


@pytest.mark.parametrize(
    ("kind", "keys"), [(Kind.SEARCH, "`search.trials`, `full.promote`"), (Kind.CALIBRATION, "`search.trials`")]
)
def test_a_long_plan_names_the_keys_that_shorten_it(kind, keys):
    cost = Cost(level="r3", trainings=1, epochs=3, images=30, seconds=3 * 3600)
    plan = Plan(prepared=prepared(kind), usual=PACE, large=PACE, costs=(cost,))
    assert f"; shorter with a smaller {keys}, `full.epochs` or `data.subset`" in dict(plan_lines(plan))["time"]


def test_short_trainings_of_fewer_images_say_so():
    assert (
        dict(training_lines(prepared(Kind.CALIBRATION), 5))["short"] == "each from scratch for 3 epochs, recipe proxy"
    )
    fewer = prepared(Kind.CALIBRATION, proxy__subset=10)
    assert dict(training_lines(fewer, 5))["short"] == "each from scratch for 3 epochs on 100 images, recipe proxy"


def slow(kind=Kind.SEARCH, *, resumed=False, **changes):
    """A plan of a study that takes a month: a step of an image takes ten seconds."""
    study = prepared(kind, search__trials=100, full__epochs=200, full__promote=5, engine__workers=2, **changes)
    pace = Pace(step=10.0, validation=3.0, start=1.0)
    left = {"r3": 100, "full": 5}
    costs = expected_costs(study, left, usual=pace, large=pace)
    return Plan(prepared=study, usual=pace, large=pace, costs=costs, is_resumed=resumed)


def test_a_month_is_told_in_days_with_keys_that_fit_two():
    plan = slow()
    assert re.search(r"about \d+ days for all of it", dict(plan_lines(plan))["time"])
    keys, seconds = shorter(plan)
    assert seconds <= LONGEST_SECONDS
    assert list(keys)[:4] == ["full.epochs", "full.promote", "search.trials", "data.subset"]
    assert (keys["full.epochs"], keys["full.promote"], keys["search.trials"]) == (30, 3, 20)
    assert too_long(plan) == (keys, write_time(seconds))
    assert list(shorter(slow(Kind.CALIBRATION))[0])[:3] == ["full.epochs", "search.trials", "data.subset"]
    assert too_long(replace(plan, costs=())) is None


def test_a_study_that_has_begun_can_only_be_cut_off():
    assert shorter(slow(resumed=True)) == ({"engine.max_hours": 24}, 24 * 3600)
    assert too_long(slow(engine__max_hours=24.0)) is None, "it is"


def test_hours_are_told_by_what_they_buy():
    plan = slow(engine__max_hours=24.0)
    short, _ = plan.costs
    (_, started, number), (_, promoted, fulls) = bought(plan)
    assert (number, fulls) == (100, 5)
    assert started == ceil(12 * 3600 / plan.training_seconds(short)) * 2, "half of the time is left to the others"
    assert promoted == 2
    told = dict(plan_lines(plan))["time"]
    assert told.endswith(
        f"; `engine.max_hours=24` buys about {started} of 100 short trainings of 3 epochs, 2 of 5 full trainings"
    )
    enough = slow(engine__max_hours=24_000.0)
    assert bought(enough) == [("r3", 100, 100), ("full", 5, 5)]
    assert "buys" not in dict(plan_lines(enough))["time"]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.2, "1 s"), (89, "89 s"), (360, "6 min"), (9_000, "2.5 h"), (172_000, "47.8 h"), (2_091_240, "24.2 days")],
)
def test_a_duration_has_the_unit_that_a_person_would_use(seconds, told):
    assert write_time(seconds) == told


def test_the_plan_warns_of_kinds_that_are_slow_on_a_cpu():
    notes = lambda study: Plan(prepared=study, usual=PACE, large=PACE, costs=()).notes  # noqa: E731
    wide = prepared(space__kinds=["basic", "bottleneck"], space__groups=[1, "mid/4"])
    assert notes(wide)[-1].startswith("grouped convolutions, bottlenecks train slowly on a CPU")
    assert not any("slowly" in note for note in notes(prepared(space__groups=["mid/4"])))
    assert not any("slowly" in note for note in notes(replace(wide, hardware=replace(wide.hardware, device="cuda"))))
