"""Blocks C and D of gpu_floor.py: single convolutions, and batch norm with what follows it, near the card's rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from gpu_common import IN_ROTATION, MODEL_5, WARM, Bench, Conv, Net, nets, work
from torch import Tensor
from torch.nn import functional

from budgetnas.models import norm_triton
from budgetnas.training.graphs import record

PASSES = ("forward", "input gradient", "weight gradient")
STEM_CHANNELS = (3, 4, 8)
MAPS = ((64, 32), (128, 16), (256, 8))  # channels and side
CONVOLUTION_TARGETS = {(MODEL_5, 128): " (10 x the plain loop needs 1.4 ms; above 1.8 ms it is out of reach)"}
IN_A_GRAPH = 8  # calls, so that the launch of the graph does not count


def recorded(bench: Bench, call: Callable[[int], object]) -> tuple[Callable[[int], object], int]:
    """Return what runs some calls as one CUDA graph, and how many; elsewhere the call itself, and 1."""
    if not bench.on_gpu:
        return call, 1
    for number in range(WARM):
        call(number)

    def several() -> None:
        for number in range(IN_A_GRAPH):
            call(number)

    replay = record(several, pool=None)
    return lambda _: replay(), IN_A_GRAPH


def seconds_recorded(bench: Bench, call: Callable[[int], object], *, times: int = 10) -> float:
    """Return the seconds of a call without the time of its launch."""
    replay, number = recorded(bench, call)
    return bench.seconds(replay, times=times) / number


def convolutions(bench: Bench) -> None:
    """Block C with cuDNN's heuristics."""
    _convolutions(bench, benchmark=False)


def measured_convolutions(bench: Bench) -> None:
    """Block C with cuDNN's measurements, which it keeps for the life of a process."""
    _convolutions(bench, benchmark=True)


def _convolutions(bench: Bench, *, benchmark: bool) -> None:
    torch.backends.cudnn.benchmark = benchmark
    bench.say(f"C: convolutions in bf16, cudnn.benchmark {benchmark}; TFLOP/s of {', '.join(PASSES)}")
    model_5, resnet_20 = nets(tiny=bench.tiny)
    small, large = bench.sizes
    for net, size in ((model_5, small), (resnet_20, small), (model_5, large), (resnet_20, large)):
        _one_by_one(bench, net, size, benchmark=benchmark)
    stem = next(conv for conv in work(model_5).convolutions if conv.inputs == model_5.shape.channels)
    for channels in STEM_CHANNELS:
        with bench.row(f"stem of {channels}"):
            times = _times(bench, replace(stem, inputs=channels), small)
            passes = zip(("forward", "weight gradient"), (times[0], times[2]), strict=True)
            spent = ", ".join(f"{name} {1e6 * seconds:.1f} us" for name, seconds in passes)
            bench.say(f"  stem of model 5 at {small} with {channels} channels: {spent}")


def _one_by_one(bench: Bench, net: Net, size: int, *, benchmark: bool) -> None:
    """Time every distinct convolution of a network, and add up what a step needs."""
    total = 0.0
    for conv, count in work(net).convolutions.items():
        with bench.row(f"{net.name} {conv}"):
            times = _times(bench, conv, size)
            rates = " ".join(f"{size * conv.flop / seconds / 1e12:8.1f}" for seconds in times)
            first = conv.inputs == net.shape.channels
            spent = count * sum(seconds for i, seconds in enumerate(times) if not (first and i == 1))
            total += spent
            bench.say(f"  {net.name} at {size}: {conv!s:<34} x {count:<2} {rates}  {1000 * spent:7.3f} ms a step")
    target = CONVOLUTION_TARGETS.get((net.name, size), "")
    bench.say(f"  {net.name} at {size}: all convolutions of a step {1000 * total:.3f} ms{target}")
    bench.fact(kind="convolutions", net=net.name, size=size, benchmark=benchmark, ms=1000 * total)


