"""Which process this is, so that another one, now or later, can tell whether it still runs."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


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
