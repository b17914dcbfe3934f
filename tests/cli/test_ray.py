"""A search on a Ray cluster with two GPUs that are not there: killed in each place, it ends in the same table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pytest
from ports import free_port

pytestmark = pytest.mark.services
pytest.importorskip("ray")
WORDS = (
    "search", "--max-params", "60k", "--trials", 6, "--promote", 1, "--full-epochs", 2, "--dataset", "digits",
    "--no-paper-models", "--set", "proxy.rungs=[2]", "--device", "cpu",
)  # fmt: skip
MARK = "TESTED_CLUSTER"  # its port, in the environment of its processes: other tests have clusters of their own
HALVES = ("--set", "engine.gpus_per_trial=0.5")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Start a cluster as its users do, and stop it."""
    port = free_port()
    words = [Path(sys.executable).parent / "ray", "start", "--head", "--node-ip-address=127.0.0.1", f"--port={port}"]
    words += ["--num-cpus=4", "--num-gpus=2", "--include-dashboard=false", "--disable-usage-stats", "--block"]
    env = os.environ | {MARK: str(port)}
    with tempfile.TemporaryDirectory(prefix="r") as folder:  # its sockets have no room below pytest's long names
        log = tmp_path_factory.mktemp("ray") / "log"
        words += [f"--temp-dir={folder}"]
        with log.open("w") as out, subprocess.Popen(words, stdout=out, stderr=out, env=env) as head:
            while "Ray runtime started" not in log.read_text():
                assert head.poll() is None, log.read_text()
                time.sleep(0.1)
            yield f"127.0.0.1:{port}"
            head.terminate()
            head.wait(timeout=60)


@pytest.fixture(scope="module")
def on_this_machine(budgetnas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("local")
    done = budgetnas(*WORDS, "--workers", 2, cwd=folder)
    assert done.returncode == 0, done.stderr
    return trials_of(folder)


def trials_of(folder):
    table = pd.read_csv(folder / "runs" / "digits-60k-s0" / "trials.csv")
    return table.drop(columns="seconds")


def task_of(address):
    """Return the number of a process that carries out a task on the cluster, if there is one now."""
    mark = f"{MARK}={address.partition(':')[2]}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_task = (process / "cmdline").read_bytes().startswith(b"ray::_run")
            if is_task and mark in (process / "environ").read_bytes().split(b"\0"):
                return int(process.name)
        except OSError:
            continue
    return None


def test_a_search_on_a_cluster_gives_the_table_of_this_machine_though_tasks_and_driver_are_killed(
    address, on_this_machine, budgetnas, tmp_path
):
    words = [*WORDS, *HALVES, "--set", "engine.kind=ray", "--set", f"ray.address={address}", "--json"]
    command = [sys.executable, "-m", "budgetnas", *map(str, words)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    first = next(line for line in process.stderr if "short trainings of 2 epochs:" in line)
    assert "0 of 6" in first
    while (task := task_of(address)) is None:
        assert process.poll() is None, "it ended too early"
        time.sleep(0.05)
    os.kill(task, signal.SIGKILL)
    time.sleep(2.0)
    process.kill()
    process.wait()
    process.stderr.close()
    done = budgetnas(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 workers" in done.stderr  # halves of two GPUs
    assert json.loads(done.stdout)["winner"]["spec"]
    pd.testing.assert_frame_equal(trials_of(tmp_path), on_this_machine)


def test_a_device_that_the_cluster_has_not_is_told_in_a_line(address, budgetnas, tmp_path):
    words = ["cuda" if word == "cpu" else word for word in WORDS]
    done = budgetnas(*words, "--set", "engine.kind=ray", "--set", f"ray.address={address}", cwd=tmp_path)
    assert done.returncode == 2
    assert "`--device` is cuda, but this machine has cpu: give one of these, or auto." in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_a_cluster_it_is_told_in_a_line(budgetnas, tmp_path):
    done = budgetnas(*WORDS, "--set", "engine.kind=ray", "--set", "ray.address=127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 1
    assert "`ray.address` is '127.0.0.1:1', but no Ray answers there" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
