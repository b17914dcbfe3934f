"""Trials as a table: the rows of `trials.csv`, and the same rows as a table that a reader sorts by a click."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import pandas as pd

from budgetnas.evidence.accuracy import Interval
from budgetnas.reports.facts import FinalScore, ReportFacts, later_scores
from budgetnas.reports.figures import shown_means
from budgetnas.reports.markup import class_of
from budgetnas.text import write_interval, write_macs, write_percent
from budgetnas.trials.trial import Trial

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
            "seconds": trial.facts.seconds,
            "reason": trial.facts.reason,
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


_LEFT_OUT = ("blocks", "widths")  # the spec says them
_LAST = ("utilisation", "seconds", "state", "reason")  # and not in print, where there is no room
_WORDS = frozenset({"state", "origin", "spec", "reason"})
_PERCENT = frozenset({"utilisation", "score", "posterior_mean", "test_accuracy"})
_INTERVALS: dict[str, Callable[[FinalScore], Interval | None]] = {
    "full_score": lambda final: final.interval,
    "test_accuracy": lambda final: final.test_interval,
}
_HEADS = {
    "macs": "MACs",
    "full_score": "full mean",
    "full_repeats": "repeats",
    "full_random": "at random",
    "test_accuracy": "test",
}


def sortable_table(facts: ReportFacts) -> str:
    """Return the table; columns without any value are left out, the winner's row is marked."""
    means = shown_means(facts)
    table = trials_table(facts).drop(columns=list(_LEFT_OUT))
    table["posterior_mean"] = pd.Series([means.get(trial.number) for trial in facts.trials], dtype="float64")
    table = table.dropna(axis="columns", how="all")
    order = [name for name in table.columns if name not in _LAST]
    order += [name for name in _LAST if name in table.columns]
    head = "".join(_head(name, is_first=i == 0) for i, name in enumerate(order))
    columns = [list(map(_writer(name), table[name], _behind(name, facts))) for name in order]
    rows = (
        f"<tr{class_of('winner' if trial.number == facts.winner else '')}>{''.join(cells)}</tr>\n"
        for trial, *cells in zip(facts.trials, *columns, strict=True)
    )
    return (
        f'<div class="scroll tall" tabindex="0"><table class="sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _head(column: str, *, is_first: bool) -> str:
    order = "ascending" if is_first else "none"
    kind = class_of(*_kinds(column))
    word = _HEADS.get(column, column.replace("_", " "))
    return f'<th{kind} scope="col" aria-sort="{order}"><button type="button">{escape(word)}</button></th>'


def _is_percent(column: str) -> bool:
    return column in _PERCENT or column.endswith(("_score", "_sd"))


def _behind(column: str, facts: ReportFacts) -> list[str]:
    """Return what stands behind the number in each cell of a column: the interval of what full training reached."""
    interval = _INTERVALS.get(column)
    finals = [facts.finals.get(trial.number) if interval else None for trial in facts.trials]
    ends = [interval(final) if interval and final else None for final in finals]
    return [f" {write_interval(*pair)}" if pair else "" for pair in ends]


def _writer(column: str) -> Callable[[Any, str], str]:
    """Return what writes a cell of this column; numbers carry the value that they sort by."""
    kind = class_of(*_kinds(column))
    written = _number_writer(column)

    def write(value: Any, behind: str) -> str:
        if pd.isna(value):
            return f"<td{kind}></td>"
        if column in _WORDS:
            return f"<td{kind}>{escape(str(value))}</td>"
        return f'<td{kind} data-value="{_exact(value)}">{written(value)}{behind}</td>'

    return write


def _kinds(column: str) -> list[str]:
    """Return the classes of a column's cells: words or numbers, and whether print goes without it."""
    words = ["prose" if column == "reason" else "name"] if column in _WORDS else []
    return [*words, *(["spare"] if column in _LAST else [])]


def _number_writer(column: str) -> Callable[[Any], str]:
    if _is_percent(column):
        return write_percent
    if column == "seconds":
        return lambda value: f"{value:,.1f}"
    if column == "full_random":
        return lambda value: "yes" if value else "no"
    return write_macs if column == "macs" else lambda value: f"{value:,}"


def _exact(value: float) -> str:
    """Write what JavaScript reads back as the number that it stands for, in few characters."""
    return f"{value:.7g}" if isinstance(value, float) else str(int(value))
