"""The samplers in a plain Optuna study."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
import spaces

from budgetnas.arch.costs import costs_of
from budgetnas.arch.spec import ResNetSpec
from budgetnas.budget import Budget
from budgetnas.exceptions import BudgetNASError, InfeasibleBudgetError, UsageError
from budgetnas.samplers import budget_sampler
from budgetnas.samplers.budget_sampler import BudgetSampler, suggest
from budgetnas.samplers.parameters import to_params
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


@pytest.mark.parametrize(
    ("sampler", "caps"),
    [
        ("thompson", {"max_bytes": 60_000, "max_memory": 50_000}),
        ("evolution", {"max_bytes": 60_000}),
        ("tpe", {"max_memory": 50_000}),
    ],
)
def test_proposals_fit_caps_on_bytes_and_memory_and_fill_the_one_of_the_band(monkeypatch, sampler, caps):
    monkeypatch.setattr(budget_sampler, "_WANTED", 16)
    budget = Budget(**caps, weights="int8")
    made = BudgetSampler(SPACE, **caps, weights="int8", sampler=sampler, seed=1)
    study = optuna.create_study(direction="maximize", sampler=made)
    study.optimize(objective, n_trials=14)
    costs = [costs_of(ResNetSpec.from_id(trial.user_attrs["spec"]), SPACE.shape, "int8") for trial in study.trials]
    assert all(map(budget.fits, costs))
    assert len({trial.user_attrs["spec"] for trial in study.trials}) == 14
    assert made.band.cost == ("bytes" if "max_bytes" in caps else "params")
    assert min(getattr(cost, made.band.cost) for cost in costs) >= made.band.low > 0
    assert budget.fits(costs_of(SPACE.decode(np.array(made._point(made.best(study)[0]))), SPACE.shape, "int8"))


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
    with pytest.raises(UsageError, match="`enqueue_trial` has no blocks_1"):
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


LARGE = {"blocks": (2, 2, 2), "widths": (64, 128, 128)}  # 1,284,170 parameters
WIDE = ResNetSpace(stages=(1, 3), widths=(16, 128))
CAPS = {"max_params": 100_000, "max_macs": 30_000_000}


def enqueued(space, **shape):
    return to_params(space, space.encode(ResNetSpec(**shape)))


def as_large(trial):
    """Score a network by its parameters: what is over the cap seems best."""
    return float(WIDE.params(suggest(trial, WIDE)[None])[0])


@pytest.mark.parametrize("sampler", ["thompson", "evolution", "random", "tpe", optuna.samplers.RandomSampler])
def test_what_is_over_a_cap_is_never_named_as_best_and_has_no_children(sampler):
    budget = BudgetSampler(WIDE, **CAPS, sampler=sampler, seed=1)
    study = optuna.create_study(direction="maximize", sampler=budget)
    study.enqueue_trial(enqueued(WIDE, **LARGE))
    study.enqueue_trial(enqueued(WIDE, blocks=(8,), widths=(24,)))  # fits the parameters, not the MACs
    study.optimize(as_large, n_trials=16)
    history = budget.history(study)
    assert history.pruned.tolist() == [True, True] + [False] * 14
    assert np.isnan(history.scores[:2]).all()
    assert WIDE.params(history.points[2:]).max() <= 100_000
    assert WIDE.macs(history.points[2:]).max() <= 30_000_000
    trusted, observed = budget.best(study)
    assert observed.number > 1
    assert trusted.number > 1
    assert observed.value == max(trial.value for trial in study.trials[2:])
    assert study.best_trial == observed, "Optuna knows them as infeasible"


def test_the_enqueued_network_of_1_284_170_parameters_is_no_best():
    assert WIDE.params(WIDE.encode(ResNetSpec(**LARGE))[None]).tolist() == [1_284_170]
    budget = BudgetSampler(WIDE, max_params=100_000)
    study = optuna.create_study(direction="maximize", study_name="s", sampler=budget)
    study.enqueue_trial(enqueued(WIDE, **LARGE))
    study.optimize(as_large, n_trials=1)
    with pytest.raises(UsageError, match=r"`s` has 1 finished network, but none fits 100,000 parameters: train some"):
        budget.best(study)
    study.optimize(as_large, n_trials=1)
    assert [trial.number for trial in budget.best(study)] == [1, 1]


def test_best_holds_the_caps_of_a_study_whose_sampler_was_another():
    study = optuna.create_study(direction="minimize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(enqueued(WIDE, blocks=(3, 3, 3), widths=(16, 24, 32)))
    study.optimize(lambda trial: -as_large(trial), n_trials=12)
    space = study.trials[0].distributions
    huge = optuna.trial.create_trial(params=enqueued(WIDE, **LARGE), distributions=space, value=-1e9)
    study.add_trial(huge)
    for trial in BudgetSampler(WIDE, **CAPS).best(study):
        point = WIDE.encode(WIDE.decode(np.array([trial.params[d.name] for d in WIDE.dimensions])))[None]
        assert WIDE.params(point) <= 100_000
        assert WIDE.macs(point) <= 30_000_000


def test_a_network_that_was_enqueued_in_other_words_is_not_proposed_again():
    small = ResNetSpace(stages=(1, 2), blocks=(1, 1), widths=(8, 16))
    sampler = BudgetSampler(small, max_params=10**9, min_utilisation=0.0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.enqueue_trial({"stages": 1, "blocks_1": 1, "width_1": 8} | ABSENT | {"width_2": 16})
    study.optimize(lambda trial: float(suggest(trial, small).sum()), n_trials=20)
    specs = [small.decode(point).id for point in sampler.history(study).points]
    assert sorted(specs) == ["1x16", "1x16-1x16", "1x8", "1x8-1x16", "1x8-1x8"]


@pytest.mark.parametrize("name", ["widht 1", "width1", "Width_1", "widths_1"])
def test_a_misspelt_dimension_is_an_error_before_anything_trains(name):
    study = optuna.create_study(direction="maximize", sampler=BudgetSampler(SPACE, max_params=60_000))
    study.enqueue_trial({name: 64})
    with pytest.raises(UsageError, match=f"has '{name}', but the dimensions are stages, blocks_1, .*: write width_1;"):
        study.optimize(objective, n_trials=1)
    assert study.trials[0].state is optuna.trial.TrialState.FAIL
    study.optimize(objective, n_trials=2)
    assert len(study.get_trials(states=[COMPLETE])) == 2


def test_a_name_that_nothing_suggests_is_an_error_after_its_trial():
    sampler = BudgetSampler(SPACE, max_params=60_000)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.enqueue_trial({"channels": 64})
    with pytest.raises(UsageError, match=r"has 'channels', which the objective did not suggest; the dimensions are"):
        study.optimize(objective, n_trials=1)
    assert study.trials[0].state is COMPLETE
    study.enqueue_trial({"noise": 0.05})
    study.optimize(objective, n_trials=1)
    assert study.trials[1].params["noise"] == 0.05
    study.enqueue_trial(enqueued(SPACE, blocks=(1,), widths=(16,)) | {"momentum": 0.9})  # as Optuna: left alone
    study.optimize(objective, n_trials=1)


@pytest.mark.parametrize("sampler", [BudgetSampler(SPACE, max_params=60_000), optuna.samplers.RandomSampler()])
@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("width_1", 64.5, "a whole number from 8 to 64"),
        ("width_1", "64", "a whole number from 8 to 64"),
        ("width_1", True, "a whole number from 8 to 64"),
        ("width_1", None, "a whole number from 8 to 64"),
        ("width_1", float("nan"), "a whole number from 8 to 64"),
        ("width_1", 65, "a whole number from 8 to 64"),
        ("blocks_1", 0, "a whole number from 1 to 3"),
        ("width_4", 64, "8"),
        ("stages", 3, "one of 1, 2"),
        ("stages", "1", "one of 1, 2"),
    ],
)
def test_a_value_that_a_dimension_cannot_have_is_an_error(sampler, name, value, rule):
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.enqueue_trial(enqueued(SPACE, blocks=(1,), widths=(16,)) | {name: value})
    with pytest.raises(UsageError, match=f"has `{name}` = .*, but must have {rule} there"):
        study.optimize(objective, n_trials=1)
    study.optimize(objective, n_trials=2)  # what was refused spoils nothing
    assert len(study.get_trials(states=[COMPLETE])) == 2


def test_whole_numbers_of_any_type_and_widths_between_two_of_the_grid_are_values():
    study = optuna.create_study(direction="maximize", sampler=BudgetSampler(SPACE, max_params=60_000))
    study.enqueue_trial(enqueued(SPACE, blocks=(1,), widths=(16,)) | {"width_1": 17.0})
    study.optimize(objective, n_trials=1)
    assert study.trials[0].user_attrs["spec"] == "1x17"


def test_a_category_that_is_not_there_is_an_error():
    space = spaces.Cells()
    study = optuna.create_study(sampler=BudgetSampler(space, max_params=20_000))
    study.enqueue_trial({"op0": "5x5", "op1": "none", "op2": "skip", "op3": "1x1", "width": 32})
    with pytest.raises(UsageError, match=r"has `op0` = '5x5', but must have one of 'none', 'skip', '1x1', '3x3' there"):
        suggest(study.ask(), space)
