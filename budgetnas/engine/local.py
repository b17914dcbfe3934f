"""Worker processes on this machine. Each performs one task at a time, and its death is an event like any other."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from budgetnas.engine.protocol import RETRIES, Broken, EpochReport, Event, Failed, Progressed, Watch, Work, attempt

# A forked driver could not use CUDA. Workers fork from a server that has imported torch and the work but used neither,
# so that all but the first start at once. Outside Linux, system libraries do not survive a fork.
_CONTEXT = (
    multiprocessing.get_context("forkserver") if sys.platform == "linux" else multiprocessing.get_context("spawn")
)
_PRELOADED = ["torch", "torch._dynamo"]  # the latter is imported by every optimizer


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    key: str | None = None
    task: object = None


class LocalEngine:
    """Runs tasks in `workers` processes, each started once and reused.

    A worker that dies or hangs is replaced, and its task is retried up to twice; then the task has failed.

    Args:
        work: importable function of a task and a callback for epoch reports. Workers do not import the main script, so
            it needs no `if __name__ == "__main__"`.
        workers: number of processes.
        gpus: number of GPUs to share among them; 0 does not assign devices.
        timeout: seconds that a task may run without finishing an epoch, its start included, before its worker counts
            as hung; None for no limit.
    """

    def __init__(self, work: Work, *, workers: int, gpus: int = 0, timeout: float | None = None) -> None:
        self._work = work
        self._gpus = gpus
        self._watch = Watch(timeout)
        self._workers: list[_Worker | None] = [None] * workers
        self._deaths: dict[str, int] = {}

    @property
    def capacity(self) -> int:
        """Number of parallel tasks."""
        return len(self._workers)

    def submit(self, key: str, task: object) -> None:
        """Start `task` in a free worker; there must be one."""
        slot = next(i for i, worker in enumerate(self._workers) if worker is None or worker.key is None)
        worker = self._workers[slot]
        if worker is None or worker.pipe.poll():  # an idle worker's pipe has data only if the worker died
            self._stop(slot)
            worker = self._start(slot)
        self._workers[slot] = worker
        worker.key, worker.task = key, task
        self._watch.hear(key)
        with contextlib.suppress(BrokenPipeError):  # the worker has just died; `wait` will notice
            worker.pipe.send((key, task))

    def wait(self, timeout: float) -> Sequence[Event]:
        """Return events in order, as soon as there are any; none after `timeout` seconds."""
        busy = {worker.pipe: slot for slot, worker in enumerate(self._workers) if worker and worker.key is not None}
        events: list[Event] = []
        for pipe in wait(list(busy), timeout):
            slot = busy[pipe]  # type: ignore[index]
            worker = self._workers[slot]
            assert worker is not None
            try:
                event: Event | Broken = worker.pipe.recv()
            except (EOFError, OSError):
                worker.process.join()
                events += self._bury(slot, worker, "died", _exit(worker.process))
                continue
            if isinstance(event, Broken):
                worker.process.join()
                worker.task = event.task
                events += self._bury(slot, worker, "died", "a broken device")
                continue
            if isinstance(event, Progressed):
                self._watch.hear(event.key)
                self._deaths.pop(event.key, None)  # progress: a later death does not mean that the task cannot be done
            else:
                self._watch.forget(event.key)
                worker.key = worker.task = None
            events.append(event)
        return events + self._end_silent()

    def close(self) -> None:
        """Kill all workers; unfinished tasks are dropped."""
        for slot in range(len(self._workers)):
            self._stop(slot)

    def _stop(self, slot: int) -> None:
        worker, self._workers[slot] = self._workers[slot], None
        if worker is not None:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()

    def _start(self, slot: int) -> _Worker:
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(
            target=_serve,
            args=(self._work, theirs, self._environment(slot)),
            name=f"budgetnas-worker-{slot}",
            daemon=True,
        )
        # Only the driver handles Ctrl-C, even while a worker is starting: the worker inherits the mask.
        _CONTEXT.set_forkserver_preload([*_PRELOADED, self._work.__module__])
        resource_tracker.ensure_running()  # otherwise the first `start` runs it, which unblocks our signals
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with _without_main():
                process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        return _Worker(process=process, pipe=ours)

    def _environment(self, slot: int) -> dict[str, str]:
        """Return the environment of a worker: this process's variables, and its own GPU."""
        environment = dict(os.environ)
        if self._gpus:
            visible = environment.get("CUDA_VISIBLE_DEVICES")
            gpu = slot % self._gpus
            environment["CUDA_VISIBLE_DEVICES"] = visible.split(",")[gpu] if visible else str(gpu)
        return environment

    def _end_silent(self) -> list[Event]:
        events: list[Event] = []
        for key in self._watch.overdue:
            slot, worker = next((i, one) for i, one in enumerate(self._workers) if one and one.key == key)
            worker.process.kill()
            worker.process.join()
            events += self._bury(slot, worker, "hung", str(self._watch))
        return events

    def _bury(self, slot: int, worker: _Worker, fate: str, why: str) -> list[Event]:
        worker.pipe.close()
        self._workers[slot] = None
        key, task = worker.key, worker.task
        assert key is not None
        self._watch.forget(key)
        self._deaths[key] = self._deaths.get(key, 0) + 1
        if self._deaths[key] <= RETRIES:
            self.submit(key, task)
            return []
        return [Failed(key=key, reason=f"its worker {fate} {self._deaths[key]} times ({why})")]


_MAIN = threading.Lock()


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Hide the main script from the process that starts meanwhile, which would run it: a worker needs nothing of it."""
    main = vars(sys.modules["__main__"])
    names = ("__file__", "__spec__")  # by which `multiprocessing` finds it
    with _MAIN:  # two threads may start workers at once
        before = {name: main[name] for name in names if name in main}
        main |= dict.fromkeys(names)
        try:
            yield
        finally:
            for name in names:
                del main[name]
            main |= before


def _exit(process: BaseProcess) -> str:
    code = process.exitcode or 0
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def _serve(work: Work, pipe: Connection, environment: dict[str, str]) -> None:
    """Perform tasks from `pipe` until it closes; runs in a worker process."""
    os.environ.clear()  # the server's, from its start
    os.environ.update(environment)
    _end_with_driver()
    while True:
        try:
            key, task = pipe.recv()
        except EOFError:
            return

        def report(epoch: EpochReport, key: str = key) -> None:
            pipe.send(Progressed(key=key, report=epoch))

        event, is_sound = attempt(work, key, task, report)
        pipe.send(event)
        if not is_sound:  # an unexpected error may have broken the device's context: a fresh process takes over
            return


def _end_with_driver() -> None:
    """Exit this process when the driver has died, even during a task; the fork server would keep it alive."""
    driver = multiprocessing.parent_process()
    assert driver is not None, "a worker has a driver"

    def watch() -> None:
        driver.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
