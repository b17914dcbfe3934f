"""How far from the best network that fits a search ends, on tables of real trainings made by others.

    python tests/benchmarks/regret.py --table FILE --max-params 5e6 --repeats 200

Every sampler runs through `BudgetSampler` in a plain Optuna study; a visit to a network returns the accuracy of one of
its trainings. Beside them stands Optuna's own TPE with its constraint, as its user takes it: what is over the cap was
trained too, and the best value observed under the cap is the result. Repeats are paired: repeat r of every sampler sees
the same trainings.

The table is a CSV file (or .csv.gz) with one row per network:

- `params`, and `flops` or `macs` where known;
- trainings: `acc0`, `acc1`, .. or `val0`, `val1`, .. (percent), or what --visit names;
- the space: numeric columns that name a size (`w0`, `w1`, ..) are ordered dimensions; without any, the characters of
  `arch` are unordered ones. --dimensions and --unordered say otherwise;
- the truth: a column whose name ends in `_mean`, or what --truth names; without one, a smooth fit (quadratic ridge
  regression on log2 sizes, its strength by cross-validation) to the mean of the trainings where the space is ordered,
  and that mean where it is not.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import optuna
import pandas as pd
import scipy
from threadpoolctl import threadpool_limits

from budgetnas.budget.cap import parse_cap
from budgetnas.search.budget_sampler import BudgetSampler, suggest
from budgetnas.space.protocol import Dimension, Space

AFTER = (10, 20, 40, 60, 100)
OURS = ("thompson", "evolution", "tpe", "random")
PLAIN = "plain Optuna"
MISSING = 2**60
KNOWN = re.compile(
    r"arch|params|flops|macs|(acc|val|test|train|seed|n_seeds|time|sec|lat).*|.*(_s|_mean|_sd|_std|loss)"
)


class TableSpace(Space):
    """The networks of a table. Points that have no row cost more than any cap."""

    def __init__(self, dimensions: list[Dimension], rows: np.ndarray, params: np.ndarray, macs: np.ndarray | None):
        self._dimensions = tuple(dimensions)
        self._sizes = [len(d.values) for d in dimensions]
        self._params, self._macs = params, macs
        self._row = np.full(int(np.prod(self._sizes)), -1)
        self._row[self._rank(rows)] = np.arange(len(rows))

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return self._dimensions

    def _rank(self, points: np.ndarray) -> np.ndarray:
        columns = [np.searchsorted(list(d.values), points[:, i]) for i, d in enumerate(self._dimensions)]
        return np.ravel_multi_index(columns, self._sizes)

    def rows(self, points: np.ndarray) -> np.ndarray:
        """Return the table's row of each point, -1 where there is none."""
        return self._row[self._rank(points)]

    def params(self, points: np.ndarray) -> np.ndarray:
        rows = self.rows(points)
        return np.where(rows < 0, MISSING, self._params[rows])

    def macs(self, points: np.ndarray) -> np.ndarray:
        rows = self.rows(points)
        return np.zeros(len(points), dtype=np.int64) if self._macs is None else np.where(rows < 0, 0, self._macs[rows])


@dataclass
class Table:
    """A table as a search sees it, and as only its judge sees it.

    Attributes:
        space: of its networks.
        params: [R] by row.
        visits: [R, K] accuracies in [0, 1], NaN where there is none.
        truth: [R] in percent.
        note: how the table was read.
    """

    space: TableSpace
    params: np.ndarray
    visits: np.ndarray
    truth: np.ndarray
    note: str


