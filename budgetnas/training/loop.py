"""The training loop: one network, one seed, epoch after epoch."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from budgetnas.arch.spec import ResNetSpec
from budgetnas.data.dataset import Dataset, normalisation
from budgetnas.engine.protocol import EpochReport
from budgetnas.evidence.outcome import Outcome
from budgetnas.exceptions import DivergenceError
from budgetnas.models.build import build_model, pack
from budgetnas.training.checkpoint import Checkpoints
from budgetnas.training.device import resolve_precision
from budgetnas.training.graphs import WARM_STEPS, own_stream, shared_pool
from budgetnas.training.images import Augmenter, Feed, Normaliser, batch_bounds, learning_split, to_device
from budgetnas.training.learner import Learner, class_weights
from budgetnas.training.optimise import lr_factor
from budgetnas.training.score import Scorer
from budgetnas.training.tasks import FinishedTraining, PausedTraining, TimeTask, Timing, TrainTask
from budgetnas.trials.declaration import Phase

DIVERGED = 1e4  # a mean training loss from which no training recovers
CPU_TIMING = 16_384  # pixels of a timed batch on a CPU, where batch size matters little; at most 64 images
FIRST_STEPS = {False: 1, True: WARM_STEPS + 1}  # before all later steps take the same time, recorded or not
TIMED_TOGETHER = {False: 1, True: 20}  # steps between two waits for the device


def train(task: TrainTask, data: Dataset, report: Callable[[EpochReport], None]) -> FinishedTraining | PausedTraining:
    """Train a network to the end, or until its time is over.

    The same task with the same thread count on the same CPU gives the same numbers, bit for bit, resumed or not.

    Raises:
        DivergenceError: a loss is not finite, or the training loss is above 10,000.
        StorageError: a checkpoint cannot be written.
    """
    with own_stream(task.setting.device):
        return _train(task, data, report)


def _train(task: TrainTask, data: Dataset, report: Callable[[EpochReport], None]) -> FinishedTraining | PausedTraining:
    run = _Run(task, data)
    checkpoints = _checkpoints(task)
    found = checkpoints.load(at_most=task.last_epoch) if checkpoints else None
    if found and found.state:
        run.restore(found.state)
    run.notice(found.damaged if found else ())
    # A training that keeps weights also keeps the first epoch of every start, so that frequent stops cannot block it.
    kept, kept_epoch = -math.inf if task.keep_weights else time.monotonic(), run.epoch
    while run.epoch < task.last_epoch:
        if task.stop_at is not None and time.time() >= task.stop_at:
            if checkpoints and kept_epoch < run.epoch:
                checkpoints.save(run.epoch, run.state())
            return PausedTraining(epoch=run.epoch)
        latest = run.advance()
        is_due = time.monotonic() - kept >= task.checkpoint_seconds
        if checkpoints and (is_due or (run.epoch == task.last_epoch and task.keep_weights)):
            checkpoints.save(run.epoch, run.state())
            kept, kept_epoch = time.monotonic(), run.epoch
        report(latest)
    return FinishedTraining(
        reports=tuple(run.reports),
        seconds=sum(epoch.seconds for epoch in run.reports),
        images=run.epoch * run.images,
        weights=pack(run.scored) if task.keep_weights else None,
        outcome=run.outcome(),
        notices=run.notices,
    )


def _checkpoints(task: TrainTask) -> Checkpoints | None:
    """Return a training's checkpoints; None on a node that does not see the run's folder."""
    if task.checkpoint is None or not Path(task.checkpoint).parents[1].is_dir():
        return None
    return Checkpoints(Path(task.checkpoint), task=task.digest())


class _Run:
    """A network in training, and everything that an epoch changes.

    Attributes:
        epoch: number of finished epochs.
        reports: one per finished epoch.
        notices: warnings, a line each.
    """

    def __init__(self, task: TrainTask, data: Dataset) -> None:
        self._task = task
        device, split = task.setting.device, learning_split(data, task.learns_from, task.subset)
        self.images = len(split)
        self._recipe = task.recipe.for_images(self.images)
        self._bounds = batch_bounds(self.images, self._recipe.batch_size)
        normalise = Normaliser(*normalisation(data, self._recipe), device)
        watched = data.test if task.watches == "test" else data.validation
        torch.manual_seed(task.seed)
        model = new_model(task.spec, data, device, fuses=task.fuses)
        generator = torch.Generator().manual_seed(task.seed)
        draw = partial(
            Augmenter,
            *to_device(split, device),
            recipe=self._recipe,
            traits=data.traits,
            normalise=normalise,
            classes=data.shape.classes,
            generator=generator,
        )
        self._feed = Feed(draw, self._bounds, values=data.shape.values, generator=generator, device=device)
        how: Any = {
            "bf16": resolve_precision(self._recipe.precision, device) == "bf16",
            "records": task.records and device == "cuda",
            "pool": shared_pool(device),
        }
        weights = None
        if task.setting.data.class_weights == "balanced":
            weights = class_weights(split.labels, data.shape.classes).to(device)
        self._learner = Learner(model, self._recipe, class_weights=weights, **how)
        classes = data.shape.classes
        self._score = Scorer(self._learner.scored, normalise, *to_device(watched, device), classes=classes, **how)
        self._outcome: Outcome | None = None
        self._best: tuple[float, dict[str, Tensor]] | None = None
        self._notices = tuple[str, ...]()
        self.epoch, self.reports = 0, list[EpochReport]()

    @property
    def scored(self) -> nn.Module:
        """The network to score and keep."""
        return self._learner.scored

    @property
    def notices(self) -> tuple[str, ...]:
        """Warnings, a line each."""
        return tuple(dict.fromkeys((*self._notices, *self._learner.notices, *self._score.notices)))

    def notice(self, lines: Sequence[str]) -> None:
        """Add notices."""
        self._notices += tuple(lines)

    def advance(self) -> EpochReport:
        """Train for one epoch and score the network."""
        started = time.perf_counter()
        phase, done = self._phase()
        if done == 0 and self.epoch:
            assert self._best is not None
            self._learner.restart(self._best[1])
            self._best = None
        factor = lr_factor(self._recipe, phase.period, len(self._bounds))
        train_loss, train_accuracy = self._learn(factor, done * len(self._bounds))
        self._outcome = found = self._score()
        self.epoch += 1
        # A NaN is not below it. The watched loss may be huge early on, until batch-norm statistics settle.
        if not (train_loss < DIVERGED and math.isfinite(found.loss)):
            raise self._diverged(train_loss, found.loss)
        accuracy, score = found.right / found.total, self._task.score
        if phase is not self._task.phases[-1] and (self._best is None or accuracy > self._best[0]):
            self._best = accuracy, {name: value.clone() for name, value in self.scored.state_dict().items()}
        self.reports.append(
            EpochReport(
                epoch=self.epoch,
                lr=self._learner.lr,
                train_loss=train_loss,
                train_accuracy=train_accuracy,
                accuracy=accuracy,
                loss=found.loss,
                seconds=time.perf_counter() - started,
                score=None if score == "accuracy" else found.score(score),
            )
        )
        return self.reports[-1]

    def outcome(self) -> Outcome:
        """Return the outcome on the watched split after the last epoch; of a restored state it is counted again."""
        return self._score() if self._outcome is None else self._outcome

    def _learn(self, factor: Callable[[int], float], step: int) -> tuple[float, float]:
        """Train on every image once, starting at step `step` of the phase; return mean loss and accuracy."""
        learner = self._learner
        learner.model.train()
        for batch in self._feed.epoch():
            learner.step(*batch, lr=self._recipe.lr * factor(step), number=step + 1)
            step += 1
        self._feed.draw_ahead()
        loss, right = learner.read(len(self._bounds))
        return loss / self.images, right / self.images

    def _phase(self) -> tuple[Phase, int]:
        """Return the phase of the next epoch, and the number of its finished epochs."""
        done = self.epoch
        for phase in self._task.phases:
            if done < phase.epochs:
                return phase, done
            done -= phase.epochs
        raise AssertionError("no epoch is left")

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
            **self._learner.state(),
            "generator": self._feed.state,
            "best": None if self._best is None else list(self._best),
            "reports": [asdict(report) for report in self.reports],
            "notices": list(self.notices),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self._learner.restore(state)
        self._feed.restore(state["generator"])
        self._best = None if state["best"] is None else (state["best"][0], state["best"][1])
        self.reports = [EpochReport(**report) for report in state["reports"]]
        self.epoch, self._notices = len(self.reports), tuple(state["notices"])


def new_model(spec: ResNetSpec, data: Dataset, device: str, *, fuses: bool = False) -> nn.Module:
    """Return a network with fresh weights on a device, channels last, with fused norms where possible."""
    model = build_model(spec, data.shape)
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if not fuses:
        return model
    from budgetnas.models.fuse import fuse_norms  # imports Triton

    return fuse_norms(model)


def time_steps(task: TimeTask, data: Dataset) -> Timing:
    """Time the start, the steps and the validation of one network's training."""
    device, recipe = task.setting.device, task.recipe.for_images(len(data.train))
    size = min(recipe.batch_size, len(data.train))
    if device == "cpu":
        size = min(size, 64, max(8, CPU_TIMING // (data.shape.height * data.shape.width)))
    bf16, records, pool = resolve_precision(recipe.precision, device) == "bf16", device == "cuda", shared_pool(device)
    normalise = Normaliser(*normalisation(data, recipe), device)
    images, labels = (tensor[:size] for tensor in to_device(data.train, device))
    started = time.perf_counter()
    how: Any = {"bf16": bf16, "records": records, "pool": pool}
    learner = Learner(new_model(task.spec, data, device), recipe, **how)
    score = Scorer(learner.model, normalise, images, labels, classes=data.shape.classes, **how)

    def seconds(number: int) -> float:
        began = time.perf_counter()
        for _ in range(number):
            learner.step(normalise(images), labels, labels, lr=recipe.lr, number=1)
        learner.read(number)
        return time.perf_counter() - began

    with own_stream(device):
        learner.model.train()
        seconds(FIRST_STEPS[records])
        start = time.perf_counter() - started
        several = TIMED_TOGETHER[records]
        steps = [seconds(several) / several for _ in range(task.steps)]
        score()
        began = time.perf_counter()
        score()
        validation = time.perf_counter() - began
    return Timing(
        seconds_per_image=statistics.median(steps) / size,
        validation_seconds_per_image=validation / size,
        start_seconds=start,
    )
