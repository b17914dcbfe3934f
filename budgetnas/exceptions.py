"""Errors that a user can cause. Each names argument, value, rule and next step in one line.

A message puts backticks around an argument of Python (`max_params`), a key of a study file (`budget.max_params`), or a
key with a value to set (`full.repeats=3`). It names no option: `cli.options.spell` puts options in their place.
"""


class BudgetNASError(Exception):
    """The base of all errors that stop a command for a reason that its user can act on.

    Args:
        message: one line; with an `argument`, the rest of a sentence that begins with it.
        argument: the argument or the key that is wrong, such as "max_params" or "budget.max_params".

    Attributes:
        argument: the argument or the key that is wrong; None where the message is about something else.
        exit_status: exit status of the command line: 2 for wrong arguments, else 1.
    """

    exit_status = 1

    def __init__(self, message: str = "", *, argument: str | None = None) -> None:
        super().__init__(message if argument is None else f"`{argument}` {message}")
        self.argument = argument


class UsageError(BudgetNASError):
    """A value given as an argument, an option or a key of a study file breaks a rule."""

    exit_status = 2


class InfeasibleBudgetError(BudgetNASError):
    """No architecture of the space fits the budget."""


class DataError(BudgetNASError):
    """A data set is missing, damaged, foreign, or too large for memory."""


class MissingDataError(DataError):
    """A data set known by name is not on this machine and cannot be downloaded."""


class StudyMismatchError(BudgetNASError):
    """A stored study was started with other settings than the ones given now."""


class StorageError(BudgetNASError):
    """A run directory or a study database cannot be read or written."""


class CountMismatchError(BudgetNASError):
    """The analytic parameter count and the built network disagree: the run must stop."""


class EngineError(BudgetNASError):
    """The cluster that should run trainings does not answer."""


class TrainingError(BudgetNASError):
    """One training failed: its trial is recorded with the reason, and the search continues."""


class BrokenDeviceError(Exception):
    """The device of a task is unusable in this process; another process may succeed.

    Attributes:
        task: the task to try in a fresh process.
    """

    def __init__(self, message: str, *, task: object) -> None:
        super().__init__(message)
        self.task = task


class DivergenceError(TrainingError):
    """A training diverged: with the same seed it would fail again."""
