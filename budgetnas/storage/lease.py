"""The lease of a study: one driver at a time, on any host, recorded in the study's storage.

The fact names its owner and the time of its last heartbeat; the owner sends one every `BEAT_SECONDS`. Every change is a
compare-and-swap: of drivers that start together one wins, and one that slept cannot take back a lease that it lost.

An owner on this host is gone when its process has ended. Any other owner counts as dead when its last heartbeat differs
from our clock by more than `STALE_SECONDS`, in either direction, and no heartbeat follows for two more intervals of our
clock. Clocks need not agree: a wrong clock delays a take-over, but no live owner loses its study. Two hosts must not
share a name.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy import column, exc, insert, table, update

from budgetnas.exceptions import StorageError
from budgetnas.storage.database import translated
from budgetnas.trials.facts import RunFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """A process, told from all others.

    Attributes:
        host: name of its host.
        namespace: of its host's process numbers, since every container has its own; empty where there is one only.
        pid: its number.
        started: when it was started, in the words of its system; a later process of the same number has others.
    """

    host: str
    namespace: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def is_near(self) -> bool:
        """Whether it is, or was, among the processes that this one sees."""
        return (self.host, self.namespace) == (os.uname().nodename, _namespace())

    @property
    def has_ended(self) -> bool:
        """Whether a near process is no more."""
        started = _started(self.pid)
        return started is None or (bool(started and self.started) and started != self.started)


def this_process() -> Process:
    """Return the process that asks."""
    pid = os.getpid()
    return Process(host=os.uname().nodename, namespace=_namespace(), pid=pid, started=_started(pid) or "")


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Return when a process was started, nothing where that is not told; None if it has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # it is there, and another user's
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # a name may hold blanks and brackets
    except OSError:
        return _asked(pid)
    return None if fields[0] == "Z" else fields[19]  # state, and start in clock ticks since boot: proc(5), 3 and 22


def _asked(pid: int) -> str:
    """Ask `ps`, where there is no /proc."""
    try:
        done = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


LEASE = "lease"
BEAT_SECONDS = 30.0
STALE_SECONDS = 600.0
SETTLE_SECONDS = 1.0
_ATTRIBUTES = table("study_user_attributes", column("study_id"), column("key"), column("value_json"))
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """A sign of life of a driver, as it stands in the storage.

    Attributes:
        owner: the driver's process.
        token: random, of this lease alone.
        heard: when the owner was last heard, in seconds since 1970 by its own clock.
    """

    owner: Process
    token: str
    heard: float

    @property
    def age(self) -> float:
        """Seconds since the owner was heard, by our clock; below 0 if the owner's is ahead of it."""
        return time.time() - self.heard


