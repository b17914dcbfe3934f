"""Blocks B and E of gpu_floor.py: a whole training step, from a plain loop to the fastest that is known."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from gpu_common import MODEL_5, RESNET_20, Bench, Net, bf16_recipe, nets, work
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from budgetnas.config.recipe import Recipe
from budgetnas.models import norm_triton
from budgetnas.models.build import build_model
from budgetnas.training.graphs import GraphedStep, shared_pool
from budgetnas.training.learner import Learner

Call = Callable[[int], object]
TARGETS = {
    (MODEL_5, 128): "target 8 x the plain loop, goal 10 x",
    (RESNET_20, 128): "target 20 x the plain loop",
    (RESNET_20, 512): "target 35 % of the floor's images/s",
}
STEM_CHANNELS = 8  # tensor cores want multiples of it


def plain(bench: Bench) -> None:
    """Block B: a loop in the style of pytorch-cifar, on this card: what all speeds are compared with."""
    bench.say("B: a plain loop, 3 rounds; `with its loader` in fp32 is the 1 x")
    size = bench.sizes[0]
    for net in nets(tiny=bench.tiny):
        with bench.row(f"{net.name} with its loader"):
            _report_plain(bench, net, size, "with its loader", "fp32", _with_loader(bench, net))
        for precision in ("fp32", "bf16"):
            with bench.row(f"{net.name} in {precision}"):
                seconds = bench.seconds(_resident(bench, net, size, bf16=precision == "bf16"), times=40, rounds=3)
                _report_plain(bench, net, size, "images on the card", precision, seconds)


def _report_plain(bench: Bench, net: Net, size: int, how: str, precision: str, seconds: float) -> None:
    rate = size / seconds
    bench.say(f"  {net.name} at {size}, {how}, {precision}: {1000 * seconds:.2f} ms, {rate:,.0f} images/s")
    bench.fact(kind="plain", net=net.name, how=how, precision=precision, images_per_s=rate)


def _with_loader(bench: Bench, net: Net) -> float:
    """Return seconds of a step of the loop that train_speed.py compares with, torchvision's transforms and all."""
    from train_speed import BATCH, plain_loop

    steps, rounds = (1, 1) if bench.tiny else (40, 3)
    count = BATCH * (steps + 2)
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    split = SimpleNamespace(images=images, labels=np.arange(count) % 10)
    run = plain_loop(net.spec, SimpleNamespace(train=split), bench.device)
    run(1)
    return sorted(run(steps) for _ in range(rounds))[rounds // 2] / steps * bench.sizes[0] / BATCH


def _resident(bench: Bench, net: Net, size: int, *, bf16: bool) -> Call:
    model = build_model(net.spec, net.shape).to(bench.device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    batches = [(images.contiguous(), labels) for images, _, labels in bench.batches(net, size)]

    def step(number: int) -> None:
        images, labels = batches[number % len(batches)]
        optimizer.zero_grad()
        with torch.autocast(bench.device, torch.bfloat16, enabled=bf16):
            loss = functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        loss.item()  # as the original does, for its progress bar

    return step


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """A variant of our step.

    Attributes:
        number: of the ladder.
        title: what it has that the one before lacks.
        records: whether the step is a CUDA graph.
        working: whether it has bf16 working weights and the fused update, which is `Learner`; else autocast as before.
        benchmark: whether cuDNN measures its kernels.
        fuses: whether norm, sum and ReLU are one Triton kernel.
        splits: whether weight gradients run on a stream of their own.
        pads: whether the stem sees 8 channels.
        compiles: whether the network goes through torch.compile.
    """

    number: str
    title: str
    records: bool = True
    working: bool = True
    benchmark: bool = False
    fuses: bool = False
    splits: bool = False
    pads: bool = False
    compiles: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether a training can run it today."""
        return self.working and not (self.splits or self.pads or self.compiles)


RUNGS = (
    Rung(number="0", title="autocast, step by step, as before", records=False, working=False),
    Rung(number="1", title="recorded", working=False),
    Rung(number="2", title="+ working weights and fused update (Learner)"),
)
MEASURED_RUNGS = (  # by cuDNN, which keeps a choice for the life of a process: so they run in one of their own
    Rung(number="3", title="+ cudnn.benchmark", benchmark=True),
    Rung(number="4", title="+ fused norms", benchmark=True, fuses=True),
    Rung(number="5", title="+ weight gradients on a second stream", benchmark=True, fuses=True, splits=True),
    Rung(number="6", title="+ stem of 8 channels", benchmark=True, fuses=True, splits=True, pads=True),
    Rung(number="3+5", title="second stream without fused norms", benchmark=True, splits=True),
)
COMPILED = Rung(number="C", title="torch.compile inside the recording", benchmark=True, compiles=True)


def ladder(bench: Bench) -> None:
    """Block E, rungs 0 to 2."""
    bench.say("E: our step, one change after the other; cuDNN chooses by its heuristics")
    _climb(bench, RUNGS)


def measured_ladder(bench: Bench) -> None:
    """Block E, rungs 3 to 6."""
    bench.say("E: our step, one change after the other; cuDNN measures its kernels (benchmark)")
    _climb(bench, MEASURED_RUNGS)


def compiled(bench: Bench) -> None:
    """Block E: what a compiler makes of model 5."""
    bench.say("E: torch.compile(model) inside the recording")
    if not bench.needs_cuda("torch.compile"):
        _measure(bench, nets(tiny=bench.tiny)[0], bench.sizes[0], COMPILED)


def _climb(bench: Bench, rungs: tuple[Rung, ...]) -> None:
    model_5, resnet_20 = nets(tiny=bench.tiny)
    small, large = bench.sizes
    for net, size in ((model_5, small), (resnet_20, small), (resnet_20, large), (model_5, large)):
        bench.say(f"  {net.name} at {size}{_floor(bench, net, size)}")
        for rung in rungs:
            if rung.fuses and bench.on_gpu and not norm_triton.is_available():
                bench.say(f"  rung {rung.number}: needs Triton")
            else:
                _measure(bench, net, size, rung)


def _floor(bench: Bench, net: Net, size: int) -> str:
    """Return what the card's measured rates allow, and the target."""
    seconds, target = floor_seconds(bench, net, size), TARGETS.get((net.name, size))
    words = [] if seconds is None else [f"floor {1000 * seconds:.2f} ms, {size / seconds:,.0f} images/s"]
    words += [target] if target else []
    return f": {'; '.join(words)}" if words else ""


def floor_seconds(bench: Bench, net: Net, size: int) -> float | None:
    """Return the floor of a step by the rates that block A measured."""
    flop, moved = bench.latest("flop_per_s", kind="matmul"), bench.latest("bytes_per_s", kind="copy")
    return None if flop is None or moved is None else work(net).floor(size, flop_per_s=flop, bytes_per_s=moved)


def _measure(bench: Bench, net: Net, size: int, rung: Rung) -> None:
    torch.backends.cudnn.benchmark = rung.benchmark
    with bench.row(f"rung {rung.number}"):
        call, notices = make_step(bench, net, size, rung)
        seconds = bench.seconds(call, times=50 if rung.records and size < 256 else 20)
        for notice in notices():
            bench.fail(f"rung {rung.number}", notice)
        rate = size / seconds
        bench.say(
            f"  rung {rung.number:<3} {1000 * seconds:8.3f} ms {rate:10,.0f} images/s"
            f"{_compared(bench, net, size, seconds)}  {rung.title}"
        )
        bench.fact(
            kind="step", net=net.name, size=size, rung=rung.number, images_per_s=rate, ms=1000 * seconds,
            records=rung.records, fuses=rung.fuses, benchmark=rung.benchmark, is_ours=rung.is_ours,
        )  # fmt: skip
    if bench.on_gpu:
        gc.collect()  # a network and its recording refer to each other
        torch.cuda.empty_cache()


def _compared(bench: Bench, net: Net, size: int, seconds: float) -> str:
    words = []
    for how, precision in (("with its loader", "fp32"), ("images on the card", "bf16")):
        plainly = bench.latest("images_per_s", kind="plain", net=net.name, how=how, precision=precision)
        words += [f"{size / seconds / plainly:6.2f} x plain {precision}"] if plainly else []
    peak, floor = bench.latest("flop_per_s", kind="matmul"), floor_seconds(bench, net, size)
    words += [f"{size * work(net).flop / seconds / peak:6.1%} of matmul"] if peak else []
    words += [f"{floor / seconds:6.1%} of floor"] if floor else []
    return "".join(f" {word}" for word in words)


def make_step(bench: Bench, net: Net, size: int, rung: Rung) -> tuple[Call, Callable[[], list[str]]]:
    """Return a training step by its number, and what it has to tell."""
    model, recipe = bench.model(net, fuses=rung.fuses).train(), replace(bf16_recipe(), compile=rung.compiles)
    if rung.splits:
        split_convolutions(model, bench.device)
    batches = bench.batches(net, size, channels=STEM_CHANNELS if rung.pads else None)
    if not rung.working:
        before = Autocast(model, recipe, bench.device, records=rung.records and bench.on_gpu)
        return lambda number: before.step(*batches[number % len(batches)]), lambda: before.step.notices
    how: Any = {"records": rung.records and bench.on_gpu, "pool": shared_pool(bench.device)}
    learner = Learner(model, recipe, bf16=True, **how)
    return (
        lambda number: learner.step(*batches[number % len(batches)], lr=0.1, number=number + 1),
        lambda: learner.notices,
    )


class Autocast:
    """The step before there were working weights: autocast, an update by foreach, batch norms that count."""

    def __init__(self, model: nn.Module, recipe: Recipe, device: str, *, records: bool) -> None:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.__class__ = nn.BatchNorm2d
        how: Any = {"lr": 0.1, "momentum": recipe.momentum, "weight_decay": recipe.weight_decay}
        self._model, self._device, self._optimizer = model, device, torch.optim.SGD(model.parameters(), **how)
        self._caches = not records  # a cached cast of a weight would be stale in the next replay
        self._loss, self._right = torch.zeros((), device=device), torch.zeros((), dtype=torch.int64, device=device)
        self.step = GraphedStep(self._learn, records=records, pool=shared_pool(device))

    def _learn(self, images: Tensor, targets: Tensor, labels: Tensor) -> None:
        self._optimizer.zero_grad()
        with torch.autocast(self._device, torch.bfloat16, cache_enabled=self._caches):
            logits = self._model(images)
            loss = functional.cross_entropy(logits, targets)
        loss.backward()
        self._optimizer.step()
        with torch.no_grad():
            self._loss += loss.detach() * len(labels)
            self._right += (logits.detach().argmax(1) == labels).sum()


class Side:
    """A second stream, for work that only the update waits for."""

    def __init__(self, device: str) -> None:
        self._stream = torch.cuda.Stream() if device == "cuda" else None
        self._held = list[Tensor]()

    def run(self, task: Callable[[], Tensor], *used: Tensor) -> Tensor:
        """Start a task that uses some tensors, whose memory nobody else gets before `join`."""
        if self._stream is None:
            return task()
        self._held += used
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            return task()

    def join(self) -> None:
        """Let the current stream wait for all of it."""
        if self._stream is not None:
            torch.cuda.current_stream().wait_stream(self._stream)
        self._held.clear()


class SplitConv(nn.Conv2d):
    """A convolution whose weight gradient runs on another stream. The first layer, whose turn is last, joins it."""

    side: Side

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight
        missing = x.shape[1] - weight.shape[1]
        if missing:
            weight = functional.pad(weight, (0, 0, 0, 0, 0, missing))
        y: Tensor = _Split.apply(x.to(weight.dtype), weight, self.side, self.stride, self.padding)
        return y


class _Split(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, side: Side, stride: Any, padding: Any) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.side, ctx.how = side, (None, stride, padding, [1, 1], False, [0, 0], 1)
        return functional.conv2d(x, weight, stride=stride, padding=padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        gradients = torch.ops.aten.convolution_backward

        def of_weight() -> Tensor:
            return gradients(dy, x, weight, *ctx.how, [False, True, False])[1]

        dweight, dx = ctx.side.run(of_weight, dy, x), None
        if ctx.needs_input_grad[0]:
            dx = gradients(dy, x, weight, *ctx.how, [True, False, False])[0]
        else:
            ctx.side.join()
        return dx, dweight, None, None, None


def split_convolutions(model: nn.Module, device: str) -> None:
    """Let all convolutions of a network share a second stream."""
    side = Side(device)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.__class__ = SplitConv
            module.side = side
