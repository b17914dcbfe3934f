"""A study in an Optuna storage: trials in, frozen facts out, and copies of it. Only the driver writes here.

Every trial is created in one transaction with all its parameters and facts, so a killed driver leaves a whole trial or
none. Over-budget candidates are PRUNED, because the dashboard picks its best trial among all that are COMPLETE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import optuna
from optuna.distributions import IntDistribution
from optuna.storages import BaseStorage, InMemoryStorage

from budgetnas.space.parameters import Ranges
from budgetnas.storage.database import existing_storage, study_names, translated
from budgetnas.storage.lease import leased
from budgetnas.storage.record import read_trial, write_candidate
from budgetnas.trials.facts import Look, RunFacts, TrialFacts
from budgetnas.trials.trial import Candidate, Trial, TrialState

_METRIC_NAMES = "study:metric_names"  # where `Study.set_metric_names`, which warns that it is experimental, keeps them


def metric_name(score: str = "accuracy", *, split: str = "validation") -> str:
    """Return the name under which optuna-dashboard shows the score of a training on a split.

    >>> metric_name()
    'validation accuracy'
    """
    return f"{split} {score}"


class StudyStore:
    """One Optuna study as a list of trials.

    Every method raises a StorageError in place of an error of the database.

    Args:
        storage: from `open_storage`.
        name: the study's name in the storage.
        ranges: of its parameters.
        metric: name of what its trials are scored by, for people; a study of an older version gets it, too.
        guard: called before every write; raises if this driver must not write any more.
    """

    def __init__(
        self,
        storage: BaseStorage,
        name: str,
        ranges: Ranges,
        *,
        metric: str = metric_name(),
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._guard = guard
        self._storage = storage
        self._ranges = ranges
        with translated(name):
            optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
            self._study_id = storage.get_study_id_from_name(name)
            if storage.get_study_system_attrs(self._study_id).get(_METRIC_NAMES) != [metric]:
                guard()
                storage.set_study_system_attr(self._study_id, _METRIC_NAMES, [metric])
            self._trials = [_from_optuna(frozen) for frozen in storage.get_all_trials(self._study_id, deepcopy=False)]

    @property
    def trials(self) -> Sequence[Trial]:
        """All trials by number."""
        return self._trials

    @property
    def facts(self) -> RunFacts:
        """The facts of the study as a whole."""
        with translated(self.name):
            return RunFacts.from_json(self._storage.get_study_user_attrs(self._study_id))

    def record(self, change: RunFacts) -> None:
        """Record facts of the study as a whole; facts that `change` leaves out stay as they are."""
        self._guard()
        with translated(self.name):
            for key, value in change.to_json().items():
                self._storage.set_study_user_attr(self._study_id, key, value)

    def add(self, candidate: Candidate, *, state: TrialState, facts: TrialFacts) -> Trial:
        """Create the next trial with all its facts, as RUNNING or already PRUNED."""
        self._guard()
        template = optuna.trial.create_trial(
            state=optuna.trial.TrialState[state.value],
            params=self._ranges.values(candidate.spec),
            distributions={name: IntDistribution(*limits) for name, limits in self._ranges.limits().items()},
            user_attrs={**write_candidate(candidate), **facts.to_json()},
        )
        with translated(self.name):
            trial_id = self._storage.create_new_trial(self._study_id, template_trial=template)
            return self._refresh(self._storage.get_trial_number_from_id(trial_id))

    def restart(self, number: int) -> None:
        """Mark an unfinished trial as RUNNING."""
        if self._trials[number].state is not TrialState.RUNNING:
            self._change(number, TrialState.RUNNING)

    def release(self, number: int) -> None:
        """Mark a trial as WAITING for the next driver, unless an interrupted write has already finished it."""
        with translated(self.name):
            finished = self._refresh(number).state.is_finished
        if not finished:
            self._change(number, TrialState.WAITING)

    def report(self, number: int, epoch: int, score: float) -> None:
        """Record one epoch of a running trial's learning curve."""
        self._guard()
        with translated(self.name):
            self._storage.set_trial_intermediate_value(self._trial_id(number), epoch, score)

    def fill(self, number: int, curve: Mapping[int, float]) -> None:
        """Record the missing epochs of a running trial's learning curve."""
        with translated(self.name):
            known = self._storage.get_trial(self._trial_id(number)).intermediate_values
        for epoch in sorted(set(curve) - set(known)):
            self.report(number, epoch, curve[epoch])

    def finish(self, number: int, score: float, facts: TrialFacts) -> Trial:
        """End a trial as COMPLETE with its score and further facts."""
        return self._change(number, TrialState.COMPLETE, [score], facts)

    def fail(self, number: int, reason: str, *, diverged: bool = False) -> Trial:
        """End a trial as FAIL with its reason, and whether its training diverged."""
        return self._change(number, TrialState.FAIL, None, TrialFacts(reason=reason, diverged=diverged))

    def _change(
        self,
        number: int,
        state: TrialState,
        values: list[float] | None = None,
        facts: TrialFacts | None = None,
    ) -> Trial:
        self._guard()
        with translated(self.name):
            trial_id = self._trial_id(number)
            for key, value in (facts.to_json() if facts else {}).items():
                self._storage.set_trial_user_attr(trial_id, key, value)
            self._storage.set_trial_state_values(trial_id, optuna.trial.TrialState[state.value], values)
            return self._refresh(number)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _refresh(self, number: int) -> Trial:
        trial = _from_optuna(self._storage.get_trial(self._trial_id(number)))
        self._trials[number : number + 1] = [trial]
        return trial