def read(words: argparse.Namespace) -> Table:
    """Read a table as the module says."""
    frame = pd.read_csv(words.table, dtype={"arch": str})
    visited = words.visit or [name for name in frame if re.fullmatch(r"(acc|val)\d+", name)]
    if not visited:
        sys.exit("the table has no columns acc0, acc1, .. or val0, val1, ..: name its trainings with --visit.")
    truth = words.truth or next((name for name in frame if name.endswith("_mean") and name not in visited), None)
    names = words.dimensions or [
        name
        for name in frame
        if not KNOWN.fullmatch(name) and name not in visited and name != truth and 1 < frame[name].nunique() <= 64
    ]
    columns = frame[names] if names else frame["arch"].apply(lambda text: pd.Series(_letters(text))).add_prefix("op")
    dimensions, points = [], []
    for name in columns:
        values = np.sort(columns[name].unique())
        is_ordered = bool(names) and columns[name].dtype.kind in "if" and name not in words.unordered
        if is_ordered and (values == values.astype(np.int64)).all():
            dimensions.append(Dimension(name=name, values=values.astype(int).tolist()))
            points.append(columns[name].to_numpy(np.int64))
        else:  # fractions and letters by their rank
            labels = [str(value) for value in values]
            ranks = range(1, 1 + len(values))
            dimensions.append(Dimension(name=name, values=ranks, ordered=is_ordered, labels=labels))
            points.append(1 + np.searchsorted(values, columns[name].to_numpy()))
    macs = next((frame[name].to_numpy(np.int64) for name in ("flops", "macs") if name in frame), None)
    rows, visits = np.stack(points, axis=1), frame[visited].to_numpy(float)
    space = TableSpace(dimensions, rows, frame["params"].to_numpy(np.int64), macs)
    mean = np.nanmean(visits, axis=1)
    is_ordered = all(d.ordered for d in dimensions)
    judged = smooth(rows, mean) if truth is None and is_ordered else mean if truth is None else frame[truth].to_numpy()
    note = (
        f"{len(frame):,} networks, {len(dimensions)} {'ordered' if is_ordered else 'unordered'} dimensions "
        f"({', '.join(d.name for d in dimensions)}), MACs {'unknown' if macs is None else 'known'}, visits "
        f"{', '.join(visited)}, truth {truth or ('a smooth fit' if is_ordered else 'their mean')}"
    )
    return Table(space, frame["params"].to_numpy(np.int64), visits / 100, judged, note)


def _letters(text: str) -> list[str]:
    parts = re.split(r"[^0-9A-Za-z]+", text)
    return list(text) if len(parts) == 1 else [part for part in parts if part]


