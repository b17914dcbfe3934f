"""The README's first command, three seeds: how long it takes, how far apart networks score, how much a seed moves one.

    python tests/benchmarks/first_command.py [--seeds 0,1,2] [--repeats 6] > studies/results/first_command.txt

Each seed is the command as printed, in a folder of its own, on the data set that a machine without a GPU gets. With
`--folder DIR` the runs stay in DIR. The spread is the width of the middle half of the 100 short scores. The noise is
the standard deviation of the winner's score over fresh seeds: after short trainings like the search's, and after full
ones. Half an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch
from counting import processor

COMMAND = ["search", "--max-params", "5e6", "--trials", "100"]
DATA = "digits-hard"


def run(words: list[str], folder: Path) -> tuple[float, float]:
    """Run a command; return wall and CPU seconds, its workers' too."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "budgetnas", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"budgetnas {' '.join(words)}: {done.stderr[-500:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - started, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def noise(spec: str, recipe: str, epochs: int, repeats: int, folder: Path) -> list[float]:
    """Return the validation accuracies, in percent, of a network after trainings with fresh seeds."""
    name = f"{recipe}-{epochs}"
    words = ["train", spec, "--dataset", DATA, "--recipe", recipe, "--epochs", str(epochs), "--seed", "1000"]
    run([*words, "--repeats", str(repeats), "--name", name], folder)
    curve = pd.read_csv(folder / "runs" / name / "epochs.csv")
    return list(100 * curve[curve.epoch == epochs].accuracy)


def one_seed(seed: int, repeats: int, folder: Path) -> None:
    """Run the command with a seed and print what it gave."""
    words = COMMAND if seed == 0 else [*COMMAND, "--seed", str(seed)]
    wall, cpu = run(words, folder)
    result = folder / "runs" / f"{DATA}-5M-s{seed}"
    trials = pd.read_csv(result / "trials.csv")
    scores = sorted(100 * trials[trials.state == "COMPLETE"].score)
    lower, middle, upper = statistics.quantiles(scores, n=4)
    study = json.loads((result / "manifest.json").read_text())["study"]
    winner = json.loads((result / "best" / "arch.json").read_text())["id"]
    short = noise(winner, study["proxy.recipe"], study["proxy.rungs"][0], repeats, folder)
    full = noise(winner, study["full.recipe"], study["full.epochs"], repeats, folder)
    print(f"\nbudgetnas {' '.join(words)}")
    print(f"  {wall / 60:.1f} min, {cpu / 60:.1f} CPU minutes")
    print(f"  short scores: {scores[0]:.1f} to {scores[-1]:.1f} %, quartiles {lower:.1f}, {middle:.1f}, {upper:.1f}")
    print(f"  spread {upper - lower:.1f} points; a third of it is {(upper - lower) / 3:.2f}")
    for name, found in (("short", short), ("full", full)):
        told = ", ".join(f"{score:.1f}" for score in found)
        print(f"  noise of {winner}, {name}: {statistics.stdev(found):.2f} points ({told})", flush=True)


def main() -> None:
    """Print all seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--repeats", type=int, default=6, help="fresh seeds of the winner")
    parser.add_argument("--folder", type=Path, help="where the runs stay")
    words = parser.parse_args()
    print(f"{processor()}, {os.cpu_count()} cores, torch {torch.__version__}, {DATA}", flush=True)
    with tempfile.TemporaryDirectory() as removed:
        for seed in map(int, words.seeds.split(",")):
            folder = (words.folder or Path(removed)).resolve() / str(seed)
            folder.mkdir(parents=True)
            one_seed(seed, words.repeats, folder)


if __name__ == "__main__":
    main()
