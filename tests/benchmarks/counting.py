"""How fast counting is, against what it replaces, in one run: `python tests/benchmarks/counting.py`.

Prints ratios of whole processes run in turn, and rates of one core. Needs torchinfo for one of the lines.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from budgetnas.arch import pools
from budgetnas.arch.spec import DataShape
from budgetnas.space.atlas import make_atlas
from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.resnet import ResNetSpace

COUNT = ["count", "--blocks", "4,5,3,0", "--widths", "64,128,250", "--max-params", "5e6"]
SUMMARY = """
import torchinfo
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.models.build import build_model
model = build_model(ResNetSpec(blocks=(4, 5, 3), widths=(64, 128, 250)), DataShape())
print(torchinfo.summary(model, (1, 3, 32, 32), verbose=0).trainable_params)
"""
RUNS = 9


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def ratio(one: list[str], other: list[str], runs: int = RUNS) -> float:
    """Return the median of paired ratios one / other, the two run in turn."""
    pairs = [(seconds(one), seconds(other)) for _ in range(runs + 1)][1:]
    return statistics.median(a / b for a, b in pairs)


def processor() -> str:
    """Name the processor, as Linux does where it is there."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    print(f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    count = [sys.executable, "-m", "budgetnas", *COUNT]
    print(f"budgetnas count / python -c pass: {ratio(count, [sys.executable, '-c', 'pass']):.1f} x (target <= 6)")
    if importlib.util.find_spec("torchinfo"):
        times = ratio([sys.executable, "-c", SUMMARY], count, 3)
        print(f"build and torchinfo.summary / budgetnas count: {times:.0f} x (target >= 15)")
    else:
        print("build and torchinfo.summary / budgetnas count: not measured, torchinfo is not installed")

    rng = np.random.default_rng(0)
    blocks = rng.integers(1, 9, (1_000_000, 4))
    widths = rng.integers(16, 513, (1_000_000, 4))
    rates = []
    for _ in range(6):
        started = time.perf_counter()
        pools.total(blocks, widths, DataShape())
        rates.append(1 / (time.perf_counter() - started))
    rate = statistics.median(rates[1:])
    print(f"array count of params and MACs: {rate:.1f} million candidates/s (target >= 10, >= 5 on a loaded box)")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    index = ArchitectureIndex(ResNetSpace(), max_macs=1_748_374_528)
    make_atlas(index, 5_000_000)
    took = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"atlas of the default space: {took:.2f} s (target < 3), {(peak - before) / 2**20:.2f} GiB more (target < 1)")

    band = index.band(4_000_000, 5_000_000)
    started = time.perf_counter()
    band.draw(10_000, rng=rng)
    print(f"10,000 draws: {time.perf_counter() - started:.2f} s (target < 1)")


if __name__ == "__main__":
    main()
