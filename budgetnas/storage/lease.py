"""The lease of a study: one driver at a time, on any host, recorded in the study's storage.

The lease names its owner and the time of the last heartbeat; the owner sends one every `BEAT_SECONDS`. Every change is
a compare-and-swap: of drivers that start together one wins, and one that slept cannot take back a lease that it lost.

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
    """A process, distinct from all others on any host.

    Attributes:
        host: name of its host.
        namespace: namespace of its number, since every container has its own; "" where there is only one.
        pid: process number.
        started: start time as its system writes it; a later process of the same number has another.
    """

    host: str
    namespace: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def is_near(self) -> bool:
        """Whether this process can see it, or could while it was running."""
        return (self.host, self.namespace) == (os.uname().nodename, _namespace())

    @property
    def has_ended(self) -> bool:
        """Whether a near process has ended."""
        started = _started(self.pid)
        return started is None or (bool(started and self.started) and started != self.started)


def this_process() -> Process:
    """Return the calling process."""
    pid = os.getpid()
    return Process(host=os.uname().nodename, namespace=_namespace(), pid=pid, started=_started(pid) or "")


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Return the start time of a process, "" where it is unknown; None if the process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # the process exists, and belongs to another user
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # a name may hold blanks and brackets
    except OSError:
        return _started_by_ps(pid)
    return None if fields[0] == "Z" else fields[19]  # state, and start in clock ticks since boot: proc(5), 3 and 22


def _started_by_ps(pid: int) -> str:
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
    """The last heartbeat of a driver, as recorded in the storage.

    Attributes:
        owner: process of the driver.
        token: random, unique to this lease.
        heard: time of the heartbeat, in seconds since 1970 by the owner's clock.
    """

    owner: Process
    token: str
    heard: float

    @property
    def age(self) -> float:
        """Seconds since the heartbeat by our clock; below 0 if the owner's clock is ahead."""
        return time.time() - self.heard


class Lease:
    """The lease that this driver holds; a thread sends its heartbeats.

    Args:
        record: of the study's lease.
        beat: the heartbeat recorded there.
        what: name of the study in errors.
    """

    def __init__(self, record: LeaseRecord, beat: Heartbeat, *, what: str) -> None:
        self._record, self._what = record, what
        self._beat: Heartbeat | None = beat
        self._lost: str | None = None
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name="budgetnas-lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Check that this driver still holds the study; after a long suspension, ask the storage first.

        Raises:
            StorageError: another driver has taken over, or the storage cannot be read or written.
        """
        last = self._beat
        if last is not None and abs(last.age) > STALE_SECONDS / 2:
            self.beat()
        if self._lost is not None:
            raise StorageError(self._lost)

    def beat(self) -> None:
        """Send a heartbeat, or find out that another driver has taken over the study.

        Raises:
            StorageError: the storage cannot be read or written.
        """
        with self._lock, translated(self._what):
            if self._beat is None or self._lost is not None:
                return
            new = replace(self._beat, heard=time.time())
            while not self._record.swap(self._beat, new):
                held = self._record.read()
                if held is None or held.token != new.token:
                    self._lost = _lost(self._what, held)
                    return
                self._beat = held  # an earlier heartbeat was written although the storage failed before it answered
            self._beat = new

    def give_back(self) -> None:
        """End the lease, so that the next driver does not wait; if that fails, the lease expires."""
        self._over.set()
        with contextlib.suppress(StorageError), self._lock, translated(self._what):
            last, self._beat = self._beat, None
            if last is not None and self._lost is None:
                self._record.swap(last, None)
        self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with contextlib.suppress(StorageError):  # a later heartbeat may succeed; `check` does not rely on this one
                self.beat()


@contextlib.contextmanager
def leased(storage: BaseStorage, study: str, *, what: str) -> Iterator[Lease]:
    """Hold a study, created if missing, for this driver alone.

    Args:
        storage: of the study.
        study: name of the study.
        what: name of the study in errors.

    Raises:
        StorageError: another driver holds it, or the storage cannot be read or written.
    """
    with translated(what):
        optuna.create_study(storage=storage, study_name=study, direction="maximize", load_if_exists=True)
        record = LeaseRecord(storage, storage.get_study_id_from_name(study))
        beat = _take(record, what)
    lease = Lease(record, beat, what=what)
    try:
        yield lease
    finally:
        lease.give_back()


class LeaseRecord:
    """The lease of a study in its storage; empty while no driver holds it.

    Args:
        storage: of the study.
        study_id: id of the study in the storage.
    """

    def __init__(self, storage: BaseStorage, study_id: int) -> None:
        self._storage, self._study_id = storage, study_id

    def read(self) -> Heartbeat | None:
        """Return the recorded heartbeat; None while no driver holds the lease."""
        value = RunFacts.from_json(self._storage.get_study_user_attrs(self._study_id)).lease
        if value is None:
            return None
        return Heartbeat(owner=Process(**value["owner"]), token=value["token"], heard=value["heard"])

    def swap(self, old: Heartbeat | None, new: Heartbeat | None) -> bool:
        """Replace `old` by `new`; return whether `old` was recorded there."""
        value = None if new is None else asdict(new)
        if isinstance(self._storage, RDBStorage):
            return self._swap_row(self._storage, old, json.dumps(value))
        if self.read() != old:
            return False
        self._storage.set_study_user_attr(self._study_id, LEASE, value)
        time.sleep(SETTLE_SECONDS)  # without locks, the last of several writers has the lease
        return self.read() == new

    def _swap_row(self, storage: RDBStorage, old: Heartbeat | None, new: str) -> bool:
        """Compare and swap in the database: Optuna has no such call."""
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
        except exc.IntegrityError:  # another driver has inserted the only row of this key
            return False
        return True


def _take(record: LeaseRecord, what: str) -> Heartbeat:
    """Take a lease that is free, or whose owner is gone."""
    held = record.read()
    if held is None or _is_gone(held, what):
        mine = Heartbeat(owner=this_process(), token=secrets.token_hex(8), heard=time.time())
        if record.swap(held, mine):
            return mine
        held = record.read() or held or mine
    raise StorageError(_refusal(what, held))


def _is_gone(last: Heartbeat, what: str) -> bool:
    """Return whether an owner seems to be gone; if it is not, its next heartbeat makes the swap fail."""
    if last.owner.is_near:
        return last.owner.has_ended
    if abs(last.age) <= STALE_SECONDS:
        return False
    wait = 2 * BEAT_SECONDS
    _logger.warning("`%s` was left by %s: taking it over in %.0f s unless it is alive.", what, last.owner, wait)
    time.sleep(wait)
    return True


def _refusal(what: str, last: Heartbeat) -> str:
    holder = f"`{what}` is in use by {last.owner}"
    advice = "wait for it, or give another `output.name`"
    left = STALE_SECONDS - abs(last.age)
    if last.owner.is_near or left < 0:
        return f"{holder}: {advice}."
    age = f"last heartbeat {max(0, last.age):.0f} s ago"
    return f"{holder}, {age}: {advice}; if it is dead, the same command takes over in {left:.0f} s."


def _lost(what: str, new: Heartbeat | None) -> str:
    taken = f"taken over by {new.owner}" if new else "released by another driver"
    return f"`{what}` was {taken} while this driver sent no heartbeat: wait for it, or give another `output.name`."
