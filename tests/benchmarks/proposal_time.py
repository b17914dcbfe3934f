"""How long one proposal takes at 5M parameters, by the number of finished trials, in the default space or a named one.

    python tests/benchmarks/proposal_time.py [wide]

On one thread. "refitted" is a proposal that fits the hyperparameters anew, as one in ten does at 100 trials and one in
a hundred at 1,000; "usual" is the median of the others. The scores are made up.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
from counting import processor
from threadpoolctl import threadpool_limits

from budgetnas.arch.spec import DataShape
from budgetnas.config.study import load_study
from budgetnas.samplers.history import History
from budgetnas.samplers.samplers import make_sampler
from budgetnas.space.band import choose_band, make_index

SIZES = (30, 100, 300, 1_000, 3_000, 10_000)
USUAL = 9


def main() -> None:
    """Print the table."""
    space = load_study(None, {"space": sys.argv[1] if sys.argv[1:] else None}).space.space(DataShape())
    index = make_index(space, max_macs=1_748_374_528, max_params=5_000_000)
    band = choose_band(index, 5_000_000, min_utilisation=0.8, wanted=1_000)
    points = np.unique(band.draw(12_000, rng=np.random.default_rng(0)).points, axis=0)
    points = np.random.default_rng(1).permutation(points)
    noise = np.random.default_rng(2).normal(0, 0.003, len(points))
    scores = 0.9 + 0.01 * np.log2(space.macs(points) / 1e9) + noise
    print(f"{processor()}, one thread; ms per proposal\n")
    print(f"{'sampler':<12}{'':<10}" + "".join(f"{size:>9,}" for size in SIZES))
    for name in ("thompson", "evolution", "tpe", "random"):
        refitted, usual = [], []
        for size in SIZES:
            sampler = make_sampler(name, space, band, seed=0)
            times = []
            for number in range(size, size + 1 + USUAL):
                view = History(
                    number=number,
                    points=points[:number],
                    scores=np.where(np.arange(number) < size, scores[:number], np.nan),
                    pruned=np.zeros(number, dtype=bool),
                )
                if name == "tpe" and number == size:
                    sampler.propose(view)  # fills the in-memory study, once in a search
                started = time.perf_counter()
                sampler.propose(view)
                times.append(1000 * (time.perf_counter() - started))
            refitted.append(times[0])
            usual.append(statistics.median(times[1:]))
        if name == "thompson":
            print(f"{name:<12}{'refitted':<10}" + "".join(f"{value:>9.1f}" for value in refitted))
        print(f"{name:<12}{'usual':<10}" + "".join(f"{value:>9.1f}" for value in usual))


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
