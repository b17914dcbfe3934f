"""The smallest gain that the fresh seeds of a search can show, stated before they are trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from budgetnas.evidence.estimate import FEWEST_REPEATS
from budgetnas.evidence.power import POWER, assumed_sd, pooled_sd, smallest_gain
from budgetnas.evidence.scores import ACCURACY, SCORES, Score
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.text import plural
from budgetnas.trials.trial import Looks, Trial, complete

_FREE = 4  # degrees of freedom that a known spread needs


@dataclass(frozen=True, kw_only=True, slots=True)
class CanShow:
    """The smallest gain that the winner can be shown to have over a control.

    Attributes:
        points: the gain, rounded to two digits: points of the score, or how much less the loss is.
        power_percent: how often it is shown, in percent.
        seed_sd: standard deviation of a test score over seeds, likewise.
        is_known: whether trainings of the run were repeated often enough to tell it; it is assumed otherwise.
        test_images: number of images in the test split.
        score: of the study.
    """

    points: float
    power_percent: int
    seed_sd: float
    is_known: bool
    test_images: int
    score: Score = ACCURACY

    def write(self) -> str:
        """Write it in words, with its seed noise and where this is from."""
        source = (
            "as in its trainings so far" if self.is_known else f"assumed for {plural(self.test_images, 'test image')}"
        )
        unit, gain = (" points", "a gain") if self.score.is_share else ("", "a loss that is lower")
        by = "of" if self.score.is_share else "by"
        return (
            f"{gain} {by} {self.points:g}{unit} or more over a control, with {self.power_percent} % power: the "
            f"standard deviation over seeds is {self.seed_sd:g}{unit}, {source}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {**asdict(self), "score": self.score.name}


def can_show(prepared: PreparedStudy, known: float | None = None) -> CanShow | None:
    """Return what a search can show; None where nothing is compared, with one seed, or of a loss that nobody knows.

    Args:
        prepared: the study.
        known: standard deviation over seeds in points, or of the loss, where the run has it.
    """
    score = SCORES[prepared.config.search.score]
    if known is None and not score.is_share:
        return None
    if not prepared.config.evidence.compares or prepared.looks[0] < FEWEST_REPEATS:
        return None
    images = len(prepared.data.test)
    sd = assumed_sd(_worth(prepared, score)) if known is None else known
    gain = smallest_gain(sd, prepared.looks)
    return CanShow(
        points=float(f"{gain:.2g}"),
        power_percent=round(100 * POWER),
        seed_sd=float(f"{sd:.2g}"),
        is_known=known is not None,
        test_images=images,
        score=score,
    )


def _worth(prepared: PreparedStudy, score: Score) -> int:
    """Return how many test images would give an accuracy the variance that equally good classes give the score."""
    labels = prepared.data.test.labels
    if score is ACCURACY:
        return len(labels)
    of_each = np.bincount(labels)
    of_each = of_each[of_each > 0]
    return int(len(of_each) ** 2 / (1 / of_each).sum())


def known_sd(ladder: Ladder) -> float | None:
    """Return the standard deviation over seeds, in points or of the loss, of what a search has fully trained.

    From test scores where enough trainings were tested, else from validation scores; None where too few
    networks have several seeds.
    """
    looks, factor = Looks(ladder.fulls.facts), SCORES[ladder.full.score].factor
    for is_test in (True, False):
        groups: dict[tuple[str, str], list[float]] = {}
        for level in ladder.tested if is_test else (ladder.full,):
            for trial in complete(level.store.trials):
                share = _tested(trial, looks, level.name) if is_test else trial.score
                if share is not None:
                    groups.setdefault((level.name, trial.candidate.spec.id), []).append(factor * share)
        found = pooled_sd(list(groups.values()))
        if found is not None and found[1] >= _FREE and found[0] > 0:
            return found[0]
    return None


def _tested(trial: Trial, looks: Looks, level: str) -> float | None:
    look = looks.of(trial, level)
    return None if look is None else look.scored
