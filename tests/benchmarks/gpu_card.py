"""Block A of gpu_floor.py: the card, its rates, where the time of a step goes, and what torch promises."""

from __future__ import annotations

import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import torch
from gpu_common import Bench, described, nets
from gpu_steps import RUNGS, Rung, make_step
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity

from budgetnas.training.graphs import record

CLASSES = (  # the first whose pattern is in a kernel's name
    ("convolution, weight gradient", "wgrad|bwd_w|weight_grad"),
    ("convolution, input gradient", "dgrad|bwd_d|bwd_data"),
    ("norm", "batch_?norm|bn_|_moments|_apply$|_sums|_gradients"),
    ("update", "multi_tensor|foreach|sgd"),
    ("change of layout", "tonhwc|tonchw|nhwcto|nchwto|converttensor"),
    ("convolution forward, head", "conv|fprop|xmma|cutlass|implicit|gemm|addmm"),
    ("casts, copies", "copy|memcpy|memset|cast|fill"),
    ("ReLU", "relu|threshold|clamp"),
    ("loss, counts", "softmax|nll|loss|argmax|reduce|mean|compare"),
    ("add", "add"),
)
PROFILED = 5
NODES = 200


def card(bench: Bench) -> None:
    """Block A."""
    bench.say("A: the card")
    for name, measure in (
        ("versions", _versions),
        ("copy", _copy),
        ("matmul", _matmul),
        ("graph", _graph),
        ("profile before", lambda bench: _profile(bench, RUNGS[0])),
        ("profile", lambda bench: _profile(bench, Rung(number="2", title="Learner, step by step", records=False))),
        ("batch norm", _backends),
        ("fused SGD", _fused_sgd),
        ("foreach copy", _foreach_copy),
        ("MPS", _mps),
    ):
        with bench.row(name):
            measure(bench)


def _versions(bench: Bench) -> None:
    for line in described(bench.device):
        bench.say(f"  {line}")
    bench.fact(kind="card", name=torch.cuda.get_device_name() if bench.on_gpu else "CPU")


def _copy(bench: Bench) -> None:
    size = 2**20 if bench.tiny else 2**30
    source, target = (torch.zeros(size // 2, dtype=torch.bfloat16, device=bench.device) for _ in range(2))
    rate = 2 * size / bench.seconds(lambda _: target.copy_(source), times=20)
    bench.say(f"  copy: {rate / 1e12:.2f} TB/s, read and write counted")
    bench.fact(kind="copy", bytes_per_s=rate)


def _matmul(bench: Bench) -> None:
    side = 64 if bench.tiny else 8192
    left, right, out = (torch.zeros(side, side, dtype=torch.bfloat16, device=bench.device) for _ in range(3))
    left.normal_()
    right.normal_()  # zeros take less power than numbers, and would be faster
    rate = 2 * side**3 / bench.seconds(lambda _: torch.mm(left, right, out=out), times=20)
    bench.say(f"  matmul of {side} in bf16: {rate / 1e12:.1f} TFLOP/s")
    bench.fact(kind="matmul", flop_per_s=rate)


def _graph(bench: Bench) -> None:
    if bench.needs_cuda("a kernel in a graph"):
        return
    number = torch.zeros(16, device=bench.device)

    def many() -> None:
        for _ in range(NODES):
            number.add_(1)

    many()
    replay = record(many, pool=None)
    each = bench.seconds(lambda _: replay()) / NODES
    bench.say(f"  a kernel of 16 numbers in a graph: {1e6 * each:.2f} us, launch of the graph included")


def _profile(bench: Bench, rung: Rung) -> None:
    """Print the device time of an eager step by class of kernel, and the longest kernels."""
    call, _ = make_step(bench, nets(tiny=bench.tiny)[0], bench.sizes[0], rung)
    rows = profiled(bench, call)
    by_class, counts = defaultdict[str, float](float), defaultdict[str, float](float)
    for name, ms, count in rows:
        kind = next((kind for kind, pattern in CLASSES if re.search(pattern, name.lower())), "other")
        by_class[kind] += ms
        counts[kind] += count
    total = sum(by_class.values())
    bench.say(
        f"  profile of rung {rung.number}, {rung.title}, at {bench.sizes[0]}: {total:.3f} ms on the device, "
        f"{sum(counts.values()):.0f} kernels"
    )
    for kind, ms in sorted(by_class.items(), key=lambda item: -item[1]):
        bench.say(f"    {kind:<30} {ms:8.3f} ms {ms / total:6.1%} {counts[kind]:6.0f} kernels")
    for name, ms, count in sorted(rows, key=lambda row: -row[1])[:12]:
        bench.say(f"      {ms:8.3f} ms {count:5.0f} x {name[:110]}")


def profiled(bench: Bench, call: Callable[[int], object], steps: int = PROFILED) -> list[tuple[str, float, float]]:
    """Return name, milliseconds and launches per step of every kernel; of every operator on a CPU."""
    for number in range(3):
        call(number)
    bench.wait()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if bench.on_gpu else [])]
    with torch.profiler.profile(activities=activities) as profile:
        for number in range(steps):
            call(number)
        bench.wait()
    rows = []
    for event in profile.key_averages():
        is_noted = getattr(event, "is_user_annotation", False) or event.key.startswith(("Optimizer", "ProfilerStep"))
        if is_noted or (event.device_type == DeviceType.CUDA) != bench.on_gpu:
            continue
        spent = event.self_device_time_total if bench.on_gpu else event.self_cpu_time_total
        rows.append((event.key, spent / 1000 / steps, event.count / steps))
    return [row for row in rows if row[1] > 0]


