"""Work for the engine's tests: importable, because a worker process imports it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from budgetnas.engine.protocol import EpochReport
from budgetnas.exceptions import BrokenDeviceError, DataError, DivergenceError, TrainingError


def work(task, report):  # noqa: C901
    match task:
        case ("double", value):
            report(
                EpochReport(epoch=1, lr=0.1, train_loss=0.5, train_accuracy=0.2, accuracy=0.25, loss=1.0, seconds=0.1)
            )
            return 2 * value
        case ("pid",):
            time.sleep(0.2)
            return os.getpid()
        case ("die", marker) if not Path(marker).exists():
            Path(marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        case ("die", _):
            return "alive"
        case ("always die",):
            os.kill(os.getpid(), signal.SIGKILL)
        case ("fail",):
            raise TrainingError("out of memory on cuda:0")
        case ("diverge",):
            raise DivergenceError("diverged in epoch 2")
        case ("wrong data",):
            raise DataError("the data changed")
        case ("bug",):
            raise ZeroDivisionError("a\nbug")
        case ("slow bug",):
            time.sleep(0.2)
            raise ZeroDivisionError("a bug")
        case ("memory",):
            raise MemoryError("9 TB")
        case ("hang once", marker) if Path(marker).exists():
            return "awake"
        case ("hang once", marker):
            Path(marker).touch()
            time.sleep(60)
        case ("see a GPU",):
            time.sleep(3)
            return os.environ.get("CUDA_VISIBLE_DEVICES")
        case ("environment", name):
            return os.environ.get(name)
        case ("break", tries):
            raise BrokenDeviceError("illegal memory access", task=("break", tries - 1) if tries > 1 else ("pid",))
        case ("tell pid and sleep", path):
            Path(path).write_text(str(os.getpid()))
            time.sleep(120)
        case ("sleep",):
            time.sleep(60)
    return None


def shared(images, task, report):
    return int(images.sum()), images.flags.writeable
