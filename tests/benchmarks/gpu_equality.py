"""Block E2 of gpu_floor.py: whether recorded steps give the bits of steps one by one, so that they may be shipped."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from gpu_common import Bench, bf16_recipe, nets, random_data
from torch import Tensor

from budgetnas.config.recipe import Recipe
from budgetnas.data.load import load_dataset
from budgetnas.models import norm_triton
from budgetnas.training.graphs import GraphedStep, shared_pool
from budgetnas.training.learner import Learner
from budgetnas.training.perform import perform
from budgetnas.training.tasks import FinishedTraining, Setting, TrainTask
from budgetnas.trials.declaration import whole

ALIKE = 0.02  # of the first epoch's loss, between fused norms and PyTorch's own


def equality(bench: Bench) -> None:
    """Block E2 with cuDNN's heuristics: everything."""
    bench.say("E2: recorded steps against steps one by one, deterministic cuDNN, heuristics")
    _with_data(bench, benchmark=False)
    for fuses in _choices(bench):
        with bench.row(f"a step that waits for nothing{_named(fuses)}"):
            _waits_for_nothing(bench, fuses=fuses)
    with bench.row("fall back"):
        _falls_back(bench)


def measured_equality(bench: Bench) -> None:
    """Block E2 with cuDNN's measurements, which it keeps for the life of a process."""
    bench.say("E2: recorded steps against steps one by one, deterministic cuDNN, cudnn.benchmark")
    _with_data(bench, benchmark=True)


def _choices(bench: Bench) -> tuple[bool, ...]:
    """Return whether norms are fused, for each way that this machine can do."""
    if not bench.on_gpu or norm_triton.is_available():
        return False, True
    bench.say("  fused norms: need Triton")
    return (False,)


def _named(fuses: bool) -> str:
    return " with fused norms" if fuses else ""


def _with_data(bench: Bench, *, benchmark: bool) -> None:
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, benchmark
    net, batch = nets(tiny=bench.tiny)[0], 8 if bench.tiny else 128
    with tempfile.TemporaryDirectory() as folder:
        # Whole batches, and a smaller last one that is recorded on its fourth run.
        data = random_data(Path(folder), images=_batches(bench) * batch + batch // 2 + 2, shape=net.shape)
        setting = Setting(
            data=data, fingerprint=load_dataset(data).fingerprint, device=bench.device, threads=torch.get_num_threads()
        )
        task = TrainTask(
            setting=setting, spec=net.spec, recipe=_recipe(batch), phases=whole(2 if bench.tiny else 6), seed=0,
            keep_weights=True, learns_from="all", watches="test",
        )  # fmt: skip
        for fuses in _choices(bench):
            _compare(bench, replace(task, fuses=fuses), Path(folder), benchmark=benchmark)


def _batches(bench: Bench) -> int:
    return 4 if bench.tiny else 16  # fewer, and a recipe would halve batches of 128


def _recipe(batch: int) -> Recipe:
    return replace(bf16_recipe(), batch_size=batch)


def _rich(recipe: Recipe) -> Recipe:
    """Return a recipe with everything that goes on beside the recorded step."""
    return replace(recipe, lookahead=5, ema=0.99, mixup=0.2, cutmix=1.0, label_smoothing=0.1, nesterov=True)


def _compare(bench: Bench, task: TrainTask, folder: Path, *, benchmark: bool) -> None:
    """Train in all ways that must agree; keep which did."""
    name, held = _named(task.fuses), list[bool]()
    with bench.row(f"equality{name}"):
        eager = _train(replace(task, records=False))
        held.append(bench.check(f"the same training twice{name}", _same(_train(replace(task, records=False)), eager)))
        held.append(_recorded_equals(bench, f"recorded, {_length(task)}{name}", task, eager))
        if task.fuses:
            held.append(_is_alike(bench, eager, _train(replace(task, records=False, fuses=False))))
        if not benchmark:
            rich = replace(task, recipe=_rich(task.recipe))
            eager = _train(replace(rich, records=False))
            title = f"recorded, with Lookahead, running mean and mixing{name}"
            held.append(_recorded_equals(bench, title, rich, eager))
            (folder / f"run-{task.fuses}" / "states").mkdir(parents=True)
            kept = replace(rich, checkpoint=str(folder / f"run-{task.fuses}" / "states" / "training"))
            _train(replace(kept, epochs=rich.last_epoch // 2))
            held.append(_recorded_equals(bench, f"recorded, across a resume{name}", kept, eager))
        passed = bool(held) and all(held)
        bench.say(
            f"  variant records=True fuses={task.fuses} benchmark={benchmark}: {'passed' if passed else 'FAILED'}"
        )
        bench.fact(kind="variant", records=True, fuses=task.fuses, benchmark=benchmark, passed=passed)


def _length(task: TrainTask) -> str:
    return f"{task.last_epoch} epochs of whole batches, a smaller one and a test"


def _train(task: TrainTask) -> FinishedTraining:
    trained = perform(task, lambda report: None)
    assert isinstance(trained, FinishedTraining)
    return trained


def _same(one: FinishedTraining, other: FinishedTraining) -> bool:
    return one.weights == other.weights and one.reports == other.reports


def _recorded_equals(bench: Bench, name: str, task: TrainTask, eager: FinishedTraining) -> bool:
    recorded = _train(task)
    note = "; ".join(recorded.notices) or ("" if bench.on_gpu else "needs CUDA to be recorded")
    return bench.check(name, _same(recorded, eager) and not recorded.notices, note)


def _is_alike(bench: Bench, fused: FinishedTraining, own: FinishedTraining) -> bool:
    one, other = fused.reports[0].train_loss, own.reports[0].train_loss
    holds = abs(one - other) <= ALIKE * other
    return bench.check("fused norms learn as PyTorch's own", holds, f"first epoch's loss {one:.4f}, {other:.4f}")


def _waits_for_nothing(bench: Bench, *, fuses: bool) -> None:
    net = nets(tiny=bench.tiny)[0]
    how: Any = {"records": bench.on_gpu, "pool": shared_pool(bench.device)}
    learner = Learner(bench.model(net, fuses=fuses).train(), _rich(bf16_recipe()), bf16=True, **how)
    batches = bench.batches(net, bench.sizes[0])
    for number in range(8):
        with _no_waits(bench, alone=number in (2, 7)):  # an eager step, a replayed one
            learner.step(*batches[number % len(batches)], lr=0.1, number=number + 1)
    bench.check(f"a step waits for nothing, eager or replayed{_named(fuses)}", not learner.notices)


@contextmanager
def _no_waits(bench: Bench, *, alone: bool) -> Iterator[None]:
    """Let whatever waits for the device raise."""
    if not (bench.on_gpu and alone):
        yield
        return
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def _falls_back(bench: Bench) -> None:
    """Check that a step that cannot be recorded goes on without."""
    total = torch.zeros((), device=bench.device)

    def step(images: Tensor) -> None:
        total.add_(images.sum().item())

    graphed = GraphedStep(step, records=bench.on_gpu)
    for _ in range(10):
        graphed(torch.ones(3, device=bench.device))
    bench.check("a step that waits is not recorded and goes on", total.item() == 30, "; ".join(graphed.notices))
    if bench.on_gpu:
        bench.check("and says so", len(graphed.notices) == 1)
