"""What the parts of gpu_floor.py share: networks, random images, timing, and lines that are written at once."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from counting import processor
from torch import Tensor, nn

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.models import paper_models
from budgetnas.config.recipe import Recipe, load_recipe
from budgetnas.config.sections import DataConfig
from budgetnas.models.build import ResidualSum, build_model
from budgetnas.training.graphs import WARM_STEPS
from budgetnas.training.loop import new_model

MODEL_5, RESNET_20 = "model 5", "ResNet-20"
IN_ROTATION = 4  # batches, so that no step finds its images in the cache
WARM = WARM_STEPS + 2  # steps after which a recorded step is being replayed

Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Net:
    """A network and the images that it sees."""

    name: str
    spec: ResNetSpec
    shape: DataShape = field(default_factory=DataShape)


def nets(*, tiny: bool) -> tuple[Net, Net]:
    """Return model 5 of Pei et al. and a ResNet-20; tiny networks under the same names to rehearse with."""
    if tiny:
        shape = DataShape(height=8, width=8)
        specs = ResNetSpec(blocks=(1, 1), widths=(8, 16)), ResNetSpec(blocks=(1,), widths=(8,))
        return Net(name=MODEL_5, spec=specs[0], shape=shape), Net(name=RESNET_20, spec=specs[1], shape=shape)
    model_5 = next(model.spec for model in paper_models() if model.name == "model5")
    return Net(name=MODEL_5, spec=model_5), Net(name=RESNET_20, spec=ResNetSpec(blocks=(3, 3, 3), widths=(16, 32, 64)))


@dataclass(kw_only=True)
class Bench:
    """A part of the benchmark at work.

    Attributes:
        part: its name.
        device: "cuda" or "cpu".
        tiny: whether it only rehearses.
        out: text file that every line goes to; what other parts read lies beside it as JSON lines.
        failures: rows that failed so far.
    """

    part: str
    device: str
    tiny: bool
    out: Path
    failures: int = 0

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda"

    @property
    def sizes(self) -> tuple[int, int]:
        """The two batch sizes."""
        return (8, 16) if self.tiny else (128, 512)

    def say(self, text: str = "") -> None:
        """Print a line and keep it."""
        print(text, flush=True)
        with self.out.open("a") as file:
            file.write(f"{text}\n")

    def fact(self, **values: Any) -> None:
        """Keep what other parts read."""
        with facts_beside(self.out).open("a") as file:
            file.write(json.dumps({"part": self.part, "device": self.device, **values}) + "\n")

    def known(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the facts of this device so far that have these values."""
        return read_facts(self.out, device=self.device, **wanted)

    def latest(self, key: str, **wanted: Any) -> float | None:
        """Return one value of the last of these facts; None where there is none."""
        found = self.known(**wanted)
        return found[-1][key] if found else None

    @contextlib.contextmanager
    def row(self, name: str) -> Iterator[None]:
        """Do something whose failure stops nothing else."""
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            self.fail(name, f"{type(error).__name__}: {first_line(error)}")

    def fail(self, name: str, why: str) -> None:
        self.failures += 1
        self.say(f"  FAILED {name}: {why}")

    def check(self, name: str, holds: bool, note: str = "") -> bool:
        """Say whether something holds, which counts as a failure if it does not."""
        self.say(f"  {'PASS' if holds else 'FAIL'} {name}{f' ({note})' if note else ''}")
        self.failures += not holds
        return holds

    def needs_cuda(self, name: str) -> bool:
        """Say that something cannot be done here; return whether that is so."""
        if not self.on_gpu:
            self.say(f"  {name}: needs CUDA")
        return not self.on_gpu

    def wait(self) -> None:
        if self.on_gpu:
            torch.cuda.synchronize()

    def seconds(self, call: Callable[[int], object], *, times: int = 50, rounds: int = 5) -> float:
        """Return the median seconds of a call, which gets its number, over rounds of so many calls."""
        times, rounds, warm = (2, 1, WARM if self.on_gpu else 1) if self.tiny else (times, rounds, WARM)
        for number in range(warm):
            call(number)
        self.wait()
        return statistics.median(self._round(call, times) for _ in range(rounds))

    def _round(self, call: Callable[[int], object], times: int) -> float:
        if not self.on_gpu:
            started = time.perf_counter()
            for number in range(times):
                call(number)
            return (time.perf_counter() - started) / times
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for number in range(times):
            call(number)
        stop.record()
        stop.synchronize()
        return start.elapsed_time(stop) / 1000 / times

    def batches(self, net: Net, size: int, *, channels: int | None = None) -> list[Batch]:
        """Return random batches as a network sees them, with zeros as further channels up to `channels`."""
        shape, made = net.shape, list[Batch]()
        for _ in range(IN_ROTATION):
            images = torch.randn(size, shape.channels, shape.height, shape.width, device=self.device)
            if channels:
                padded = images.new_zeros(size, channels, shape.height, shape.width)
                padded[:, : shape.channels] = images
                images = padded.to(torch.bfloat16)
            labels = torch.randint(shape.classes, (size,), device=self.device)
            made.append((images.contiguous(memory_format=torch.channels_last), labels, labels))
        return made

    def model(self, net: Net, *, fuses: bool = False) -> nn.Module:
        """Return a network as a training makes it."""
        return new_model(net.spec, SimpleNamespace(shape=net.shape), self.device, fuses=fuses)  # type: ignore[arg-type]


