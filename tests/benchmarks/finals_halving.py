"""Finals by halving against equal finals: the true value of the chosen network, in points, at as many full trainings.

    python tests/benchmarks/finals_halving.py [REPEATS]

Networks have normal true values of a given spread. A training is off by luck of the seed, of .296 points, and by luck
of the network on the 5,000 validation images, of .17, which more seeds do not reduce: both as measured in 15 epochs of
CIFAR-10. In the first table the networks that halving adds are as good as the others. In the second, networks are
promoted from 40 by short trainings whose correlation with the true values is .5, so those that are added are worse; the
spread is that of the 40. Choices are by posterior mean, of a normal prior and the noise that the search assumes; 20,000
paired repeats unless given.
"""

from __future__ import annotations

import sys

import numpy as np

from budgetnas.arrays import FloatArray
from budgetnas.samplers.belief import noise_share
from budgetnas.trials.finals import Finals, equal, halving

CASES = ((8, 3), (5, 3), (4, 6), (3, 2), (2, 3), (2, 2))
SPREADS = (0.1, 0.2, 0.4)
SEED, IMAGES = 0.296, 0.17
POOL, CORRELATION = 40, 0.5
BLOCK = 2_000


def chosen(
    finals: Finals, repeats: int, truth: FloatArray, prior: FloatArray, variance: float, luck: FloatArray
) -> FloatArray:
    """Return the true value [R] of the network that finals choose.

    Args:
        finals: how many networks of `truth` are trained, and how many of them with all seeds.
        repeats: seeds of a finalist.
        truth: [R, N] true values, in the order of promotion.
        prior: [R, N] means of the true values before the finals.
        variance: of the true values before the finals.
        luck: [R, N, repeats] what each training is off by.
    """
    n, k = finals
    once = posterior(truth[:, :n] + luck[:, :n, 0], prior[:, :n], variance, 1)
    rows = np.argsort(-once, axis=1, kind="stable")[:, :k]
    means = truth[:, :n] + luck[:, :n].mean(axis=2)
    last = posterior(np.take_along_axis(means, rows, 1), np.take_along_axis(prior, rows, 1), variance, repeats)
    winner = np.take_along_axis(rows, last.argmax(axis=1)[:, None], 1)
    return np.take_along_axis(truth, winner, 1)[:, 0]


def posterior(scores: FloatArray, prior: FloatArray, variance: float, seeds: int) -> FloatArray:
    """Return the posterior means of networks, given mean scores of so many seeds."""
    noise = (SEED**2 + IMAGES**2) * noise_share(np.array(float(seeds)))
    return prior + variance / (variance + noise) * (scores - prior)


def compared(
    case: tuple[int, int], finals: Finals, spread: float, repeats: int, *, is_ranked: bool
) -> tuple[FloatArray, FloatArray]:
    """Return what given and equal finals choose in every repeat: true values [R], in points."""
    promote, seeds = case
    rng = np.random.default_rng([promote, seeds, round(1000 * spread), is_ranked])
    found = []
    for start in range(0, repeats, BLOCK):
        rows = min(BLOCK, repeats - start)
        if is_ranked:
            short, own = rng.standard_normal((2, rows, POOL))
            prior = spread * CORRELATION * -np.sort(-short, axis=1)
            variance = spread**2 * (1 - CORRELATION**2)
            truth = prior + np.sqrt(variance) * own
        else:
            truth = spread * rng.standard_normal((rows, POOL))
            prior, variance = np.zeros_like(truth), spread**2
        luck = SEED * rng.standard_normal((*truth.shape, seeds)) + IMAGES * rng.standard_normal((*truth.shape, 1))
        found.append([chosen(one, seeds, truth, prior, variance, luck) for one in (finals, equal(promote))])
    given, same = np.concatenate(found, axis=1)
    return given, same


def show(case: tuple[int, int], finals: Finals, spread: float, repeats: int, *, is_ranked: bool) -> bool:
    """Print a row; return whether these finals are worse than equal ones by more than two standard errors."""
    given, same = compared(case, finals, spread, repeats, is_ranked=is_ranked)
    gain, error = (given - same).mean(), (given - same).std(ddof=1) / np.sqrt(repeats)
    is_worse = bool(gain < -2 * error)
    words = "  worse by 2 SE" if is_worse else ""
    print(
        f"{case[0]:>7} x {case[1]:<5} | {finals.networks:>7}, {finals.finalists:<9} | {spread:>6.1f} | "
        f"{same.mean():>6.3f}  {given.mean():>7.3f} | {gain:+.4f} +- {error:.4f}{words}",
        flush=True,
    )
    return is_worse


def main() -> None:
    """Print a row a case; where halving is worse, also rows of other numbers of finalists."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print("python tests/benchmarks/finals_halving.py", *sys.argv[1:])
    print(f"mean true value of the chosen network in points over {repeats} paired repeats; gain +- standard error\n")
    for is_ranked, title in ((False, "the added networks are as good"), (True, "promoted from 40 by short trainings")):
        worse = list[tuple[tuple[int, int], float]]()
        print(f"{title}\npromote x seeds | trained, finalists | spread |  equal  halving |    gain")
        for case in CASES:
            for spread in SPREADS:
                is_worse = show(case, halving(*case), spread, repeats, is_ranked=is_ranked)
                worse += [(case, spread)] if is_worse else []
        for (promote, seeds), spread in worse:
            print(f"\n{promote} x {seeds} at {spread}, more finalists")
            for k in range(halving(promote, seeds).finalists + 1, promote):
                finals = Finals(promote * seeds - k * (seeds - 1), k)
                show((promote, seeds), finals, spread, repeats, is_ranked=is_ranked)
        print()


if __name__ == "__main__":
    main()
