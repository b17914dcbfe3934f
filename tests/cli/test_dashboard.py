from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from ports import free_port

from budgetnas.arch.spec import ResNetSpec
from budgetnas.cli.dashboard import is_loopback
from budgetnas.cli.main import main
from budgetnas.space.parameters import Ranges
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.storage.study import StudyStore
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.trial import Candidate, TrialState


@pytest.fixture
def run(tmp_path):
    store = StudyStore(
        open_storage(sqlite_url(tmp_path / "study.db")), "mine/r3", Ranges(stages=(1, 4), blocks=(1, 8), widths=(1, 99))
    )
    candidate = Candidate(spec=ResNetSpec(blocks=(2,), widths=(16,)), params=10, macs=20, origin="random")
    store.add(candidate, state=TrialState.PRUNED, facts=TrialFacts(reason="5 parameters over the cap"))
    store.add(candidate, state=TrialState.RUNNING, facts=TrialFacts())
    store.finish(1, 0.9, {})
    return tmp_path


@contextlib.contextmanager
def serving(run, *words):
    """Run the real command; yield it and its page's address. Afterwards `told` is what it wrote as errors."""
    command = [sys.executable, "-m", "budgetnas", "dashboard", str(run), "--port", "0", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline().split()[0]
    finally:
        process.send_signal(signal.SIGINT)
        try:
            _, process.told = process.communicate(timeout=120)
        finally:
            process.kill()


def test_the_dashboard_serves_the_study_on_loopback(run):
    with serving(run) as (process, address):
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address.replace("/dashboard", "/api/studies"), timeout=30) as reply:
            studies = json.load(reply)["study_summaries"]
        assert [study["study_name"] for study in studies] == ["mine/r3"]
        url = address.replace("/dashboard", f"/api/studies/{studies[0]['study_id']}?after=0")
        with urllib.request.urlopen(url, timeout=30) as reply:
            trials = json.load(reply)["trials"]
        assert [trial["state"] for trial in trials] == ["Pruned", "Complete"]
        port = int(address.rpartition(":")[2].partition("/")[0])
        with pytest.raises(OSError, match=r"refused"), socket.create_connection(("127.0.0.2", port), timeout=5):
            pass  # where a server bound to every address would answer
    assert process.returncode == 130
    assert process.told == "budgetnas: stopped\n"


def test_any_other_address_is_warned_of_in_a_line(run):
    with serving(run, "--host", "0.0.0.0") as (process, _):
        pass
    warning, stopped = process.told.splitlines()
    assert warning.startswith("WARNING: 0.0.0.0 is open to other machines")
    assert "without a password" in warning
    assert stopped == "budgetnas: stopped"


def test_the_help_says_that_there_is_no_password(capsys):
    with pytest.raises(SystemExit):
        main(["dashboard", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "It has no password" in told
    assert "(default 127.0.0.1)" in told


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_what_is_this_machine_alone(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "0", "::", "10.0.0.1", "localhost.example.org"])
def test_what_is_more_than_this_machine(host):
    assert not is_loopback(host)


def test_a_host_that_is_none_is_named(capsys, run):
    assert main(["dashboard", str(run), "--port", "0", "--host", "x" * 70]) == 1
    assert "give another." in capsys.readouterr().err


def test_optunas_own_command_reads_it_too(run):
    import time
    from pathlib import Path

    port = free_port()
    command = Path(sys.executable).parent / "optuna-dashboard"
    words = [str(command), f"sqlite:///{run / 'study.db'}", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/studies", timeout=30) as reply:
                    assert [study["study_name"] for study in json.load(reply)["study_summaries"]] == ["mine/r3"]
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.2)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_a_port_that_is_none_is_named(capsys, port):
    with pytest.raises(SystemExit):
        main(["dashboard", "runs/x", f"--port={port}"])
    assert "is no port from 0 to 65535" in capsys.readouterr().err


def test_a_folder_without_a_study_is_named(capsys, tmp_path):
    assert main(["dashboard", str(tmp_path / "nothing")]) == 1
    assert "study.db` does not exist: give the folder of a run" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(capsys, run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["dashboard", str(run), "--port", str(taken.getsockname()[1])]) == 1
    assert "give another." in capsys.readouterr().err