def bf16_recipe() -> Recipe:
    return replace(load_recipe("paper200"), precision="bf16")


def facts_beside(out: Path) -> Path:
    return out.with_suffix(".jsonl")


def read_facts(out: Path, **wanted: Any) -> list[dict[str, Any]]:
    """Return the facts beside a text file that have these values."""
    path = facts_beside(out)
    lines = path.read_text().splitlines() if path.exists() else []
    facts = [json.loads(line) for line in lines]
    return [fact for fact in facts if all(fact.get(key) == value for key, value in wanted.items())]


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:300]


def described(device: str) -> list[str]:
    """Return lines on the card, its driver and the versions of what runs on it."""
    lines = [f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"]
    triton = "no Triton"
    if importlib.util.find_spec("triton"):
        import triton as found

        triton = f"Triton {found.__version__}"
    lines.append(f"torch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {_cudnn()}, {triton}")
    if device == "cuda":
        lines.insert(0, torch.cuda.get_device_name())
        lines.append(_smi("driver_version,memory.total,power.limit,clocks.sm,clocks.max.sm,clocks.mem"))
    return lines


def _cudnn() -> str:
    version = torch.backends.cudnn.version() if torch.backends.cudnn.is_available() else None
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}" if version else "none"


def _smi(query: str) -> str:
    if not shutil.which("nvidia-smi"):
        return "nvidia-smi is not here"
    words = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    return f"{query}: {(done.stdout or done.stderr).strip()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Conv:
    """A convolution on square maps.

    Attributes:
        inputs: channels of its input.
        outputs: channels of its output.
        kernel: its side.
        stride: of both sides.
        side: of the input.
    """

    inputs: int
    outputs: int
    kernel: int
    stride: int
    side: int

    def __str__(self) -> str:
        size = f"{self.inputs}->{self.outputs} {self.kernel}x{self.kernel} at {self.side}"
        return size if self.stride == 1 else f"{size} stride {self.stride}"

    @property
    def flop(self) -> int:
        """Of one pass over one image."""
        return 2 * self.inputs * self.outputs * self.kernel**2 * (self.side // self.stride) ** 2

    @property
    def numbers(self) -> int:
        """That one image has in input and output together."""
        return self.inputs * self.side**2 + self.outputs * (self.side // self.stride) ** 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What a training step has to do, per image.

    Attributes:
        convolutions: how often each occurs.
        sums: numbers in the maps of all residual sums.
        params: of the network; not per image.
    """

    convolutions: Counter[Conv]
    sums: int
    params: int

    @property
    def flop(self) -> int:
        """Of forward pass and both gradients; the first layer needs none of its input."""
        return sum(conv.flop * (2 if conv.inputs == 3 else 3) * n for conv, n in self.convolutions.items())

    def floor(self, images: int, *, flop_per_s: float, bytes_per_s: float) -> float:
        """Return the seconds below which no step in bf16 can be, were norm, sum and ReLU one kernel each way."""
        moved = 2 * images * sum(3 * conv.numbers * n for conv, n in self.convolutions.items())
        maps = sum(conv.outputs * (conv.side // conv.stride) ** 2 * n for conv, n in self.convolutions.items())
        elementwise = 2 * images * (8 * maps + 4 * self.sums)
        update = 28 * self.params
        return max(images * self.flop / flop_per_s, moved / bytes_per_s) + (elementwise + update) / bytes_per_s


@cache
def work(net: Net) -> Work:
    """Find out what a network does by running it on one image."""
    model, found, sums = build_model(net.spec, net.shape).eval(), Counter[Conv](), list[int]()

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            kernel, stride, side = module.kernel_size[0], module.stride[0], inputs[0].shape[2]
            channels = module.in_channels, module.out_channels
            found[Conv(inputs=channels[0], outputs=channels[1], kernel=kernel, stride=stride, side=side)] += 1
        else:
            sums.append(output.numel())

    for module in model.modules():
        if isinstance(module, nn.Conv2d | ResidualSum):
            module.register_forward_hook(note)
    with torch.no_grad():
        model(torch.zeros(1, net.shape.channels, net.shape.height, net.shape.width))
    return Work(convolutions=found, sums=sum(sums), params=sum(p.numel() for p in model.parameters()))


def random_data(folder: Path, *, images: int, shape: DataShape, tested: int = 40) -> DataConfig:
    """Write an .npz of random images; return how to load it."""
    rng, path = np.random.default_rng(0), folder / "random.npz"
    size = shape.height, shape.width, shape.channels
    labels = np.arange(images) % shape.classes
    drawn = rng.integers(0, 256, (images, *size), dtype=np.uint8)
    tests = rng.integers(0, 256, (tested, *size), dtype=np.uint8)
    np.savez(path, x_train=drawn, y_train=labels, x_test=tests, y_test=np.arange(tested) % shape.classes)
    return DataConfig(dataset=str(path), shift=shape.height // 8, flip=True)


def script() -> Path:
    """Return the driver, which child processes run."""
    return Path(__file__).with_name("gpu_floor.py")


def python(*words: object) -> list[str]:
    return [sys.executable, *map(str, words)]
