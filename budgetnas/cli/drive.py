"""Running what trains until it is finished or interrupted, and the exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from budgetnas.cli.console import Console
from budgetnas.pipeline.progress import Listener
from budgetnas.pipeline.signals import status_of

Result = TypeVar("Result")
Training = TypeVar("Training", covariant=True)

STOPPED = (
    "Stopped. Finished trainings are kept, and unfinished ones lose half a minute and an epoch at most: run the same "
    "command to resume."
)


class Work(Protocol[Training]):
    """Trains, and returns the result."""

    def __call__(self, listener: Listener, *, command: list[str]) -> Training:
        """Start or resume the run; `command` is recorded with it."""
        ...


def drive(
    work: Work[Result],
    console: Console,
    *,
    is_json: bool,
    show: Callable[[Console, Result], None],
    as_json: Callable[[Result], Any],
    status: Callable[[Result], int] = lambda result: 0,
) -> int:
    """Do the work of a command and print its result; return the exit status.

    Args:
        work: trains.
        console: hears the progress.
        is_json: whether to print the result as JSON.
        show: prints the result for a person.
        as_json: returns the result as JSON values.
        status: returns the exit status of a result.
    """
    try:
        with console:
            result = work(console, command=["budgetnas", *sys.argv[1:]])
    except KeyboardInterrupt as interrupt:
        console.told(STOPPED)
        return status_of(interrupt)
    if is_json:
        print(json.dumps(as_json(result), indent=2))
    else:
        show(console, result)
    return status(result)
