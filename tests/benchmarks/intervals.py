"""How often the intervals of Kendall's tau, recall and regret hold what they estimate.

    python tests/benchmarks/intervals.py [REPEATS]

Pairs of scores from a normal distribution with a given tau, as Greiner's relation makes them; 500 repeats a case unless
given. Tau is held against the true one, recall and regret against their mean over the repeats; `shown` is the share of
repeats that have an interval at all. Beside tau Fieller's interval on the scale of atanh, with 0.437 / (n - 4) for its
variance.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from budgetnas.evidence.estimate import Estimate
from budgetnas.evidence.fidelity import fidelity

NETS, BEST, TAUS = (10, 12, 20, 30, 60), (1, 3), (0.0, 0.3, 0.5, 0.7, 0.85)
FloatArray = npt.NDArray[np.float64]


def pairs(number: int, true_tau: float, repeat: int) -> tuple[FloatArray, FloatArray]:
    """Draw the proxy and the full scores of so many nets."""
    correlation = np.sin(np.pi / 2 * true_tau)
    first, second = np.random.default_rng([number, repeat]).standard_normal((2, number))
    return first, correlation * first + np.sqrt(1 - correlation**2) * second


def fieller(value: float, number: int) -> tuple[float, float]:
    """Return Fieller's interval of a tau."""
    centre, reach = np.arctanh(np.clip(value, -1 + 1e-9, 1 - 1e-9)), 1.96 * np.sqrt(0.437 / (number - 4))
    return float(np.tanh(centre - reach)), float(np.tanh(centre + reach))


def held(found: Sequence[Estimate], truth: float) -> tuple[float, float]:
    """Return how often an interval holds the truth, of those that are shown, and how often one is shown."""
    shown = [one for one in found if one.low is not None and one.high is not None]
    hits = [one.low <= truth <= one.high for one in shown if one.low is not None and one.high is not None]
    return float(np.mean(hits)) if hits else float("nan"), len(shown) / len(found)


def main() -> None:
    """Print a row a case."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(f"share of {repeats} repeats in which the interval holds the truth\n")
    print("nets   tau  k |   tau  fieller | recall (shown) | regret (shown)")
    for number in NETS:
        for true_tau in TAUS:
            draws = [pairs(number, true_tau, repeat) for repeat in range(repeats)]
            for k in BEST:
                found = [fidelity("p", *draw, k=k) for draw in draws]
                line = f"{number:>4}  {true_tau:.2f}  {k} | "
                ends = [fieller(one.tau.value, number) for one in found]
                line += f"{held([one.tau for one in found], true_tau)[0]:.2f}  "
                line += f"{np.mean([low <= true_tau <= high for low, high in ends]):>7.2f} | "
                recalls, regrets = [one.recall for one in found], [one.regret for one in found]
                cells = [held(column, float(np.mean([one.value for one in column]))) for column in (recalls, regrets)]
                print(line + " | ".join(f"{share:>6.2f}  ({shown:.2f})" for share, shown in cells), flush=True)


if __name__ == "__main__":
    main()
