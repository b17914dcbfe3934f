"""Trials as a table: the same rows in `trials.csv` and on the page."""

from __future__ import annotations

import pandas as pd

from budgetnas.report.facts import ReportFacts


def trials_table(facts: ReportFacts) -> pd.DataFrame:
    """Return one row per trial, by number; accuracies in [0, 1], empty where there is none."""
    rows = []
    for trial in facts.trials:
        spec, final = trial.candidate.spec, facts.finals.get(trial.number)
        rows.append(
            {
                "trial": trial.number,
                "state": trial.state.value,
                "origin": trial.candidate.origin,
                "spec": spec.id,
                "blocks": ",".join(map(str, spec.blocks)),
                "widths": ",".join(map(str, spec.widths)),
                "params": trial.candidate.params,
                "utilisation": trial.candidate.params / facts.max_params,
                "macs": trial.candidate.macs,
                "score": trial.score,
                "posterior_mean": facts.trusted.get(trial.number),
                "full_score": final.score if final else None,
                "full_repeats": final.repeats if final else None,
                "test_accuracy": final.test_accuracy if final else None,
                "seconds": trial.attrs.get("seconds"),
                "reason": trial.attrs.get("reason"),
            }
        )
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"full_repeats": "Int64"})


COLUMNS = [
    "trial",
    "state",
    "origin",
    "spec",
    "blocks",
    "widths",
    "params",
    "utilisation",
    "macs",
    "score",
    "posterior_mean",
    "full_score",
    "full_repeats",
    "test_accuracy",
    "seconds",
    "reason",
]


def trials_csv(facts: ReportFacts) -> str:
    """Return `trials.csv`."""
    return str(trials_table(facts).to_csv(index=False))
