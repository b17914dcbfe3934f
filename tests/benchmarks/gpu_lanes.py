"""Block F of gpu_floor.py: how long a training takes to start, and what several side by side gain."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_card import mps_runs
from gpu_common import WARM, Bench, Net, bf16_recipe, nets, python, script

from budgetnas.arch.spec import ResNetSpec
from budgetnas.models import norm_triton
from budgetnas.training.graphs import own_stream, shared_pool
from budgetnas.training.learner import Learner

ARCHITECTURES = 6
LANES = (1, 2, 4, 8)
PROCESSES = 4
START_TARGET = 2.0  # seconds
BETWEEN_WAITS = 10  # steps, so that a lane never runs far ahead of the device
PATIENCE = 60.0  # seconds until all lanes are ready

_SETUP = threading.Lock()


def starts(bench: Bench) -> None:
    """Block F with cuDNN's heuristics: starts alone."""
    torch.backends.cudnn.benchmark = False
    _starts(bench, fuses=False)


def lanes(bench: Bench) -> None:
    """Block F with cuDNN's measurements, which it keeps for the life of a process: starts, lanes, processes."""
    torch.backends.cudnn.benchmark = True
    _starts(bench, fuses=False)
    model_5, resnet_20 = nets(tiny=bench.tiny)
    with ThreadPoolExecutor(max(LANES)) as pool:  # the same threads for all: cuDNN's choices belong to a thread
        for net in (resnet_20, model_5):
            with bench.row(f"lanes of {net.name}"):
                _lanes(bench, net, pool)
    for name, environment in _environments(bench):
        for net in (resnet_20,) if bench.tiny else (resnet_20, model_5):
            with bench.row(f"processes {name}"):
                _processes(bench, net, name, environment)
    if not bench.on_gpu or norm_triton.is_available():
        _starts(bench, fuses=True)


def _starts(bench: Bench, *, fuses: bool) -> None:
    """Time six random networks from nothing to the first replay, after one that wakes the card."""
    benchmark, rng, taken = torch.backends.cudnn.benchmark, np.random.default_rng(0), list[float]()
    count = 2 if bench.tiny else ARCHITECTURES
    for number in range(count + 1):
        with bench.row("start"):
            net = _random_net(rng, nets(tiny=bench.tiny)[0])
            seconds = _start(bench, net, fuses=fuses)
            if number:
                taken.append(seconds)
                bench.say(f"  start of {net.name}: {seconds:.2f} s")
    if taken:
        median = statistics.median(taken)
        bench.say(
            f"F: start of a training until its first replay, cudnn.benchmark {benchmark}, fused norms {fuses}: "
            f"{median:.2f} s, at most {max(taken):.2f} s (target < {START_TARGET:.0f} s)"
        )
        bench.fact(kind="start", benchmark=benchmark, fuses=fuses, seconds=median, longest=max(taken))


def _random_net(rng: np.random.Generator, like: Net) -> Net:
    stages = 2 if like.shape.height < 32 else 3
    blocks = tuple(int(number) for number in rng.integers(1, 2 if stages == 2 else 6, stages))
    widths = tuple(8 * int(number) for number in rng.integers(1, 3 if stages == 2 else 33, stages))
    spec = ResNetSpec(blocks=blocks, widths=widths)
    return Net(name=spec.id, spec=spec, shape=like.shape)


def _start(bench: Bench, net: Net, *, fuses: bool) -> float:
    batches = bench.batches(net, bench.sizes[0])
    bench.wait()
    started = time.perf_counter()
    learner = _learner(bench, net, fuses=fuses)
    for number in range(WARM):
        learner.step(*batches[number % len(batches)], lr=0.1, number=number + 1)
    bench.wait()
    seconds = time.perf_counter() - started
    if learner.notices:
        raise RuntimeError(learner.notices[0])
    return seconds


def _learner(bench: Bench, net: Net, *, fuses: bool = False) -> Learner:
    how: Any = {"records": bench.on_gpu, "pool": shared_pool(bench.device)}
    return Learner(bench.model(net, fuses=fuses).train(), bf16_recipe(), bf16=True, **how)


def _span(bench: Bench) -> float:
    return 0.1 if bench.tiny else 4.0


