"""One driver a study, held against real processes: racing, dead, reborn, elsewhere, asleep."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace

import optuna
import pytest
from optuna.storages import InMemoryStorage

from budgetnas.exceptions import StorageError
from budgetnas.space.parameters import Ranges
from budgetnas.storage import lease as lease_module
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.storage.lease import STALE_SECONDS, Heartbeat, LeaseRecord, Process, leased, this_process
from budgetnas.storage.study import StudyStore
from budgetnas.trials.facts import RunFacts

STUDY = "mine/full"
RANGES = Ranges(stages=(1, 4), blocks=(1, 8), widths=(16, 512))
ELSEWHERE = Process(host="elsewhere", namespace="", pid=12, started="7")

# Takes the lease of every study that it is told, says how that went, and holds it until it is told the next one.
RACER = """
import sys
from contextlib import ExitStack
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from budgetnas.exceptions import StorageError
from budgetnas.storage import lease
from budgetnas.storage.database import open_storage
lease.SETTLE_SECONDS = 1.5
place = sys.argv[1]
storage = open_storage(place) if "://" in place else JournalStorage(JournalFileBackend(place))
print("ready", flush=True)
held = ExitStack()
for study in map(str.strip, sys.stdin):
    held.close()
    print("free", flush=True)
    sys.stdin.readline()
    try:
        held.enter_context(lease.leased(storage, study, what=study))
        print("won", flush=True)
    except StorageError as error:
        print(error, flush=True)
