"""The samplers in a plain Optuna study."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
import spaces

from budgetnas.exceptions import BudgetNASError, InfeasibleBudgetError, UsageError
from budgetnas.search.budget_sampler import BudgetSampler, suggest
from budgetnas.space.resnet import ResNetSpace

COMPLETE = optuna.trial.TrialState.COMPLETE
SPACE = ResNetSpace(stages=(1, 2), blocks=(1, 3), widths=(8, 64))


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


ABSENT = {f"blocks_{i}": 1 for i in (2, 3, 4)} | {f"width_{i}": 8 for i in (2, 3, 4)}


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
    side_by_side = optuna.create_study(direction="maximize", sampler=BudgetSampler(small, max_params=10**9))
    side_by_side.optimize(lambda trial: float(suggest(trial, small).sum()), n_trials=50, n_jobs=4)
    assert [trial.state for trial in side_by_side.trials].count(COMPLETE) == 6


def test_networks_outside_the_band_do_not_end_it():
    small = ResNetSpace(stages=(1, 1), blocks=(1, 2), widths=(8, 24))
    study = optuna.create_study(direction="maximize", sampler=BudgetSampler(small, max_params=10**9))
    for width in (9, 10, 11):
        study.enqueue_trial({"stages": 1, "blocks_1": 1, "width_1": width} | ABSENT)
    study.optimize(lambda trial: float(suggest(trial, small).sum()), n_trials=50)
    assert [trial.state for trial in study.trials].count(COMPLETE) == 9


@pytest.mark.parametrize("sampler", ["random", "thompson"])
def test_threads_on_one_study_never_get_the_same_network(sampler):
    budget = BudgetSampler(SPACE, max_params=60_000, sampler=sampler, seed=1)
    study = optuna.create_study(direction="maximize", sampler=budget)
    study.optimize(objective, n_trials=24, n_jobs=4)
    assert len({trial.user_attrs["spec"] for trial in study.trials}) == 24


def test_a_process_that_proposes_what_another_just_did_proposes_again(monkeypatch):
    sampler = BudgetSampler(SPACE, max_params=60_000, sampler="random", seed=1)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    other, propose, proposed = study.ask(), sampler._sampler.propose, []

    def slow(history):
        point = propose(history)
        if not proposed:  # between this proposal and its check, the other trial gets the same
            study._storage.set_trial_system_attr(other._trial_id, "budgetnas:point", point.tolist())
        proposed.append(point.tolist())
        return point

    monkeypatch.setattr(sampler._sampler, "propose", slow)
    assert suggest(study.ask(), SPACE).tolist() == proposed[1] != proposed[0]


def test_trials_asked_before_others_were_suggested_are_no_crash():
    study = optuna.create_study(direction="maximize", sampler=BudgetSampler(SPACE, max_params=60_000))
    late, early = study.ask(), study.ask()
    assert suggest(early, SPACE).tolist() != suggest(late, SPACE).tolist()


def test_what_was_trained_is_known_not_what_was_proposed():
    sampler = BudgetSampler(SPACE, max_params=60_000)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.enqueue_trial({"stages": 1, "blocks_1": 3, "width_1": 64} | ABSENT)
    study.optimize(objective, n_trials=1)
    assert sampler.history(study).points.tolist() == [[1, 3, 1, 1, 1, 64, 8, 8, 8]]
    study.enqueue_trial({"width_1": 64})
    with pytest.raises(UsageError, match="`enqueue_trial` lacks blocks_1"):
        study.optimize(objective, n_trials=1)


def test_values_that_are_not_finite_are_unknown_and_pruners_hide_nothing():
    sampler = BudgetSampler(SPACE, max_params=60_000, seed=1)
    study = optuna.create_study(direction="minimize", sampler=sampler, pruner=optuna.pruners.HyperbandPruner())

    def sometimes(trial):
        value = objective(trial)
        trial.report(value, 1)
        return float("inf") if trial.number in (2, 9) else value

    study.optimize(sometimes, n_trials=18)
    assert len({trial.user_attrs["spec"] for trial in study.trials}) == 18
    assert np.isnan(sampler.history(study).scores[[2, 9]]).all()
    assert np.isfinite(sampler.best(study)[0].value)


def test_what_cannot_be_searched_is_told():
    with pytest.raises(InfeasibleBudgetError):
        BudgetSampler(SPACE, max_params=10)
    empty = optuna.create_study(sampler=BudgetSampler(SPACE, max_params=60_000))
    with pytest.raises(UsageError, match="no finished trial"):
        empty.sampler.best(empty)
    two = optuna.create_study(directions=["maximize", "minimize"], sampler=BudgetSampler(SPACE, max_params=60_000))
    with pytest.raises(UsageError, match="2 objectives"):
        suggest(two.ask(), SPACE)
