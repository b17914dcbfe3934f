"""The names of training levels: rungs of short trainings, full trainings, controls."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from budgetnas.text import plural
from budgetnas.trials.facts import required
from budgetnas.trials.trial import Trial, TrialState

FULL, CONTROLS = "full", "controls"
WINNER = "the winner"  # among the controls


def rung_name(epochs: int) -> str:
    """Name the level of short trainings of so many epochs."""
    return f"r{epochs}"


def epochs_of(level: str) -> int | None:
    """Return the length of a rung's trainings by its name; None for any other name."""
    length = level.removeprefix("r")
    return int(length) if level != length and length.isdecimal() else None


def in_order(levels: Collection[str]) -> list[str]:
    """Sort levels by their names: the shortest training first, full trainings and controls last."""
    rungs = {level: epochs for level in levels if (epochs := epochs_of(level))}
    return [*sorted(rungs, key=lambda level: rungs[level]), *(level for level in (FULL, CONTROLS) if level in levels)]


def length_in_words(level: str) -> str:
    """Write how long the trainings of a level are: `r8` as `8 epochs`, any other by its name."""
    epochs = epochs_of(level)
    return level if epochs is None else plural(epochs, "epoch")


def in_words(level: str) -> str:
    """Say what the trainings of a level are."""
    others = {FULL: "full trainings", CONTROLS: "control trainings"}
    return others.get(level) or f"short trainings of {length_in_words(level)}"


def complete(trials: Iterable[Trial]) -> list[Trial]:
    """Return the COMPLETE trials."""
    return [trial for trial in trials if trial.state is TrialState.COMPLETE]


def counted(trials: Sequence[Trial], *, over_budget: str) -> int:
    """Count the trials that `--trials` asks for: those trained, and those that a sampler wasted over the budget.

    Args:
        trials: of the first rung.
        over_budget: "prune" where a sampler may waste some.
    """
    wasted = [
        trial for trial in trials if trial.state is TrialState.PRUNED and not required(trial.facts.seeded, "seeded")
    ]
    return len(complete(trials)) + (len(wasted) if over_budget == "prune" else 0)


def is_left_out(trial: Trial) -> bool:
    """Tell whether a trial only records that a network which was to be tried first is over a cap."""
    return trial.state is TrialState.PRUNED and bool(trial.facts.seeded)


def key_of(trial: Trial) -> tuple[str, int]:
    """Return what tells a trial of a level whose trainings are decided on from the others: network and repeat."""
    return trial.candidate.spec.id, trial.repeat
