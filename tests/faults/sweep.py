"""Every fault of `test_faults.py` at many seeded random moments: a table.

    python tests/faults/sweep.py --tries 50 --others 10

A try is one search of 22 trainings (made-up ones, milliseconds each) by the real command, disturbed at a random moment
between its first second and its last, and gone on with to its end. "lost" counts finished trials that were gone or were
trained anew in the end, "twice" networks tried twice, "stuck" trials that never ended, "stray" processes left behind,
"half" files half-written; "equal" counts the tries whose final tables (trials, trainings, every epoch's score, hashes
of weights) are those of an undisturbed search.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scene import Outcome, Scene, disturb, interrupt, judge, kill_both, kill_driver, kill_worker, terminate

TRAININGS = 22
AT_ONCE = 2
COLUMNS = ("tries", "lost", "twice", "stuck", "stray", "half", "equal")


def moment(rng: random.Random) -> dict[str, float]:
    """Draw when to disturb: while starting, between trainings, or while the reports are written."""
    trials = rng.randint(0, TRAININGS)
    return {"trials": trials, "later": rng.uniform(0, {0: 5.0, TRAININGS: 3.0}.get(trials, 0.3))}


def trouble(kind: str, times: int, *settings: str):
    """Return a try in which trainings are befallen by `kind`."""

    def once(folder: Path, undisturbed: dict, rng: random.Random) -> Outcome:
        marks = folder / "marks"
        marks.mkdir()
        scene = Scene(folder, environment={"FAKE_MARKS": str(marks), "FAKE_TIMES": str(times)})
        scene.words = (*scene.words, *settings)
        status = scene.finish(FAKE_TROUBLE=kind)
        return judge(scene, undisturbed, before=scene.trials(), status=status)

    return once


def disturbance(what):
    """Return a try in which `what` is done to the command at a random moment."""

    def once(folder: Path, undisturbed: dict, rng: random.Random) -> Outcome:
        return disturb(Scene(folder), undisturbed, what, **moment(rng))

    return once


FAULTS = {
    "kill -9 of the driver": disturbance(kill_driver),
    "kill -9 of a worker": disturbance(kill_worker),
    "kill -9 of driver and worker": disturbance(kill_both),
    "SIGTERM": disturbance(terminate),
    "SIGINT": disturbance(interrupt),
    "two trainings kill their worker": trouble("kill", 2),
    "a training hangs past its time": trouble("hang", 1, "--set", "engine.trial_timeout=5"),
}


FIRST = next(iter(FAULTS))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=50, help="of the first fault")
    parser.add_argument("--others", type=int, default=10, help="of each other one")
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=[*FAULTS], metavar="FAULT", help="some of them")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "undisturbed").mkdir()
        scene = Scene(root / "undisturbed")
        assert scene.finish() == 0, scene.said
        tables = scene.tables()
        print(f"{'fault':<34}" + "".join(f"{column:>7}" for column in COLUMNS) + "  statuses")
        for fault in words.only:
            once, tries = FAULTS[fault], words.tries if fault == FIRST else words.others

            def attempt(number: int, fault: str = fault, once=once) -> Outcome:
                folder = root / f"{fault}-{number}".replace(" ", "_")
                folder.mkdir()
                return once(folder, tables, random.Random(f"{fault} {number}"))

            with ThreadPoolExecutor(AT_ONCE) as pool:
                found = list(pool.map(attempt, range(tries)))
            sums = [sum(getattr(one, column) for one in found) for column in COLUMNS[1:]]
            counts = Counter(one.status for one in found)
            statuses = ", ".join(f"{status} x{number}" for status, number in sorted(counts.items()))
            print(f"{fault:<34}{tries:>7}" + "".join(f"{value:>7}" for value in sums) + f"  {statuses}", flush=True)


if __name__ == "__main__":
    main()
