"""How often sequential looks at fresh seeds show a gain that is none, and how soon they show one.

    python tests/benchmarks/finals_looks.py [REPEATS]

Test accuracies of two networks from normal distributions, in points; 20,000 repeats a row unless given. A pair gets
more seeds until Welch's interval at a look leaves zero out, or after the last look. `error` is the share of repeats
without a gain that show one or a loss, `shown` that of repeats with a gain that show it, `trainings` the mean number of
trainings of both networks. Beside it one look after as many seeds as the last one has. `times` is the spread over seeds
of the second network as a multiple of the first one's.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from budgetnas.evidence.estimate import welch
from budgetnas.evidence.looks import level_per_look
from budgetnas.evidence.power import smallest_gain

LOOKS, SPREAD = (3, 5, 8, 12), 0.23
GAINS, TIMES = (0.15, 0.3, 0.4, 0.5, 0.75), (1.0, 2.0, 5.0, 0.0)
OTHERS = ((2, 3, 4, 5), (2, 4, 8, 16), (5, 10), (3, 4, 5, 6, 7, 8, 9, 10))


def end(looks: Sequence[int], gain: float, times: float, repeat: int) -> tuple[int, int]:
    """Return what a pair of networks shows, 1 for a gain, -1 for a loss and 0 for neither, and its seeds of each."""
    left, right = SPREAD * np.random.default_rng(repeat).standard_normal((2, looks[-1]))
    left, right, level = list(left + gain), list(times * right), level_per_look(looks)
    for seeds in looks:
        found = welch(left[:seeds], right[:seeds], level=level)
        if found.is_above_zero or found.is_below_zero:
            break
    return int(found.is_above_zero) - int(found.is_below_zero), seeds


def ends(looks: Sequence[int], gain: float, times: float, repeats: int) -> tuple[float, float, float]:
    """Return the shares of repeats that show a gain and a loss, and the mean number of trainings."""
    found = np.array([end(looks, gain, times, repeat) for repeat in range(repeats)])
    return float((found[:, 0] == 1).mean()), float((found[:, 0] == -1).mean()), float(2 * found[:, 1].mean())


def main() -> None:
    """Print a row a case."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print(f"{repeats:,} repeats, spread over seeds {SPREAD} points, standard error of a share at most .0035\n")
    print("no gain\nlooks                   error of each  times  error in all  trainings")
    for looks in (LOOKS, *OTHERS):
        for times in TIMES:
            up, down, trainings = ends(looks, 0.0, times, repeats)
            name = ",".join(map(str, looks))
            each = 1 - level_per_look(looks)
            print(f"{name:<22}  {each:>13.4f}  {times:>5g}  {up + down:>12.4f}  {trainings:>9.1f}", flush=True)
    last = (LOOKS[-1],)
    smallest = [smallest_gain(SPREAD, looks) for looks in (LOOKS, last)]
    print(f"\nlooks after {', '.join(map(str, LOOKS))} seeds of each | one look after {last[0]}")
    print(f"80 % shown from a gain of {smallest[0]:.2f} | of {smallest[1]:.2f}")
    print("gain  shown  loss shown  trainings | shown  trainings")
    for gain in GAINS:
        shown, lost, trainings = ends(LOOKS, gain, 1.0, repeats)
        fixed, _, most = ends(last, gain, 1.0, repeats)
        print(f"{gain:.2f}  {shown:.3f}  {lost:>10.4f}  {trainings:>9.1f} | {fixed:.3f}  {most:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
