"""Trials as a table: `trials.csv`, and the same rows as a sortable HTML table."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import pandas as pd

from budgetnas.arch.spec import NEEDED
from budgetnas.budget import SIZES, share_of
from budgetnas.evidence.accuracy import Interval
from budgetnas.reports.facts import FinalScore, ReportFacts, later_scores
from budgetnas.reports.figures import shown_means
from budgetnas.reports.markup import class_of
from budgetnas.text import write_interval, write_macs, write_percent
from budgetnas.trials.trial import Trial

_KINDS = {"full_repeats": "Int64", "full_random": "boolean"}


def trials_table(facts: ReportFacts) -> pd.DataFrame:
    """Return one row per first-rung trial, by number, with its scores at later rungs.

    Accuracies and their standard deviations are in [0, 1]. Cells without a value are empty.
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
    table = pd.DataFrame(rows, columns=columns(_numbers(facts), tuple(later), _sizes(facts)))
    return table.astype(_KINDS)


def columns(numbers: tuple[str, ...], later: tuple[str, ...], sizes: tuple[str, ...] = ()) -> list[str]:
    """Return the column names.

    Args:
        numbers: fields of a spec that have one.
        later: names of the rungs after the first.
        sizes: costs in bytes that have one.
    """
    return [
        *("trial", "state", "origin", "spec", *numbers, "params", "utilisation", "macs", *sizes),
        *("score", "posterior_mean"),
        *(f"{name}_score" for name in later),
        *("full_score", "full_sd", "full_repeats", "full_random", "test_accuracy", "test_sd"),
        *("seconds", "reason"),
    ]


def _numbers(facts: ReportFacts) -> tuple[str, ...]:
    """Return the fields of a spec that any network has, and those that every network has."""
    specs = [trial.candidate.spec for trial in facts.trials]
    per_stage = [name for spec in specs for name in spec.per_stage]
    return tuple(dict.fromkeys([*NEEDED, *per_stage, *(name for spec in specs for name in spec.per_network)]))


def _sizes(facts: ReportFacts) -> tuple[str, ...]:
    """Return the costs in bytes that any network has, because they are capped."""
    return tuple(cost for cost in SIZES if any(getattr(trial.candidate, cost) is not None for trial in facts.trials))


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
        **{name: ",".join(map(str, values)) for name, values in candidate.spec.per_stage.items()},
        **candidate.spec.per_network,
        "params": candidate.params,
        "utilisation": share_of(candidate, facts.cost, facts.cap),
        "macs": candidate.macs,
        **{cost: getattr(candidate, cost) for cost in SIZES},
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


_LAST = ("utilisation", "seconds", "state", "reason")  # left out in print, for lack of room
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
    """Return the trials as a sortable HTML table, without empty columns and with the winner's row marked."""
    means = shown_means(facts)
    table = trials_table(facts).drop(columns=list(_numbers(facts)))  # they are part of the spec
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
    """Return the text after the number in each cell of a column: the interval of a full training's accuracy."""
    interval = _INTERVALS.get(column)
    finals = [facts.finals.get(trial.number) if interval else None for trial in facts.trials]
    ends = [interval(final) if interval and final else None for final in finals]
    return [f" {write_interval(*pair)}" if pair else "" for pair in ends]


def _writer(column: str) -> Callable[[Any, str], str]:
    """Return the function that writes a cell of this column; a number carries its sort key."""
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
    """Return the CSS classes of a column's cells: words or numbers, and whether it is left out in print."""
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
    """Write a number for JavaScript, in few characters."""
    return f"{value:.7g}" if isinstance(value, float) else str(int(value))
