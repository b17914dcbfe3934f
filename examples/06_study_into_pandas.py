"""
A study in pandas
=================

A tiny search on digits-hard, then its trials as tables. It is a smoke test: the numbers mean nothing.
"""

import optuna

import budgetnas

result = budgetnas.search(
    max_params="60k",
    dataset="digits-hard",
    trials=6,
    promote=2,
    full_epochs=3,
    paper_models=False,
    name="tiny",
    device="cpu",
    settings={"proxy.rungs": [1], "space.widths": [16, 64]},
)

# %%
# The frame of ``trials`` has one row a network, with all that became of it; that of ``trainings`` one a training, that
# of ``curves`` one an epoch. They are also ``trials.csv`` and so on in the folder of the run, and
# ``budgetnas.load_run("runs/tiny")`` reads the result again.

trials = result.to_dataframe()
print(trials[["trial", "spec", "params", "score", "full_score", "test_accuracy"]].round(3).to_string(index=False))

# %%
# The same, and everything else, is in the Optuna study: short trainings of one epoch are ``tiny/r1``, full ones
# ``tiny/full``.

study = optuna.load_study(study_name="tiny/r1", storage="sqlite:///runs/tiny/study.db")
frame = study.trials_dataframe(attrs=("number", "value", "user_attrs", "state"))
frame.columns = [name.removeprefix("user_attrs_").removeprefix("value_") for name in frame.columns]
shown = ["number", "spec", "utilisation", "macs", "seconds", "validation accuracy", "state"]
print(frame[shown].round(3).to_string(index=False))
