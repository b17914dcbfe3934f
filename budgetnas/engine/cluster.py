"""Tasks on a Ray cluster: fractions of GPUs, retries after a crash, data sent once to each node."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from budgetnas.text import one_line

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # otherwise Ray sends usage reports
os.environ.setdefault("RAY_task_oom_retries", "2")  # otherwise Ray retries forever if memory is too small
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's future default; otherwise it warns
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # otherwise Ray prints to our standard output
if {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ) or (Path.home() / ".ray" / "auth_token").is_file():
    os.environ.setdefault("RAY_AUTH_MODE", "token")  # as `ray start` does where there is a token

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from budgetnas.engine.protocol import RETRIES, Broken, EpochReport, Event, Failed, Progressed, Watch, Work, attempt
from budgetnas.exceptions import EngineError

_REACH_SECONDS = 10.0
_is_unsound = False  # whether a task of this worker process failed unexpectedly


@contextlib.contextmanager
def connection(address: str | None) -> Iterator[None]:
    """Connect to a Ray cluster, and leave it at the end.

    Args:
        address: address of its head, such as "10.0.0.1:6379", or "auto"; None for `RAY_ADDRESS`, or without it for a
            new Ray on this machine that stops with the connection.

    Raises:
        EngineError: no cluster answers.
    """
    _reach(address)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise _silent(address, error) from error
    finally:
        for number, handler in handlers.items():  # Ray answers SIGTERM with an exit that leaves trials RUNNING
            signal.signal(number, handler)
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str | None) -> None:
    """Refuse an address where nothing listens; Ray would try for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=_REACH_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise _silent(address, error) from error


def _silent(address: str | None, error: Exception) -> EngineError:
    reason = one_line(error)
    return EngineError(
        f"`ray.address` is {address or 'this machine'!r}, but no Ray answers there ({reason}): start one with "
        "`ray start --head`, or leave the address out."
    )


def resources() -> tuple[int, int]:
    """Return the number of GPUs and CPU cores of the cluster."""
    found: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(found.get("GPU", 0)), int(found.get("CPU", 0))


def call(function: Callable[..., Any], *arguments: object, gpus: float) -> Any:
    """Call a function once in a worker that has `gpus` GPUs; return what it returns, raise what it raises."""
    try:
        return ray.get(ray.remote(function).options(num_cpus=1, num_gpus=gpus).remote(*arguments))
    except ray.exceptions.RayTaskError as error:  # its message is a traceback
        raise error.cause from None


