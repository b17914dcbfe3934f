"""The ladder of a search: its levels from the first rung to the controls, with their studies.

Each level is its own Optuna study in the same storage, since results of different lengths must not mix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from budgetnas.pipeline.controls import controls
from budgetnas.pipeline.prepare import PreparedStudy
from budgetnas.pipeline.stages import Level
from budgetnas.space.parameters import Ranges
from budgetnas.storage.database import Storage
from budgetnas.storage.study import StudyStore
from budgetnas.trials.trial import CONTROLS, FULL, Candidate, rung_name


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """The levels of a search.

    Attributes:
        rungs: the short trainings, shortest first.
        full: the full trainings; the facts of the whole search stand with their study.
        controls: the controls, and the winner beside them; None where none were asked for.
    """

    rungs: tuple[Level, ...]
    full: Level
    controls: Level | None

    @property
    def first(self) -> StudyStore:
        """The study of the first rung, which holds every candidate."""
        return self.rungs[0].store

    @property
    def fulls(self) -> StudyStore:
        """The study of the full trainings."""
        return self.full.store

    @property
    def levels(self) -> tuple[Level, ...]:
        """All levels, from the first rung to the controls."""
        return (*self.rungs, *self.tested)

    @property
    def tested(self) -> tuple[Level, ...]:
        """The levels whose networks are tested in the end."""
        return (self.full, *([self.controls] if self.controls else []))

    @property
    def last(self) -> int:
        """Index of the last rung."""
        return len(self.rungs) - 1

    def level(self, name: str) -> Level:
        """Return the level of this name."""
        return next(level for level in self.levels if level.name == name)


def make_ladder(
    prepared: PreparedStudy, storage: Storage, fulls: StudyStore, *, guard: Callable[[], None] = lambda: None
) -> Ladder:
    """Open the studies of a search, and create those that do not exist; `guard` is called before every write."""

    def store(name: str, *others: Candidate) -> StudyStore:
        return StudyStore(storage, f"{prepared.name}/{name}", ranges_of(prepared, *others), guard=guard)

    def rung(epochs: int) -> Level:
        return Level(
            name=rung_name(epochs),
            store=store(rung_name(epochs)),
            epochs=epochs,
            recipe=prepared.proxy,
            keeps_weights=False,
            subset=prepared.config.proxy.subset,
        )

    def long(name: str, study: StudyStore) -> Level:
        return Level(name=name, store=study, epochs=prepared.full_epochs, recipe=prepared.full, keeps_weights=True)

    is_controlled = prepared.config.evidence.controls
    return Ladder(
        rungs=tuple(map(rung, prepared.rungs)),
        full=long(FULL, fulls),
        controls=long(CONTROLS, store(CONTROLS, *controls(prepared))) if is_controlled else None,
    )


def ranges_of(prepared: PreparedStudy, *others: Candidate) -> Ranges:
    """Return the fixed ranges of every parameter, wide enough for the seeded models and for `others`."""
    space = prepared.space
    ranges = Ranges(stages=space.stages, blocks=space.blocks, widths=space.widths)
    for candidate in (*prepared.seeds, *others):
        ranges = ranges.cover(candidate.spec)
    return ranges
