"""One attempt at a task, in whatever process an engine has for it: what was raised becomes an event."""

from __future__ import annotations

from collections.abc import Callable

from budgetnas.exceptions import BrokenDeviceError, BudgetNASError, DivergenceError, TrainingError
from budgetnas.records.engine import Broken, EpochReport, Failed, Finished, Work

RETRIES = 2  # of a task whose process died or hung


def attempt(
    work: Work, key: str, task: object, report: Callable[[EpochReport], None]
) -> tuple[Finished | Failed | Broken, bool]:
    """Perform `task`; return what happened, and whether this process is fit for another task."""
    try:
        return Finished(key=key, result=work(task, report)), True
    except TrainingError as error:
        return Failed(key=key, reason=str(error), diverged=isinstance(error, DivergenceError)), True
    except BrokenDeviceError as error:
        return Broken(key=key, task=error.task), False
    except BudgetNASError as error:
        return Failed(key=key, reason=str(error), fatal=True), True
    except MemoryError as error:
        return Failed(key=key, reason=f"out of memory: {error}"), False
    except Exception as error:  # a trial's failure, whatever it is, must reach the study with its reason
        return Failed(key=key, reason=f"{type(error).__name__}: {' '.join(str(error).split())}"), False
