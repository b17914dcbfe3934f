"""
A study in pandas
=================

A tiny search on digits-hard, then its trials as tables. The numbers show the flow and no more.
"""

import subprocess
import sys

import optuna
import pandas as pd

words = (
    "search --max-params 60k --dataset digits-hard --trials 6 --promote 2 --full-epochs 3 --no-paper-models "
    "--name tiny --device cpu --set proxy.rungs=[1] --set space.widths=[16,64]"
)
subprocess.run([sys.executable, "-m", "budgetnas", *words.split()], check=True, capture_output=True)

# %%
# ``trials.csv`` has one row a network, with all that became of it; ``trainings.csv`` one a training, ``curves.csv`` one
# an epoch.

trials = pd.read_csv("runs/tiny/trials.csv")
print(trials[["trial", "spec", "params", "score", "full_score", "test_accuracy"]].round(3).to_string(index=False))

# %%
# The same, and everything else, is in the Optuna study: short trainings of one epoch are ``tiny/r1``, full ones
# ``tiny/full``.

study = optuna.load_study(study_name="tiny/r1", storage="sqlite:///runs/tiny/study.db")
frame = study.trials_dataframe(attrs=("number", "value", "user_attrs", "state"))
frame.columns = [name.removeprefix("user_attrs_") for name in frame.columns]
print(frame[["number", "spec", "utilisation", "macs", "seconds", "value", "state"]].round(3).to_string(index=False))
