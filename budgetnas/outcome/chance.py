"""Trainings that ended at chance: their networks are no better than one answer for all images, luck allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from budgetnas.evidence.luck import is_luck
from budgetnas.outcome.setup import DataFacts
from budgetnas.records.levels import complete, in_words
from budgetnas.records.numbers import write_percent
from budgetnas.records.text import listed
from budgetnas.records.trial import Trial

_NEXT = (
    "Likely causes: too few steps for the recipe, a learning rate that is too high, or labels that do not match the "
    "images."
)


def chance_warning(
    scores: Sequence[tuple[str, float]], *, what: str, split: str, images: int, chance: float
) -> str | None:
    """Name the trainings whose last score is no further above chance than luck allows; None where there is none.

    Args:
        scores: the names of trainings and their accuracies after the last epoch, in [0, 1].
        what: all of them, in words.
        split: that was scored.
        images: of it.
        chance: share of its most frequent class, which one answer for all images gets right.
    """
    found = [
        f"{name} ({write_percent(score)} %)"
        for name, score in scores
        if is_luck(round(score * images), images, chance=chance)
    ]
    if not found:
        return None
    return (
        f"{len(found):,} of {len(scores):,} {what} ended at chance, or no further above it than luck allows "
        f"({write_percent(chance)} %: what one class for all {images:,} {split} images gets): {listed(found)}. {_NEXT}"
    )


def level_warnings(levels: Mapping[str, Sequence[Trial]], data: DataFacts) -> list[str]:
    """Name the finished trainings of a search or a calibration that ended at chance, a line a level.

    Args:
        levels: trials by the name of their level.
        data: what they were scored on.
    """
    chance = 1 / data.shape.classes if data.chance is None else data.chance
    found = [
        chance_warning(
            [(_named(trial), trial.score or 0.0) for trial in complete(trials)],
            what=in_words(level),
            split="validation",
            images=data.validation,
            chance=chance,
        )
        for level, trials in levels.items()
    ]
    return [warning for warning in found if warning]


def _named(trial: Trial) -> str:
    seed = f" #{trial.attrs['repeat']}" if "repeat" in trial.attrs else ""
    return trial.candidate.spec.id + seed
