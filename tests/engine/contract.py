"""What every engine promises. Subclasses give an engine of two workers, and one that takes silence for a hang."""

from __future__ import annotations

import os
import time

import pytest

from budgetnas.engine.protocol import Failed, Finished, Progressed


def collect(engine, count):
    events = []
    end = time.monotonic() + 90
    while sum(not isinstance(event, Progressed) for event in events) < count:
        assert time.monotonic() < end, events
        events += engine.wait(1.0)
    return events


class Contract:
    def test_reports_come_before_the_result_and_workers_are_reused(self, engine):
        assert engine.capacity == 2
        engine.submit("a", ("double", 21))
        first, second = collect(engine, 1)
        assert isinstance(first, Progressed)
        assert (first.key, first.report.accuracy) == ("a", 0.25)
        assert second == Finished(key="a", result=42)
        pids = set()
        for _ in range(3):
            engine.submit("b", ("pid",))
            engine.submit("c", ("pid",))
            pids |= {event.result for event in collect(engine, 2)}
        assert len(pids) <= self.processes
        assert os.getpid() not in pids

    def test_a_worker_that_dies_is_replaced_and_its_task_tried_again(self, engine, tmp_path):
        engine.submit("a", ("die", str(tmp_path / "marker")))
        assert collect(engine, 1) == [Finished(key="a", result="alive")]

    def test_a_task_that_always_kills_its_worker_fails_and_others_go_on(self, engine):
        engine.submit("a", ("always die",))
        (failed,) = collect(engine, 1)
        assert isinstance(failed, Failed)
        assert self.dead in failed.reason
        assert not failed.fatal
        engine.submit("b", ("double", 1))
        assert collect(engine, 1)[-1] == Finished(key="b", result=2)

    def test_a_task_that_broke_its_device_is_replaced_and_tried_in_a_fresh_process(self, engine):
        engine.submit("a", ("pid",))
        (before,) = collect(engine, 1)
        engine.submit("a", ("break", 2))
        (after,) = collect(engine, 1)
        assert isinstance(after, Finished)
        assert after.result not in (before.result, os.getpid())
        engine.submit("a", ("break", 9))
        (failed,) = collect(engine, 1)
        assert isinstance(failed, Failed)
        assert "3 times" in failed.reason

    def test_a_worker_that_hangs_is_ended_and_its_task_tried_again(self, impatient, tmp_path):
        impatient.submit("a", ("hang once", str(tmp_path / "marker")))
        assert collect(impatient, 1) == [Finished(key="a", result="awake")]

    def test_a_task_that_always_hangs_fails_and_others_go_on(self, impatient):
        impatient.submit("a", ("sleep",))
        (failed,) = collect(impatient, 1)
        assert failed == Failed(key="a", reason=f"its worker hung 3 times (no report for {self.patience:g} s)")
        impatient.submit("b", ("double", 1))
        assert collect(impatient, 1)[-1] == Finished(key="b", result=2)

    @pytest.mark.parametrize(
        ("task", "reason", "how"),
        [
            ("fail", "out of memory on cuda:0", {}),
            ("diverge", "diverged in epoch 2", {"diverged": True}),
            ("wrong data", "the data changed", {"fatal": True}),
            ("bug", "ZeroDivisionError: a bug", {}),
            ("memory", "out of memory: 9 TB", {}),
        ],
    )
    def test_errors_become_failures_in_one_line(self, engine, task, reason, how):
        engine.submit("a", (task,))
        assert collect(engine, 1) == [Failed(key="a", reason=reason, **how)]

    def test_a_process_that_met_the_unforeseen_is_not_used_again(self, engine):
        for key in "ab":
            engine.submit(key, ("pid",))
        before = {event.result for event in collect(engine, 2)}
        for key in "ab":
            engine.submit(key, ("slow bug",))
        collect(engine, 2)
        time.sleep(0.5)
        for key in "ab":
            engine.submit(key, ("pid",))
        assert not before & {event.result for event in collect(engine, 2)}

    def test_nothing_happening_is_no_event_and_closing_kills(self, engine):
        engine.submit("a", ("sleep",))
        assert list(engine.wait(0.1)) == []
        started = time.monotonic()
        engine.close()
        assert time.monotonic() - started < 10
