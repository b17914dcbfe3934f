"""CUDA graphs: a step's kernel launches are recorded once per input shape, then replayed.

A step of a small network is bound by the launches of its hundreds of kernels; a recorded step is one launch. PyTorch's
rules for recording ("CUDA semantics", CUDA graphs) are: inputs at fixed addresses, no wait for the device, first runs
outside the recording.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

WARM_STEPS = 3  # in which cuDNN chooses its kernels and momentum buffers are allocated
_RECORDING = threading.Lock()  # a process can record one graph at a time


class GraphedStep:
    """A step that is recorded as a CUDA graph after its first runs, once per input shape.

    The first runs are real steps and recording runs nothing, so the results do not change. A step that cannot be
    recorded, and any step outside CUDA, runs as it is.

    Args:
        step: takes tensors and changes tensors in place. It neither waits for the device nor draws random numbers.
        records: whether to record; only on CUDA, inside `own_stream`.
        pool: memory shared with other graphs that never run at the same time; see `shared_pool`.

    Attributes:
        notices: a line that says why the step is not recorded; empty if it is.
    """

    def __init__(self, step: Callable[..., None], *, records: bool, pool: Any = None) -> None:
        self._step, self._records, self._pool = step, records, pool
        self._runs: Counter[tuple[torch.Size, ...]] = Counter()
        self._recorded: dict[tuple[torch.Size, ...], tuple[Callable[[], None], list[Tensor]]] = {}
        self.notices: list[str] = []

    def __call__(self, *inputs: Tensor) -> None:
        """Run the step on inputs of any shape."""
        shape = tuple(tensor.shape for tensor in inputs)
        if self._records and self._runs[shape] == WARM_STEPS:
            self._record(shape, inputs)
        self._runs[shape] += 1
        if shape not in self._recorded:
            self._step(*inputs)
            return
        replay, held = self._recorded[shape]
        for mine, given in zip(held, inputs, strict=True):
            mine.copy_(given, non_blocking=True)
        replay()

    def _record(self, shape: tuple[torch.Size, ...], inputs: tuple[Tensor, ...]) -> None:
        held = [tensor.clone() for tensor in inputs]
        try:
            self._recorded[shape] = record(lambda: self._step(*held), pool=self._pool), held
        except RuntimeError as error:
            self._records = False
            self.notices.append(f"steps run without CUDA graphs, which is slower: {_first_line(error)}")


def record(step: Callable[[], None], *, pool: Any) -> Callable[[], None]:
    """Record the launches of `step` on the current stream, without running them; return a function that replays them.

    Raises:
        RuntimeError: a launch cannot be recorded; no tensor has been changed.
    """
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
    # "thread_local", since other threads may use the device meanwhile.
    with _RECORDING, torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
        step()
    return graph.replay


def shared_pool(device: str) -> Any:
    """Return memory for the graphs of one training; None outside CUDA."""
    return torch.cuda.graph_pool_handle() if device == "cuda" else None


@contextlib.contextmanager
def own_stream(device: str) -> Iterator[None]:
    """Run the block on its own CUDA stream, since the default stream cannot be recorded."""
    if device != "cuda":
        yield
        return
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream().wait_stream(stream)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
