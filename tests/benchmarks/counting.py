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
from budgetnas.config.macs_cap import read_macs_cap
from budgetnas.config.study import load_study
from budgetnas.space.atlas import make_atlas
from budgetnas.space.band import choose_band, fitting, make_index
from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.resnet import ResNetSpace
from budgetnas.space.streamed import StreamedIndex

COUNT = ["count", "--blocks", "4,5,3,0", "--widths", "64,128,250", "--max-params", "5e6"]
SUMMARY = """
import torchinfo
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.models.build import build_model
model = build_model(ResNetSpec(blocks=(4, 5, 3), widths=(64, 128, 250)), DataShape())
print(torchinfo.summary(model, (1, 3, 32, 32), verbose=0).trainable_params)
"""
RUNS = 9
CAP = 5_000_000


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
    subprocess.run([sys.executable, __file__, "wide"], check=True)  # a process of its own, for its memory


def wide() -> None:
    """Measure what a search over the shipped wide space asks of its index, in seconds of one core."""
    space = load_study(None, {"space": "wide"}).space.space(DataShape())
    started = time.process_time()
    index = make_index(space, max_macs=read_macs_cap("auto", space, most_params=CAP), max_params=CAP)
    band = choose_band(index, CAP, min_utilisation=0.8, wanted=1_000)
    excluded = fitting(index, CAP, ignore_macs=True) - fitting(index, CAP)
    took, peak = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"wide space: {index.size():.4g} networks in {len(space.chains())} strata; {index.method}")
    print(
        f"its band of {len(band):.4g} networks with draws, and {excluded:.4g} over the cap on MACs: {took:.0f} s of "
        f"one core (target < 90), {peak:.2f} GiB (target < 1.5)"
    )
    started = time.process_time()
    restored = StreamedIndex.restore(index.state(), space, max_macs=index.max_macs, max_params=CAP)
    again = choose_band(restored, CAP, min_utilisation=0.8, wanted=1_000)
    print(f"read back from what is stored: {time.process_time() - started:.1f} s")
    started = time.process_time()
    again.draw(1_000, rng=np.random.default_rng(0))
    print(f"1,000 draws for a proposal: {1000 * (time.process_time() - started):.0f} ms")


if __name__ == "__main__":
    wide() if sys.argv[1:] == ["wide"] else main()
