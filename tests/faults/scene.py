"""One run of the real command, disturbed and gone on with, and what must hold afterwards."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
RUN = Path("runs") / "digits-60k-s0"
WORDS = (
    "search", "--max-params", "60k", "--trials", 10, "--promote", 2, "--full-epochs", 2, "--dataset", "digits",
    "--no-paper-models", "--device", "cpu", "--workers", 2, "--set", "space.widths=[16, 64]",
    "--set", "proxy.rungs=[1, 2]", "--set", "full.repeats=2",
    "--set", "evidence.controls=true", "--set", "evidence.control_networks=['random']",
)  # fmt: skip
LONGEST = 300.0
ENDED = ("COMPLETE", "PRUNED", "FAIL")
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts behind itself ignores it, and so its own


@dataclass
class Scene:
    """A folder in which the command runs, and the processes that it starts.

    Attributes:
        folder: where `runs/` comes to lie.
        environment: what its trainings read (see `fake`).
        words: of the command; the search of all scenes unless given.
        command: what runs them: the real command with trainings of milliseconds unless given.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    words: tuple = WORDS
    command: tuple = (HERE / "command.py",)
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(self, **more: str) -> subprocess.Popen:
        """Start the command."""
        environment = {**os.environ, **self.environment, **more, "SCENE": self.token}
        with (self.folder / "stdout").open("w") as out, (self.folder / "stderr").open("w") as err:
            words = [sys.executable, *map(str, self.command), *map(str, self.words)]
            return subprocess.Popen(words, cwd=self.folder, env=environment, stdout=out, stderr=err)

    def finish(self, **more: str) -> int:
        """Run the command to its end; return its status."""
        with self.start(**more) as process:
            return process.wait(timeout=LONGEST)

    @property
    def said(self) -> str:
        """What the last command printed on standard error."""
        return (self.folder / "stderr").read_text()

    def alive(self, *, wait: float = 5.0) -> list[int]:
        """Return the processes that are still there after up to `wait` seconds."""
        end = time.monotonic() + wait
        while (found := self.processes()) and time.monotonic() < end:
            time.sleep(0.1)
        return found

    def processes(self) -> list[int]:
        """Return every process that a command of this scene started."""
        mark, found = f"SCENE={self.token}".encode(), []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                is_ours = mark in (process / "environ").read_bytes().split(b"\0")
                if is_ours and (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found.append(int(process.name))
            except OSError:
                continue
        return found

    def workers(self, driver: int) -> list[int]:
        """Return the processes that the driver started to train."""
        found = []
        for pid in self.processes():
            try:
                parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
                is_forked = b"forkserver" in Path(f"/proc/{parent}/cmdline").read_bytes()
            except OSError:
                continue
            if is_forked and pid != driver:
                found.append(pid)
        return found

    def trials(self) -> pd.DataFrame:
        """Return every trial of every study as it stands in the storage: study, number, spec, state, when it ended."""
        database = self.folder / RUN / "study.db"
        if not database.exists():
            return pd.DataFrame(columns=["study", "number", "state", "ended", "spec"])
        query = (
            "SELECT study_name AS study, number, state, datetime_complete AS ended, value_json AS spec FROM trials "
            "JOIN studies USING (study_id) LEFT JOIN trial_user_attributes USING (trial_id) WHERE key = 'spec'"
        )
        with closing(sqlite3.connect(database, timeout=60)) as connection:
            try:
                return pd.read_sql_query(query, connection)
            except pd.errors.DatabaseError:  # killed before the tables were there
                return pd.DataFrame(columns=["study", "number", "state", "ended", "spec"])

    def ended(self) -> int:
        """Return how many trials of all studies have ended."""
        return int(self.trials().state.isin(ENDED).sum())

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the final tables without what tells times."""
        return {
            name: pd.read_csv(self.folder / RUN / f"{name}.csv").drop(columns="seconds", errors="ignore")
            for name in ("trials", "trainings", "curves")
        }

    def half_written(self) -> list[str]:
        """Return the temporary files in the run's folder."""
        return [str(path) for path in (self.folder / RUN).rglob(".*") if path.name != ".lock"]


@dataclass
class Outcome:
    """What a disturbance did.

    Attributes:
        lost: trials that were finished, and were not, or finished anew, in the end.
        twice: trials of one network too many.
        stuck: trials that did not end.
        stray: processes left behind.
        half: files half-written.
        equal: whether the final tables are those of the undisturbed run.
        status: of the command that was disturbed.
    """

    lost: int
    twice: int
    stuck: int
    stray: int
    half: int
    equal: bool
    status: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return self.equal and not (self.lost or self.twice or self.stuck or self.stray or self.half)


def judge(scene: Scene, undisturbed: dict[str, pd.DataFrame], *, before: pd.DataFrame, status: int) -> Outcome:
    """Go on to the end with a disturbed run, and hold it against the undisturbed one.

    Args:
        scene: whose command has been disturbed and is over.
        undisturbed: tables of the same search.
        before: its trials right after the disturbance.
        status: of the disturbed command.
    """
    stray = len(scene.alive())
    last = scene.finish()
    assert last == 0, scene.said
    stray += len(scene.alive())
    after = scene.trials()
    keys = ["study", "number", "state", "ended", "spec"]
    finished = before[before.state.isin(ENDED)][keys]
    kept = finished.merge(after[keys], on=keys)
    first = after[after.study.str.endswith("/r1")]
    equal = True
    for name, table in scene.tables().items():
        equal = equal and table.equals(undisturbed[name])
    return Outcome(
        lost=len(finished) - len(kept),
        twice=int(first.spec.duplicated().sum()),
        stuck=int(after.state.isin(["RUNNING", "WAITING"]).sum()),
        stray=stray,
        half=len(scene.half_written()),
        equal=equal,
        status=status,
    )


def kill_driver(scene: Scene, process: subprocess.Popen) -> None:
    process.kill()


def kill_worker(scene: Scene, process: subprocess.Popen) -> None:
    for pid in scene.workers(process.pid)[:1]:
        os.kill(pid, signal.SIGKILL)


def kill_both(scene: Scene, process: subprocess.Popen) -> None:
    kill_worker(scene, process)
    process.kill()


def terminate(scene: Scene, process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)


def interrupt(scene: Scene, process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGINT)


def disturb(scene: Scene, undisturbed: dict[str, pd.DataFrame], what, *, trials: int, later: float = 0.0) -> Outcome:
    """Start the search, do `what` to it `later` seconds after so many trials have ended, and judge how it ends."""
    process = scene.start()
    while trials and scene.ended() < trials and process.poll() is None:
        time.sleep(0.02)
    time.sleep(later)
    what(scene, process)
    try:
        status = process.wait(timeout=LONGEST)
    finally:
        process.kill()
    return judge(scene, undisturbed, before=scene.trials(), status=status)
