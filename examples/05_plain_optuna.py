"""
Plain Optuna with our sampler
=============================

An ordinary ``study.optimize``: the cap is the sampler's affair. Known networks may be enqueued, other parameters stand
beside those of the space, drawn at random, and an Optuna sampler such as TPE can do the proposing, repaired so that it
fits. An enqueued network over the cap is trained to compare with, but never named as best.
"""

import optuna
from optuna.samplers import TPESampler

from budgetnas import BudgetSampler, DataShape, ResNetSpace, ResNetSpec, suggest, to_params

CAP = 300_000
KNOWN = ResNetSpec(blocks=(3, 3, 3), widths=(16, 32, 64)), ResNetSpec(blocks=(8, 8, 8), widths=(64, 128, 128))
space = ResNetSpace(stages=(1, 3), widths=(16, 128), shape=DataShape())


def objective(trial: optuna.Trial) -> float:
    """Stand in for a training: deeper networks are better, and so is a rate near 0.1, which nothing looks for."""
    spec = space.decode(suggest(trial, space))
    rate = trial.suggest_float("lr", 0.01, 1.0, log=True)
    return sum(spec.blocks) - (rate - 0.1) ** 2


optuna.logging.set_verbosity(optuna.logging.WARNING)
for name, proposer in (("thompson", "thompson"), ("Optuna's TPE, repaired", lambda seed: TPESampler(seed=seed))):
    sampler = BudgetSampler(space, max_params=CAP, sampler=proposer, seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for spec in KNOWN:
        study.enqueue_trial(to_params(space, space.encode(spec)))
    study.optimize(objective, n_trials=30)
    points = sampler.history(study).points
    params = space.params(points)
    assert len({tuple(point) for point in points}) == 30, "a network came twice"
    assert params[1] > CAP >= params[2:].max()
    trusted, observed = sampler.best(study)
    assert study.best_trial == observed != study.trials[1]
    known, large = (trial.value for trial in study.trials[:2])
    print(f"{name:<23} best observed {observed.value:.2f}; enqueued: {known:.2f}, and {large:.2f} over the cap")