def read_study(storage: BaseStorage, name: str) -> tuple[Sequence[Trial], RunFacts]:
    """Return the trials and the facts of a study; nothing is written.

    Raises:
        StorageError: the study does not exist, or another program made it.
    """
    with translated(name):
        study_id = storage.get_study_id_from_name(name)
        trials = [_from_optuna(frozen) for frozen in storage.get_all_trials(study_id, deepcopy=False)]
        return trials, RunFacts.from_json(storage.get_study_user_attrs(study_id))


def record_look(storage: BaseStorage, name: str, key: str, read: Callable[[], Look]) -> tuple[Look, int]:
    """Return a look at the test set, which is made and recorded unless it was, and the number of all looks.

    Args:
        storage: of the study.
        name: of the study that keeps the looks, held for this process alone meanwhile.
        key: of the look, with the hash of what is tested.
        read: looks.

    Raises:
        StorageError: a driver holds the study, or it cannot be written.
    """
    with leased(storage, name, what=name) as lease, translated(name):
        study_id = storage.get_study_id_from_name(name)
        looks = dict(RunFacts.from_json(storage.get_study_user_attrs(study_id)).looks or {})
        if key not in looks:
            looks[key] = read()
            lease.check()
            for attribute, value in RunFacts(looks=looks).to_json().items():
                storage.set_study_user_attr(study_id, attribute, value)
        return looks[key], len(looks)


def _from_optuna(frozen: optuna.trial.FrozenTrial) -> Trial:
    return read_trial(
        number=frozen.number,
        state=frozen.state.name,
        value=frozen.value,
        curve=frozen.intermediate_values,
        attrs=frozen.user_attrs,
    )


def copied(url: str | None, run: str) -> BaseStorage:
    """Return a copy, in memory, of the studies of a run.

    Args:
        url: address of their storage; None for an empty copy.
        run: name of the run, whose studies are `RUN/..`.

    Raises:
        StorageError: the address is malformed, cannot be reached, or holds another kind of database.
    """
    memory = InMemoryStorage()
    source = existing_storage(url) if url else None
    if source is not None:
        with translated(run):
            for name in study_names(source):
                if name.startswith(f"{run}/"):
                    optuna.copy_study(from_study_name=name, from_storage=source, to_storage=memory)
    return memory


def add_finished(source: BaseStorage, before: str, target: BaseStorage, after: str) -> int:
    """Copy the trials of a study that another does not have yet, up to the first one that has not finished.

    Args:
        source: storage of the study to copy from.
        before: name of that study.
        target: storage of the study to extend, which is created if missing.
        after: name of that study.

    Returns:
        The number of trials of the extended study.

    Raises:
        StorageError: one of the studies cannot be read or written.
    """
    with translated(after):
        study = optuna.create_study(storage=target, study_name=after, direction="maximize", load_if_exists=True)
        trials = source.get_all_trials(source.get_study_id_from_name(before), deepcopy=False)
        number = len(study.get_trials(deepcopy=False))
        while number < len(trials) and trials[number].state.is_finished():
            study.add_trial(trials[number])
            number += 1
        return number
