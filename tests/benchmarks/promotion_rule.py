"""What it costs or gains to promote the smaller of two networks that the model can hardly tell apart.

    python tests/benchmarks/promotion_rule.py --table FILE CAP --table FILE CAP --repeats 100

Each repeat is one search by the default sampler, as regret.py runs it, on the same tables and the same trainings. After
40 and 100 trained networks the model of `recommend` is fitted and every rule promotes from the same history:

- mean: by posterior mean, of equals the smaller network, as `promote` does;
- m sd: again and again, of the networks not yet taken whose posterior mean lies within m posterior standard deviations
  (of the best of them, on the model's own scale, noise aside) of the best posterior mean, the one of fewest params.

Regret is the truth of the best network that fits minus that of the best promoted one: what is lost if full training
finds the best of what was promoted.
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
from regret import Table, Visits, read, with_error
from threadpoolctl import threadpool_limits

from budgetnas.amounts import parse_cap
from budgetnas.samplers.belief import recommend
from budgetnas.samplers.budget_sampler import BudgetSampler, suggest
from budgetnas.samplers.surrogate import Surrogate

AFTER = (40, 100)
MARGINS = (0.1, 0.25, 0.5, 1.0)
MEAN = "mean"
FEW = (1, 3, 5)
THIRD = "third"

Cell = tuple[int, str, str]  # trained, promoted, rule


def by_mean(trusted: np.ndarray, params: np.ndarray) -> np.ndarray:
    """Return the order in which networks are promoted by posterior mean."""
    return np.lexsort((params, -trusted))


def by_margin(mean: np.ndarray, sd: np.ndarray, params: np.ndarray, margin: float) -> np.ndarray:
    """Return the order in which networks are promoted where the smaller of near equals goes first."""
    left, order = list(np.lexsort((params, -mean))), []  # the best first
    while left:
        near = [row for row in left if mean[row] >= mean[left[0]] - margin * sd[left[0]]]
        order.append(min(near, key=lambda row: params[row]))
        left.remove(order[-1])
    return np.array(order)


def orders(table: Table, points: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    """Return the rows of the table in the order of promotion, by rule."""
    rows, features = table.space.rows(points), table.space.features(points)
    params, (mean, sd) = table.params[rows], Surrogate(features, scores).latent(features)
    found = {MEAN: by_mean(recommend(table.space, points, scores), params)}
    found |= {f"{margin:g} sd": by_margin(mean, sd, params, margin) for margin in MARGINS}
    return {rule: rows[order] for rule, order in found.items()}


def search(table: Table, cap: int, repeat: int) -> dict[Cell, tuple[float, float]]:
    """Run one search; return the regret and the mean params of what every rule promotes."""
    best = table.truth[table.params <= cap].max()
    sampler, visit = BudgetSampler(table.space, max_params=cap, seed=repeat), Visits(table, repeat)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    points, scores, found = list[np.ndarray](), list[float](), dict[Cell, tuple[float, float]]()
    for number in range(1, 1 + max(AFTER)):
        trial = study.ask()
        points.append(table.space.canonical(suggest(trial, table.space)[None])[0])
        scores.append(visit(int(table.space.rows(points[-1][None])[0])))
        study.tell(trial, scores[-1])
        if number not in AFTER:
            continue
        for rule, order in orders(table, np.array(points), np.array(scores)).items():
            for name, k in [*((str(k), k) for k in FEW), (THIRD, round(number / 3))]:
                promoted = order[:k]
                found[number, name, rule] = best - table.truth[promoted].max(), table.params[promoted].mean()
    return found


def show(table: Table, file: str, cap: int, repeats: int) -> None:
    """Print what all rules reach on one table."""
    fitting = table.params <= cap
    print(f"\n{file} at {cap:,} params: {table.note}")
    print(f"{fitting.sum():,} networks fit, the best is {table.truth[fitting].max():.3f} true\n")
    cells: dict[Cell, list[tuple[float, float]]] = defaultdict(list)
    for repeat in range(repeats):
        for cell, values in search(table, cap, repeat).items():
            cells[cell].append(values)
    header = f"{'trained':>7}{'promoted':>10}  {'rule':<8}{'regret':>16}{'to mean':>18}{'params, M':>12}{'to mean':>9}"
    for trained in AFTER:
        print(header)
        for promoted in (*map(str, FEW), THIRD):
            base = np.array(cells[trained, promoted, MEAN])
            for rule in (MEAN, *(f"{margin:g} sd" for margin in MARGINS)):
                values = np.array(cells[trained, promoted, rule])
                size, share = values[:, 1].mean() / 1e6, values[:, 1].mean() / base[:, 1].mean() - 1
                line = f"{trained:>7}{promoted:>10}  {rule:<8}{with_error(values[:, 0]):>16}"
                more = "" if rule == MEAN else f"{with_error(values[:, 0] - base[:, 0], sign=True):>18}"
                print(f"{line}{more:>18}{size:>12.3f}" + ("" if rule == MEAN else f"{share:>+9.1%}"))
        if trained != AFTER[-1]:
            print()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", required=True, nargs=2, action="append", metavar=("FILE", "CAP"))
    parser.add_argument("--repeats", type=int, default=100, metavar="N", help="at least 2")
    words = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    names = [Path(file).name for file, _ in words.table]
    options = " ".join(f"--table {name} {cap}" for name, (_, cap) in zip(names, words.table, strict=True))
    versions = ", ".join(f"{module.__name__} {module.__version__}" for module in (optuna, np, scipy))
    print(f"python tests/benchmarks/promotion_rule.py {options} --repeats {words.repeats}")
    print(f"{processor()}, one thread; Python {platform.python_version()}, {versions}")
    print(f"mean of {words.repeats} paired searches +- standard error; regret in points")
    started = time.process_time()
    for (file, cap), name in zip(words.table, names, strict=True):
        how = argparse.Namespace(table=file, visit=None, truth=None, dimensions=None, unordered=[])
        show(read(how), name, parse_cap(cap), words.repeats)
        sys.stdout.flush()
    print(f"took {(time.process_time() - started) / 60:.1f} min of CPU")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
