"""How near a training step comes to what a GPU can do, block by block, each in a process with a deadline of its own.

    python tests/benchmarks/gpu_floor.py --device cuda [--blocks A,B,C,D,E,E2,F] [--out FILE] [--seconds 400]
    python tests/benchmarks/gpu_floor.py --device cpu --tiny     rehearses every block in under a minute

- A: the card, its copy and matmul rates, where the time of a step goes, what torch promises.
- B: a plain loop in the style of pytorch-cifar, the 1 x.
- C: every distinct convolution of model 5 and of a ResNet-20.
- D: batch norm with residual sum and ReLU.
- E: our step, one change after the other: recorded, working weights, cuDNN's choice, fused norms, a second stream.
- E2: whether recorded steps give the bits of steps one by one.
- F: seconds until a training runs, and trainings side by side.

cuDNN keeps its choice of a kernel for the life of a process, so parts with and without `cudnn.benchmark` have processes
of their own. They run in the order of what is decided by them, and lines are written at once: whatever is cut off, the
rest is there. FILE.jsonl has what one part reads of another. The status is 0 if no row failed.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A block or a part of one.

    Attributes:
        where: module and function.
        seconds: after which it is stopped.
        fewest: with less time left it is not started.
    """

    where: str
    seconds: float
    fewest: float = 8.0


PARTS = {
    "A": Part(where="gpu_card:card", seconds=50),
    "B": Part(where="gpu_steps:plain", seconds=45),
    "E.off": Part(where="gpu_steps:ladder", seconds=60),
    "E.on": Part(where="gpu_steps:measured_ladder", seconds=80),
    "E2.off": Part(where="gpu_equality:equality", seconds=45),
    "E2.on": Part(where="gpu_equality:measured_equality", seconds=30),
    "D": Part(where="gpu_kernels:norms", seconds=50),
    "C.on": Part(where="gpu_kernels:measured_convolutions", seconds=50),
    "F.on": Part(where="gpu_lanes:lanes", seconds=100),
    "C.off": Part(where="gpu_kernels:convolutions", seconds=40),
    "F.off": Part(where="gpu_lanes:starts", seconds=25),
    "E.compile": Part(where="gpu_steps:compiled", seconds=75, fewest=40),
}
BLOCKS = "A,B,C,D,E,E2,F"


def chosen(blocks: str) -> list[str]:
    """Return the parts of some blocks in the order in which they run."""
    wanted = set(blocks.split(","))
    unknown = wanted - set(PARTS) - {name.split(".")[0] for name in PARTS}
    if unknown:
        sys.exit(f"`--blocks` has {', '.join(sorted(unknown))}, but must be some of {BLOCKS} or of {', '.join(PARTS)}.")
    return [name for name in PARTS if name in wanted or name.split(".")[0] in wanted]


def run_part(name: str, device: str, tiny: bool, out: Path) -> int:
    """Run a part in this process; return its exit status."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # equal bits need it, and it must come before CUDA
    module, _, function = PARTS[name].where.partition(":")
    run = getattr(importlib.import_module(module), function)
    from gpu_common import Bench

    from budgetnas.training.graphs import own_stream

    bench = Bench(part=name, device=device, tiny=tiny, out=out)
    with bench.row(name), own_stream(device):
        run(bench)
    return int(bench.failures > 0)


def _in_child(name: str, device: str, tiny: bool, out: Path, go: Any) -> None:
    """Be the process of a part: import what it needs, wait for its turn, run."""
    os.setsid()  # so that it can be stopped with all that it has started
    importlib.import_module(PARTS[name].where.partition(":")[0])
    go.wait()
    try:
        status = run_part(name, device, tiny, out)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # with a broken CUDA context a tidy end may hang


class Child:
    """A process that gets ready at once and runs its part when it is told to."""

    def __init__(self, context: Any, name: str, *given: Any) -> None:
        self._go = context.Event()
        self._process = context.Process(target=_in_child, args=(name, *given, self._go))
        self._process.start()

    def run(self, seconds: float) -> int | None:
        """Let it run; return its exit status, or None if it had to be stopped."""
        self._go.set()
        self._process.join(seconds)
        if self._process.is_alive():
            self.stop()
            return None
        return int(self._process.exitcode or 0)

    def stop(self) -> None:
        for kill in (lambda: os.killpg(self._process.pid, signal.SIGKILL), self._process.kill):
            try:
                kill()
            except ProcessLookupError:
                continue
        self._process.join(5)


def drive(parts: list[str], device: str, tiny: bool, out: Path, seconds: float) -> int:
    """Run parts one after the other, the next getting ready meanwhile; return the exit status."""
    if tiny:  # torch is imported once; nothing here touches a GPU, so that a fork is safe
        for name in parts:
            importlib.import_module(PARTS[name].where.partition(":")[0])
    context: Any = multiprocessing.get_context("fork" if tiny else "spawn")
    ends, status, ready = time.monotonic() + seconds, 0, dict[str, Child]()
    try:
        for place, name in enumerate(parts):
            for coming in parts[place : place + 2]:
                if coming not in ready:
                    ready[coming] = Child(context, coming, device, tiny, out)
            left = ends - time.monotonic()
            child, allowed = ready[name], min(PARTS[name].seconds, left)
            started = time.monotonic()
            if left < PARTS[name].fewest and not tiny:
                say(out, f"{name}: not run, {max(left, 0):.0f} s are left")
                child.stop()
                continue
            ended = child.run(allowed)
            took = time.monotonic() - started
            status |= ended != 0
            how = {None: f"STOPPED after {allowed:.0f} s", 0: "done"}.get(ended, f"FAILED with status {ended}")
            say(out, f"{name}: {how}, {took:.1f} s\n")
    finally:
        for child in ready.values():
            child.stop()
    return status


def say(out: Path, text: str) -> None:
    print(text, flush=True)
    with out.open("a") as file:
        file.write(f"{text}\n")


def main() -> int:
    """Run what the command line names; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--blocks", default=BLOCKS, help=f"default {BLOCKS}; or parts of them: {', '.join(PARTS)}")
    parser.add_argument("--out", type=Path, default=Path("gpu_floor.txt"), help="lines are appended; FILE.jsonl too")
    parser.add_argument("--seconds", type=float, default=400, help="for all of it")
    parser.add_argument("--tiny", action="store_true", help="tiny networks and few repeats")
    parser.add_argument("--block", metavar="PART", help="run one part in this process")
    parser.add_argument("--lane", help=argparse.SUPPRESS)
    words = parser.parse_args()
    words.out.parent.mkdir(parents=True, exist_ok=True)
    if words.lane:
        from gpu_lanes import serve

        serve(words.lane, device=words.device, tiny=words.tiny, out=words.out)
        return 0
    if words.block:
        status = 0
        for name in chosen(words.block):
            status |= run_part(name, words.device, words.tiny, words.out)
        return status
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no part outlives this process
    say(words.out, f"# python tests/benchmarks/gpu_floor.py {' '.join(sys.argv[1:])}")
    return drive(chosen(words.blocks), words.device, words.tiny, words.out, words.seconds)


if __name__ == "__main__":
    sys.exit(main())
