"""What limits the recommended network: the rule that chooses it, or the luck of its training.

    python tests/benchmarks/recommended.py --table FILE --max-params 5e6 --repeats 16

The default sampler searches a table as in regret.py. After n trained networks every rule below chooses one of them by
the same scores. Printed are the regret of the chosen one, the correlation of what the rule believes with the truth
among the truly better half of the trained networks, and the paired differences of both to `recommended`. The
correlation is the finer measure, since one excellent network of a table may decide most of the regret.

- `recommended`: the tool's rule with `search.fit = "all"`.
- `most probable`: only the most probable hyperparameters, not nine sets of them.
- `longer`, `any length`: a prior on the length scale with a median of 2.0, not 1.4; with a spread of e, not sqrt(e).
- `more noise`: a prior on the noise with a median of 0.5, not 0.3, and a spread of e, not e^1.5.
- `best half`: hyperparameters fitted to the better half of the scores, as `search.fit = "best"` does from sixty on
  (before, to the thirty best).
- `observed`: the best score.
- `all trainings`: the best mean of all trainings of each network in the table, which no search has seen.
"""

from __future__ import annotations

import argparse
import sys
import warnings

import numpy as np
from regret import Table, Visits, read

from budgetnas.amounts import parse_cap
from budgetnas.samplers.history import History
from budgetnas.samplers.hyperparameters import Likelihood, LogNormal, probable
from budgetnas.samplers.joint import PRIOR, Observed, mean_scores, refit
from budgetnas.samplers.macs_prior import SLOPE, SLOPE_SD, MacsPrior, prior_of, usual_macs
from budgetnas.samplers.rules import Rule
from budgetnas.samplers.samplers import make_sampler
from budgetnas.samplers.surrogate import one_thread
from budgetnas.space.band import choose_band, make_index
from budgetnas.space.members import cost

AFTER = (20, 40, 60, 100)
LINEAR, MATERN, NOISE, LENGTH = range(4)  # in the order of `Hyperparameters`


def changed(place: int, median: float, sd: float) -> LogNormal:
    """Return the tool's prior with another median and spread of one hyperparameter."""
    mean, sds = PRIOR.mean.copy(), PRIOR.sd.copy()
    mean[place], sds[place] = np.log(median), sd
    return LogNormal(mean, sds)


def believed(observed: Observed, prior: LogNormal = PRIOR, *, best: float = 1.0, sets: int = 9) -> np.ndarray:
    """Return posterior means under some sets of hyperparameters, fitted to the best scores: [N]."""
    targets = observed.targets[0]
    keep = np.sort(np.argsort(-targets, kind="stable")[: round(best * len(targets))])
    networks = observed.networks.take(keep)
    known = 1 + SLOPE_SD**2 * np.outer(networks.rises, networks.rises)
    likelihood = Likelihood(networks.rows, targets[keep] - SLOPE * networks.rises, prior, known=known)
    shared = probable(likelihood)[:sets]
    total = sum(weight for _, weight in shared)
    fitted = refit(observed, [(own, weight / total) for own, weight in shared])
    return mean_scores(observed, fitted, observed.networks, 0)


def beliefs(table: Table, rows: np.ndarray, scores: np.ndarray, macs: MacsPrior | None) -> dict[str, np.ndarray]:
    """Return what each rule believes of the trained networks, [N] each."""
    points = table.space.points(rows)
    observed = Observed(cost(table.space, points), table.space.features(points), [scores], macs)
    return {
        "recommended": believed(observed),
        "most probable": believed(observed, sets=1),
        "longer": believed(observed, changed(LENGTH, 2.0, 0.5)),
        "any length": believed(observed, changed(LENGTH, 1.4, 1.0)),
        "more noise": believed(observed, changed(NOISE, 0.5, 1.0)),
        "best half": believed(observed, best=0.5),
        "observed": scores,
        "all trainings": np.nanmean(table.visits[rows], axis=1),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", required=True, metavar="FILE")
    parser.add_argument("--max-params", required=True, metavar="N")
    parser.add_argument("--repeats", type=int, default=16, metavar="N")
    words = parser.parse_args()
    words.visit = words.truth = words.dimensions = None
    words.unordered = []

    warnings.simplefilter("ignore")
    table, cap = read(words), parse_cap(words.max_params)
    best = table.truth[table.params <= cap].max()
    band = choose_band(make_index(table.space, max_macs=None), cap, min_utilisation=0.8, wanted=1_000)
    macs = prior_of([(band.high, usual_macs(band))])
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    with one_thread():
        for repeat in range(words.repeats):
            sampler = make_sampler("thompson", table.space, band, seed=repeat, rule=Rule(prior=macs))
            visit, rows, scores = Visits(table, repeat), np.zeros(0, dtype=np.int64), np.zeros(0)
            for number in range(max(AFTER)):
                points, none = table.space.points(rows), np.zeros(number, dtype=bool)
                point = sampler.propose(History(number=number, points=points, scores=scores, pruned=none))
                row = int(table.space.rows(point[None])[0])
                rows, scores = np.append(rows, row), np.append(scores, visit(row))
                if number + 1 in AFTER:
                    truth = table.truth[rows]
                    better = truth >= np.median(truth)
                    for rule, belief in beliefs(table, rows, scores, macs).items():
                        agreement = np.corrcoef(belief[better], truth[better])[0, 1]
                        found.setdefault((rule, number + 1), []).append((best - truth[belief.argmax()], agreement))

    print(f"made with {' '.join(['recommended.py', *sys.argv[1:]])}")
    print(f"table     {words.table.rsplit('/', 1)[-1]}: {table.note}")
    print(f"repeats   {words.repeats}, paired; means +- standard errors of the paired differences to `recommended`\n")
    for number in AFTER:
        print(f"after {number:3d} trained    regret in points      difference        correlation      difference")
        ours = np.array(found["recommended", number])
        for rule in dict.fromkeys(name for name, _ in found):
            values = np.array(found[rule, number])
            mean, apart = values.mean(axis=0), values - ours
            difference, error = apart.mean(axis=0), apart.std(axis=0, ddof=1) / np.sqrt(len(apart))
            cells = (f"{mean[i]:13.3f}   {difference[i]:+9.3f} +-{error[i]:.3f}" for i in range(2))
            print(f"{rule:16s} {'   '.join(cells)}")
        print()


if __name__ == "__main__":
    main()
