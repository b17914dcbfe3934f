"""The samplers of this package for a plain Optuna study."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from budgetnas.arch.device import Precision
from budgetnas.arrays import IntArray, derived_seed
from budgetnas.budget import Budget
from budgetnas.exceptions import BudgetNASError, UsageError
from budgetnas.samplers.history import History
from budgetnas.samplers.macs_prior import prior_of, usual_macs
from budgetnas.samplers.parameters import (
    check_enqueued,
    check_read,
    distributions,
    has_network,
    has_value,
    to_params,
    to_point,
)
from budgetnas.samplers.repaired import MakeSampler, RepairedSampler
from budgetnas.samplers.rules import Rule
from budgetnas.samplers.samplers import SamplerName, make_sampler
from budgetnas.space.band import choose_band, make_index
from budgetnas.space.members import Members, cost
from budgetnas.space.protocol import Space, is_member, on_grid
from budgetnas.text import plural

_POINT = "budgetnas:point"
_WANTED = 1_000


class BandExhaustedError(BudgetNASError, optuna.TrialPruned):
    """Every network of the band was proposed. Inside `study.optimize` the trial is pruned and the study stops."""


class BudgetSampler(BaseSampler):
    """Proposes only networks that fit the budget and are new to the study.

    Give it to `optuna.create_study`, and call `suggest(trial, space)` in the objective. Parameters outside the space
    are drawn at random. No network is proposed twice, also with several threads or processes on one study.

    A network over a cap can only be enqueued. It is trained as requested, but the sampler ignores its score, `best`
    never returns it, and Optuna treats it as infeasible, so `study.best_trial` does not return it either.

    >>> from budgetnas import ResNetSpace
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> space = ResNetSpace(stages=(1, 2), widths=(16, 64))
    >>> sampler = BudgetSampler(space, max_params=100_000, sampler="random")
    >>> study = optuna.create_study(direction="maximize", sampler=sampler)
    >>> study.optimize(lambda trial: sum(space.decode(suggest(trial, space)).blocks), n_trials=20)
    >>> max(space.params(sampler.history(study).points)) <= 100_000
    np.True_

    Args:
        space: the search space.
        max_params: cap on trainable parameters; None for no cap.
        max_macs: cap on multiply-accumulates for one image; None for no cap.
        max_bytes: cap on the bytes of the exported file; None for no cap.
        max_memory: cap on the bytes of tensors while one image runs through a network; None for no cap.
        weights: precision of weights and tensors that these two are for: "fp32", "fp16" or "int8".
        sampler: "thompson", "evolution", "random", "tpe", or a function from a seed to any Optuna sampler, whose
            proposals are repaired.
        min_utilisation: proposals have at least this share of the params, or bytes, of the largest network that fits,
            whichever cap binds. It is lowered in steps of 0.1 until 1,000 networks, or all that fit, are in the band.
        macs_prior: whether "thompson" and `best` expect, before any score, that up to a point more MACs help. A space
            without MACs has no such prior.
        seed: seed of all random numbers.

    Raises:
        InfeasibleBudgetError: no network of the space fits.
    """

    def __init__(
        self,
        space: Space,
        *,
        max_params: int | None = None,
        max_macs: int | None = None,
        max_bytes: int | None = None,
        max_memory: int | None = None,
        weights: Precision = "fp32",
        sampler: SamplerName | MakeSampler = "thompson",
        min_utilisation: float = 0.8,
        macs_prior: bool = True,
        seed: int = 0,
    ) -> None:
        self.space, self.seed = space, seed
        self.budget = Budget(
            max_params=max_params, max_macs=max_macs, max_bytes=max_bytes, max_memory=max_memory, weights=weights
        )
        index = make_index(space, budget=self.budget)
        self.band = choose_band(index, self.budget, min_utilisation=min_utilisation, wanted=_WANTED)
        prior = prior_of([(self.band.high, usual_macs(self.band))]) if macs_prior else None
        self._rule = Rule(prior=prior)
        if callable(sampler):
            self._sampler: Any = RepairedSampler(space, self.band, sampler, seed=seed)
        else:
            self._sampler = make_sampler(sampler, space, self.band, seed=seed, rule=self._rule)
        self._lock = threading.Lock()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the fixed distributions of the space's dimensions."""
        return distributions(self.space)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose a network, given all other trials.

        Raises:
            BandExhaustedError: every network of the band was proposed.
            UsageError: the study has several objectives, or the trial was enqueued with only a part of a network.
        """
        _check_objectives(study)
        if has_network(self.space, _fixed(trial)):
            return {}
        while True:
            with self._lock:
                point = self._sampler.propose(self.history(study, trial.number))
                if point is None:
                    _stop(study)
                    raise BandExhaustedError(
                        f"all {len(self.band):,} networks of the band were proposed: end the study."
                    )
                study._storage.set_trial_system_attr(trial._trial_id, _POINT, point.tolist())
            # If another process has proposed the same network meanwhile, propose again.
            if not (self.history(study, trial.number).points == point).all(axis=1).any():
                return to_params(self.space, point)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw a parameter outside the space at random, seeded by the study's seed, the trial's number and its name."""
        seed = derived_seed(self.seed, trial.number, int.from_bytes(param_name.encode()))
        return RandomSampler(seed=seed).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Mark a network over a cap as infeasible, and stop `study.optimize` when the band has nothing new.

        Raises:
            UsageError: an enqueued parameter was never suggested.
        """
        for member in self._networks([trial])[1]:
            for cap, excess in self.budget.excess(member).items():
                if cap not in trial.constraints:
                    optuna.Trial(study, trial._trial_id).set_constraint(cap, excess)
        points = np.unique(self.history(study).points, axis=0)
        if self.band.is_exact and len(points) >= len(self.band):
            members = cost(self.space, points, self.budget)
            inside = (members.by(self.band.cost) >= self.band.low) & self.band.budget.mask(members)
            if (inside & on_grid(self.space, points)).sum() >= len(self.band):
                _stop(study)
        if (fixed := _fixed(trial)) and state is TrialState.COMPLETE:
            check_read(self.space, fixed, _suggested(study))

    def history(self, study: optuna.Study, number: int | None = None) -> History:
        """Return the history of a study without trial `number`, which is to be proposed.

        A network over a cap counts as pruned and has no score, as in a search: it is not proposed again and has no
        offspring.
        """
        _check_objectives(study)
        trials = [trial for trial in _trials(study) if trial.number != number]
        networks, members = self._networks(trials)
        fits = self.budget.mask(members)
        scores = np.array([_score(study, trial) for trial in networks], dtype=np.float64)
        return History(
            number=len(trials) if number is None else number,
            points=members.points,
            scores=np.where(fits, scores, np.nan),
            pruned=np.array([trial.state is TrialState.PRUNED for trial in networks], dtype=bool) | ~fits,
        )

    def best(self, study: optuna.Study) -> tuple[FrozenTrial, FrozenTrial]:
        """Return the finished trial of the best posterior mean, and the one of the best observed value.

        Only networks within all caps count, also if another sampler proposed them.

        Raises:
            UsageError: no trial of the space has finished with a finite value, or none of the finished networks fits.
        """
        _check_objectives(study)
        networks, members = self._networks(_trials(study))
        scores = np.array([_score(study, trial) for trial in networks], dtype=np.float64)
        finished = np.flatnonzero(~np.isnan(scores))
        fits = self.budget.mask(members)
        rows = [row for row in map(int, finished) if fits[row]]
        if not len(finished):
            raise UsageError(f"`{study.study_name}` has no finished trial of this space: train some networks first.")
        if not rows:
            raise UsageError(
                f"`{study.study_name}` has {plural(len(finished), 'finished network')}, but none fits {self.budget}: "
                "train some that do, or raise the cap."
            )
        trusted = self._rule.recommend(self.space, members.points[rows], scores[rows])
        return networks[rows[int(trusted.argmax())]], networks[rows[int(scores[rows].argmax())]]

    def _networks(self, trials: Sequence[FrozenTrial]) -> tuple[list[FrozenTrial], Members]:
        """Return the trials that have a network of the space, and their networks."""
        found = [(trial, point) for trial in trials if (point := self._point(trial))]
        points = np.array([point for _, point in found], dtype=np.int64).reshape(-1, len(self.space.dimensions))
        if not found:  # a user's space may fail on zero points
            none = np.zeros(0, dtype=np.int64)
            return [], Members(points=points, params=none, macs=none, bytes=none, memory=none)
        # An enqueued point may not be canonical: it may give a width to an absent stage.
        gridded = np.flatnonzero(on_grid(self.space, points))
        for row in gridded[~is_member(self.space, points[gridded])]:
            pair = np.stack([points[row], self.space.canonical(points[row : row + 1])[0]])
            if len(np.unique(self.space.features(pair), axis=0)) == 1:
                points[row] = pair[1]
        members = cost(self.space, points, self.budget)
        return [trial for trial, _ in found], members

    def _point(self, trial: FrozenTrial) -> list[int] | None:
        """Return a trial's point by its parameters, or the proposed one while they are not all suggested."""
        params = {**_fixed(trial), **trial.params}
        if all(dimension.name in params for dimension in self.space.dimensions):
            is_network = all(has_value(dimension, params[dimension.name]) for dimension in self.space.dimensions)
            return list(map(int, to_point(self.space, params))) if is_network else None
        return list(trial.system_attrs[_POINT]) if _POINT in trial.system_attrs else None


