"""What a rung's model gains from the rungs below it: whom a search promotes after two lengths of training.

    python tests/benchmarks/rungs.py --case FILE CAP SHORT LONG NOISE NOISE TRUTH --case .. --repeats 100

A case is a table as regret.py reads it, a cap, the columns of the short and of the long trainings, the points of normal
noise to add to each, since a table may hold means, or a test set larger than a validation split, and the column of the
truth (`-` is what regret.py takes for it). Each repeat is one search by the default sampler on the short trainings. A
third of the networks, by posterior mean, is trained long, and every rule promotes from the same history:

- rung alone: by the posterior mean of a model of the long trainings, which are few;
- with below: by `recommend`, whose model of the long trainings begins with what the short ones said;
- long score: by the score of the long training itself;
- short alone: by the posterior mean of a model of the short trainings.

Regret is the truth of the best network that fits minus that of the best promoted one.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import optuna
import scipy
from counting import processor
from regret import Table, read, with_error
from threadpoolctl import threadpool_limits

from budgetnas.amounts import parse_cap
from budgetnas.samplers.belief import recommend
from budgetnas.samplers.budget_sampler import BudgetSampler, suggest

AFTER = (20, 40, 100)
FEW = (1, 3)
ALONE = "rung alone"
RULES = (ALONE, "with below", "long score", "short alone")

Cell = tuple[int, int, str]  # trained, promoted, rule


def search(table: Table, cap: int, noise: tuple[float, float], repeat: int) -> dict[Cell, float]:
    """Run one search; return the regret of what every rule promotes."""
    best, rng = table.truth[table.params <= cap].max(), np.random.default_rng(repeat)
    scores = table.visits + rng.standard_normal(table.visits.shape) * np.array(noise) / 100
    sampler = BudgetSampler(table.space, max_params=cap, seed=repeat)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    points, found = list[np.ndarray](), dict[Cell, float]()
    for number in range(1, 1 + max(AFTER)):
        trial = study.ask()
        points.append(table.space.canonical(suggest(trial, table.space)[None])[0])
        study.tell(trial, float(scores[table.space.rows(points[-1][None])[0], 0]))
        if number in AFTER:
            for rule, order in orders(table, np.array(points), scores).items():
                for k in FEW:
                    found[number, k, rule] = best - table.truth[order[:k]].max()
    return found


def orders(table: Table, points: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    """Return the rows of the table that were trained long, in the order of promotion, by rule."""
    rows = table.space.rows(points)
    short = recommend(table.space, points, scores[rows, 0])
    up = np.argsort(-short, kind="stable")[: round(len(points) / 3)]
    above = np.full(len(points), np.nan)
    above[up] = scores[rows[up], 1]
    trusted = {
        ALONE: recommend(table.space, points[up], above[up]),
        "with below": recommend(table.space, points, scores[rows, 0], above)[up],
        "long score": above[up],
        "short alone": short[up],
    }
    return {rule: rows[up[np.argsort(-values, kind="stable")]] for rule, values in trusted.items()}


def show(table: Table, title: str, cap: int, noise: tuple[float, float], repeats: int) -> None:
    """Print what all rules reach in one case."""
    fitting = table.params <= cap
    print(f"\n{title}: {table.note}")
    print(f"{fitting.sum():,} networks fit, the best is {table.truth[fitting].max():.3f} true\n")
    cells: dict[Cell, list[float]] = defaultdict(list)
    for repeat in range(repeats):
        for cell, value in search(table, cap, noise, repeat).items():
            cells[cell].append(value)
    print(f"{'trained':>7}{'promoted':>10}  {'rule':<12}{'regret':>16}{'to rung alone':>18}")
    for trained in AFTER:
        for promoted in FEW:
            base = np.array(cells[trained, promoted, ALONE])
            for rule in RULES:
                values = np.array(cells[trained, promoted, rule])
                more = "" if rule == ALONE else f"{with_error(values - base, sign=True):>18}"
                print(f"{trained:>7}{promoted:>10}  {rule:<12}{with_error(values):>16}{more}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ("FILE", "CAP", "SHORT", "LONG", "NOISE", "NOISE", "TRUTH")
    parser.add_argument("--case", required=True, nargs=7, action="append", metavar=names)
    parser.add_argument("--repeats", type=int, default=100, metavar="N", help="at least 2")
    words = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    titles = [" ".join([Path(file).name, *others]) for file, *others in words.case]
    versions = ", ".join(f"{module.__name__} {module.__version__}" for module in (optuna, np, scipy))
    options = " ".join(f"--case {title}" for title in titles)
    print(f"python tests/benchmarks/rungs.py {options} --repeats {words.repeats}")
    print(f"{processor()}, one thread; Python {platform.python_version()}, {versions}")
    print(f"mean of {words.repeats} paired searches +- standard error; regret in points")
    started = time.process_time()
    for (file, cap, short, long, *noise, truth), title in zip(words.case, titles, strict=True):
        truth = None if truth == "-" else truth
        how = argparse.Namespace(table=file, visit=[short, long], truth=truth, dimensions=None, unordered=[])
        show(read(how), title, parse_cap(cap), (float(noise[0]), float(noise[1])), words.repeats)
        sys.stdout.flush()
    print(f"took {(time.process_time() - started) / 60:.1f} min of CPU")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
