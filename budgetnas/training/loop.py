"""The training loop, top to bottom: one network, one seed, a schedule annealed to zero within its own epochs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from budgetnas.config.recipe import Recipe
from budgetnas.data.dataset import Dataset
from budgetnas.data.statistics import statistics
from budgetnas.exceptions import TrainingError
from budgetnas.models.build import build_model
from budgetnas.records.engine import EpochReport
from budgetnas.training.device import resolve_precision
from budgetnas.training.images import Augmenter, Normaliser, batch_bounds, to_device
from budgetnas.training.tasks import TimeTask, TrainTask

EVALUATION_BATCH = 1024
CPU_TIMING_BATCH = 64


def train(
    task: TrainTask, data: Dataset, report: Callable[[EpochReport], None]
) -> tuple[nn.Module, list[EpochReport], float]:
    """Train a network; return it with its reports and the seconds that it took.

    Same task, same thread count, same CPU: the same numbers, bit for bit.

    Raises:
        TrainingError: the loss is no finite number.
    """
    setting, device = task.setting, task.setting.device
    torch.manual_seed(task.seed)
    model = build_model(task.spec, data.shape).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    recipe = task.recipe.for_images(len(data.train))
    optimizer = make_optimizer(model, recipe)
    bounds = batch_bounds(len(data.train), recipe.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_factor(recipe, task.epochs, len(bounds)))
    normalise = Normaliser(*statistics(data), device)
    images, labels = to_device(data.train, device)
    validation = to_device(data.validation, device)
    generator = torch.Generator().manual_seed(task.seed)
    bf16 = resolve_precision(recipe.precision, setting.device) == "bf16"

    reports: list[EpochReport] = []
    started = time.perf_counter()
    for epoch in range(1, task.epochs + 1):
        model.train()
        augmenter = Augmenter(images, labels, shift=data.traits.shift, flip=data.traits.flip, generator=generator)
        total = torch.zeros((), device=device)
        for start, stop in bounds:
            batch, targets = augmenter.batch(start, stop)
            with torch.autocast(device, torch.bfloat16, enabled=bf16):
                logits = model(normalise(batch))
                loss = functional.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.detach() * (stop - start)
        train_loss = total.item() / len(labels)
        correct, cross_entropy = evaluate(model, normalise, *validation, bf16=bf16)
        if not (math.isfinite(train_loss) and math.isfinite(cross_entropy)):
            last = f"{reports[-1].accuracy:.4f}" if reports else "none"
            raise TrainingError(
                f"diverged in epoch {epoch}: training loss {train_loss}, validation loss {cross_entropy}; "
                f"last good validation accuracy: {last}"
            )
        reports.append(
            EpochReport(epoch=epoch, train_loss=train_loss, accuracy=correct / len(validation[1]), loss=cross_entropy)
        )
        report(reports[-1])
    return model, reports, time.perf_counter() - started


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """Return stochastic gradient descent over every parameter, as the recipe sets it."""
    return torch.optim.SGD(
        model.parameters(),
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )


def lr_factor(recipe: Recipe, epochs: int, steps_per_epoch: int) -> Callable[[int], float]:
    """Return the share of the highest learning rate that step number `step` (from 0) uses."""
    total = epochs * steps_per_epoch
    warm = min(round(recipe.warmup * total), total - 1)

    def factor(step: int) -> float:
        if recipe.step == "epoch":
            step = step // steps_per_epoch * steps_per_epoch
        if step < warm:
            return (step + 1) / warm
        done = min(1.0, (step - warm) / (total - warm))
        return 1 - done if recipe.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2

    return factor


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
    normalise = Normaliser(*statistics(data), device)
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
