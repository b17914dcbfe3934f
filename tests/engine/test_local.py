from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path

import pytest

from budgetnas.engine.local import LocalEngine
from budgetnas.records.engine import Failed, Finished, Progressed

HERE = Path(__file__).parent


@pytest.fixture
def engine(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    spec = importlib.util.spec_from_file_location("workers", HERE / "workers.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "workers", module)
    spec.loader.exec_module(module)
    engine = LocalEngine(module.work, workers=2)
    yield engine
    engine.close()


def collect(engine, count):
    events = []
    end = time.monotonic() + 60
    while sum(not isinstance(event, Progressed) for event in events) < count:
        assert time.monotonic() < end, events
        events += engine.wait(1.0)
    return events


def test_reports_come_before_the_result_and_workers_are_reused(engine):
    assert engine.capacity == 2
    engine.submit("a", ("double", 21))
    first, second = collect(engine, 1)
    assert isinstance(first, Progressed)
    assert first.report.accuracy == 0.25
    assert second == Finished(key="a", result=42)
    engine.submit("b", ("pid",))
    engine.submit("c", ("pid",))
    pids = {event.result for event in collect(engine, 2)}
    engine.submit("d", ("pid",))
    engine.submit("e", ("pid",))
    assert {event.result for event in collect(engine, 2)} == pids
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_a_worker_that_dies_is_replaced_and_its_task_tried_again(engine, tmp_path):
    engine.submit("a", ("die", str(tmp_path / "marker")))
    assert collect(engine, 1) == [Finished(key="a", result="alive")]


def test_a_task_that_always_kills_its_worker_fails_with_the_signal(engine):
    engine.submit("a", ("always die",))
    assert collect(engine, 1) == [Failed(key="a", reason="its worker died 3 times (signal SIGKILL)")]
    engine.submit("b", ("double", 1))
    assert collect(engine, 1)[-1] == Finished(key="b", result=2)


@pytest.mark.parametrize(
    ("task", "reason", "fatal"),
    [
        ("fail", "diverged in epoch 2", False),
        ("wrong data", "the data changed", True),
        ("bug", "ZeroDivisionError: a bug", False),
    ],
)
def test_errors_become_failures_in_one_line(engine, task, reason, fatal):
    engine.submit("a", (task,))
    assert collect(engine, 1) == [Failed(key="a", reason=reason, fatal=fatal)]


def test_a_process_that_met_the_unforeseen_is_not_used_again(engine):
    engine.submit("a", ("pid",))
    (first,) = collect(engine, 1)
    engine.submit("b", ("bug",))
    collect(engine, 1)
    time.sleep(0.5)
    engine.submit("c", ("pid",))
    (second,) = collect(engine, 1)
    assert second.result != first.result


def test_gpus_are_shared_out_among_the_workers(engine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    several = LocalEngine(engine._work, workers=3, gpus=2)
    try:
        for key in "abc":
            several.submit(key, ("environment", "CUDA_VISIBLE_DEVICES"))
        assert sorted(event.result for event in collect(several, 3)) == ["3", "3", "5"]
    finally:
        several.close()


def test_nothing_happening_is_no_event_and_closing_kills(engine):
    engine.submit("a", ("sleep",))
    assert list(engine.wait(0.1)) == []
    started = time.monotonic()
    engine.close()
    assert time.monotonic() - started < 10
