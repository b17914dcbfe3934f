"""Errors that a person can cause: each says argument, value, rule and next step in one line.

A message writes in backticks an argument of Python (`max_params`), a key of a study file (`budget.max_params`), or a
key with a value to give it (`full.repeats=3`). It names no option: `cli.options.spell` puts options in their place.
"""


class BudgetNASError(Exception):
    """Anything that stops a command for a reason that its user can act on.

    Args:
        message: one line; the rest of a sentence that begins with `argument`, where that is given.
        argument: the argument or the key that is wrong, such as "max_params" or "budget.max_params".

    Attributes:
        argument: the argument or the key that is wrong; None where the message is about something else.
        exit_status: what the command line returns, 1 unless the words of the command were wrong.
    """

    exit_status = 1

    def __init__(self, message: str = "", *, argument: str | None = None) -> None:
        super().__init__(message if argument is None else f"`{argument}` {message}")
        self.argument = argument


class UsageError(BudgetNASError):
    """A value that a person gave, as an argument, an option or a key of a study file, breaks a rule."""

    exit_status = 2


class InfeasibleBudgetError(BudgetNASError):
    """No architecture of the space fits the budget."""


class DataError(BudgetNASError):
    """A data set is missing, damaged, foreign, or too large for memory."""


class MissingDataError(DataError):
    """A data set known by name is not on this machine and cannot be downloaded."""


class StudyMismatchError(BudgetNASError):
    """A stored study was made with other settings than the ones given now."""


class StorageError(BudgetNASError):
    """A run directory or a study database cannot be read or written."""


class CountMismatchError(BudgetNASError):
    """The analytic parameter count and the built network disagree: the run must stop."""


class EngineError(BudgetNASError):
    """Where trainings were to run, nothing answers."""


class TrainingError(BudgetNASError):
    """One training failed: its trial is recorded with the reason, and the search continues."""


class BrokenDeviceError(Exception):
    """What a task ran on is unusable in this process; the task that is given may succeed in a fresh one.

    Attributes:
        task: to be tried there instead.
    """

    def __init__(self, message: str, *, task: object) -> None:
        super().__init__(message)
        self.task = task


class DivergenceError(TrainingError):
    """A training's own numbers made it fail: with the same seed it would fail again."""
