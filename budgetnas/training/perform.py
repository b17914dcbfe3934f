"""A worker's tasks: load the data once, check it, and train, test or time a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from budgetnas.arrays import packed, packed_numbers
from budgetnas.data.dataset import Dataset, normalisation
from budgetnas.data.load import load_dataset
from budgetnas.engine.protocol import EpochReport
from budgetnas.evidence.outcome import outcome_of
from budgetnas.exceptions import BrokenDeviceError, DataError, TrainingError
from budgetnas.models.build import build_model, unpack
from budgetnas.training.device import is_broken
from budgetnas.training.images import Normaliser, to_device
from budgetnas.training.loop import time_steps, train
from budgetnas.training.score import Scorer
from budgetnas.training.tasks import FinishedTraining, LookTask, PausedTraining, Setting, TimeTask, Timing, TrainTask
from budgetnas.trials.facts import Look

Task = TrainTask | LookTask | TimeTask
Result = FinishedTraining | PausedTraining | Look | Timing


def perform(task: Task, report: Callable[[EpochReport], None]) -> Result:
    """Perform `task` in this process, calling `report` after every epoch of a training.

    Raises:
        TrainingError: this task failed; others may continue.
        BrokenDeviceError: CUDA is unusable in this process; the task that it names has not recorded a graph.
        DataError: the data set is not the one with which the study was started.
        CountMismatchError: the counted parameters differ from the built network's.
    """
    return perform_on(_load(task.setting), task, report)


def perform_on(data: Dataset, task: Task, report: Callable[[EpochReport], None]) -> Result:
    """Perform `task` like `perform`, with data that was sent with it instead of read from disk."""
    torch.set_num_threads(task.setting.threads)
    try:
        match task:
            case TrainTask():
                return train(task, data, report)
            case LookTask():
                return look(task, data)
            case TimeTask():
                return time_steps(task, data)
    except torch.OutOfMemoryError as error:
        raise _out_of_memory(task, error) from error
    except RuntimeError as error:
        if "DefaultCPUAllocator" in str(error):
            raise _out_of_memory(task, error) from error
        if isinstance(task, TrainTask) and task.records and is_broken(task.setting.device):
            raise BrokenDeviceError(str(error), task=replace(task, records=False)) from error
        raise


def look(task: LookTask, data: Dataset) -> Look:
    """Test weights on the test split, in fp32."""
    device = task.setting.device
    model = unpack(build_model(task.spec, data.shape), task.weights).to(device)
    images, labels = to_device(data.test, device)
    normalise, classes = Normaliser(*normalisation(data, task.recipe), device), data.shape.classes
    scorer = Scorer(model, normalise, images, labels, classes=classes, bf16=False)
    predicted, losses = (found.cpu().numpy() for found in scorer.each())
    each = data.test.labels.astype(np.int64), predicted, losses.astype(np.float64)
    outcome = outcome_of(*each, classes=classes)
    found = Look(
        correct=outcome.right,
        images=outcome.total,
        right=packed(predicted == each[0]) if task.names_images else None,
        classes=outcome.classes,
    )
    if task.score == "accuracy":
        return found
    parts = packed_numbers(outcome.parts(task.score, *each)) if task.names_images else None
    return replace(found, score=outcome.score(task.score), interval=outcome.interval(task.score), parts=parts)


def _out_of_memory(task: Task, error: RuntimeError) -> TrainingError:
    """Return the error, with the bytes that torch could not allocate where it says so."""
    needed = re.search(r"allocate ([\d.]+ \w+)", str(error))
    return TrainingError(f"out of memory on {task.setting.device}{f': {needed[1]} more were needed' if needed else ''}")


def _load(setting: Setting) -> Dataset:
    data = load_dataset(setting.data)
    if data.fingerprint != setting.fingerprint:
        raise DataError(
            f"`{setting.data.dataset}` has changed since the study was started (its fingerprint was "
            f"{setting.fingerprint[:12]}, is {data.fingerprint[:12]}): restore the old data, or start a new study."
        )
    return data
