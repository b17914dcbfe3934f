"""The time that a network takes for one image on this machine's CPU: measured, never promised, and no cap."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.device_graph import device_graph, serialised
from budgetnas.certificates.onnx_graph import INPUT
from budgetnas.certificates.onnx_run import require_runtime, session_of
from budgetnas.models.build import build_model
from budgetnas.system import processor

RUNS, WARM_UP = 200, 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """Times for one image, in seconds.

    Attributes:
        median: of all runs.
        low: tenth percentile.
        high: ninetieth percentile.
        runs: how many, after a warm-up.
        processor: name of the CPU.
        runtime: name and version of the program that ran the network.
    """

    median: float
    low: float
    high: float
    runs: int
    processor: str
    runtime: str


def measure(spec: ResNetSpec, shape: DataShape, *, seed: int = 0, runs: int = RUNS) -> Latency:
    """Time a network's ONNX file of 32-bit floats, norms folded, in onnxruntime: one thread, one image at a time.

    Args:
        spec: the architecture.
        shape: shape of images, and number of classes.
        seed: of its weights and of the image, which are random.
        runs: how many to time, after a warm-up.

    Raises:
        OnnxMissingError: onnx or onnxruntime is not installed.
    """
    require_runtime()
    import onnxruntime

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = build_model(spec, shape).state_dict()
    mean, std = (0.0,) * shape.channels, (1.0,) * shape.channels
    session = session_of(serialised(device_graph(spec, shape, state, "fp32", mean=mean, std=std)), is_exact=False)
    size = (1, shape.channels, shape.height, shape.width)
    image = {INPUT: np.random.default_rng(seed).normal(size=size).astype(np.float32)}
    seconds = []
    for _ in range(WARM_UP + runs):
        start = time.perf_counter()
        session.run(None, image)
        seconds.append(time.perf_counter() - start)
    low, median, high = np.quantile(seconds[WARM_UP:], (0.1, 0.5, 0.9)).tolist()
    runtime = f"onnxruntime {onnxruntime.__version__}"
    return Latency(median=median, low=low, high=high, runs=runs, processor=processor(), runtime=runtime)