def _lanes(bench: Bench, net: Net, pool: ThreadPoolExecutor) -> None:
    """Run one training, then several as threads with streams of their own."""
    size, alone = bench.sizes[1], 0.0
    for count in LANES[:2] if bench.tiny else LANES:
        barrier = threading.Barrier(count)
        running = [pool.submit(_lane, bench, net, size, barrier) for _ in range(count)]
        rate = sum(one.result() for one in running)
        alone = alone or rate
        target = " (4 lanes are worth building above 1.5 x)" if count == 4 else ""
        bench.say(f"  {net.name} at {size}, lanes {count}: {rate:,.0f} images/s, {rate / alone:.2f} x one lane{target}")
        bench.fact(kind="lanes", net=net.name, size=size, lanes=count, images_per_s=rate, ratio=rate / alone)
        if bench.on_gpu:
            torch.cuda.empty_cache()


def _lane(bench: Bench, net: Net, size: int, barrier: threading.Barrier) -> float:
    """Train for some seconds once all are ready; return images/s."""
    with own_stream(bench.device):
        try:
            with _SETUP:
                step = _warm(bench, net, size)
            barrier.wait(PATIENCE)
        except Exception:
            barrier.abort()
            raise
        return _run(bench, step) * size


def _warm(bench: Bench, net: Net, size: int) -> Callable[[int], None]:
    learner, batches = _learner(bench, net), bench.batches(net, size)

    def step(number: int) -> None:
        learner.step(*batches[number % len(batches)], lr=0.1, number=number + 1)

    for number in range(WARM if bench.on_gpu else 1):
        step(number)
    bench.wait()
    if learner.notices:
        raise RuntimeError(learner.notices[0])
    return step


def _run(bench: Bench, step: Callable[[int], None]) -> float:
    """Return steps per second over some seconds."""
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < _span(bench):
        for _ in range(BETWEEN_WAITS if bench.on_gpu else 1):
            step(done)
            done += 1
        if bench.on_gpu:
            torch.cuda.current_stream().synchronize()
    return done / (time.perf_counter() - started)


def _environments(bench: Bench) -> list[tuple[str, dict[str, str]]]:
    """Return how to keep processes from MPS, and where its daemon runs how to use it."""
    without = {**os.environ, "CUDA_MPS_PIPE_DIRECTORY": "/nonexistent"}
    if not (bench.on_gpu and mps_runs()):
        bench.say(f"  MPS: {'its daemon does not run' if bench.on_gpu else 'needs CUDA'}")
        return [("without MPS", dict(os.environ))]
    return [("without MPS", without), ("with MPS", dict(os.environ))]


def _processes(bench: Bench, net: Net, name: str, environment: dict[str, str]) -> None:
    size, count = bench.sizes[1], 1 if bench.tiny else PROCESSES
    words = ["--lane", net.name, "--device", bench.device, "--out", bench.out, *(["--tiny"] if bench.tiny else [])]
    with _started(python(script(), *words), count, environment) as children:
        for child in children:
            _expect(child, "ready")
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        rate = sum(json.loads(child.stdout.readline() or "null") for child in children)
    alone = bench.latest("images_per_s", kind="lanes", net=net.name, size=size, lanes=1) or rate
    bench.say(f"  {net.name} at {size}, {count} processes {name}: {rate:,.0f} images/s, {rate / alone:.2f} x one lane")
    bench.fact(kind="processes", net=net.name, size=size, count=count, how=name, images_per_s=rate, ratio=rate / alone)


@contextmanager
def _started(words: list[str], count: int, environment: dict[str, str]) -> Iterator[list[Any]]:
    how: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with ExitStack() as stack:
        children = [stack.enter_context(subprocess.Popen(words, **how)) for _ in range(count)]
        try:
            yield children
        finally:
            for child in children:
                child.stdin.close()
                if child.poll() is None:
                    try:
                        child.wait(PATIENCE / 10)
                    except subprocess.TimeoutExpired:
                        child.kill()


def _expect(child: Any, word: str) -> None:
    line = child.stdout.readline().strip()
    if line != word:
        raise RuntimeError(f"a process said {line!r}, not {word!r}")


def serve(name: str, *, device: str, tiny: bool, out: Path) -> None:
    """Be one of several processes: get ready, wait for a line, train, print images/s."""
    bench = Bench(part="lane", device=device, tiny=tiny, out=out)
    net = next(net for net in nets(tiny=tiny) if net.name == name)
    torch.backends.cudnn.benchmark = True
    with own_stream(device):
        step = _warm(bench, net, bench.sizes[1])
        print("ready", flush=True)
        if sys.stdin.readline():
            print(json.dumps(_run(bench, step) * bench.sizes[1]), flush=True)