"""


class Racer:
    def __init__(self, place):
        words = [sys.executable, "-c", RACER, str(place)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.say, self.hear = self.process.stdin, self.process.stdout

    def tell(self, line):
        print(line, file=self.say, flush=True)

    def heard(self):
        return self.hear.readline().strip()


@pytest.fixture
def storage(tmp_path):
    return open_storage(sqlite_url(tmp_path / "study.db"))


@pytest.fixture
def fact(storage):
    study = optuna.create_study(storage=storage, study_name=STUDY)
    return LeaseRecord(storage, study._study_id)


def sign(owner, *, age=0.0):
    return Heartbeat(owner=owner, token="another", heard=time.time() - age)


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_of_two_that_race_one_wins_and_the_other_is_told_of_it(tmp_path, kind):
    place, rounds = tmp_path / "journal.log", 3
    if kind == "sqlite":
        place, rounds = sqlite_url(tmp_path / "study.db"), 40
        open_storage(place)
    racers = [Racer(place), Racer(place)]
    assert [racer.heard() for racer in racers] == ["ready", "ready"]
    for number in range(rounds):
        for line in (f"study{number // 2}", "go"):  # every other time the study has had an owner before
            for racer in racers:
                racer.tell(line)
            heard = [racer.heard() for racer in racers]
        assert heard.count("won") == 1, heard
        winner = racers[heard.index("won")].process
        (refused,) = (line for line in heard if line != "won")
        assert f"is in use by process {winner.pid} on {os.uname().nodename}: wait for it" in refused
    for racer in racers:
        racer.say.close()
        assert racer.process.wait(timeout=60) == 0
        racer.hear.close()


def test_the_dead_hold_nothing(storage, tmp_path):
    racer = Racer(sqlite_url(tmp_path / "study.db"))
    assert racer.heard() == "ready"
    for line, answer in ((STUDY, "free"), ("go", "won")):
        racer.tell(line)
        assert racer.heard() == answer
    with pytest.raises(StorageError, match=f"`mine` is in use by process {racer.process.pid} on "):
        leased(storage, STUDY, what="mine").__enter__()
    racer.process.kill()
    while not replace(this_process(), pid=racer.process.pid, started="").has_ended:
        time.sleep(0.01)  # not reaped yet, but dead
    with leased(storage, STUDY, what="mine"):
        pass
    racer.process.communicate()


def test_a_later_process_of_the_same_number_is_not_the_owner(storage, fact):
    reborn = replace(this_process(), started="1")
    fact.swap(None, sign(reborn))
    with leased(storage, STUDY, what="mine"), pytest.raises(StorageError, match=f"in use by {this_process()}: wait"):
        leased(storage, STUDY, what="mine").__enter__()
    assert fact.read() is None, "a clean end gives it back"


def test_a_host_that_was_heard_of_late_keeps_its_study_and_says_for_how_long(storage, fact):
    fact.swap(None, sign(ELSEWHERE, age=100))
    with pytest.raises(StorageError, match=r"process 12 on elsewhere, last heartbeat 1\d\d s ago: .* in [45]\d\d s\.$"):
        leased(storage, STUDY, what="mine").__enter__()
    assert fact.read().owner == ELSEWHERE


@pytest.mark.parametrize("age", [STALE_SECONDS + 5, -STALE_SECONDS - 5])
def test_a_host_that_is_silent_loses_its_study(storage, fact, monkeypatch, caplog, age):
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.1)
    fact.swap(None, sign(ELSEWHERE, age=age))
    with leased(storage, STUDY, what="mine"):
        assert fact.read().owner == this_process()
    assert "was left by process 12 on elsewhere" in caplog.text


def test_a_host_whose_clock_is_wrong_keeps_its_study_while_it_beats(storage, fact, monkeypatch):
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.5)
    stale = sign(ELSEWHERE, age=3600)
    fact.swap(None, stale)
    beat = replace(stale, heard=stale.heard + 30)
    monkeypatch.setattr(lease_module.time, "sleep", lambda seconds: fact.swap(stale, beat))
    with pytest.raises(StorageError, match="in use by process 12 on elsewhere: wait for it"):
        leased(storage, STUDY, what="mine").__enter__()
    assert fact.read() == beat


def test_who_lost_its_study_writes_no_more_and_leaves_the_lease_to_the_new_owner(storage, fact):
    with leased(storage, STUDY, what="mine") as lease:
        store = StudyStore(storage, STUDY, RANGES, guard=lease.check)
        store.record(RunFacts(others={"mine": True}))
        other = sign(ELSEWHERE)
        assert fact.swap(fact.read(), other)
        lease.beat()
        for write in (
            lambda: store.record(RunFacts(others={"mine": False})),
            lambda: store.fail(0, "x"),
            lambda: store.report(0, 1, 0.5),
        ):
            with pytest.raises(StorageError, match="`mine` was taken over by process 12 on elsewhere"):
                write()
    assert fact.read() == other
    assert StudyStore(storage, STUDY, RANGES).facts.others["mine"] is True


def test_who_slept_asks_before_it_writes(storage, fact, monkeypatch):
    with leased(storage, STUDY, what="mine") as lease:
        assert fact.swap(fact.read(), sign(ELSEWHERE))
        lease.check()  # it was heard a moment ago, and the next beat has not come
        monkeypatch.setattr(lease_module, "STALE_SECONDS", 0.0)
        with pytest.raises(StorageError, match="was taken over by process 12 on elsewhere"):
            lease.check()


def test_a_beat_whose_answer_was_lost_loses_nothing(storage, fact):
    with leased(storage, STUDY, what="mine") as lease:
        before = fact.read()
        assert fact.swap(before, replace(before, heard=before.heard + 1))
        lease.beat()
        lease.check()
        assert fact.read().token == before.token
    assert fact.read() is None


def test_beats_that_fail_are_made_up_for(storage, fact, monkeypatch, tmp_path):
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.02)
    with sqlite3.connect(tmp_path / "study.db", timeout=60) as other, leased(storage, STUDY, what="mine") as lease:
        other.execute("ALTER TABLE study_user_attributes RENAME TO lost")
        other.commit()
        with pytest.raises(StorageError, match="no such table"):
            lease.beat()
        time.sleep(0.2)
        other.execute("ALTER TABLE lost RENAME TO study_user_attributes")
        other.commit()
        before = fact.read()
        while fact.read() == before:
            time.sleep(0.02)
        lease.check()
    other.close()


def test_a_storage_without_locks_has_one_owner_too(monkeypatch):
    monkeypatch.setattr(lease_module, "SETTLE_SECONDS", 0.01)
    storage = InMemoryStorage()
    with leased(storage, STUDY, what="mine"), pytest.raises(StorageError, match="is in use by process"):
        leased(storage, STUDY, what="mine").__enter__()
    with leased(storage, STUDY, what="mine"):
        pass
