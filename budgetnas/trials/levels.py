"""The levels of training by name: rungs of short trainings, full trainings, controls."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from budgetnas.text import plural
from budgetnas.trials.facts import required
from budgetnas.trials.trial import Trial, TrialState

FULL, CONTROLS = "full", "controls"
WINNER = "the winner"  # its name among the controls


def rung_name(epochs: int) -> str:
    """Return the name of the rung whose short trainings have so many epochs."""
    return f"r{epochs}"


def epochs_of(level: str) -> int | None:
    """Return the epochs of a rung by its name; None for another level."""
    length = level.removeprefix("r")
    return int(length) if level != length and length.isdecimal() else None


def in_order(levels: Collection[str]) -> list[str]:
    """Sort levels: rungs from short to long, then full trainings and controls."""
    rungs = {level: epochs for level in levels if (epochs := epochs_of(level))}
    return [*sorted(rungs, key=lambda level: rungs[level]), *(level for level in (FULL, CONTROLS) if level in levels)]


def length_in_words(level: str) -> str:
    """Write the length of a level's trainings: `r8` as `8 epochs`, another level by its name."""
    epochs = epochs_of(level)
    return level if epochs is None else plural(epochs, "epoch")


def in_words(level: str) -> str:
    """Name the trainings of a level: `short trainings of 8 epochs`, `full trainings`."""
    others = {FULL: "full trainings", CONTROLS: "control trainings"}
    return others.get(level) or f"short trainings of {length_in_words(level)}"


def complete(trials: Iterable[Trial]) -> list[Trial]:
    """Return the COMPLETE trials."""
    return [trial for trial in trials if trial.state is TrialState.COMPLETE]


def counted(trials: Sequence[Trial], *, over_budget: str) -> int:
    """Count the trials that `search.trials` limits: trained ones, and those that a sampler proposed over the budget.

    Args:
        trials: of the first rung.
        over_budget: "prune" if the sampler may propose networks over the budget.
    """
    wasted = [
        trial for trial in trials if trial.state is TrialState.PRUNED and not required(trial.facts.seeded, "seeded")
    ]
    return len(complete(trials)) + (len(wasted) if over_budget == "prune" else 0)


def is_left_out(trial: Trial) -> bool:
    """Return whether a trial only records that a network to try first is over a cap."""
    return trial.state is TrialState.PRUNED and bool(trial.facts.seeded)


def key_of(trial: Trial) -> tuple[str, int]:
    """Return the key of a training within its level: network and repeat."""
    return trial.candidate.spec.id, trial.repeat