def _check_objectives(study: optuna.Study) -> None:
    if len(study.directions) != 1:
        raise UsageError(f"has {len(study.directions)} objectives, but BudgetSampler knows one.", argument="directions")


def _fixed(trial: FrozenTrial) -> dict[str, Any]:
    """Return the parameters enqueued with a trial, by name."""
    return dict(trial.system_attrs.get("fixed_params", {}))


def _trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return every trial; a pruner may show a sampler only a part of the study."""
    return study._storage.get_all_trials(study._study_id, deepcopy=False)


def _suggested(study: optuna.Study) -> set[str]:
    """Return the names of all parameters that any trial has suggested."""
    return {name for trial in _trials(study) for name in trial.params}


def _score(study: optuna.Study, trial: FrozenTrial) -> float:
    """Return a trial's value, higher is better; NaN unless it is COMPLETE and finite."""
    if trial.state is not TrialState.COMPLETE or not trial.values or not np.isfinite(trial.values[0]):
        return float("nan")
    value = float(trial.values[0])
    return value if study.direction == StudyDirection.MAXIMIZE else -value


def _stop(study: optuna.Study) -> None:
    with contextlib.suppress(RuntimeError):  # raised outside `optimize`
        study.stop()


def suggest(trial: optuna.Trial, space: Space) -> IntArray:
    """Suggest every dimension of the space; return the point [D] for `space.decode`.

    Raises:
        UsageError: an enqueued parameter is misspelt, or its value is not in its dimension.
    """
    if fixed := getattr(trial, "_fixed_params", {}):
        check_enqueued(space, fixed, suggested=_suggested(trial.study))
    params = {name: trial._suggest(name, distribution) for name, distribution in distributions(space).items()}
    return to_point(space, params)
