"""Trials as a table: `trials.csv`, and the same rows as a sortable table of the page, best first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from budgetnas.arch.spec import NEEDED
from budgetnas.budget import SIZES, share_of
from budgetnas.evidence.accuracy import Interval
from budgetnas.evidence.scores import ACCURACY, Score
from budgetnas.reports.facts import FinalScore, ReportFacts, later_scores
from budgetnas.reports.figures import shown_means
from budgetnas.reports.markup import part
from budgetnas.text import write_macs, write_percent
from budgetnas.trials.trial import Trial

_KINDS = {"full_repeats": "Int64", "full_random": "boolean"}


def trials_table(facts: ReportFacts) -> pd.DataFrame:
    """Return one row per first-rung trial, by number, with its scores at later rungs.

    Accuracies, other shares and their standard deviations are in [0, 1]. Cells without a value are empty.
    """
    later, score = later_scores(facts), facts.score
    rows = [
        {
            **_candidate(trial, facts),
            **{f"{name}_score": _shown(scores.get(trial.number), score) for name, scores in later.items()},
            **_final(facts.finals.get(trial.number), score),
            "seconds": trial.facts.seconds,
            "reason": trial.facts.reason,
        }
        for trial in facts.trials
    ]
    table = pd.DataFrame(rows, columns=columns(_numbers(facts), tuple(later), _sizes(facts), score))
    return table.astype(_KINDS)


def columns(
    numbers: tuple[str, ...], later: tuple[str, ...], sizes: tuple[str, ...] = (), score: Score = ACCURACY
) -> list[str]:
    """Return the column names.

    Args:
        numbers: fields of a spec that have one.
        later: names of the rungs after the first.
        sizes: costs in bytes that have one.
        score: of the study; beside another one than accuracy there is the accuracy.
    """
    is_other = score is not ACCURACY
    return [
        *("trial", "state", "origin", "spec", *numbers, "params", "utilisation", "macs", *sizes),
        *("score", *(["accuracy"] if is_other else []), "posterior_mean"),
        *(f"{name}_score" for name in later),
        *("full_score", "full_sd", *(["full_accuracy"] if is_other else []), "full_repeats", "full_random"),
        *(["test_score", "test_sd", "test_accuracy"] if is_other else ["test_accuracy", "test_sd"]),
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
    """Return `trials.csv`, in which another score than accuracy has its own name."""
    table, name = trials_table(facts), facts.score.name
    if facts.score is not ACCURACY:
        own = {column: column.removesuffix("score") + name for column in table.columns if column.endswith("score")}
        table = table.rename(columns=own)
    return str(table.to_csv(index=False))


def _shown(value: float | None, score: Score) -> float | None:
    return None if value is None else score.shown(value)


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
        "score": _shown(trial.score, facts.score),
        "accuracy": trial.accuracy,
        "posterior_mean": _shown(facts.trusted.get(trial.number), facts.score),
    }


def _final(final: FinalScore | None, score: Score) -> dict[str, Any]:
    if final is None:
        return {}
    return {
        "full_score": score.shown(final.score),
        "full_accuracy": final.accuracy,
        "full_sd": final.spread,
        "full_repeats": len(final.seeds),
        "full_random": final.is_random,
        "test_score": _shown(final.test_score, score),
        "test_accuracy": final.test_accuracy,
        "test_sd": final.test_spread if score is ACCURACY else final.test_score_spread,
    }


_LAST = ("utilisation", "seconds", "state", "reason")  # left out in print, for lack of room
_WORDS = frozenset({"state", "origin", "spec", "reason"})
_PERCENT = frozenset({"utilisation", "accuracy", "full_accuracy", "test_accuracy"})
_SCORES = frozenset({"score", "posterior_mean"})  # in the unit of the score, and all that ends so
_INTERVALS: dict[str, Callable[[FinalScore], Interval | None]] = {
    "full_score": lambda final: final.interval,
    "test_score": lambda final: final.test_score_interval,
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
    score = facts.score
    shown = [_shown(means.get(trial.number), score) for trial in facts.trials]
    table["posterior_mean"] = pd.Series(shown, dtype="float64")
    if not any(final.is_random for final in facts.finals.values()):
        table = table.drop(columns="full_random")
    table = table.dropna(axis="columns", how="all")
    later = [f"{name}_score" for name in later_scores(facts)]
    scores = [name for name in ("full_score", *reversed(later), "score") if name in table.columns]
    order = [name for name in table.columns if name not in _LAST]
    order += [name for name in _LAST if name in table.columns]
    heads = [_head(name, score, is_first=name in scores[:1]) for name in order]
    columns = [list(map(_writer(name, score), table[name], _behind(name, facts))) for name in order]
    rows = [
        {"is_winner": trial.number == facts.winner, "cells": cells}
        for trial, *cells in zip(facts.trials, *columns, strict=True)
    ]
    places = table.sort_values(scores, ascending=not score.is_share, kind="stable").index if scores else table.index
    return part("sortable", heads, [rows[place] for place in places])


def _head(column: str, score: Score, *, is_first: bool) -> _Head:
    order = ("descending" if score.is_share else "ascending") if is_first else "none"
    word = _HEADS.get(column, column.replace("_", " "))
    if score is not ACCURACY:
        words = column.removesuffix("score").replace("_", " ") + score.words
        word = words if column.endswith("score") else column.replace("_", " ") if column == "test_accuracy" else word
    return _Head(word=word, kind=_kind(column), order=order)


def _is_score(column: str) -> bool:
    return column in _SCORES or column.endswith(("_score", "_sd"))


def _behind(column: str, facts: ReportFacts) -> list[str]:
    """Return the text after the number in each cell of a column: the interval of a full training's accuracy."""
    interval = _INTERVALS.get(column)
    finals = [facts.finals.get(trial.number) if interval else None for trial in facts.trials]
    ends = [interval(final) if interval and final else None for final in finals]
    score = ACCURACY if column == "test_accuracy" else facts.score
    return [f" {score.write_interval(pair)}" if pair else "" for pair in ends]


def _writer(column: str, score: Score) -> Callable[[Any, str], _Cell]:
    """Return the function that writes a cell of this column."""
    written = _number_writer(column, score)

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


def _number_writer(column: str, score: Score) -> Callable[[Any], str]:
    if column in _PERCENT or (score.is_share and _is_score(column)):
        return write_percent
    if _is_score(column):
        return lambda value: f"{value:.4f}"
    if column == "seconds":
        return lambda value: f"{value:,.1f}"
    if column == "full_random":
        return lambda value: "yes" if value else "no"
    return write_macs if column == "macs" else lambda value: f"{value:,}"


def _exact(value: float) -> str:
    """Write a number for JavaScript, in few characters."""
    return f"{value:.7g}" if isinstance(value, float) else str(int(value))
