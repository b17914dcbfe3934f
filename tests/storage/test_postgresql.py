"""Studies in a real PostgreSQL server: the table of SQLite, through kills and restarts, for one driver at a time."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import optuna
import pandas as pd
import pytest
from ports import free_port

from budgetnas.exceptions import StorageError
from budgetnas.space.parameters import Ranges
from budgetnas.storage import database
from budgetnas.storage.database import open_storage
from budgetnas.storage.lease import leased
from budgetnas.storage.study import StudyStore
from budgetnas.trials.facts import RunFacts

pytestmark = pytest.mark.services

WORDS = (
    *("search", "--max-params", "60k", "--trials", 6, "--promote", 1, "--full-epochs", 1, "--no-paper-models"),
    *("--device", "cpu", "--set", "proxy.rungs=[1]", "--workers", 2),
)
TIMES = ["seconds"]
PASSWORD = "NOBODY-MAY-READ-THIS"
RANGES = Ranges(stages=(1, 4), blocks=(1, 8), widths=(16, 512))


class Server:
    """A PostgreSQL cluster in a folder of its own, on a free port of this machine."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._data, self._log = folder / "data", folder / "log"
        self._user: list[str] = []
        if os.getuid() == 0:  # which the server refuses
            shutil.chown(folder, "postgres", "postgres")
            self._user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self._run("initdb", "-D", self._data, "-U", "me", "-A", "trust", "-E", "UTF8", "--no-sync")
        with (self._data / "postgresql.conf").open("a") as file:
            settings = {
                "listen_addresses": "127.0.0.1",
                "port": self.port,
                "unix_socket_directories": "",
                "fsync": "off",
            }
            file.writelines(f"{key} = '{value}'\n" for key, value in settings.items())

    @property
    def url(self) -> str:
        return f"postgresql://me:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def control(self, action: str, *words: str) -> None:
        self._run("pg_ctl", action, "-D", self._data, "-l", self._log, "-w", *words)

    def _run(self, program: str, *words: object) -> None:
        places = [os.environ["PATH"], *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
        path = shutil.which(program, path=os.pathsep.join(places))
        assert path, f"`{program}` is not installed: apt-get install postgresql"
        command = [*self._user, path, *map(str, words)]
        done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
        assert done.returncode == 0, f"{command}: {self._log.read_text() if self._log.exists() else ''}"


@pytest.fixture(scope="module")
def server():
    with tempfile.TemporaryDirectory(prefix="budgetnas-") as folder:
        server = Server(Path(folder))
        server.control("start")
        try:
            yield server
        finally:
            server.control("stop", "-m", "fast")


@pytest.fixture(scope="module")
def reference(budgetnas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sqlite")
    done = budgetnas(*WORDS, "--name", "mine", cwd=folder)
    assert done.returncode == 0, done.stderr
    return table(folder / "runs" / "mine")


def table(run):
    return pd.read_csv(run / "trials.csv").drop(columns=TIMES)


@pytest.fixture(scope="module")
def storage(server):
    storage = open_storage(server.url)
    yield storage
    storage.engine.dispose()


def states(storage, name):
    names = [study.study_name for study in storage.get_all_studies() if study.study_name.startswith(f"{name}/")]
    studies = [optuna.load_study(study_name=study, storage=storage) for study in names]
    return [trial.state.name for study in studies for trial in study.trials]


def start_until_a_trial_is_complete(server, storage, folder, *words):
    command = [sys.executable, "-m", "budgetnas", *map(str, (*WORDS, *words, "--storage", server.url))]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "COMPLETE" not in states(storage, words[words.index("--name") + 1]):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return process


def test_a_search_gives_the_table_of_sqlite_and_shows_no_password(server, reference, budgetnas, tmp_path):
    done = budgetnas(*WORDS, "--name", "equal", "--storage", server.url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    pd.testing.assert_frame_equal(table(tmp_path / "runs" / "equal"), reference)
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"me:***@127.0.0.1" in content for content in written)
    assert not any(PASSWORD.encode() in content for content in (done.stdout.encode(), *written))
    with pytest.raises(StorageError, match="postgres-that-is-not-there") as caught:
        open_storage(f"{server.url}-that-is-not-there")
    assert PASSWORD not in str(caught.value)
    gc.collect()  # a connection that the search left open would warn now


def test_a_second_driver_waits_for_the_death_of_the_first_and_ends_in_the_same_table(
    server, storage, reference, budgetnas, tmp_path
):
    words = ("--name", "killed", "--out", "first")
    first = start_until_a_trial_is_complete(server, storage, tmp_path, *words)
    first.send_signal(signal.SIGSTOP)  # it stays alive, and does no more
    owner = f"process {first.pid} on {os.uname().nodename}"
    with pytest.raises(StorageError, match=f"`mine` is in use by {owner}: wait for it"):
        leased(storage, "killed/full", what="mine").__enter__()
    first.kill()
    first.communicate()
    second = (*WORDS, "--name", "killed", "--storage", server.url, "--out", "second")
    done = budgetnas(*second, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(states(storage, "killed")) == {"COMPLETE"}
    pd.testing.assert_frame_equal(table(tmp_path / "second" / "killed"), reference)


def test_a_search_outlives_a_restart_or_stops_in_one_line_and_goes_on_to_the_same_table(
    server, storage, reference, budgetnas, tmp_path
):
    driver = start_until_a_trial_is_complete(server, storage, tmp_path, "--name", "restarted")
    server.control("restart", "-m", "immediate")
    _, err = driver.communicate(timeout=120)
    *news, last = [*err.splitlines(), ""] if driver.returncode == 0 else err.splitlines()
    assert all(line.startswith("The database does not answer") for line in news)
    if driver.returncode != 0:  # it had asked for something at that very moment
        assert "run the same command again" in last
        again = budgetnas(*WORDS, "--name", "restarted", "--storage", server.url, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
    assert set(states(storage, "restarted")) == {"COMPLETE"}
    pd.testing.assert_frame_equal(table(tmp_path / "runs" / "restarted"), reference)


def test_a_server_that_comes_back_is_waited_for_and_one_that_does_not_is_given_up(server, storage, caplog, monkeypatch):
    with leased(storage, "waited/full", what="waited") as lease:
        store = StudyStore(storage, "waited/full", RANGES, guard=lease.check)
        server.control("restart", "-m", "immediate")
        store.record(RunFacts(others={"before": 1}))
        server.control("stop", "-m", "immediate")
        starter = threading.Timer(2.0, server.control, ["start"])
        starter.start()
        store.record(RunFacts(others={"during": 2}))
        starter.join()
        lease.beat()
        lease.check()
        assert [record.getMessage().startswith("The database does not answer") for record in caplog.records] == [True]
        assert store.facts.others == {"before": 1, "during": 2}
        monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.5)
        server.control("stop", "-m", "immediate")
        try:
            with pytest.raises(StorageError, match="run the same command again"):
                store.record(RunFacts(others={"after": 3}))
        finally:
            server.control("start")
        store.record(RunFacts(others={"after": 3}))
    assert store.facts.lease is None


def test_drivers_that_find_an_empty_database_make_its_tables_once(server, storage):
    with storage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE DATABASE fresh")
    code = (
        "import sys\nfrom budgetnas.storage.database import open_storage\nsys.stdin.read()\nopen_storage(sys.argv[1])"
    )
    words = [sys.executable, "-c", code, server.url.replace("/postgres", "/fresh")]
    drivers = [subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    time.sleep(3)
    for driver in drivers:
        driver.stdin.close()
    for driver in drivers:
        assert (driver.wait(timeout=60), driver.stderr.read()) == (0, "")
        driver.stderr.close()
