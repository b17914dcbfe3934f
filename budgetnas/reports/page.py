"""`report.html`: one self-contained page, from the result at a glance to the table of all trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from markupsafe import Markup

from budgetnas.arch.spec import DataShape
from budgetnas.evidence.scores import ACCURACY, Score
from budgetnas.reports.breakdown import layers_table, parts_table
from budgetnas.reports.confusion import class_table
from budgetnas.reports.facts import Reference, ReportFacts, complete, winning_trial
from budgetnas.reports.figures import explanation
from budgetnas.reports.gallery import Picture, gallery
from budgetnas.reports.importance import importances
from budgetnas.reports.markup import Section, drawn, joined, page, paragraph, part, plot, words_table
from budgetnas.reports.table import sortable_table
from budgetnas.text import Table, plural
from budgetnas.trials.trial import Trial, is_left_out

_ELSEWHERE = ("finalists", "fidelity", "controls")  # tables that are not of "What was searched"


def report_page(facts: ReportFacts) -> str:
    """Return the page as HTML with plotly's script inside; it makes no requests."""
    pictures = gallery(facts)
    return page(
        "search.html",
        title=facts.title,
        kind="search",
        description=facts.headline,
        sections=(
            Section("evidence", "Fidelity and controls", _evidence(facts, pictures)),
            Section("winner", "The winner", _winner(winning_trial(facts), facts.shape, pictures)),
            Section("classes", "Which classes the winner takes for which", _classes(facts, pictures)),
            Section("searched", "What was searched", _searched(facts)),
            Section("costs", "Other costs", _shown(pictures, "macs", "bytes", "memory")),
            Section("course", "The course of the search", _shown(pictures, "progress", "scores")),
            Section("learning", "Learning curves", _shown(pictures, "curves")),
            Section("networks", "All networks at once", _shown(pictures, "parallel")),
            Section("dimensions", "What mattered", _importance(complete(facts), pictures)),
            Section("reported", "The models of Pei et al.", _references(facts.references)),
            Section("trials", "All trials", _trials(facts)),
        ),
        command=facts.command,
        about=facts.about,
        facts=facts,
        finalists=_table(facts, "finalists"),
        figure=_shown(pictures, "params"),
    )


def _table(facts: ReportFacts, name: str) -> Markup:
    """Return a table of this name; "" where there is none."""
    table = facts.tables.get(name)
    return Markup() if table is None else words_table(table)


def _searched(facts: ReportFacts) -> Markup:
    tables = [words_table(table) for key, table in facts.tables.items() if key not in _ELSEWHERE]
    return joined(part("definitions", facts.lines), *tables)


def _shown(pictures: Mapping[str, Picture], *names: str) -> Markup:
    """Return the figures of these names, as far as they exist, under their captions."""
    return joined(*(_picture(name, pictures[name]) for name in names if name in pictures))


def _picture(name: str, picture: Picture) -> Markup:
    if isinstance(picture.figure, str):
        return drawn(picture.figure, picture.caption, name=name)
    return plot(picture.figure, name, picture.caption)


def _importance(trials: list[Trial], pictures: Mapping[str, Picture]) -> Markup:
    return _shown(pictures, "importance") or paragraph(str(importances(trials)))


def _winner(winner: Trial | None, shape: DataShape, pictures: Mapping[str, Picture]) -> Markup:
    if winner is None:
        return Markup()
    spec = winner.candidate.spec
    return joined(
        _shown(pictures, "winner"),
        words_table(parts_table(spec, shape), has_total=True),
        part("folded", "Every layer", words_table(layers_table(spec, shape), heading=False, has_total=True)),
    )


def _classes(facts: ReportFacts, pictures: Mapping[str, Picture]) -> Markup:
    return joined(
        *(
            piece
            for split, matrix in facts.confusion.items()
            for piece in (
                _shown(pictures, f"confusion-{split}"),
                words_table(class_table(matrix, facts.classes, title=f"Accuracy of every class on {split} images")),
            )
        )
    )


def _evidence(facts: ReportFacts, pictures: Mapping[str, Picture]) -> Markup:
    return joined(
        _table(facts, "controls"),
        _shown(pictures, "controls"),
        _table(facts, "fidelity"),
        _shown(pictures, "fidelity"),
    )


def _references(references: Iterable[Reference]) -> Markup:
    rows = [
        (
            reference.name,
            f"{reference.params:,}",
            f"{reference.macs:,}",
            "" if reference.accuracy is None else f"{reference.accuracy:.2f} % (reported)",
            reference.note,
        )
        for reference in references
    ]
    if not rows:
        return Markup()
    table = Table(title="", columns=("model", "params", "MACs", "test accuracy", "note"), rows=rows)
    source = (
        "As reported by Pei et al. (Kaiyu Pei, Keng-Ming Chang and Jincheng Tian, Deep Learning Mini-Project, New York "
        "University): the best epoch on the CIFAR-10 test set. Not measured here."
    )
    return joined(paragraph(source), words_table(table, heading=False, prose=("note",)))


def _several(score: Score) -> str:
    return "accuracies" if score is ACCURACY else f"values of {score.words}"


def _trials(facts: ReportFacts) -> Markup:
    shown = [trial for trial in facts.trials if not is_left_out(trial)]
    if not shown:
        return Markup()
    note = (
        f"{plural(len(shown), 'trial')}, those that got farthest first. Click a header to sort by its column, and "
        f"again to reverse the order. Scores are validation {_several(facts.score)} after the last epoch, at the first "
        "rung unless the header says otherwise. "
        f"{'Scores, standard deviations' if facts.score.is_share else 'Accuracies'} and utilisation of the cap are in "
        "percent."
    )
    if len(shown) < len(facts.trials):
        note += " Models tried first that are over a cap are only in trials.csv."
    table = sortable_table(replace(facts, trials=shown))
    return joined(paragraph(note, "note"), paragraph(explanation(facts), "note"), table)
