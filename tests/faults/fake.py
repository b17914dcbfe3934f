"""Trainings that take milliseconds: a pure function of network, length and seed, with trouble on request.

Trouble comes from the environment: `FAKE_TROUBLE` says what befalls the first `FAKE_TIMES` trainings (each once, marked
in the folder `FAKE_MARKS`), `FAKE_SECONDS` how long an epoch takes.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from budgetnas.arch.layers import Conv, Linear, Norm, Residual
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape
from budgetnas.engine.protocol import EpochReport
from budgetnas.exceptions import DivergenceError
from budgetnas.training.tasks import FinishedTraining, LookTask, TimeTask, Timing
from budgetnas.trials.facts import Look

SHAPE = DataShape(channels=1, height=8, width=8, classes=10)
TEST_IMAGES = 359


def work(task, report):
    if isinstance(task, TimeTask):
        return Timing(seconds_per_image=1e-5, validation_seconds_per_image=0.0, start_seconds=0.0)
    if isinstance(task, LookTask):
        return Look(correct=int(TEST_IMAGES * (0.5 + 0.4 * chance(task.weights))), images=TEST_IMAGES)
    meet_trouble()
    reports = []
    for epoch in range(1, task.last_epoch + 1):
        time.sleep(float(os.environ.get("FAKE_SECONDS", "0.02")))
        accuracy = 0.4 + 0.1 * chance(task.spec.id, task.seed, epoch) + 0.4 * epoch / (epoch + 2)
        reports.append(
            EpochReport(
                epoch=epoch, lr=0.1, train_loss=1 / epoch, train_accuracy=accuracy, accuracy=accuracy,
                loss=1 - accuracy, seconds=0.0,
            )
        )  # fmt: skip
        report(reports[-1])
    weights = weights_of(task.spec, task.seed) if task.keep_weights else None
    return FinishedTraining(reports=tuple(reports), seconds=0.1, images=100 * len(reports), weights=weights)


def chance(*facts):
    """Return a number in [0, 1) that depends on nothing but `facts`."""
    return int.from_bytes(hashlib.sha256(repr(facts).encode()).digest()[:6]) / 2**48


def meet_trouble():
    kind = os.environ.get("FAKE_TROUBLE")
    for i in range(int(os.environ.get("FAKE_TIMES", "1")) if kind else 0):
        try:
            (Path(os.environ["FAKE_MARKS"]) / f"{kind}-{i}").touch(exist_ok=False)
        except FileExistsError:
            continue
        match kind:
            case "hang":
                time.sleep(3600)
            case "memory":
                raise MemoryError("9 TB")
            case "nan":
                raise DivergenceError(
                    "diverged in epoch 1: training loss nan, validation loss nan; last good values: none"
                )
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        return


def weights_of(spec, seed):
    """Return safetensors bytes with the names and shapes of the built network, filled by the seed."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, layer in named(lower(spec, SHAPE)):
        match layer:
            case Conv():
                shape = (layer.out_channels, layer.in_channels, layer.kernel, layer.kernel)
                tensors[f"{name}.weight"] = rng.standard_normal(shape, dtype=np.float32)
            case Linear():
                shape = (layer.out_features, layer.in_features)
                tensors[f"{name}.weight"] = rng.standard_normal(shape, dtype=np.float32)
                tensors[f"{name}.bias"] = rng.standard_normal(layer.out_features, dtype=np.float32)
            case Norm():
                for part in ("weight", "bias", "running_mean", "running_var"):
                    tensors[f"{name}.{part}"] = rng.random(layer.channels, dtype=np.float32)
                tensors[f"{name}.num_batches_tracked"] = np.array(1)
            case _:
                pass
    return save(tensors)


def named(layers):
    for i, layer in enumerate(layers):
        if isinstance(layer, Residual):
            yield from ((f"{i}.body.{j}", inner) for j, inner in enumerate(layer.body))
            yield from ((f"{i}.shortcut.{j}", inner) for j, inner in enumerate(layer.shortcut))
        else:
            yield str(i), layer