def _times(bench: Bench, conv: Conv, size: int) -> tuple[float, float, float]:
    """Return seconds of the three passes."""
    how = {"device": bench.device, "dtype": torch.bfloat16}
    out_side = conv.side // conv.stride

    def maps(channels: int, side: int) -> list[Tensor]:
        drawn = (torch.randn(size, channels, side, side, **how) for _ in range(IN_ROTATION))
        return [images.contiguous(memory_format=torch.channels_last) for images in drawn]

    xs, dys = maps(conv.inputs, conv.side), maps(conv.outputs, out_side)
    weight = torch.randn(conv.outputs, conv.inputs, conv.kernel, conv.kernel, **how)
    weight = weight.contiguous(memory_format=torch.channels_last)
    stride, padding = [conv.stride] * 2, [conv.kernel // 2] * 2

    def forward(number: int) -> None:
        functional.conv2d(xs[number % IN_ROTATION], weight, stride=stride, padding=padding)

    def backward(number: int, *, mask: list[bool]) -> None:
        i = number % IN_ROTATION
        rest = None, stride, padding, [1, 1], False, [0, 0], 1, mask
        torch.ops.aten.convolution_backward(dys[i], xs[i], weight, *rest)

    with torch.no_grad():
        return (
            seconds_recorded(bench, forward),
            seconds_recorded(bench, lambda number: backward(number, mask=[True, False, False])),
            seconds_recorded(bench, lambda number: backward(number, mask=[False, True, False])),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A way to normalise, add and rectify, and the type of the maps that it takes."""

    name: str
    run: Callable[..., Tensor]
    dtype: torch.dtype
    needs: str = ""


def _plainly(x: Tensor, residual: Tensor | None, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    y = functional.batch_norm(x, mean, var, weight, bias, True, 0.1, 1e-5)
    return functional.relu(y if residual is None else y + residual)


def _by_triton(x: Tensor, residual: Tensor | None, *vectors: Tensor) -> Tensor:
    how = {"relu": True, "training": True, "momentum": 0.1, "eps": 1e-5}
    return norm_triton.norm_act(x, *vectors, residual=residual, **how)


def norms(bench: Bench) -> None:
    """Block D."""
    bench.say("D: batch norm, residual sum and ReLU; GB/s of the bytes that a fused kernel moves, forward and backward")
    variants = [
        Variant(name="native bf16", run=_plainly, dtype=torch.bfloat16),
        Variant(name="cuDNN fp16", run=_plainly, dtype=torch.float16),
        Variant(name="Triton norm_act bf16", run=_by_triton, dtype=torch.bfloat16, needs="Triton"),
        Variant(name="torch.compile, dynamic", run=_compiled(bench), dtype=torch.bfloat16, needs="CUDA"),
    ]
    maps = ((8, 4),) if bench.tiny else MAPS
    for variant in variants:
        missing = (variant.needs == "CUDA" and not bench.on_gpu) or (
            variant.needs == "Triton" and bench.on_gpu and not norm_triton.is_available()
        )
        if missing:
            bench.say(f"  {variant.name}: needs {variant.needs}")
            continue
        for channels, side in maps:
            for adds in (False, True):
                with bench.row(f"{variant.name} at {channels}x{side}x{side}"):
                    _norm(bench, variant, channels, side, adds=adds)


def _compiled(bench: Bench) -> Callable[..., Tensor]:
    if not bench.on_gpu:
        return _plainly
    torch._dynamo.config.recompile_limit = 64
    return torch.compile(_plainly, dynamic=True)


def _norm(bench: Bench, variant: Variant, channels: int, side: int, *, adds: bool) -> None:
    size = bench.sizes[0]

    def maps() -> list[Tensor]:
        drawn = (torch.randn(size, channels, side, side, device=bench.device) for _ in range(IN_ROTATION))
        return [x.to(variant.dtype).contiguous(memory_format=torch.channels_last).requires_grad_() for x in drawn]

    xs, residuals, dys = maps(), maps() if adds else [None] * IN_ROTATION, [y.detach() for y in maps()]
    weight, bias, mean, var = (torch.ones(channels, device=bench.device) for _ in range(4))
    weight.requires_grad_()
    bias.requires_grad_()

    def forward(number: int) -> Tensor:
        i = number % IN_ROTATION
        return variant.run(xs[i], residuals[i], weight, bias, mean, var)

    def both(number: int) -> None:
        i = number % IN_ROTATION
        inputs = [tensor for tensor in (xs[i], residuals[i], weight, bias) if tensor is not None]
        torch.autograd.grad(forward(number), inputs, dys[i])

    there, total = seconds_recorded(bench, forward), seconds_recorded(bench, both)
    back, numbers = max(total - there, 1e-9), 2 * size * channels * side * side
    rates = (3 + adds) * numbers / there, (5 + adds) * numbers / back
    what = "norm, add, ReLU" if adds else "norm, ReLU     "
    peak = bench.latest("bytes_per_s", kind="copy")
    share = f"  {(8 + 2 * adds) * numbers / total / peak:6.1%} of copy" if peak else ""
    bench.say(
        f"  {variant.name:<23} {what} {channels:>3}x{side}x{side} at {size}: forward {1e6 * there:7.1f} us "
        f"{rates[0] / 1e9:7.0f} GB/s, backward {1e6 * back:7.1f} us {rates[1] / 1e9:7.0f} GB/s{share}"
    )