def _backends(bench: Bench) -> None:
    vector, names = torch.ones(16, device=bench.device), []
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        images = torch.zeros(8, 16, 8, 8, dtype=dtype, device=bench.device)
        images = images.contiguous(memory_format=torch.channels_last)
        chosen = torch._C._select_batch_norm_backend(images, vector, vector, vector, vector, True, 1e-5)
        names.append(f"{str(dtype).removeprefix('torch.')} {str(chosen).rpartition('.')[2]}")
    bench.say(f"  batch norm runs by: {', '.join(names)} (expected on CUDA: Native, Cudnn, Cudnn)")


def _fused_sgd(bench: Bench) -> None:
    """Check that the fused update reads its rate from the device without a wait."""
    rate = torch.tensor(0.25, device=bench.device)
    weight = torch.nn.Parameter(torch.zeros(4, device=bench.device))
    weight.grad = torch.ones_like(weight)
    optimizer = torch.optim.SGD([weight], lr=rate, fused=True)
    optimizer.step()
    if bench.on_gpu:
        torch.cuda.set_sync_debug_mode("error")
    try:
        rate.fill_(0.5)
        optimizer.step()
    finally:
        if bench.on_gpu:
            torch.cuda.set_sync_debug_mode("default")
    bench.check("fused SGD reads a rate that changes on the device", weight.detach().tolist() == [-0.75] * 4)


def _foreach_copy(bench: Bench) -> None:
    """Check that weights of another dtype are copied together, not one by one."""
    sources = [torch.randn(64, 64, device=bench.device) for _ in range(64)]
    targets = [torch.empty_like(source, dtype=torch.bfloat16) for source in sources]

    def copy(_: int) -> None:
        torch._foreach_copy_(targets, sources)

    copy(0)
    same = all(torch.equal(mine, given.bfloat16()) for mine, given in zip(targets, sources, strict=True))
    bench.check("foreach copy rounds to bf16", same)
    if not bench.needs_cuda("kernels of a foreach copy"):
        kernels = sum(count for _, _, count in profiled(bench, copy))
        bench.check("foreach copy of 64 tensors is few kernels", kernels <= 8, f"{kernels:.0f}")


def _mps(bench: Bench) -> None:
    if bench.needs_cuda("MPS"):
        return
    there = shutil.which("nvidia-cuda-mps-control")
    bench.say(f"  MPS: {'its program is here' if there else 'not here'}, {'' if mps_runs() else 'not '}running")


def mps_runs() -> bool:
    """Say whether a daemon of MPS seems to run: nothing is started here."""
    return (Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps")) / "control").exists()
