"""The training loop, top to bottom: one network, one seed, epoch after epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from budgetnas.data.dataset import Dataset
from budgetnas.data.statistics import normalisation
from budgetnas.exceptions import DivergenceError
from budgetnas.models.build import build_model
from budgetnas.models.weights import pack
from budgetnas.records.engine import EpochReport
from budgetnas.training.augment import Augmenter
from budgetnas.training.checkpoint import Checkpoints
from budgetnas.training.device import resolve_precision
from budgetnas.training.images import Normaliser, batch_bounds, learning_split, to_device
from budgetnas.training.optimise import Lookahead, lr_factor, make_average, make_optimizer
from budgetnas.training.tasks import Paused, Phase, TimeTask, Trained, TrainTask

EVALUATION_BATCH = 1024
DIVERGED = 1e4  # a mean training loss that no training comes back from
CPU_TIMING_BATCH = 64


def train(task: TrainTask, data: Dataset, report: Callable[[EpochReport], None]) -> Trained | Paused:
    """Train a network to its end, or as far as its time allows.

    Same task, same thread count, same CPU: the same numbers, bit for bit, cut off and resumed or not.

    Raises:
        DivergenceError: a loss is no finite number, or the training loss is beyond 10,000.
        StorageError: a checkpoint cannot be written.
    """
    run = _Run(task, data)
    checkpoints = _checkpoints(task)
    found = checkpoints.load(at_most=task.last_epoch) if checkpoints else None
    if found and found.state:
        run.restore(found.state)
    run.notices += found.damaged if found else ()
    kept = time.monotonic()
    while run.epoch < task.last_epoch:
        if task.stop_at is not None and time.time() >= task.stop_at:
            return Paused(epoch=run.epoch)
        latest = run.advance()
        if checkpoints and time.monotonic() - kept >= task.checkpoint_seconds:
            checkpoints.save(run.epoch, run.state())
            kept = time.monotonic()
        report(latest)
    return Trained(
        reports=tuple(run.reports),
        seconds=sum(epoch.seconds for epoch in run.reports),
        images=run.epoch * run.images,
        weights=pack(run.scored) if task.keep_weights else None,
        notices=run.notices,
    )


def _checkpoints(task: TrainTask) -> Checkpoints | None:
    """Return those of a training; None where a node does not see the folder of the run, which tidies them up."""
    if task.checkpoint is None or not Path(task.checkpoint).parents[1].is_dir():
        return None
    return Checkpoints(Path(task.checkpoint), task=task.digest())


class _Run:
    """A network in training, and everything that an epoch changes.

    Attributes:
        epoch: how many are done.
        reports: one for each of them.
        notices: what a reader should know, a line each.
    """

    def __init__(self, task: TrainTask, data: Dataset) -> None:
        self._task, self._data, self._device = task, data, task.setting.device
        split = learning_split(data, task.learns_from, task.subset)
        self.images = len(split)
        self._recipe = task.recipe.for_images(self.images)
        self._bounds = batch_bounds(self.images, self._recipe.batch_size)
        self._normalise = Normaliser(*normalisation(data, self._recipe), self._device)
        self._learned = to_device(split, self._device)
        self._watched = to_device(data.test if task.watches == "test" else data.validation, self._device)
        self._bf16 = resolve_precision(self._recipe.precision, self._device) == "bf16"
        torch.manual_seed(task.seed)
        self._model = build_model(task.spec, data.shape).to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._compiled = torch.compile(self._model) if self._recipe.compile and self._device == "cuda" else self._model
        self._generator = torch.Generator().manual_seed(task.seed)
        self._best: tuple[float, dict[str, Tensor]] | None = None
        self.epoch, self.reports, self.notices = 0, list[EpochReport](), tuple[str, ...]()
        self._begin_phase()

    @property
    def scored(self) -> nn.Module:
        """The network that is scored and kept: the running mean where the recipe has one."""
        return self._model if self._average is None else self._average.module

    def advance(self) -> EpochReport:
        """Do one epoch."""
        started = time.perf_counter()
        phase, done = self._phase()
        if done == 0 and self.epoch:
            assert self._best is not None
            self._model.load_state_dict(self._best[1])
            self._best = None
            self._begin_phase()
        factor = lr_factor(self._recipe, phase.period, len(self._bounds))
        train_loss, train_accuracy = self._learn(factor, done * len(self._bounds))
        correct, cross_entropy = evaluate(self.scored, self._normalise, *self._watched, bf16=self._bf16)
        self.epoch += 1
        # A NaN is not below it. The watched loss may be huge early on, while batch-norm statistics are young.
        if not (train_loss < DIVERGED and math.isfinite(cross_entropy)):
            raise self._diverged(train_loss, cross_entropy)
        accuracy = correct / len(self._watched[1])
        if phase is not self._task.phases[-1] and (self._best is None or accuracy > self._best[0]):
            self._best = accuracy, {name: value.clone() for name, value in self.scored.state_dict().items()}
        self.reports.append(
            EpochReport(
                epoch=self.epoch,
                lr=self._optimizer.param_groups[0]["lr"],
                train_loss=train_loss,
                train_accuracy=train_accuracy,
                accuracy=accuracy,
                loss=cross_entropy,
                seconds=time.perf_counter() - started,
            )
        )
        return self.reports[-1]

    def _learn(self, factor: Callable[[int], float], step: int) -> tuple[float, float]:
        """Train on every image once, from step number `step` of the phase; return mean loss and accuracy."""
        self._model.train()
        epoch = Augmenter(
            *self._learned,
            recipe=self._recipe,
            traits=self._data.traits,
            normalise=self._normalise,
            classes=self._data.shape.classes,
            generator=self._generator,
        )
        total, right = torch.zeros((), device=self._device), torch.zeros((), dtype=torch.int64, device=self._device)
        for number, (start, stop) in enumerate(self._bounds):
            batch, targets, labels = epoch.batch(start, stop)
            for group in self._optimizer.param_groups:
                group["lr"] = self._recipe.lr * factor(step + number)
            with torch.autocast(self._device, torch.bfloat16, enabled=self._bf16):
                logits = self._compiled(batch)
                loss = functional.cross_entropy(logits, targets, label_smoothing=self._recipe.label_smoothing)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            self._lookahead.step(step + number + 1)
            if self._average is not None:
                self._average.update_parameters(self._model)
            total += loss.detach() * (stop - start)
            right += (logits.detach().argmax(1) == labels).sum()
        return total.item() / self.images, right.item() / self.images

    def _phase(self) -> tuple[Phase, int]:
        """Return the phase of the next epoch, and how many of its epochs are done."""
        done = self.epoch
        for phase in self._task.phases:
            if done < phase.epochs:
                return phase, done
            done -= phase.epochs
        raise AssertionError("no epoch is left")

    def _begin_phase(self) -> None:
        recipe = self._recipe
        self._optimizer = make_optimizer(self._model, recipe)
        self._lookahead = Lookahead(list(self._model.parameters()), every=recipe.lookahead, pull=recipe.lookahead_pull)
        self._average = make_average(self._model, recipe)

    def _diverged(self, train_loss: float, cross_entropy: float) -> DivergenceError:
        good = self.reports[-1] if self.reports else None
        last = "none"
        if good:
            last = f"epoch {good.epoch}, training loss {good.train_loss:.4f}, accuracy {good.accuracy:.4f}"
        return DivergenceError(
            f"diverged in epoch {self.epoch}: training loss {train_loss}, {self._task.watches} loss {cross_entropy}; "
            f"last good values: {last}"
        )

    def state(self) -> dict[str, Any]:
        """Return everything that the next epoch depends on, as tensors and plain values."""
        return {
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "slow": self._lookahead.slow,
            "average": None if self._average is None else self._average.state_dict(),
            "generator": self._generator.get_state(),
            "torch": torch.get_rng_state(),
            "best": None if self._best is None else list(self._best),
            "reports": [asdict(report) for report in self.reports],
            "notices": list(self.notices),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        for slow, value in zip(self._lookahead.slow, state["slow"], strict=True):
            slow.copy_(value)
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self._generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
        self._best = None if state["best"] is None else (state["best"][0], state["best"][1])
        self.reports = [EpochReport(**report) for report in state["reports"]]
        self.epoch, self.notices = len(self.reports), tuple(state["notices"])


@torch.no_grad()
def evaluate(
    model: nn.Module, normalise: Normaliser, images: Tensor, labels: Tensor, *, bf16: bool
) -> tuple[int, float]:
    """Return how many images the model gets right, and the mean cross-entropy."""
    model.eval()
    correct = torch.zeros((), dtype=torch.int64, device=labels.device)
    loss = torch.zeros((), device=labels.device)
    for start in range(0, len(labels), EVALUATION_BATCH):
        batch, targets = images[start : start + EVALUATION_BATCH], labels[start : start + EVALUATION_BATCH]
        with torch.autocast(labels.device.type, torch.bfloat16, enabled=bf16):
            logits = model(normalise(batch)).float()
        correct += (logits.argmax(1) == targets).sum()
        loss += functional.cross_entropy(logits, targets, reduction="sum")
    return int(correct.item()), loss.item() / len(labels)


def time_steps(task: TimeTask, data: Dataset) -> float:
    """Return the median seconds per image over a few steps, after one that is not counted."""
    device = task.setting.device
    model = build_model(task.spec, data.shape).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(model, task.recipe)
    size = min(task.recipe.for_images(len(data.train)).batch_size, len(data.train))
    if device == "cpu":  # where images per second depend little on the batch, and large steps take long
        size = min(size, CPU_TIMING_BATCH)
    normalise = Normaliser(*normalisation(data, task.recipe), device)
    images, labels = (tensor[:size] for tensor in to_device(data.train, device))
    bf16 = resolve_precision(task.recipe.precision, device) == "bf16"
    seconds = []
    for _ in range(task.steps + 1):
        started = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            loss = functional.cross_entropy(model(normalise(images)), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss.item()  # waits for the device
        seconds.append(time.perf_counter() - started)
    return sorted(seconds[1:])[(task.steps - 1) // 2] / size
