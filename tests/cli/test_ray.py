"""A search on a Ray cluster with two GPUs that are not there: killed in each place, it ends in the same table."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.services
pytest.importorskip("ray")
WORDS = (
    "search", "--max-params", "60k", "--trials", 6, "--promote", 1, "--full-epochs", 2, "--dataset", "digits",
    "--no-paper-models", "--set", "proxy.rungs=[2]", "--device", "cpu",
)  # fmt: skip
HALVES = ("--set", "engine.gpus_per_trial=0.5")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Start a cluster as its users do, and stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [Path(sys.executable).parent / "ray", "start", "--head", "--node-ip-address=127.0.0.1", f"--port={port}"]
    words += ["--num-cpus=4", "--num-gpus=2", "--include-dashboard=false", "--disable-usage-stats", "--block"]
    with tempfile.TemporaryDirectory(prefix="r") as folder:  # its sockets have no room below pytest's long names
        log = tmp_path_factory.mktemp("ray") / "log"
        with log.open("w") as out, subprocess.Popen([*words, f"--temp-dir={folder}"], stdout=out, stderr=out) as head:
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


def tasks_of_ray():
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(b"ray::_run"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def wait_for(what, process):
    while process.poll() is None and not what():
        time.sleep(0.05)
    assert process.poll() is None, "it ended too early"


def test_a_search_on_a_cluster_gives_the_table_of_this_machine_though_tasks_and_driver_are_killed(
    address, on_this_machine, budgetnas, tmp_path
):
    words = [*WORDS, *HALVES, "--set", "engine.kind=ray", "--set", f"ray.address={address}", "--json"]
    command = [sys.executable, "-m", "budgetnas", *map(str, words)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    first = next(line for line in process.stderr if "short trainings of 2 epochs:" in line)
    assert "0 of 6" in first
    wait_for(tasks_of_ray, process)
    os.kill(tasks_of_ray()[0], signal.SIGKILL)
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
