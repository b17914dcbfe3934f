"""Errors that a person can cause: each says argument, value, rule and next step in one line."""


class BudgetNASError(Exception):
    """Anything that stops a command for a reason that its user can act on.

    Attributes:
        exit_status: what the command line returns, 1 unless the words of the command were wrong.
    """

    exit_status = 1


class UsageError(BudgetNASError):
    """A value that was typed, in an option or a study file, breaks a rule."""

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
    """One training failed: its trial is recorded with the reason and the search goes on."""


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
