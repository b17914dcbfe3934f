"""`report.html`: one self-contained page, from the headline to the command that reproduces it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from html import escape

from budgetnas.arch.spec import DataShape
from budgetnas.reports.breakdown import layers_table, parts_table
from budgetnas.reports.confusion import class_table
from budgetnas.reports.facts import Reference, ReportFacts, complete, winning_trial
from budgetnas.reports.figures import explanation
from budgetnas.reports.gallery import Picture, gallery
from budgetnas.reports.importance import importances
from budgetnas.reports.markup import (
    captioned,
    definitions,
    paragraph,
    plot,
    run_again,
    section,
    shell,
    warned,
    words_table,
)
from budgetnas.reports.table import sortable_table
from budgetnas.text import Table, plural
from budgetnas.trials.trial import Trial, is_left_out

_LATER = ("fidelity", "controls")  # tables with a section of their own


def report_page(facts: ReportFacts) -> str:
    """Return the page as HTML with plotly's script inside; it makes no requests."""
    title, pictures = f"budgetnas: {facts.title}", gallery(facts)
    if facts.notice:
        title += f" ({facts.dataset} is a smoke test: its ranking does not carry over to CIFAR-10)"
    sections = (
        section("searched", "What was searched", _searched(facts)),
        section("accuracy", "Cost against accuracy", _shown(pictures, "params", "macs", "bytes", "memory")),
        section("learning", "Learning curves", _shown(pictures, "curves")),
        section("course", "The course of the search", _shown(pictures, "progress", "scores")),
        section("networks", "All networks at once", _shown(pictures, "parallel")),
        section("dimensions", "What mattered", _importance(complete(facts), pictures)),
        section("winner", "The winner", _winner(winning_trial(facts), facts.shape, pictures)),
        section("classes", "Which classes the winner takes for which", _classes(facts, pictures)),
        section("evidence", "Fidelity and controls", _evidence(facts, pictures)),
        section("reported", "The models of Pei et al.", _references(facts.references)),
        section("trials", "All trials", _trials(facts)),
        run_again(facts.command),
    )
    return shell(
        title=title,
        opening=paragraph(facts.notice, "notice")
        + paragraph(facts.headline, "headline")
        + "".join(map(paragraph, facts.remarks))
        + _verdict(facts)
        + warned(facts.warnings),
        sections=sections,
    )


def _verdict(facts: ReportFacts) -> str:
    if not facts.verdict:
        return ""
    kind, word = ("verdict", "Verdict") if facts.is_tested else ("verdict untested", "Unproven")
    return f'<p class="{kind}"><b>{word}</b>{escape(facts.verdict)}</p>'


def _searched(facts: ReportFacts) -> str:
    tables = (table for key, table in facts.tables.items() if key not in _LATER)
    return definitions(facts.lines) + "".join(map(words_table, tables))


def _shown(pictures: Mapping[str, Picture], *names: str) -> str:
    """Return the figures of these names, as far as they exist, under their captions."""
    return "".join(_picture(name, pictures[name]) for name in names if name in pictures)


def _picture(name: str, picture: Picture) -> str:
    if not isinstance(picture.figure, str):
        return plot(picture.figure, name, picture.caption)
    return captioned(f'<div class="scroll" id="{name}" tabindex="0">{picture.figure}</div>', picture.caption)


def _importance(trials: list[Trial], pictures: Mapping[str, Picture]) -> str:
    return _shown(pictures, "importance") or paragraph(str(importances(trials)))


def _winner(winner: Trial | None, shape: DataShape, pictures: Mapping[str, Picture]) -> str:
    if winner is None:
        return ""
    spec = winner.candidate.spec
    layers = words_table(layers_table(spec, shape), heading="", has_total=True)
    return (
        _shown(pictures, "winner")
        + words_table(parts_table(spec, shape), has_total=True)
        + f"<details><summary>Every layer</summary>{layers}</details>"
    )


def _classes(facts: ReportFacts, pictures: Mapping[str, Picture]) -> str:
    return "".join(
        _shown(pictures, f"confusion-{split}")
        + words_table(class_table(matrix, facts.classes, title=f"Accuracy of every class on {split} images"))
        for split, matrix in facts.confusion.items()
    )


def _evidence(facts: ReportFacts, pictures: Mapping[str, Picture]) -> str:
    tables = {key: words_table(facts.tables[key]) for key in _LATER if key in facts.tables}
    return (
        tables.get("fidelity", "")
        + _shown(pictures, "fidelity")
        + tables.get("controls", "")
        + _shown(pictures, "controls")
    )


def _references(references: Iterable[Reference]) -> str:
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
        return ""
    table = Table(title="", columns=("model", "params", "MACs", "test accuracy", "note"), rows=rows)
    source = (
        "As reported by Pei et al. (Kaiyu Pei, Keng-Ming Chang and Jincheng Tian, Deep Learning Mini-Project, New York "
        "University): the best epoch on the CIFAR-10 test set. Not measured here."
    )
    return paragraph(source) + words_table(table, heading="", prose=("note",))


def _trials(facts: ReportFacts) -> str:
    shown = [trial for trial in facts.trials if not is_left_out(trial)]
    if not shown:
        return ""
    note = (
        f"{plural(len(shown), 'trial')}. Click a header to sort by its column, and again to reverse the order. Scores "
        "are validation accuracies after the last epoch, at the first rung unless the header says otherwise. Scores, "
        "standard deviations and utilisation of the cap are in percent."
    )
    if len(shown) < len(facts.trials):
        note += " Models tried first that are over a cap are only in trials.csv."
    table = sortable_table(replace(facts, trials=shown))
    return paragraph(note, "note") + paragraph(explanation(facts), "note") + table