class RayEngine:
    """Runs tasks in Ray's worker processes, anywhere in the cluster.

    Ray retries a task whose process or node died up to twice. A task that hangs is killed and submitted again up to
    twice.

    Args:
        work: picklable function of a task and a callback for epoch reports. Large arrays bound to it are put into the
            cluster's object store once and shared by the workers of a node.
        workers: number of parallel tasks.
        threads: CPU cores per task.
        gpus: GPUs per task; a fraction where several share one.
        timeout: seconds that a task may run without finishing an epoch, its start included; None for no limit.
    """

    def __init__(self, work: Work, *, workers: int, threads: int, gpus: float, timeout: float | None = None) -> None:
        self._work = [ray.put(work)]  # inside a list Ray passes the reference, instead of the work with every task
        self._workers = workers
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        mailbox: Any = ray.remote(_Mailbox)
        self._mailbox = mailbox.options(num_cpus=0, scheduling_strategy=here).remote()
        self._opened = 0
        self._post = self._mailbox.wait.remote(self._opened)
        # Without `max_calls` a worker with a GPU would exit after each task, and the next one import torch again.
        self._run = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=RETRIES, max_calls=0)(_run)
        self._keys: dict[Any, str] = {}
        self._tasks: dict[str, object] = {}
        self._lost: dict[str, int] = {}
        self._watch = Watch(timeout)

    @property
    def capacity(self) -> int:
        """Number of parallel tasks."""
        return self._workers

    def submit(self, key: str, task: object) -> None:
        """Submit `task` to Ray."""
        self._tasks[key] = task
        self._keys[self._run.remote(self._work, self._mailbox, key, task)] = key

    def wait(self, timeout: float) -> Sequence[Event]:
        """Return events in order, as soon as there are any; none after `timeout` seconds."""
        ray.wait([self._post, *self._keys], timeout=timeout)
        done, _ = ray.wait(list(self._keys), num_returns=len(self._keys), timeout=0) if self._keys else ([], [])
        events = self._open()  # a finished task's reports were delivered before it finished
        for reference in done:
            key = self._keys.pop(reference)
            event = _outcome(reference, key)
            if isinstance(event, Broken):
                events += self._again(key, event.task, "broke its device", "in a fresh process each time")
                continue
            self._forget(key)
            events.append(event)
        return events + self._end_silent()

    def close(self) -> None:
        """Kill all tasks; unfinished ones are dropped."""
        for reference in self._keys:
            ray.cancel(reference, force=True)
        self._keys.clear()
        ray.kill(self._mailbox)

    def _open(self) -> list[Event]:
        """Return the epochs in new letters of running tasks; a letter without an epoch marks the start of its task."""
        try:
            letters: list[tuple[str, EpochReport | None]] = ray.get(self._mailbox.read.remote(self._opened))
        except ray.exceptions.RayError as error:
            raise EngineError(
                f"Ray lost the process that passes on reports ({type(error).__name__}): check this node,"
                " and run the same command again."
            ) from error
        if letters:
            self._opened += len(letters)
            self._post = self._mailbox.wait.remote(self._opened)
        known = [(key, report) for key, report in letters if key in self._tasks]
        for key, _ in known:
            self._watch.hear(key)
        return [Progressed(key=key, report=report) for key, report in known if report is not None]

    def _end_silent(self) -> list[Event]:
        events: list[Event] = []
        for key in self._watch.overdue:
            reference = next(reference for reference, name in self._keys.items() if name == key)
            del self._keys[reference]
            ray.cancel(reference, force=True)
            events += self._again(key, self._tasks[key], "hung", str(self._watch))
        return events

    def _again(self, key: str, task: object, fate: str, why: str) -> list[Event]:
        """Submit a task again; after two retries it has failed."""
        self._watch.forget(key)
        self._lost[key] = self._lost.get(key, 0) + 1
        if self._lost[key] <= RETRIES:
            self.submit(key, task)
            return []
        reason = f"its worker {fate} {self._lost[key]} times ({why})"
        self._forget(key)
        return [Failed(key=key, reason=reason)]

    def _forget(self, key: str) -> None:
        self._tasks.pop(key, None)
        self._lost.pop(key, None)
        self._watch.forget(key)


class _Mailbox:
    """A Ray actor that holds the reports of tasks until the driver reads them."""

    def __init__(self) -> None:
        self._letters: list[tuple[str, EpochReport | None]] = []
        self._read = 0
        self._arrived = asyncio.Condition()

    async def post(self, key: str, report: EpochReport | None) -> None:
        """Keep a letter."""
        async with self._arrived:
            self._letters.append((key, report))
            self._arrived.notify_all()

    async def wait(self, opened: int) -> None:
        """Return once there are letters after the first `opened`."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: self._read + len(self._letters) > opened)

    async def read(self, opened: int) -> list[tuple[str, EpochReport | None]]:
        """Return all letters after the first `opened`, and drop the first ones."""
        del self._letters[: opened - self._read]
        self._read = opened
        return self._letters


@lru_cache(maxsize=1)
def _fetched(work: Any) -> Work:
    """Return the work, unpickled once per worker process so that its caches persist."""
    found: Work = ray.get(work)
    return found


def _run(work: list[Any], mailbox: Any, key: str, task: object) -> Event | Broken:
    """Perform a task in one of Ray's worker processes."""
    global _is_unsound
    if _is_unsound:  # Ray retries the task in a fresh process
        os._exit(1)
    posted = [mailbox.post.remote(key, None)]
    event, is_sound = attempt(
        _fetched(work[0]), key, task, lambda report: posted.append(mailbox.post.remote(key, report))
    )
    ray.get(posted)
    _is_unsound = not is_sound
    return event


def _outcome(reference: Any, key: str) -> Event | Broken:
    try:
        event: Event | Broken = ray.get(reference)
    except ray.exceptions.RayError as error:
        first = one_line(error)
        return Failed(key=key, reason=f"Ray gave it up after {RETRIES} retries ({type(error).__name__}: {first})")
    return event
