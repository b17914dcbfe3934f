"""`report.html`: one self-contained page, from the headline to the command that reproduces it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from html import escape

from budgetnas.arch.spec import DataShape
from budgetnas.evidence.scores import ACCURACY, Score
from budgetnas.reports.breakdown import layers_table, parts_table
from budgetnas.reports.cost import cost_figure, outside_references
from budgetnas.reports.drawing import drawing
from budgetnas.reports.facts import Reference, ReportFacts, complete, winning_trial
from budgetnas.reports.figures import curves_figure, explanation, fidelity_figure, has_pairs, parallel_figure
from budgetnas.reports.importance import importance_figure, importances, reservations
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
    title = f"budgetnas: {facts.title}"
    if facts.notice:
        title += f" ({facts.dataset} is a smoke test: its ranking does not carry over to CIFAR-10)"
    sections = (
        section("searched", "What was searched", _searched(facts)),
        section("accuracy", f"Cost against {facts.score.words}", _accuracy(facts)),
        section("learning", "Learning curves", _curves(facts)),
        section("networks", "All networks at once", _parallel(complete(facts), facts.score)),
        section("dimensions", "What mattered", _importance(complete(facts))),
        section("winner", "The winner", _winner(winning_trial(facts), facts.shape)),
        section("evidence", "Fidelity and controls", _evidence(facts)),
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


def _accuracy(facts: ReportFacts) -> str:
    if not complete(facts):
        return ""
    caption = (
        f"Validation {facts.score.words} of short trainings (dots) and full trainings (stars). These are different "
        f"fidelities, so each has its own axis and its own Pareto front (the best {facts.score.words} up to each cost)."
    )
    return plot(cost_figure(facts, "params"), "params", caption + _outside(facts, "params")) + plot(
        cost_figure(facts, "macs"), "macs", "The same against multiply-accumulates." + _outside(facts, "macs")
    )


def _outside(facts: ReportFacts, cost: str) -> str:
    unit = "parameters" if cost == "params" else "MACs"
    names = [f"{reference.name} ({getattr(reference, cost):,} {unit})" for reference in outside_references(facts, cost)]
    return f" Outside the figure: {', '.join(names)}; double-click to show all." if names else ""


def _curves(facts: ReportFacts) -> str:
    if not any(trial.curve for trials in facts.rungs.values() for trial in trials) and not facts.finals:
        return ""
    caption = (
        "Each rung trains from scratch with its own schedule; no training continues a shorter one. Click a name in the "
        "legend to hide or show it; double-click to show it alone."
    )
    return plot(curves_figure(facts), "curves", caption)


def _parallel(trials: list[Trial], score: Score) -> str:
    if len(trials) < 2:
        return ""
    figure = parallel_figure(trials, score)
    caption = (
        f"Each line is one of {len(trials):,} networks, from its stages to the score of its short training: grey is "
        f"{'low, blue medium, orange high' if score.is_share else 'a high loss, blue medium, orange a low one'}. Drag "
        "along an axis to select a range. What a network does not have is 0, "
        "such as the width of an absent stage."
    )
    return plot(figure, "parallel", caption, least_width=86 * len(figure.data[0].dimensions))


def _importance(trials: list[Trial]) -> str:
    found = importances(trials)
    if isinstance(found, str):
        return paragraph(found)
    caption = [
        f"Importance of each dimension for being in the best tenth of {plural(len(trials), 'short training')}, by "
        "PED-ANOVA (Optuna). It describes the trials that the sampler chose, not the whole space. Blocks and width of "
        "a stage are compared only among networks that have the stage.",
        reservations(trials),
    ]
    return plot(importance_figure(found), "importance", " ".join(filter(None, caption)))


def _winner(winner: Trial | None, shape: DataShape) -> str:
    if winner is None:
        return ""
    spec = winner.candidate.spec
    caption = (
        f"Trial {winner.number}, {spec.id}. Each slab is a block: its height shows the size of the feature map, its "
        "thickness the channels. Arcs are shortcuts; a solid arc is a projection (1x1 convolution)."
    )
    layers = words_table(layers_table(spec, shape), heading="", has_total=True)
    return (
        captioned(f'<div class="scroll" tabindex="0">{drawing(spec, shape)}</div>', caption)
        + words_table(parts_table(spec, shape), has_total=True)
        + f"<details><summary>Every layer</summary>{layers}</details>"
    )


def _evidence(facts: ReportFacts) -> str:
    tables = {key: words_table(facts.tables[key]) for key in _LATER if key in facts.tables}
    caption = "Scores at a rung against scores after full training: the better the ranking, the straighter the line."
    drawn = plot(fidelity_figure(facts), "fidelity", caption) if has_pairs(facts) else ""
    return tables.get("fidelity", "") + drawn + tables.get("controls", "")


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


def _several(score: Score) -> str:
    return "accuracies" if score is ACCURACY else f"values of {score.words}"


def _trials(facts: ReportFacts) -> str:
    shown = [trial for trial in facts.trials if not is_left_out(trial)]
    if not shown:
        return ""
    note = (
        f"{plural(len(shown), 'trial')}. Click a header to sort by its column, and again to reverse the order. Scores "
        f"are validation {_several(facts.score)} after the last epoch, at the first rung unless the header says "
        f"otherwise. {'Scores, standard deviations' if facts.score.is_share else 'Accuracies'} and utilisation of the "
        "cap are in percent."
    )
    if len(shown) < len(facts.trials):
        note += " Models tried first that are over a cap are only in trials.csv."
    table = sortable_table(replace(facts, trials=shown))
    return paragraph(note, "note") + paragraph(explanation(facts), "note") + table
