"""Trials as a table: `trials.csv`, and the same rows as a sortable table of the page, best first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from budgetnas.arch.spec import NEEDED
from budgetnas.budget import SIZES, share_of
from budgetnas.evidence.accuracy import Interval
from budgetnas.reports.facts import FinalScore, ReportFacts, later_scores
from budgetnas.reports.figures import shown_means
from budgetnas.reports.markup import part
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


class _Head(NamedTuple):
    word: str
    kind: str  # CSS classes
    order: str  # of its column, as ARIA names it


class _Cell(NamedTuple):
    text: str
    key: str  # number to sort by; "" to sort by text


def sortable_table(facts: ReportFacts) -> Markup:
    """Return the trials as a sortable table: those that got farthest first, then the better ones; the winner marked.

    Columns that say nothing are left out: empty ones, and the one of promotions at random where there are none.
    """
    means = shown_means(facts)
    table = trials_table(facts).drop(columns=list(_numbers(facts)))  # they are part of the spec
    table["posterior_mean"] = pd.Series([means.get(trial.number) for trial in facts.trials], dtype="float64")
    if not any(final.is_random for final in facts.finals.values()):
        table = table.drop(columns="full_random")
    table = table.dropna(axis="columns", how="all")
    later = [f"{name}_score" for name in later_scores(facts)]
    scores = [name for name in ("full_score", *reversed(later), "score") if name in table.columns]
    order = [name for name in table.columns if name not in _LAST]
    order += [name for name in _LAST if name in table.columns]
    heads = [_head(name, is_first=name in scores[:1]) for name in order]
    columns = [list(map(_writer(name), table[name], _behind(name, facts))) for name in order]
    rows = [
        {"is_winner": trial.number == facts.winner, "cells": cells}
        for trial, *cells in zip(facts.trials, *columns, strict=True)
    ]
    places = table.sort_values(scores, ascending=False, kind="stable").index if scores else table.index
    return part("sortable", heads, [rows[place] for place in places])


def _head(column: str, *, is_first: bool) -> _Head:
    order = "descending" if is_first else "none"
    return _Head(word=_HEADS.get(column, column.replace("_", " ")), kind=_kind(column), order=order)


def _is_percent(column: str) -> bool:
    return column in _PERCENT or column.endswith(("_score", "_sd"))


def _behind(column: str, facts: ReportFacts) -> list[str]:
    """Return the text after the number in each cell of a column: the interval of a full training's accuracy."""
    interval = _INTERVALS.get(column)
    finals = [facts.finals.get(trial.number) if interval else None for trial in facts.trials]
    ends = [interval(final) if interval and final else None for final in finals]
    return [f" {write_interval(*pair)}" if pair else "" for pair in ends]


def _writer(column: str) -> Callable[[Any, str], _Cell]:
    """Return the function that writes a cell of this column."""
    written = _number_writer(column)

    def write(value: Any, behind: str) -> _Cell:
        if pd.isna(value):
            return _Cell("", "")
        if column in _WORDS:
            return _Cell(str(value), "")
        return _Cell(f"{written(value)}{behind}", _exact(value))

    return write


def _kind(column: str) -> str:
    """Return the CSS classes of a column's cells: words or numbers, and whether it is left out in print."""
    words = ["prose" if column == "reason" else "name"] if column in _WORDS else []
    return " ".join([*words, *(["spare"] if column in _LAST else [])])


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
