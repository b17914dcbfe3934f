"""Search against random networks at equal cost: the regret of the chosen network, by the cost of full trainings.

    python tests/benchmarks/equal_cost.py --nb201 FILE --channel FILE --repeats 40 --jobs 2

All arms choose by the tool's own rule, spend the same counted cost, and see the same luck in each repeat:

- `search`: half of the cost for short trainings, but at most 200, the rest for full ones; before each batch the rule
  decides which of the best to train fully (`full.start` = "by_gain"). Cost is counted by images, MACs and parameters;
  a network that costs as much as a random one of the band costs 1.
- `short first`: the same cost, all short trainings before all full ones.
- `full only`: the sampler on full trainings alone.
- `random`: random networks of the same band, fully trained.
- `random, by score`: the same ones, and the best score is chosen.

The tables are

- `nb201`: 1,000 cells of NAS-Bench-201 with real accuracies after 12 and 200 epochs (truth); luck of 0.55 and 0.30
  points, as of 5,000 validation images, is added; at most 0.8M parameters; prices 4 % and 20 % are what is said, not
  the 6 % of the table;
- `channel`: ResNets of Channel-Bench-Macro of at most 5M parameters, of which random ones spread by 1.15 points (as in
  the study of ResNet-20's budget; the truth, a smooth fit, is stretched to that). A full score adds luck of 0.30
  points, a short one 0.38, and where it says so a bias that is smooth in the widths, of spread 0.45.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from regret import Table, TableSpace, read
from threadpoolctl import threadpool_limits

from budgetnas.arrays import Stream, generator
from budgetnas.samplers.history import LAG, History
from budgetnas.samplers.joint import expected
from budgetnas.samplers.joint_thompson import JointThompsonSampler
from budgetnas.samplers.macs_prior import prior_of, usual_macs
from budgetnas.samplers.outlook import early_quota
from budgetnas.samplers.rules import Rule
from budgetnas.samplers.samplers import make_sampler
from budgetnas.space.band import choose_band, make_index
from budgetnas.trials.counted_cost import PER_PARAMETER

COSTS = (6, 12, 24, 48)
ARMS = ("search", "short first", "full only", "random", "random, by score")
BATCH = 4
MOST_SHORT = 200


@dataclass(frozen=True, kw_only=True)
class Case:
    """A table with its short and full scores.

    Attributes:
        space: of its networks.
        truth: [R] points of accuracy by row.
        short: [R] expected short score, bias included.
        luck: standard deviation of a short and of a full score.
        cap: on params.
        price: of a short training as a share of a full one.
    """

    space: TableSpace
    truth: np.ndarray
    short: np.ndarray
    luck: tuple[float, float]
    cap: int
    price: float


def nb201(path: str, price: float) -> Case:
    """Return the cells of NAS-Bench-201."""
    words = argparse.Namespace(
        table=path, visit=["test12"], truth="test200", dimensions=None, unordered=[], max_params="0.8e6"
    )
    table = read(words)
    frame = pd.read_csv(path, dtype={"arch": str})
    return Case(
        space=table.space,
        truth=frame["test200"].to_numpy(float),
        short=frame["test12"].to_numpy(float),
        luck=(0.55, 0.30),
        cap=800_000,
        price=price,
    )


def channel(path: str, price: float, bias: float) -> Case:
    """Return the networks of Channel-Bench-Macro."""
    words = argparse.Namespace(table=path, visit=None, truth=None, dimensions=None, unordered=[], max_params="5e6")
    table: Table = read(words)
    cap = 5_000_000
    inside = (table.params <= cap) & (table.params >= 0.8 * cap)
    truth = table.truth / table.truth[inside].std() * 1.15
    features = table.space.features(table.space._points)[:, 2:]
    slope = features @ np.random.default_rng(0).standard_normal(features.shape[1])
    slope = (slope - slope[inside].mean()) / slope[inside].std()
    return Case(space=table.space, truth=truth, short=truth + bias * slope, luck=(0.38, 0.30), cap=cap, price=price)


def units(case: Case) -> np.ndarray:
    """Return the cost of a full training of each row; a random network of the band costs 1."""
    work = case.space._params * float(PER_PARAMETER)
    if case.space._macs is None:
        return np.ones(len(case.truth))
    work = work + case.space._macs
    inside = (case.space._params <= case.cap) & (case.space._params >= 0.8 * case.cap)
    return work / work[inside].mean()


def split(cost: float, price: float) -> tuple[int, int]:
    """Return the numbers of short and of full trainings: half of the cost each, but at most 200 short ones."""
    short = min(MOST_SHORT, max(8, round(cost / 2 / price)))
    return short, max(1, round(cost - short * price))


class Repeat:
    """One repeat: the scores of every row, the same for all arms."""

    def __init__(self, case: Case, repeat: int) -> None:
        rng = np.random.default_rng([7, repeat])
        shape = case.truth.shape
        self.case, self.seed = case, repeat
        self.short = (case.short + case.luck[0] * rng.standard_normal(shape)) / 100
        self.full = (case.truth + case.luck[1] * rng.standard_normal(shape)) / 100
        self.units = units(case)
        index = make_index(case.space, max_macs=None)
        self.band = choose_band(index, case.cap, min_utilisation=0.8, wanted=1_000)
        self.prior = prior_of([(self.band.high, usual_macs(self.band))])
        self.rule = Rule(prior=self.prior)
        fits = case.space._params <= case.cap
        self.best = case.truth[fits].max()

    def regret(self, row: int) -> float:
        return float(self.best - self.case.truth[row])

    def rows(self, points: list[np.ndarray]) -> np.ndarray:
        return self.case.space.rows(np.array(points, dtype=np.int64))

    def longer(self, rows: np.ndarray, full: list[int]) -> np.ndarray:
        """Return the full scores of the networks at these places, NaN for the others."""
        scores = np.full(len(rows), np.nan)
        scores[full] = self.full[rows[full]]
        return scores


def one_length(one: Repeat, name: str, cost: float) -> list[float]:
    """Propose and fully train until the cost is spent; return the regret by the rule and by the best score."""
    sampler = make_sampler(name, one.case.space, one.band, seed=one.seed, rule=one.rule)
    points: list[np.ndarray] = []
    spent = 0.0
    while spent < cost:
        scores = one.full[one.rows(points)] if points else np.empty(0)
        point = sampler.propose(_history(points, scores))
        if point is None:
            break
        points.append(point)
        spent += one.units[one.rows([point])[0]]
    rows = one.rows(points)
    trusted = one.rule.recommend(one.case.space, np.array(points), one.full[rows])
    return [one.regret(rows[trusted.argmax()]), one.regret(rows[one.full[rows].argmax()])]


def _history(points: list[np.ndarray], scores: np.ndarray, longer: tuple[np.ndarray, ...] = ()) -> History:
    number = len(points)
    return History(
        number=number,
        points=np.array(points, dtype=np.int64).reshape(number, -1 if number else 0),
        scores=scores,
        pruned=np.zeros(number, dtype=bool),
        longer=longer,
    )


def two_lengths(one: Repeat, cost: float, *, by_gain: bool) -> tuple[float, int]:
    """Search with short and full trainings until the cost is spent; return the regret and the number of full ones."""
    case, price = one.case, one.case.price
    trials, networks = split(cost, price)
    sampler = JointThompsonSampler(case.space, one.band, seed=one.seed, prior=one.prior)
    points: list[np.ndarray] = []
    full: list[int] = []  # places among the points
    while True:
        number = len(points)
        known = max(0, (number // BATCH - LAG + 1) * BATCH)
        rows = one.rows(points) if points else np.empty(0, dtype=np.int64)
        scores = np.where(np.arange(number) < known, one.short[rows], np.nan)
        longer = one.longer(rows, full)
        if number >= trials or price * one.units[rows].sum() >= cost - networks:
            break
        left = early_quota(number, trials, networks) - len(full)
        if by_gain and number % BATCH == 0 and left > 0:
            found = sampler.outlook(_history(points, scores, (longer,)))
            if found is not None:
                outlook, places = found
                rng = generator(one.seed, number, Stream.EARLY)
                chosen = outlook.worth_full(~np.isin(places, full), price=price, rng=rng)[:left]
                full += places[chosen].tolist()
                if len(chosen):
                    continue
        point = sampler.propose(_history(points, scores, (longer,)))
        if point is None:
            break
        points.append(point)
    above = [one.longer(rows, full)] if full else []
    means = expected(case.space, np.array(points), one.short[rows], *above, prior=one.prior)
    spent = price * one.units[rows].sum() + one.units[rows[full]].sum()
    for place in np.argsort(-means, kind="stable").tolist():
        if spent >= cost and full:
            break
        if place not in full:
            full.append(place)
            spent += one.units[rows[place]]
    trusted = one.rule.recommend(case.space, np.array(points), one.short[rows], one.longer(rows, full))
    return one.regret(rows[int(np.nanargmax(trusted))]), len(full)


def _case(words: argparse.Namespace, name: str) -> Case:
    table, price, *bias = name.split()
    share = float(price.removesuffix("%")) / 100
    return nb201(words.nb201, share) if table == "nb201" else channel(words.channel, share, 0.45 if bias else 0.0)


def _task(words: argparse.Namespace, name: str, repeats: range, arms: list[str]) -> np.ndarray:
    case = _case(words, name)
    found = np.full((len(repeats), len(arms) + 1, len(COSTS)), np.nan)
    with threadpool_limits(1):
        for i, repeat in enumerate(repeats):
            one = Repeat(case, repeat)
            for k, cost in enumerate(COSTS):
                for j, arm in enumerate(arms):
                    if arm in ("search", "short first"):
                        value, fulls = two_lengths(one, cost, by_gain=arm == "search")
                        if arm == "search":
                            found[i, -1, k] = fulls
                    elif arm == "full only":
                        value = one_length(one, "thompson", cost)[0]
                    elif arm == "random":
                        both = one_length(one, "random", cost)
                        value = both[0]
                    else:
                        value = one_length(one, "random", cost)[1]
                    found[i, j, k] = value
    return found


CASES = ("nb201 4%", "nb201 20%", "channel 4%", "channel 20%", "channel 4% biased", "channel 20% biased")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nb201", required=True, metavar="FILE")
    parser.add_argument("--channel", required=True, metavar="FILE")
    parser.add_argument("--repeats", type=int, default=40, metavar="N")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes side by side")
    parser.add_argument("--cases", nargs="+", default=list(CASES), metavar="NAME")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), metavar="NAME")
    words = parser.parse_args()
    print(f"made with equal_cost.py {' '.join(word for word in sys.argv[1:])}")
    print(f"{words.repeats} paired repeats; mean regret in points +- standard error at the cost of n full trainings\n")
    with ProcessPoolExecutor(words.jobs) as pool:
        size = max(1, words.repeats // (2 * words.jobs))
        parts = [range(start, min(start + size, words.repeats)) for start in range(0, words.repeats, size)]
        tasks = {name: [pool.submit(_task, words, name, part, words.arms) for part in parts] for name in words.cases}
        for name in words.cases:
            found = np.concatenate([task.result() for task in tasks[name]])
            error = 1 / np.sqrt(len(found))
            print(f"{name:<20}" + "".join(f"{cost:>16}" for cost in COSTS))
            for j, arm in enumerate(words.arms):
                cells = [
                    f"{found[:, j, k].mean():>8.3f} +-{found[:, j, k].std(ddof=1) * error:.3f}"
                    for k in range(len(COSTS))
                ]
                print(f"{arm:<20}" + "".join(f"{cell:>16}" for cell in cells))
            if "search" in words.arms:
                fulls = np.nanmean(found[:, -1], axis=0)
                print(f"{'full trainings':<20}" + "".join(f"{value:>16.1f}" for value in fulls))
                print("paired difference to search (above 0: search is better)")
                for j, arm in enumerate(words.arms):
                    if arm == "search":
                        continue
                    away = found[:, j] - found[:, words.arms.index("search")]
                    cells = [
                        f"{away[:, k].mean():>+8.3f} +-{away[:, k].std(ddof=1) * error:.3f}" for k in range(len(COSTS))
                    ]
                    print(f"{arm:<20}" + "".join(f"{cell:>16}" for cell in cells))
            print(flush=True)


if __name__ == "__main__":
    main()
