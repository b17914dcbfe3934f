from __future__ import annotations

from dataclasses import replace

from small_studies import prepared

from budgetnas.outcome.costs import Cost
from budgetnas.pipeline.plan import Plan


def test_every_level_leaves_time_for_those_above_and_the_last_has_all_of_it(monkeypatch):
    study = prepared(engine__max_hours=1.0, engine__workers=1)
    costs = tuple(Cost(level=level, trainings=1, epochs=1, images=1, seconds=1_200) for level in ("r1", "r3", "full"))
    plan = Plan(prepared=study, images_per_second=1, costs=costs)
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
