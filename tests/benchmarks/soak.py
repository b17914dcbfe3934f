"""What a driver costs beside the trainings: a long search with made-up trainings that take no time.

    python tests/benchmarks/soak.py

First 1,000 trials of one epoch with two worker processes on SQLite, the way a search does them; then the study is
opened again. After that 10,000 in memory, performed in the driver. Bookkeeping is everything between two proposals of
the sampler: history, creating the trial, its epoch, its end. Memory is the driver's resident set. Random proposals, so
that the sampler's own time, which is told apart, stays small (`proposal_time.py` has that of the others).
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from array import array
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from counting import processor
from optuna.storages import InMemoryStorage

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
import fake

from budgetnas.config.study import load_study
from budgetnas.engine.local import LocalEngine
from budgetnas.engine.protocol import Event, Finished, Progressed
from budgetnas.pipeline.ladder import make_ladder
from budgetnas.pipeline.loop import Clock, run_trials
from budgetnas.pipeline.prepare import prepare
from budgetnas.pipeline.search import make_study_sampler
from budgetnas.pipeline.trial_source import ProposedTrials
from budgetnas.space.parameters import Ranges
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.storage.study import StudyStore
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.trial import TrialState

ON_DISK, IN_MEMORY = 1_000, 10_000
PARTS = 10


class Inline:
    """An engine that performs a task where it is handed in."""

    capacity = 2

    def __init__(self) -> None:
        self._events: list[Event] = []

    def submit(self, key: str, task: object) -> None:
        """Perform `task`."""
        result = fake.work(task, lambda report: self._events.append(Progressed(key=key, report=report)))
        self._events.append(Finished(key=key, result=result))

    def wait(self, timeout: float) -> Sequence[Event]:
        """Return everything that happened."""
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """Do nothing."""


class Timing:
    """Calls through to an object, adding up the seconds that its methods take."""

    def __init__(self, inner: object, *names: str) -> None:
        self._inner, self._names, self.seconds = inner, names, 0.0

    def __getattr__(self, name: str) -> object:
        found = getattr(self._inner, name)
        if name not in self._names:
            return found

        def timed(*arguments: object, **more: object) -> object:
            started = time.perf_counter()
            try:
                return found(*arguments, **more)
            finally:
                self.seconds += time.perf_counter() - started

        return timed


def soak(storage: object, engine: object, trials: int) -> None:
    """Run a search of so many trials, and print a line for every tenth of them."""
    words = {
        "budget.max_params": "5M", "data.dataset": "digits", "engine.device": "cpu", "search.trials": trials,
        "search.paper_models": False, "search.sampler": "random", "proxy.rungs": [1],
        "output.name": "soak",
    }  # fmt: skip
    prepared = prepare(load_study(None, words, []))
    ladder = make_ladder(prepared, storage, StudyStore(storage, "soak/full", prepared.ranges))
    sampler = Timing(make_study_sampler(prepared), "propose")
    store = Timing(ladder.first, "restart", "report", "fill", "finish")
    level = replace(ladder.rungs[0], store=store, folder=Path("nowhere"))
    asking = Timing(ProposedTrials(prepared, replace(ladder, rungs=(level,)), sampler), "upcoming")
    books, proposing = array("d"), array("d")  # a list of pairs would be memory of ours, not of the driver
    before = [0.0, 0.0]

    def tick() -> None:
        done = sum(trial.state.is_finished for trial in ladder.first.trials) - len(books)
        if done <= 0:
            return
        book, proposals = asking.seconds - sampler.seconds + store.seconds, sampler.seconds
        books.extend([(book - before[0]) / done] * done)
        proposing.extend([(proposals - before[1]) / done] * done)
        before[:] = [book, proposals]

    print(f"{'trials':>8}{'ask + tell, ms':>17}{'proposal, ms':>15}{'memory, MB':>13}")
    step, shown = trials // PARTS, 0
    memory: list[float] = []

    def show() -> None:
        nonlocal shown
        tick()
        while len(books) >= shown + step:
            book, proposal = (1000 * statistics.median(all_of[shown : shown + step]) for all_of in (books, proposing))
            shown += step
            memory.append(resident())
            print(f"{shown:>8,}{book:>17.1f}{proposal:>15.1f}{memory[-1]:>13.0f}", flush=True)

    run_trials(asking, engine, clock=Clock(None), tick=show)
    show()
    median = 1000 * statistics.median(books)
    print(
        f"ask + tell: median {median:.1f} ms; memory grew by {memory[-1] - memory[0]:.1f} MB after the first {step:,}"
    )


def further_epoch(store: StudyStore) -> float:
    """Return the median milliseconds that one more epoch of a training takes to record."""
    number = store.add(store.trials[0].candidate, state=TrialState.RUNNING, facts=TrialFacts()).number
    times = []
    for epoch in range(1, 101):
        started = time.perf_counter()
        store.report(number, epoch, 0.5)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def resident() -> float:
    """Return the resident set of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    """Print both curves and how long the study takes to open."""
    os.environ["FAKE_SECONDS"] = "0"
    print(f"{processor()}, 2 cores; made-up trainings of one epoch, digits, 5M parameters, random proposals\n")
    with tempfile.TemporaryDirectory() as folder:
        url = sqlite_url(Path(folder) / "study.db")
        print(f"{ON_DISK:,} trials, two workers, SQLite")
        with closing(LocalEngine(fake.work, workers=2)) as engine:
            soak(open_storage(url), engine, ON_DISK)
        started = time.perf_counter()
        again = StudyStore(open_storage(url), "soak/r1", Ranges(stages=(1, 4), blocks=(1, 8), widths=(16, 512)))
        print(f"opened again with {len(again.trials):,} trials in {time.perf_counter() - started:.2f} s")
        print(f"each further epoch of a training: {further_epoch(again):.1f} ms\n")
    print(f"{IN_MEMORY:,} trials in memory, performed in the driver")
    soak(InMemoryStorage(), Inline(), IN_MEMORY)


if __name__ == "__main__":
    main()
