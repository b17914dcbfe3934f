"""The real command, twice on one study: refused, taken over from a killed driver, ended when taken over itself."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time

import optuna
import pytest

from budgetnas.storage.database import open_storage
from budgetnas.storage.lease import Heartbeat, LeaseRecord, Process

pytestmark = pytest.mark.faults

WORDS = (
    *("search", "--max-params", "60k", "--trials", 6, "--promote", 1, "--full-epochs", 1, "--no-paper-models"),
    *("--device", "cpu", "--set", "proxy.rungs=[1]", "--workers", 1, "--name", "mine"),
)
MANY = ("--trials", 500)
BEATS_OFTEN = "from budgetnas.storage import lease\nlease.BEAT_SECONDS = 0.2\n"
COMMAND = "import sys\nfrom budgetnas.cli.main import main\nsys.exit(main())"


@pytest.fixture
def start(tmp_path):
    """Start the command; if the test fails, no driver of many trials lives on."""
    with contextlib.ExitStack() as ends:

        def start(*words):
            command = [sys.executable, "-c", BEATS_OFTEN + COMMAND, *map(str, words)]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            process = ends.enter_context(subprocess.Popen(command, cwd=tmp_path, text=True, **pipes))
            ends.callback(process.kill)
            return process

        yield start


def wait_for_a_trial(process, url):
    study = None
    while study is None or not any(trial.state.name == "COMPLETE" for trial in study.trials):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
        names = [one.study_name for one in optuna.get_all_study_summaries(open_storage(url))]
        study = optuna.load_study(study_name="mine/r1", storage=open_storage(url)) if "mine/r1" in names else None


def states(url):
    trials = optuna.load_study(study_name="mine/r1", storage=url).trials
    return [(trial.number, trial.state.name) for trial in trials]


def test_a_second_driver_is_refused_and_takes_over_from_a_killed_one(start, budgetnas, tmp_path):
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    first = start(*WORDS, *MANY, "--storage", url, "--out", "first")
    wait_for_a_trial(first, url)
    second = (*WORDS, "--storage", url, "--out", "second")
    refused = budgetnas(*second, cwd=tmp_path)
    owner = f"process {first.pid} on {os.uname().nodename}"
    assert refused.returncode == 1
    assert refused.stderr == f"budgetnas: `mine` is in use by {owner}: wait for it, or give another --name.\n"
    assert not (tmp_path / "second").exists() or not list((tmp_path / "second").iterdir())
    assert first.poll() is None, first.communicate()
    first.kill()
    first.communicate()
    done = budgetnas(*second, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {state for _, state in states(url)} == {"COMPLETE"}
    assert (tmp_path / "second" / "mine" / "report.html").exists()
    assert optuna.load_study(study_name="mine/full", storage=url).user_attrs["lease"] is None


def test_a_driver_that_was_taken_over_stops_in_one_line_and_writes_no_more(start, tmp_path):
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    first = start(*WORDS, *MANY, "--storage", url)
    wait_for_a_trial(first, url)
    study = optuna.load_study(study_name="mine/full", storage=url)
    fact = LeaseRecord(open_storage(url), study._study_id)
    other = Heartbeat(owner=Process(host="gpu7", namespace="", pid=12, started="7"), token="another", heard=time.time())
    while not fact.swap(fact.read(), other):
        pass
    _, err = first.communicate(timeout=60)
    assert first.returncode == 1
    assert err.startswith("budgetnas: `mine` was taken over by process 12 on gpu7 while this driver sent no heartbeat")
    assert err.count("\n") == 1
    assert "WAITING" not in {state for _, state in states(url)}, (
        "handing its trials back would take them from the new owner"
    )
    assert fact.read() == other
