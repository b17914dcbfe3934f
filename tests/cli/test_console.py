from __future__ import annotations

import os
import pty
import subprocess
import sys
from dataclasses import replace

import pytest

from budgetnas.cli import console
from budgetnas.config.study import load_study
from budgetnas.pipeline.plan import Plan
from budgetnas.pipeline.prepare import prepare
from budgetnas.pipeline.search import Progress


@pytest.fixture(scope="module")
def plan():
    words = {"budget.max_params": "300k", "data.dataset": "digits", "engine.device": "cpu"}
    prepared = prepare(load_study(None, words, []))
    return Plan(prepared=prepared, images_per_second=700, proxy_seconds=500, full_seconds=100)


def test_a_plan_of_hours_names_what_shortens_it(plan):
    assert dict(console.plan_lines(plan))["time"] == "about 10 min for the whole search"
    time = dict(console.plan_lines(replace(plan, full_seconds=9_000)))["time"]
    assert time.startswith("about 2.6 h")
    for option in ("--trials", "--promote", "--full-epochs", "--subset", "--max-hours"):
        assert option in time


def test_a_resumed_plan_counts_what_is_left(plan):
    from budgetnas.pipeline.plan import make_plan
    from budgetnas.records.engine import Finished
    from budgetnas.training.tasks import Timed

    class Timer:
        capacity = 1

        def submit(self, key, task):
            self.key = key

        def wait(self, timeout):
            return [Finished(key=self.key, result=Timed(seconds_per_image=0.01))]

    whole = make_plan(plan.prepared, Timer())
    part = make_plan(plan.prepared, Timer(), proxies_left=50, fulls_left=5)
    assert part.proxy_seconds == pytest.approx(whole.proxy_seconds / 2)
    assert part.full_seconds == whole.full_seconds
    assert "for what is left" in dict(console.plan_lines(part))["time"]
    assert make_plan(plan.prepared, Timer(), proxies_left=0, fulls_left=0).full_seconds == 0


def test_seeded_models_are_counted_for_the_report_and_for_the_data_at_hand(plan):
    lines = console.seed_lines(plan.prepared)
    assert len(lines) == 5
    assert "4,903,242   4,902,090  over the cap: pruned" in lines[0]


def test_without_a_terminal_there_is_one_plain_line_every_ten_seconds(capsys, monkeypatch):
    now = iter(range(100, 10_000, 3))
    monkeypatch.setattr(console.time, "monotonic", lambda: next(now))
    listener = console.Console(as_json=False)
    for done in range(10):
        listener.progressed(Progress(stage="proxy", done=done, total=10, best=0.5))
    assert capsys.readouterr().out.splitlines() == [
        f"short trainings: {done} of 10  best 50.00 %" for done in (0, 4, 8)
    ]


def test_on_a_terminal_there_are_bars(tmp_path):
    words = "--max-params 30k --trials 2 --promote 1 --full-epochs 1 --no-paper-models --dataset digits --device cpu"
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    process = subprocess.Popen(
        [sys.executable, "-m", "budgetnas", "search", *words.split()],
        cwd=tmp_path,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # the other end has closed
            break
        if not part:
            break
        seen += part
    os.close(ours)
    assert process.wait(timeout=60) == 0, seen.decode()
    text = seen.decode()
    assert "short trainings" in text
    assert "2/2" in text
    assert "━" in text
