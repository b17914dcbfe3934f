"""The ladder of a search: its levels from the first rung to the controls, with their studies.

Each is an Optuna study of its own in the one storage, since results of different lengths must not mix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from budgetnas.pipeline.controls import controls
from budgetnas.pipeline.prepare import Prepared
from budgetnas.pipeline.stages import Level
from budgetnas.records.levels import CONTROLS, FULL, rung_name
from budgetnas.records.trial import Candidate
from budgetnas.storage.database import Storage
from budgetnas.storage.study import Ranges, StudyStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """The levels of a search with their studies.

    Attributes:
        rungs: levels of the short trainings, shortest first.
        full: the level of the full trainings.
        control: the level of the controls, and of the winner beside them.
        rung_stores: one study a rung.
        fulls: the study of the full trainings; the facts of the whole search stand with it.
        controls: the study of the controls; None where none were asked for.
    """

    rungs: tuple[Level, ...]
    full: Level
    control: Level
    rung_stores: tuple[StudyStore, ...]
    fulls: StudyStore
    controls: StudyStore | None

    @property
    def first(self) -> StudyStore:
        """The study of the first rung, which holds every candidate."""
        return self.rung_stores[0]

    @property
    def stores(self) -> tuple[StudyStore, ...]:
        """All studies, from the first rung to the controls."""
        return (*self.rung_stores, self.fulls, *([self.controls] if self.controls else []))

    @property
    def tested(self) -> tuple[tuple[str, StudyStore], ...]:
        """The levels whose networks are tested in the end, with their studies."""
        return ((FULL, self.fulls), *([(CONTROLS, self.controls)] if self.controls else []))

    @property
    def last(self) -> int:
        """Index of the last rung."""
        return len(self.rungs) - 1


def make_ladder(
    prepared: Prepared, storage: Storage, fulls: StudyStore, *, guard: Callable[[], None] = lambda: None
) -> Ladder:
    """Open the studies of a search, those that are not there yet anew; `guard` is called before every write."""
    rungs = tuple(
        Level(
            name=rung_name(epochs),
            epochs=epochs,
            recipe=prepared.proxy,
            keeps_weights=False,
            subset=prepared.config.proxy.subset,
        )
        for epochs in prepared.rungs
    )

    def store(name: str, *others: Candidate) -> StudyStore:
        return StudyStore(storage, f"{prepared.name}/{name}", ranges_of(prepared, *others), guard=guard)

    return Ladder(
        rungs=rungs,
        full=Level(name=FULL, epochs=prepared.full_epochs, recipe=prepared.full, keeps_weights=True),
        control=Level(name=CONTROLS, epochs=prepared.full_epochs, recipe=prepared.full, keeps_weights=True),
        rung_stores=tuple(store(level.name) for level in rungs),
        fulls=fulls,
        controls=store(CONTROLS, *controls(prepared)) if prepared.config.evidence.controls else None,
    )


def ranges_of(prepared: Prepared, *others: Candidate) -> Ranges:
    """Return the fixed ranges of every parameter, wide enough for the seeded models and for `others`."""
    space = prepared.space
    ranges = Ranges(stages=space.stages, blocks=space.blocks, widths=space.widths)
    for candidate in (*prepared.seeds, *others):
        ranges = ranges.cover(candidate.spec)
    return ranges
