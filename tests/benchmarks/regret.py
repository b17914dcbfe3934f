"""How far from the best network that fits a search ends, on tables of real trainings made by others.

    python tests/benchmarks/regret.py --table FILE --max-params 5e6 --repeats 200

Every sampler runs through `BudgetSampler` in a plain Optuna study; a visit to a network returns the accuracy of one of
its trainings. Beside them stands Optuna's own TPE with its constraint, as its user takes it: what is over the cap was
trained too, and the best value observed under the cap is the result. Repeats are paired: repeat r of every sampler sees
the same trainings.

The table is a CSV file (or .csv.gz) with one row per network:

- `params`, whole numbers, and `flops` or `macs` where known;
- trainings: `acc0`, `acc1`, .. or `val0`, `val1`, .. (percent or shares), or what --visit names;
- the space: numeric columns that name sizes (`w0`, `w1`, ..), which are ordered; where they do not tell the rows apart,
  `arch`, one character or one word a dimension (sizes such as 64:32:104 are ordered, everything else is not).
  --dimensions and --unordered say otherwise;
- the truth: a column whose name ends in `_mean`, tests first, or what --truth names; without one, a smooth fit
  (quadratic ridge regression on log2 sizes, its strength by cross-validation) to the mean of the trainings where the
  space is ordered, and that mean where it is not.

Rows without a training or a truth are left out, and the note says how many.
"""

from __future__ import annotations

import argparse
import math
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

from budgetnas.amounts import parse_cap
from budgetnas.samplers.budget_sampler import BudgetSampler, suggest
from budgetnas.samplers.history import row_keys
from budgetnas.space.protocol import Dimension, Space

AFTER = (10, 20, 40, 60, 100)
OURS = ("thompson", "no prior", "evolution", "tpe", "random")
NO_PRIOR = "no prior"  # "thompson" without its prior on MACs
PLAIN = "plain Optuna"
KNOWN = re.compile(
    r"arch.*|params|flops|macs|(acc|val|test|train|seed|n_seeds|time|sec|lat|loss|index|id).*|.*(_s|_mean|_std|_sd|loss)"
)


class TableSpace(Space):
    """The networks of a table. A point that has no row stands for the row nearest to it, by steps of its values."""

    def __init__(self, dimensions: list[Dimension], rows: np.ndarray, params: np.ndarray, macs: np.ndarray | None):
        self._dimensions = tuple(dimensions)
        self._points, self._params, self._macs = rows, params, macs
        self._row = {key: row for row, key in enumerate(row_keys(rows))}
        self._ranks = self._rank(rows)
        self._has_holes = len(rows) < math.prod(len(d.values) for d in dimensions)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return self._dimensions

    def _rank(self, points: np.ndarray) -> np.ndarray:
        return np.stack([np.searchsorted(list(d.values), points[:, i]) for i, d in enumerate(self._dimensions)], axis=1)

    def points(self, rows: np.ndarray) -> np.ndarray:
        """Return the point of each row of the table."""
        return self._points[rows]

    def rows(self, points: np.ndarray) -> np.ndarray:
        """Return the table's row of each point; it must have one."""
        return np.array([self._row[key] for key in row_keys(points)], dtype=np.int64)

    def canonical(self, points: np.ndarray) -> np.ndarray:
        if not self._has_holes:
            return points
        found = points.copy()
        is_ordered = np.array([d.ordered for d in self._dimensions])
        for i, key in enumerate(row_keys(points)):
            if key not in self._row:
                steps = np.abs(self._ranks - self._rank(points[i : i + 1]))
                found[i] = self._points[np.where(is_ordered, steps, steps > 0).sum(axis=1).argmin()]
        return found

    def params(self, points: np.ndarray) -> np.ndarray:
        return self._params[self.rows(self.canonical(points))]

    def macs(self, points: np.ndarray) -> np.ndarray:
        if self._macs is None:
            return np.zeros(len(points), dtype=np.int64)
        return self._macs[self.rows(self.canonical(points))]


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
    visited = words.visit or _family(frame, "acc") or _family(frame, "val")
    if not visited or "params" not in frame or (frame["params"] % 1 != 0).any():
        sys.exit(
            "the table needs whole numbers in `params`, and trainings acc0, acc1, .. or val0, .. or --visit names."
        )
    means = sorted((name for name in frame if name.endswith("_mean")), key=lambda name: not name.startswith("test"))
    accurate = [name for name in means if not re.match(r"time|sec|lat|loss|train", name) and name not in visited]
    truth = words.truth or next(iter(accurate), None)
    is_sound = frame[visited].notna().any(axis=1) & (True if truth is None else frame[truth].notna())
    dropped, frame = int((~is_sound).sum()), frame[is_sound].reset_index(drop=True)
    dimensions, rows = _space(frame, words, {*visited, truth})
    macs = next((frame[name].to_numpy(np.int64) for name in ("flops", "macs") if name in frame), None)
    visits = frame[visited].to_numpy(float)
    visits = visits if np.nanmax(visits) <= 1 else visits / 100
    space = TableSpace(dimensions, rows, frame["params"].to_numpy(np.int64), macs)
    mean = 100 * np.nanmean(visits, axis=1)
    is_ordered = all(d.ordered for d in dimensions)
    if truth is not None:
        judged = frame[truth].to_numpy(float)
        judged = judged if judged.max() > 1 else 100 * judged
    else:
        judged = smooth(space.features(rows)[:, 2:], mean) if is_ordered else mean
    note = (
        f"{len(frame):,} networks ({dropped} left out), {len(dimensions)} "
        f"{'ordered' if is_ordered else 'unordered'} dimensions ({', '.join(d.name for d in dimensions)}), "
        f"MACs {'unknown' if macs is None else 'known'}, visits {', '.join(visited)}, "
        f"truth {truth or ('a smooth fit' if is_ordered else 'their mean')}"
    )
    return Table(space, frame["params"].to_numpy(np.int64), visits, judged, note)


