"""The ladder of a search: its levels from the first rung to the controls, with their studies.

Each level is its own Optuna study in the same storage, since results of different lengths must not mix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from budgetnas.config.recipe import Recipe
from budgetnas.evidence.scores import SCORES
from budgetnas.exceptions import StudyMismatchError
from budgetnas.pipeline.level import StudyLevel
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.space.parameters import Ranges
from budgetnas.storage.database import Storage
from budgetnas.storage.study import StudyStore, metric_name
from budgetnas.trials.trial import CONTROLS, RANDOM, Trial, rung_name


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """The levels of a search.

    Attributes:
        rungs: the short trainings, shortest first.
        full: the full trainings; the facts of the whole search are kept in their study.
        controls: the controls, and the winner again; None without controls.
        random: full trainings of random networks that cost as much as the search; None without this control.
    """

    rungs: tuple[StudyLevel, ...]
    full: StudyLevel
    controls: StudyLevel | None
    random: StudyLevel | None = None

    @property
    def first(self) -> StudyStore:
        """The study of the first rung, which holds every candidate."""
        return self.rungs[0].store

    @property
    def fulls(self) -> StudyStore:
        """The study of the full trainings."""
        return self.full.store

    @property
    def levels(self) -> tuple[StudyLevel, ...]:
        """All levels, from the first rung to the controls."""
        random = [self.random] if self.random else []
        return (*self.rungs, self.full, *random, *([self.controls] if self.controls else []))

    @property
    def searched(self) -> list[Trial]:
        """The trials of the search itself: of every rung, and the full trainings."""
        return [trial for level in (*self.rungs, self.full) for trial in level.store.trials]

    @property
    def tested(self) -> tuple[StudyLevel, ...]:
        """The levels whose networks are tested in the end."""
        return (self.full, *([self.controls] if self.controls else []))

    @property
    def last(self) -> int:
        """Index of the last rung."""
        return len(self.rungs) - 1

    def level(self, name: str) -> StudyLevel:
        """Return the level of this name."""
        return next(level for level in self.levels if level.name == name)


def metric_of(prepared: PreparedStudy) -> str:
    """Return the name under which optuna-dashboard shows the scores of a study; higher is better."""
    score = SCORES[prepared.config.search.score]
    return metric_name(score.words if score.is_share else f"negative {score.words}")


def make_ladder(
    prepared: PreparedStudy, storage: Storage, fulls: StudyStore, *, guard: Callable[[], None] = lambda: None
) -> Ladder:
    """Open the studies of a search, and create those that do not exist; `guard` is called before every write."""
    with_controls = prepared.ranges.cover(*(control.spec for control in prepared.controls))

    def store(name: str, ranges: Ranges) -> StudyStore:
        return StudyStore(storage, f"{prepared.name}/{name}", ranges, metric=metric_of(prepared), guard=guard)

    def level(store: StudyStore, recipe: Recipe, epochs: int, *, is_short: bool = False) -> StudyLevel:
        return StudyLevel(
            name=store.name.rpartition("/")[2],
            store=store,
            folder=prepared.folder,
            setting=prepared.setting,
            recipe=recipe,
            epochs=epochs,
            seed=prepared.config.search.seed,
            score=prepared.config.search.score,
            cap=prepared.cap,
            cost=prepared.cost,
            keeps_weights=not is_short,
            subset=prepared.config.proxy.subset if is_short else None,
        )

    short, full, epochs = prepared.proxy, prepared.full, prepared.full_epochs
    evidence = prepared.config.evidence
    return Ladder(
        rungs=tuple(level(store(rung_name(n), prepared.ranges), short, n, is_short=True) for n in prepared.rungs),
        full=level(fulls, full, epochs),
        controls=_refit(prepared, fulls, level(store(CONTROLS, with_controls), full, epochs))
        if evidence.compares
        else None,
        random=level(store(RANDOM, prepared.ranges), full, epochs) if evidence.random_control else None,
    )


def _refit(prepared: PreparedStudy, fulls: StudyStore, controls: StudyLevel) -> StudyLevel:
    """Return the controls with the images that they learn from.

    Raises:
        StudyMismatchError: some of them have learned from others.
    """
    before, asked = bool(fulls.facts.refit), prepared.config.evidence.refit
    if controls.store.trials and before != asked:
        words = {True: "true", False: "false"}
        raise StudyMismatchError(
            f"is {words[asked]}, but `{prepared.name}` has trained its winner and controls with {words[before]}, and "
            f"they are compared only if all learn from the same images: use `evidence.refit={words[before]}`.",
            argument="evidence.refit",
        )
    return replace(controls, learns_from="all") if asked else controls
