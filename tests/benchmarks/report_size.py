"""How large the page of 1,000 trials is and how long it takes to make.

    python tests/benchmarks/report_size.py [--trials 1000]

The facts are made up: curves of 8 epochs, a second rung of 24 epochs for a third of the trials, 5 networks trained in
full for 200 epochs with 3 seeds each. "own" is the page without plotly's script.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from counting import processor

from budgetnas.reports.board import board_figures
from budgetnas.reports.page import report_page
from budgetnas.reports.plotly_script import plotly_script

sys.path.insert(0, str(Path(__file__).parents[1] / "reports"))  # where `made` lies

ROUNDS = 3


def main() -> None:
    """Print the sizes and the times."""
    from made import made_facts

    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=1_000)
    facts = made_facts(parser.parse_args().trials)
    times, board_times = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        page = report_page(facts)
        times.append(time.perf_counter() - started)
        started = time.perf_counter()
        figures = board_figures(facts)
        board_times.append(time.perf_counter() - started)
    own = page.replace(plotly_script(), "")
    print(f"{processor()}, {os.cpu_count()} cores; medians of {ROUNDS}\n")
    print(f"{len(facts.trials):,} trials")
    print(f"page   {statistics.median(times):6.2f} s  {len(page.encode()) / 1e6:5.2f} MB, own {len(own) / 1e6:.2f} MB")
    sizes = ", ".join(f"{name} {len(figure.to_json()) / 1e3:.1f}" for name, figure in figures.items())
    print(f"board  {statistics.median(board_times):6.2f} s  kB: {sizes}")


if __name__ == "__main__":
    main()
