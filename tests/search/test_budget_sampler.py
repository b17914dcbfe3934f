"""The samplers in a plain Optuna study."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import optuna
import pytest

from budgetnas.exceptions import BudgetNASError, InfeasibleBudgetError, UsageError
from budgetnas.search.budget_sampler import BudgetSampler, suggest
from budgetnas.space.resnet import ResNetSpace

_spec = importlib.util.spec_from_file_location("spaces", Path(__file__).parent / "spaces.py")
spaces = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(spaces)

COMPLETE = optuna.trial.TrialState.COMPLETE
SPACE = ResNetSpace(stages=(1, 2), blocks=(1, 3), widths=(8, 64))


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def objective(trial, space=SPACE):
    point = suggest(trial, space)
    trial.set_user_attr("params", int(space.params(point[None])[0]))
    trial.set_user_attr("spec", str(space.decode(point)))
    if trial.number % 7 == 3:
        raise optuna.TrialPruned
    return float(np.log2(space.params(point[None])[0])) + trial.suggest_float("noise", 0, 0.1)


@pytest.mark.parametrize("sampler", ["thompson", "evolution", "random", "tpe", optuna.samplers.RandomSampler])
def test_a_plain_study_trains_only_what_fits_and_nothing_twice(sampler):
    study = optuna.create_study(
        direction="maximize", sampler=BudgetSampler(SPACE, max_params=60_000, sampler=sampler, seed=1)
    )
    study.optimize(objective, n_trials=20)
    assert len({trial.user_attrs["spec"] for trial in study.trials}) == 20
    assert all(trial.user_attrs["params"] <= 60_000 for trial in study.trials)
    assert all(0 <= trial.params["noise"] <= 0.1 for trial in study.get_trials(states=[COMPLETE]))


def test_enqueued_networks_are_known_and_categories_have_labels():
    space = spaces.Cells()
    sampler = BudgetSampler(space, max_params=20_000, seed=0)
    study = optuna.create_study(direction="minimize", sampler=sampler)
    study.enqueue_trial({"op0": "3x3", "op1": "none", "op2": "skip", "op3": "1x1", "width": 32})
    study.optimize(lambda trial: -float(space.params(suggest(trial, space)[None])[0]), n_trials=15)
    history = sampler.history(study)
    assert history.points[0].tolist() == [3, 0, 1, 2, 32]
    assert history.scores.min() > 0
    assert len(np.unique(history.points, axis=0)) == 15
    trusted, observed = sampler.best(study)
    assert observed == study.best_trial
    assert trusted.value <= np.median([trial.value for trial in study.trials])


def test_a_band_that_runs_out_ends_the_study():
    small = ResNetSpace(stages=(1, 1), blocks=(1, 2), widths=(8, 24))
    study = optuna.create_study(direction="maximize", sampler=BudgetSampler(small, max_params=10**9))
    study.optimize(lambda trial: float(suggest(trial, small).sum()), n_trials=50)
    assert len(study.trials) == 6
    with pytest.raises(BudgetNASError, match="all 6 networks of the band were proposed"):
        suggest(study.ask(), small)


def test_threads_on_one_study_never_get_the_same_network(tmp_path):
    sampler = BudgetSampler(SPACE, max_params=60_000, sampler="random", seed=1)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=30, n_jobs=4)
    assert len({trial.user_attrs["spec"] for trial in study.trials}) == 30


def test_two_processes_that_propose_at_once_notice(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    one = optuna.create_study(study_name="s", storage=url, sampler=BudgetSampler(SPACE, max_params=60_000, seed=1))
    other = optuna.load_study(study_name="s", storage=url, sampler=BudgetSampler(SPACE, max_params=60_000, seed=1))
    points = [tuple(suggest(study.ask(), SPACE).tolist()) for _ in range(12) for study in (one, other)]
    assert len(set(points)) == 24


def test_what_cannot_be_searched_is_told():
    with pytest.raises(InfeasibleBudgetError):
        BudgetSampler(SPACE, max_params=10)
    two = optuna.create_study(directions=["maximize", "minimize"], sampler=BudgetSampler(SPACE, max_params=60_000))
    with pytest.raises(UsageError, match="2 objectives"):
        suggest(two.ask(), SPACE)
