"""The networks of a calibration: those with all scores, and the trainings that are left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from budgetnas.exceptions import StorageError
from budgetnas.runs.settings import Setup
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.trial import FULL, Candidate, Trial, TrialState, complete, key_of, rung_name

Key = tuple[str, int]  # a training: id of the network, number of its seed


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationSet:
    """The networks and trainings that the last driver requested; earlier drivers may have requested others.

    Attributes:
        specs: ids of the networks, in the order in which they were drawn.
        seeds: full trainings of each network.
        levels: trials by the name of their level, the shortest trainings first and the full ones last.
    """

    specs: Sequence[str]
    seeds: int
    levels: Mapping[str, Sequence[Trial]]

    @property
    def nets(self) -> list[Candidate]:
        """The networks that have a score at every rung and after full training, in their order."""
        known = {trial.candidate.spec.id: trial.candidate for trials in self.levels.values() for trial in trials}
        scores = [self.scores(level) for level in self.levels]
        return [known[spec] for spec in self.specs if all(spec in have for have in scores)]

    @property
    def seeds_done(self) -> int:
        """The number of seeds that each full score is the mean of, at least 1: those that all networks have.

        A network whose training failed does not lower it. It has no score until it is trained again.
        """
        done, failed = self._complete(FULL), self._failed(FULL)
        each = [next((i for i in range(self.seeds) if (spec, i) not in done), self.seeds) for spec in self.specs]
        have = [seeds for spec, seeds in zip(self.specs, each, strict=True) if seeds and (spec, seeds) not in failed]
        return min(have, default=1)

    @property
    def left(self) -> dict[str, int]:
        """The number of trainings to do, by level; levels with none are left out."""
        left = {level: len(self.asked(level) - self._complete(level).keys()) for level in self.levels}
        return {level: number for level, number in left.items() if number}

    @property
    def is_done(self) -> bool:
        """Whether networks were drawn and all their trainings are finished."""
        return bool(self.specs) and not self.left

    @property
    def failed(self) -> dict[str, int]:
        """The number of those in `left` whose last attempt failed, by level; levels with none are left out."""
        failed = {level: len(self._failed(level)) for level in self.levels}
        return {level: number for level, number in failed.items() if number}

    def scores(self, level: str) -> dict[str, float]:
        """Return the scores at a level, higher for a better network, by the id of the network.

        Networks without one are left out.
        """
        scores, seeds = self._complete(level), range(self.seeds_done if level == FULL else 1)
        return {
            spec: mean(scores[spec, seed] for seed in seeds)
            for spec in self.specs
            if all((spec, seed) in scores for seed in seeds)
        }

    def asked(self, level: str) -> set[Key]:
        """Return the trainings of a level that were requested."""
        return {(spec, seed) for spec in self.specs for seed in range(self.seeds if level == FULL else 1)}

    def _failed(self, level: str) -> set[Key]:
        last = {key_of(trial): trial.state for trial in self.levels[level]}
        return {key for key in self.asked(level) if last.get(key) is TrialState.FAIL}

    def _complete(self, level: str) -> dict[Key, float]:
        return {key_of(trial): trial.score or 0.0 for trial in complete(self.levels[level])}


def drawn(setup: Setup, facts: RunFacts, studies: Mapping[str, Sequence[Trial]]) -> CalibrationSet:
    """Return the networks of a calibration and their trainings, finished or not.

    Args:
        setup: of the calibration.
        facts: recorded of it as a whole.
        studies: trials by the name of their level; a missing level has none yet.

    Raises:
        StorageError: it was started by a version that did not record its networks.
    """
    if facts.drawn is None and any(studies.values()):
        raise StorageError(f"`{setup.name}` was started by an older version: resume it with its calibrate command.")
    levels = [*map(rung_name, setup.rungs), FULL]
    return CalibrationSet(
        specs=facts.drawn or (),
        seeds=setup.study.full.repeats,
        levels={level: studies.get(level, ()) for level in levels},
    )
