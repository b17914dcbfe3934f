"""The trials of a level: proposed by a sampler, or listed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from budgetnas.arrays import derived_seed
from budgetnas.pipeline.early import decide_early, early_scores, is_hopeless, planned_early, stops_hopeless
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.level import Level, P, PlannedTraining, diverged
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.samplers.history import History, history, is_ready
from budgetnas.samplers.joint_thompson import JointThompsonSampler
from budgetnas.samplers.samplers import Sampler
from budgetnas.trials.facts import RunFacts, TrialFacts
from budgetnas.trials.trial import Trial, TrialState, counted


class TrialSource(ABC):
    """Gives the trials of one level.

    Attributes:
        level: of the trials.
    """

    level: Level[Any]

    @abstractmethod
    def total(self) -> int:
        """Count the trainings that the level will have in all, failed ones aside."""

    @abstractmethod
    def epochs(self) -> int:
        """Count the epochs of all these trainings."""

    @abstractmethod
    def upcoming(self, running: int) -> Trial | None:
        """Create and return the next trial; None when nothing can start now, or ever."""

    def wants(self, trial: Trial) -> bool:
        """Return whether to resume a trial that an earlier driver left unfinished."""
        return True

    def ended(self, trial: Trial) -> None:
        """Remove what only an unfinished training needs, now that the trial is COMPLETE or FAIL in the storage."""
        if self.level.is_over(trial):
            self.level.clear(trial)


class ProposedTrials(TrialSource):
    """Seeded models first, then proposals: over-budget candidates are pruned, the others trained shortly.

    In a study that trains by gain, it has nothing upcoming while full trainings that it has decided on are left.

    Attributes:
        level: of the short trainings.
        exhausted: whether the sampler had nothing left to propose.
        is_hopeless: whether a new network was unlikely to be shown better, and the study stops then.
    """

    def __init__(self, prepared: PreparedStudy, ladder: Ladder, sampler: Sampler) -> None:
        self.level, self.exhausted = ladder.rungs[0], False
        self.is_hopeless = stops_hopeless(prepared, ladder)
        self._prepared, self._ladder, self._sampler = prepared, ladder, sampler

    def _decides(self, view: History) -> bool:
        """Return whether something else than the next short training is due: full trainings, or the end."""
        prepared, sampler = self._prepared, self._sampler
        asks = prepared.is_by_gain or prepared.config.search.stop == "hopeless"
        found = sampler.outlook(view) if asks and isinstance(sampler, JointThompsonSampler) else None
        if found is None:
            return False
        outlook, places = found
        if prepared.config.search.stop == "hopeless" and is_hopeless(prepared, outlook, view.number):
            self.level.store.record(RunFacts(hopeless=True))
            self.is_hopeless = True
            return True
        return prepared.is_by_gain and decide_early(prepared, self._ladder, outlook, places, view.number)

    @property
    def early_left(self) -> list[PlannedTraining]:
        """Full trainings that were decided on and have not ended."""
        ended = {trial.root for trial in self._ladder.fulls.trials if trial.state.is_finished and not trial.repeat}
        return [one for one in planned_early(self._ladder) if one.parent not in ended]

    def total(self) -> int:
        """Count the trainings that the search asks for."""
        return self._prepared.config.search.trials

    def epochs(self) -> int:
        """Count the epochs of all these trainings."""
        return self.total() * self.level.epochs

    def upcoming(self, running: int) -> Trial | None:
        """Count candidates and prune them until one fits; create its trial."""
        if self.is_hopeless or self.early_left:
            return None
        prepared, store = self._prepared, self.level.store
        search = prepared.config.search
        while counted(store.trials, over_budget=search.over_budget) + running < search.trials:
            number = len(store.trials)
            seeded = number < len(prepared.seeds)
            if seeded:
                candidate = prepared.seeds[number]
            elif not is_ready(store.trials, number, search.batch):
                return None
            else:
                full = early_scores(self._ladder) if prepared.learns_jointly else None
                view = history(store.trials, number, search.batch, encode=prepared.space.encode, full=full)
                if number % search.batch == 0 and self._decides(view):
                    return None
                point = self._sampler.propose(view)
                if point is None:
                    self.exhausted = True
                    store.record(RunFacts(exhausted=True))
                    return None
                candidate = prepared.candidate(prepared.space.decode(point), search.sampler)
            reason = prepared.budget.reason(candidate)
            trial = store.add(
                candidate,
                state=TrialState.PRUNED if reason else TrialState.RUNNING,
                facts=TrialFacts(
                    seeded=seeded,
                    seed=derived_seed(search.seed, int.from_bytes(b"proxy"), number, 0, 0),
                    utilisation=prepared.utilisation(candidate),
                    reason=reason or None,
                ),
            )
            if not reason:
                return trial
        return None

    def ended(self, trial: Trial) -> None:
        """Remove the states of a trial, also of one that failed: another number takes its place."""
        self.level.clear(trial)


class ListedTrials(TrialSource):
    """Trainings that were decided on beforehand; finished ones are kept and not run again.

    Args:
        level: of the trainings.
        planned: the trainings.
        others: whether to resume, too, what an earlier driver started and `planned` does not list.
    """

    def __init__(self, level: Level[P], planned: Sequence[P], *, others: bool = True) -> None:
        self.level = level
        self._todo: list[Any] = level.missing(planned)
        self._wanted = None if others else {level.key(one) for one in planned}

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to train."""
        return not self._todo and all(t.state.is_finished or not self.wants(t) for t in self.level.store.trials)

    def total(self) -> int:
        """Count the trainings that the level will have in all, failed ones aside."""
        return len(self._all())

    def epochs(self) -> int:
        """Count the epochs of all these trainings."""
        return sum(map(self.level.length, self._all()))

    def _all(self) -> list[Any]:
        kept = [trial for trial in self.level.store.trials if trial.state is not TrialState.FAIL]
        return [trial for trial in kept if trial.state.is_finished or self.wants(trial)] + self._todo

    def upcoming(self, running: int) -> Trial | None:
        """Create the trial of the next training."""
        if not self._todo:
            return None
        planned, level = self._todo.pop(0), self.level
        attempt = [level.key(trial) for trial in level.store.trials if diverged(trial)].count(level.key(planned))
        return level.store.add(planned.candidate, state=TrialState.RUNNING, facts=level.facts(planned, attempt))

    def wants(self, trial: Trial) -> bool:
        """Return whether to resume a trial that an earlier driver left unfinished."""
        return self._wanted is None or self.level.key(trial) in self._wanted
