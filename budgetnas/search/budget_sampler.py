"""Every sampler of this package as a sampler of a plain Optuna study."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from budgetnas.exceptions import BudgetNASError, UsageError
from budgetnas.search.distributions import distributions, to_params, to_point
from budgetnas.search.history import History
from budgetnas.search.recommend import recommend
from budgetnas.search.repaired import MakeSampler, RepairedSampler
from budgetnas.search.samplers import SamplerName, make_sampler
from budgetnas.space.band import choose_band
from budgetnas.space.index import make_index
from budgetnas.space.protocol import Space

IntArray = npt.NDArray[np.int64]
_POINT = "budgetnas:point"
_WANTED = 1_000


class BudgetSampler(BaseSampler):
    """Proposes only networks that fit the budget and that no trial of the study has had.

    Give it to `optuna.create_study`, and call `suggest(trial, space)` in the objective. Parameters beside those of the
    space are drawn at random. With several threads or processes on one study no network is proposed twice.

    Args:
        space: what to choose from.
        max_params: cap on trainable parameters.
        max_macs: cap on multiply-accumulates for one image; None for no cap.
        sampler: "thompson", "evolution", "random", "tpe", or a function from a seed to any Optuna sampler whose
            proposals are to be repaired.
        min_utilisation: proposals have at least this share of the params of the largest network that fits; lowered by
            0.1 at a time until there are 1,000 of them or all that fit.
        seed: of everything random.

    Raises:
        InfeasibleBudgetError: nothing of the space fits.
    """

    def __init__(
        self,
        space: Space,
        *,
        max_params: int,
        max_macs: int | None = None,
        sampler: SamplerName | MakeSampler = "thompson",
        min_utilisation: float = 0.8,
        seed: int = 0,
    ) -> None:
        index = make_index(space, max_macs=max_macs)
        self.space, self.seed = space, seed
        self.band = choose_band(index, max_params, min_utilisation=min_utilisation, wanted=_WANTED)
        if callable(sampler):
            self._sampler: Any = RepairedSampler(space, self.band, sampler, seed=seed)
        else:
            self._sampler = make_sampler(sampler, space, self.band, seed=seed)
        self._others = optuna.samplers.RandomSampler(seed=seed)
        self._lock = threading.Lock()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the fixed ranges of the space's dimensions."""
        return distributions(self.space)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose a network, knowing every other trial.

        Raises:
            BudgetNASError: every network of the band was proposed.
            UsageError: the study has more than one objective.
        """
        if len(study.directions) != 1:
            raise UsageError(f"`directions` has {len(study.directions)} objectives, but BudgetSampler knows one.")
        while True:
            with self._lock:
                point = self._sampler.propose(self.history(study, trial.number))
                if point is None:
                    raise BudgetNASError(f"all {len(self.band):,} networks of the band were proposed: end the study.")
                study._storage.set_trial_system_attr(trial._trial_id, _POINT, point.tolist())
            # Another process may have proposed the same meanwhile: whoever sees that proposes again.
            if not (self.history(study, trial.number).points == point).all(axis=1).any():
                return to_params(self.space, point)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw a parameter that is not of the space at random."""
        return self._others.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """End `study.optimize` when the band holds nothing new."""
        if self.band.is_exact and trial.number + 1 >= len(self.band):
            points = self.history(study).points
            if len(np.unique(points, axis=0)) >= len(self.band):
                with contextlib.suppress(RuntimeError):  # outside `optimize` the next ask says so
                    study.stop()

    def history(self, study: optuna.Study, number: int | None = None) -> History:
        """Return what a study holds of all trials but number `number`, which is to be proposed."""
        sign = 1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else -1
        trials = study.get_trials(deepcopy=False)
        points, scores, pruned = [], [], []
        for trial in trials:
            if trial.number == number or not (point := self._point(trial)):
                continue
            is_complete = trial.state is TrialState.COMPLETE
            points.append(point)
            scores.append(sign * trial.values[0] if is_complete and trial.values else np.nan)
            pruned.append(trial.state is TrialState.PRUNED)
        return History(
            number=len(trials) if number is None else number,
            points=np.array(points, dtype=np.int64).reshape(len(points), len(self.space.dimensions)),
            scores=np.array(scores, dtype=np.float64),
            pruned=np.array(pruned, dtype=bool),
        )

    def best(self, study: optuna.Study) -> tuple[FrozenTrial, FrozenTrial]:
        """Return the finished trial to trust, by posterior mean, and the one of the best value observed."""
        complete = [trial for trial in study.get_trials(deepcopy=False) if trial.state is TrialState.COMPLETE]
        points = np.array([self._point(trial) for trial in complete], dtype=np.int64)
        sign = 1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else -1
        trusted = recommend(self.space, points, np.array([sign * trial.values[0] for trial in complete]))
        return complete[int(trusted.argmax())], study.best_trial

    def _point(self, trial: FrozenTrial) -> list[int] | None:
        """Return a trial's point: what was proposed, or what its parameters say if it was enqueued."""
        if _POINT in trial.system_attrs:
            return list(trial.system_attrs[_POINT])
        if all(dimension.name in trial.params for dimension in self.space.dimensions):
            return list(map(int, to_point(self.space, trial.params)))
        return None


def suggest(trial: optuna.Trial, space: Space) -> IntArray:
    """Suggest every dimension of the space; return the point [D], which `space.decode` takes."""
    params = {name: trial._suggest(name, distribution) for name, distribution in distributions(space).items()}
    return to_point(space, params)
