"""Any Optuna sampler under a budget: it proposes in its own in-memory study, and its proposals are repaired.

The study holds the history, so a proposal depends on nothing else. This suits samplers that use only the parameters and
values of trials (TPE, GP, random). Samplers with a state of their own, in themselves or in attributes of a study (grid,
QMC, CMA-ES, NSGA), start again with each proposal.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from budgetnas.arrays import IntArray, Stream, derived_seed
from budgetnas.samplers.history import History, Pool, first
from budgetnas.samplers.parameters import distributions, to_params, to_point
from budgetnas.space.members import Band
from budgetnas.space.protocol import Space, to_grid

MakeSampler = Callable[[int], BaseSampler]
_NAME = "mirror"


def optuna_sampler(name: str) -> MakeSampler:
    """Return a function from a seed to Optuna's sampler "tpe" or "random", with default settings."""
    if name == "random":
        return lambda seed: optuna.samplers.RandomSampler(seed=seed)
    return lambda seed: optuna.samplers.TPESampler(seed=seed)


class RepairedSampler:
    """Repairs an Optuna sampler's proposals into the band; proposes a random member where the result is not new.

    `make`, a function from a seed to the Optuna sampler, is called for each proposal.
    """

    def __init__(self, space: Space, band: Band, make: MakeSampler, *, seed: int) -> None:
        self._pool, self._mirror = Pool(space, band, seed=seed), _Mirror(space, make, seed=seed)

    def propose(self, history: History) -> IntArray | None:
        """Return the repaired proposal."""
        found = self._pool.repaired(self._mirror.ask(history), history)
        return found if found is not None else first(self._pool.unseen(history, 1))


class FreeSampler:
    """Passes on an Optuna sampler's proposals, including over-budget and repeated points, for comparison.

    `make`, a function from a seed to the Optuna sampler, is called for each proposal.
    """

    def __init__(self, space: Space, make: MakeSampler, *, seed: int) -> None:
        self._mirror = _Mirror(space, make, seed=seed)

    def propose(self, history: History) -> IntArray:
        """Return the proposal as a member of the space."""
        return self._mirror.ask(history)


class _Mirror:
    """An in-memory Optuna study with the trials of a history, extended where the history has only grown."""

    def __init__(self, space: Space, make: MakeSampler, *, seed: int) -> None:
        self._space, self._make, self._seed = space, make, seed
        self._distributions = distributions(space)
        self._begin()

    def _begin(self) -> None:
        self._storage = optuna.storages.InMemoryStorage()
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # the study is internal: no log line for it
        self._study_id = self._storage.create_new_study([StudyDirection.MAXIMIZE], _NAME)
        optuna.logging.set_verbosity(verbosity)
        self._ids: list[int] = []
        self._points: list[list[int]] = []
        self._pruned: list[bool] = []
        self._scores: list[float] = []  # NaN until known

    def ask(self, history: History) -> IntArray:
        """Return the sampler's proposal after this history, on the grid."""
        self._follow(history)
        sampler = self._make(derived_seed(self._seed, history.number, Stream.OPTUNA))
        trial = optuna.load_study(study_name=_NAME, storage=self._storage, sampler=sampler).ask(self._distributions)
        # A failed trial is invisible to samplers; the proposal's result comes with the next history.
        self._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        point: IntArray = to_grid(self._space, to_point(self._space, trial.params)[None])[0]
        return point

    def _follow(self, history: History) -> None:
        """Update the study to a history."""
        points, scores = history.points.tolist(), history.scores.tolist()
        scored = [i for i, score in enumerate(self._scores) if not math.isnan(score)]
        known = len(self._points)
        is_other = points[:known] != self._points or history.pruned[:known].tolist() != self._pruned
        if is_other or any(scores[i] != self._scores[i] for i in scored):
            self._begin()
        for i in range(len(self._points), len(points)):
            template = create_trial(
                state=TrialState.PRUNED if history.pruned[i] else TrialState.RUNNING,
                params=to_params(self._space, history.points[i]),
                distributions=self._distributions,
            )
            self._ids.append(self._storage.create_new_trial(self._study_id, template_trial=template))
            self._scores.append(math.nan)
        self._points, self._pruned = points, history.pruned.tolist()
        for i in np.flatnonzero(~np.isnan(history.scores) & np.isnan(self._scores)).tolist():
            self._storage.set_trial_state_values(self._ids[i], TrialState.COMPLETE, [scores[i]])
            self._scores[i] = scores[i]