def smooth(sizes: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Fit a quadratic in the logarithms of the sizes, as the README of Channel-Bench's table describes."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    model = make_pipeline(StandardScaler(), PolynomialFeatures(2), RidgeCV(np.logspace(-3, 3, 13)))
    return model.fit(np.log2(sizes), accuracy).predict(np.log2(sizes))


class Visits:
    """The trainings of one repeat: every visit to a network returns another of its accuracies, in random order."""

    def __init__(self, table: Table, repeat: int) -> None:
        self._visits, self._repeat, self._times = table.visits, repeat, dict[int, int]()

    def __call__(self, row: int) -> float:
        known = self._visits[row][~np.isnan(self._visits[row])]
        order = np.random.default_rng([self._repeat, row]).permutation(len(known))
        self._times[row] = self._times.get(row, -1) + 1
        return float(known[order[self._times[row] % len(known)]])


@dataclass
class Run:
    """One search.

    Attributes:
        recommended: regret of the recommended network after each of `AFTER`, in points.
        observed: regret of the best observed network.
        seconds: of all proposals.
        duplicates: networks trained before.
        over: trials over the cap.
    """

    recommended: list[float] = field(default_factory=list)
    observed: list[float] = field(default_factory=list)
    seconds: float = 0.0
    duplicates: int = 0
    over: int = 0


def search(table: Table, name: str, cap: int, repeat: int) -> Run:
    """Run one sampler for as many trials as are judged."""
    fitting = table.params <= cap
    best = table.truth[fitting].max()
    visit, run = Visits(table, repeat), Run()
    if name == PLAIN:
        sampler: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(seed=repeat)
    else:
        sampler = BudgetSampler(table.space, max_params=cap, sampler=name, seed=repeat)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    rows: list[int] = []
    for number in range(1, 1 + min(max(AFTER), int(fitting.sum()))):
        started = time.perf_counter()
        trial = study.ask()
        point = suggest(trial, table.space)
        run.seconds += time.perf_counter() - started
        row = int(table.space.rows(point[None])[0])
        over = row < 0 or not fitting[row]
        run.over += over
        run.duplicates += row in rows
        rows.append(row)
        if name == PLAIN:
            trial.set_constraint("params", (int(table.params[row]) if row >= 0 else MISSING) - cap)
        study.tell(trial, visit(row) if row >= 0 else 0.0)
        if number not in AFTER:
            continue
        if name == PLAIN:
            found = [trial for trial in study.trials if fitting[rows[trial.number]] and rows[trial.number] >= 0]
            observed = max(found, key=lambda trial: trial.value).number if found else None
            trusted = observed
        else:
            trusted, observed = (found.number for found in sampler.best(study))
        # Who has nothing that fits yet has a network that fits drawn at random.
        nothing = best - table.truth[fitting].mean()
        run.recommended.append(nothing if trusted is None else best - table.truth[rows[trusted]])
        run.observed.append(nothing if observed is None else best - table.truth[rows[observed]])
    return run


def _task(words: argparse.Namespace, name: str, repeats: range) -> list[Run]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    table, cap = read(words), parse_cap(words.max_params)
    with threadpool_limits(1):
        return [search(table, name, cap, repeat) for repeat in repeats]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", required=True, metavar="FILE")
    parser.add_argument("--max-params", required=True, metavar="N")
    parser.add_argument("--repeats", type=int, default=200, metavar="N")
    parser.add_argument("--samplers", nargs="+", default=[*OURS, PLAIN], metavar="NAME")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes side by side")
    parser.add_argument("--visit", nargs="+", metavar="COLUMN")
    parser.add_argument("--truth", metavar="COLUMN")
    parser.add_argument("--dimensions", nargs="+", metavar="COLUMN")
    parser.add_argument("--unordered", nargs="+", default=[], metavar="COLUMN")
    words = parser.parse_args()

    table, cap = read(words), parse_cap(words.max_params)
    fitting = table.params <= cap
    versions = ", ".join(f"{module.__name__} {module.__version__}" for module in (optuna, np, scipy))
    print(f"made with {' '.join(['regret.py', *sys.argv[1:]])}; Python {platform.python_version()}, {versions}")
    print(f"table     {words.table.rsplit('/', 1)[-1]}: {table.note}")
    best = table.truth[fitting].max()
    print(f"cap       {cap:,} parameters: {fitting.sum():,} networks fit, the best is {best:.3f} true")
    print(f"repeats   {words.repeats}, paired; mean regret in points +- standard error after n trained\n")
    with ProcessPoolExecutor(words.jobs) as pool:
        parts = [range(start, min(start + 10, words.repeats)) for start in range(0, words.repeats, 10)]
        tasks = {name: [pool.submit(_task, words, name, part) for part in parts] for name in words.samplers}
        runs = {name: [run for task in found for run in task.result()] for name, found in tasks.items()}
    after = [n for n in AFTER if n <= fitting.sum()]
    print(f"{'sampler':<14}{'net':<13}" + "".join(f"{n:>16}" for n in after) + "   ms/proposal  twice  over cap")
    for name, found in runs.items():
        for kind in ("recommended", "observed"):
            values = np.array([getattr(run, kind) for run in found])
            cells = "".join(f"{_mean(values[:, i]):>16}" for i in range(len(after)))
            trials = len(found) * min(max(AFTER), int(fitting.sum()))
            rest = (
                f"{1000 * sum(run.seconds for run in found) / trials:>14.1f}"
                f"{sum(run.duplicates for run in found):>7}{sum(run.over for run in found):>10}"
                if kind == "recommended"
                else ""
            )
            print(f"{name if kind == 'recommended' else '':<14}{kind:<13}{cells}{rest}")
    first = words.samplers[0]
    print(f"\npaired difference in the regret of the recommended net to {first} (above 0: {first} is better)")
    for name in words.samplers[1:]:
        difference = [np.subtract(b.recommended, a.recommended) for a, b in zip(runs[first], runs[name], strict=True)]
        print(f"{name:<27}" + "".join(f"{_mean(np.array(difference)[:, i], sign=True):>16}" for i in range(len(after))))


def _mean(values: np.ndarray, *, sign: bool = False) -> str:
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{values.mean():{'+' if sign else ''}.3f} +-{error:.3f}"


if __name__ == "__main__":
    main()