def _family(frame: pd.DataFrame, stem: str) -> list[str]:
    return [name for name in frame if re.fullmatch(rf"{stem}_?\d+", name)]


def _space(
    frame: pd.DataFrame, words: argparse.Namespace, taken: set[str | None]
) -> tuple[list[Dimension], np.ndarray]:
    """Return the dimensions of a table and the point of each row."""
    names = words.dimensions or [
        name for name in frame if not KNOWN.fullmatch(name) and name not in taken and frame[name].nunique() > 1
    ]
    columns = frame[names]
    if not words.dimensions and "arch" in frame and (not names or columns.duplicated().any()):
        columns = pd.DataFrame([_parts(text) for text in frame["arch"]]).add_prefix("op")
    if columns.isna().any(axis=None) or columns.duplicated().any():
        sys.exit(f"the columns {', '.join(columns)} do not tell the networks apart: name others with --dimensions.")
    sizes = {name for name in columns if columns[name].astype(str).str.fullmatch(r"\d\d+").any()}
    dimensions, points = [], []
    for name in columns:
        is_ordered = name not in words.unordered and (name in sizes or (name in frame and _is_size(columns[name])))
        values = pd.to_numeric(columns[name]) if is_ordered else columns[name].astype(str)
        levels = np.sort(values.unique())
        if is_ordered and (levels % 1 == 0).all():
            dimensions.append(Dimension(name=name, values=levels.astype(int).tolist()))
            points.append(values.to_numpy(np.int64))
        else:  # fractions and words by their rank
            labels = [str(level) for level in levels]
            ranks = range(1, 1 + len(levels))
            dimensions.append(Dimension(name=name, values=ranks, ordered=is_ordered, labels=labels))
            points.append(1 + np.searchsorted(levels, values.to_numpy()))
    return dimensions, np.stack(points, axis=1)


def _is_size(column: pd.Series) -> bool:
    """Tell sizes from codes of operations, which begin at 0 or are named so."""
    is_code = re.match(r"(op|edge|e\d|cell|node|choice)", str(column.name)) or column.min() == 0
    return column.dtype.kind in "if" and not is_code


def _parts(text: str) -> list[str]:
    parts = [part for part in re.split(r"[^0-9A-Za-z_]+", text) if part]
    return list(text) if len(parts) == 1 else parts


def smooth(features: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Fit a quadratic in the logarithms of the sizes, as the README of Channel-Bench's table describes."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    model = make_pipeline(StandardScaler(), PolynomialFeatures(2), RidgeCV(np.logspace(-3, 3, 13)))
    return model.fit(features, accuracy).predict(features)


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
        ours = "thompson" if name == NO_PRIOR else name
        sampler = BudgetSampler(table.space, max_params=cap, sampler=ours, macs_prior=name != NO_PRIOR, seed=repeat)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    rows: list[int] = []
    for number in range(1, 1 + min(max(AFTER), int(fitting.sum()))):
        started = time.perf_counter()
        trial = study.ask()
        point = plain_suggest(trial, table.space) if name == PLAIN else suggest(trial, table.space)
        run.seconds += time.perf_counter() - started
        row = int(table.space.rows(table.space.canonical(point[None]))[0])
        run.over += not fitting[row]
        run.duplicates += row in rows
        rows.append(row)
        if name == PLAIN:
            trial.set_constraint("params", int(table.params[row]) - cap)
        study.tell(trial, visit(row))
        if number not in AFTER:
            continue
        if name == PLAIN:
            found = [trial for trial in study.trials if fitting[rows[trial.number]]]
            observed = max(found, key=lambda trial: trial.value).number if found else None
            trusted = observed
        else:
            trusted, observed = (found.number for found in sampler.best(study))
        # Who has nothing that fits yet has a network that fits drawn at random.
        nothing = best - table.truth[fitting].mean()
        run.recommended.append(nothing if trusted is None else best - table.truth[rows[trusted]])
        run.observed.append(nothing if observed is None else best - table.truth[rows[observed]])
    return run


def plain_suggest(trial: optuna.Trial, space: Space) -> np.ndarray:
    """Suggest a network as a user of Optuna would: sizes with their step where they have one, else as choices."""
    point = []
    for dimension in space.dimensions:
        values = list(dimension.values)
        steps = set(np.diff(values).tolist())
        if dimension.ordered and len(steps) == 1:
            point.append(trial.suggest_int(dimension.name, values[0], values[-1], step=steps.pop()))
        else:
            point.append(trial.suggest_categorical(dimension.name, values))
    return np.array(point, dtype=np.int64)


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
            cells = "".join(f"{with_error(values[:, i]):>16}" for i in range(len(after)))
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
        print(
            f"{name:<27}"
            + "".join(f"{with_error(np.array(difference)[:, i], sign=True):>16}" for i in range(len(after)))
        )


def with_error(values: np.ndarray, *, sign: bool = False) -> str:
    """Write a mean and its standard error."""
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{values.mean():{'+' if sign else ''}.3f} +-{error:.3f}"


if __name__ == "__main__":
    main()
