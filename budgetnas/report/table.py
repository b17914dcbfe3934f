"""Trials as a table: the same rows in `trials.csv` and on the page."""

from __future__ import annotations

from typing import Any

import pandas as pd

from budgetnas.records.trial import Trial
from budgetnas.report.facts import FinalScore, ReportFacts
from budgetnas.report.lineage import later_scores

_KINDS = {"full_repeats": "Int64", "full_random": "boolean"}


def trials_table(facts: ReportFacts) -> pd.DataFrame:
    """Return one row per first-rung trial, by number; what became of it at later rungs stands in its row.

    Accuracies and their standard deviations are in [0, 1]. Cells are empty where there is nothing.
    """
    later = later_scores(facts)
    rows = [
        {
            **_candidate(trial, facts),
            **{f"{name}_score": scores.get(trial.number) for name, scores in later.items()},
            **_final(facts.finals.get(trial.number)),
            "seconds": trial.attrs.get("seconds"),
            "reason": trial.attrs.get("reason"),
        }
        for trial in facts.trials
    ]
    table = pd.DataFrame(rows, columns=columns(tuple(later)))
    return table.astype(_KINDS)


def columns(later: tuple[str, ...]) -> list[str]:
    """Return the names of the columns, given the names of the rungs after the first."""
    return [
        *("trial", "state", "origin", "spec", "blocks", "widths", "params", "utilisation", "macs"),
        *("score", "posterior_mean"),
        *(f"{name}_score" for name in later),
        *("full_score", "full_sd", "full_repeats", "full_random", "test_accuracy", "test_sd"),
        *("seconds", "reason"),
    ]


def trials_csv(facts: ReportFacts) -> str:
    """Return `trials.csv`."""
    return str(trials_table(facts).to_csv(index=False))


def _candidate(trial: Trial, facts: ReportFacts) -> dict[str, Any]:
    candidate = trial.candidate
    return {
        "trial": trial.number,
        "state": trial.state.value,
        "origin": candidate.origin,
        "spec": candidate.spec.id,
        "blocks": ",".join(map(str, candidate.spec.blocks)),
        "widths": ",".join(map(str, candidate.spec.widths)),
        "params": candidate.params,
        "utilisation": candidate.params / facts.max_params,
        "macs": candidate.macs,
        "score": trial.score,
        "posterior_mean": facts.trusted.get(trial.number),
    }


def _final(final: FinalScore | None) -> dict[str, Any]:
    if final is None:
        return {}
    return {
        "full_score": final.score,
        "full_sd": final.spread,
        "full_repeats": len(final.seeds),
        "full_random": final.is_random,
        "test_accuracy": final.test_accuracy,
        "test_sd": final.test_spread,
    }