class Lease:
    """A lease that this driver holds and keeps by a thread that beats.

    Args:
        fact: of the study.
        sign: that stands there.
        what: to call the study in errors.
    """

    def __init__(self, fact: Fact, sign: Heartbeat, *, what: str) -> None:
        self._fact, self._what = fact, what
        self._sign: Heartbeat | None = sign
        self._lost: str | None = None
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name="budgetnas-lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Go on only while this driver holds the study; one that was suspended for long asks the storage first.

        Raises:
            StorageError: another driver has taken over, or the storage cannot be asked.
        """
        sign = self._sign
        if sign is not None and abs(sign.age) > STALE_SECONDS / 2:
            self.beat()
        if self._lost is not None:
            raise StorageError(self._lost)

    def beat(self) -> None:
        """Say that this driver lives, or find out that the study is another's.

        Raises:
            StorageError: the storage cannot be read or written.
        """
        with self._lock, translated(self._what):
            if self._sign is None or self._lost is not None:
                return
            new = replace(self._sign, heard=time.time())
            while not self._fact.swap(self._sign, new):
                found = self._fact.read()
                if found is None or found.token != new.token:
                    self._lost = _lost(self._what, found)
                    return
                self._sign = found  # an earlier beat was written, though the storage did not live to say so
            self._sign = new

    def give_back(self) -> None:
        """End the lease, so that the next driver need not wait; one that cannot be ended is left to be taken over."""
        self._over.set()
        with contextlib.suppress(StorageError), self._lock, translated(self._what):
            sign, self._sign = self._sign, None
            if sign is not None and self._lost is None:
                self._fact.swap(sign, None)
        self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with contextlib.suppress(StorageError):  # a later beat may get through; `check` does not rely on this one
                self.beat()


@contextlib.contextmanager
def leased(storage: BaseStorage, study: str, *, what: str) -> Iterator[Lease]:
    """Hold a study, made if need be, for this driver alone.

    Args:
        storage: of the study.
        study: its name there.
        what: to call it in errors.

    Raises:
        StorageError: another driver holds it, or the storage cannot be read or written.
    """
    with translated(what):
        optuna.create_study(storage=storage, study_name=study, direction="maximize", load_if_exists=True)
        fact = Fact(storage, storage.get_study_id_from_name(study))
        sign = _take(fact, what)
    lease = Lease(fact, sign, what=what)
    try:
        yield lease
    finally:
        lease.give_back()


class Fact:
    """The lease of one study in its storage; nothing while nobody holds it.

    Args:
        storage: of the study.
        study_id: in the storage.
    """

    def __init__(self, storage: BaseStorage, study_id: int) -> None:
        self._storage, self._study_id = storage, study_id

    def read(self) -> Heartbeat | None:
        """Return what stands there."""
        value = RunFacts.from_json(self._storage.get_study_user_attrs(self._study_id)).lease
        if value is None:
            return None
        return Heartbeat(owner=Process(**value["owner"]), token=value["token"], heard=value["heard"])

    def swap(self, old: Heartbeat | None, new: Heartbeat | None) -> bool:
        """Put `new` in the place of `old`; tell whether `old` was what stood there."""
        value = None if new is None else asdict(new)
        if isinstance(self._storage, RDBStorage):
            return self._swap_row(self._storage, old, json.dumps(value))
        if self.read() != old:
            return False
        self._storage.set_study_user_attr(self._study_id, LEASE, value)
        time.sleep(SETTLE_SECONDS)  # there are no locks: who wrote last of those that write at once has it
        return self.read() == new

    def _swap_row(self, storage: RDBStorage, old: Heartbeat | None, new: str) -> bool:
        """Let the database compare and swap: Optuna itself has no such call."""
        rows, before = _ATTRIBUTES.c, json.dumps(None if old is None else asdict(old))
        here = (rows.study_id == self._study_id, rows.key == LEASE, rows.value_json == before)
        with storage.engine.begin() as connection:
            if connection.execute(update(_ATTRIBUTES).where(*here).values(value_json=new)).rowcount:
                return True
        if old is not None:
            return False
        first = insert(_ATTRIBUTES).values(study_id=self._study_id, key=LEASE, value_json=new)
        try:
            with storage.engine.begin() as connection:
                connection.execute(first)
        except exc.IntegrityError:  # a study has one row of a key
            return False
        return True


def _take(fact: Fact, what: str) -> Heartbeat:
    """Take a lease that is free, or whose owner is gone."""
    found = fact.read()
    if found is None or _is_gone(found, what):
        mine = Heartbeat(owner=this_process(), token=secrets.token_hex(8), heard=time.time())
        if fact.swap(found, mine):
            return mine
        found = fact.read() or found or mine
    raise StorageError(_refusal(what, found))


def _is_gone(sign: Heartbeat, what: str) -> bool:
    """Tell whether an owner seems to be gone; if it is not, its next beat will spoil the swap."""
    if sign.owner.is_near:
        return sign.owner.has_ended
    if abs(sign.age) <= STALE_SECONDS:
        return False
    wait = 2 * BEAT_SECONDS
    _logger.warning("`%s` was left by %s: taking it over in %.0f s, unless that is heard.", what, sign.owner, wait)
    time.sleep(wait)
    return True


def _refusal(what: str, sign: Heartbeat) -> str:
    told = f"`{what}` is in use by {sign.owner}"
    advice = "wait for it, or give another `output.name`"
    left = STALE_SECONDS - abs(sign.age)
    if sign.owner.is_near or left < 0:
        return f"{told}: {advice}."
    heard = f"last heard {max(0, sign.age):.0f} s ago"
    return f"{told}, {heard}: {advice}; if it is dead, the same command takes over in {left:.0f} s."


def _lost(what: str, sign: Heartbeat | None) -> str:
    taken = f"taken over by {sign.owner}" if sign else "given back by another hand"
    return f"`{what}` was {taken} while this driver was not heard: see how that goes on, or give another `output.name`."
