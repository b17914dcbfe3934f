"""`report.html`: one self-contained page, from the result at a glance to the table of all trials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from markupsafe import Markup

from budgetnas.arch.spec import DataShape
from budgetnas.evidence.scores import ACCURACY, Score
from budgetnas.reports.breakdown import layers_table, parts_table
from budgetnas.reports.cost import cost_figure, outside_references
from budgetnas.reports.drawing import drawing
from budgetnas.reports.facts import Reference, ReportFacts, complete, winning_trial
from budgetnas.reports.figures import curves_figure, explanation, fidelity_figure, has_pairs, parallel_figure
from budgetnas.reports.importance import importance_figure, importances, reservations
from budgetnas.reports.markup import Section, drawn, joined, page, paragraph, part, plot, words_table
from budgetnas.reports.table import sortable_table
from budgetnas.text import Table, plural
from budgetnas.trials.trial import Trial, is_left_out

_ELSEWHERE = ("finalists", "fidelity", "controls")  # tables that are not of "What was searched"


def report_page(facts: ReportFacts) -> str:
    """Return the page as HTML with plotly's script inside; it makes no requests."""
    return page(
        "search.html",
        title=facts.title,
        kind="search",
        description=facts.headline,
        sections=(
            Section("evidence", "Fidelity and controls", _evidence(facts)),
            Section("winner", "The winner", _winner(winning_trial(facts), facts.shape)),
            Section("searched", "What was searched", _searched(facts)),
            Section("macs", "Accuracy against MACs", _macs(facts)),
            Section("learning", "Learning curves", _curves(facts)),
            Section("networks", "All networks at once", _parallel(complete(facts), facts.score)),
            Section("dimensions", "What mattered", _importance(complete(facts))),
            Section("reported", "The models of Pei et al.", _references(facts.references)),
            Section("trials", "All trials", _trials(facts)),
        ),
        command=facts.command,
        about=facts.about,
        facts=facts,
        finalists=words_table(facts.tables["finalists"]) if "finalists" in facts.tables else Markup(),
        figure=_params(facts),
    )


def _searched(facts: ReportFacts) -> Markup:
    tables = [words_table(table) for key, table in facts.tables.items() if key not in _ELSEWHERE]
    return joined(part("definitions", facts.lines), *tables)


def _params(facts: ReportFacts) -> Markup:
    if not complete(facts):
        return Markup()
    caption = (
        f"Validation {facts.score.words} of short trainings (dots) and full trainings (stars) against parameters. "
        "These are different fidelities, so each has its own axis and its own Pareto front (the best "
        f"{facts.score.words} up to each cost)."
    )
    return plot(cost_figure(facts, "params"), "params", caption + _outside(facts, "params"))


def _macs(facts: ReportFacts) -> Markup:
    if not complete(facts):
        return Markup()
    caption = "The same trainings against multiply-accumulates for one image." + _outside(facts, "macs")
    return plot(cost_figure(facts, "macs"), "macs", caption)


def _outside(facts: ReportFacts, cost: str) -> str:
    unit = "parameters" if cost == "params" else "MACs"
    names = [f"{reference.name} ({getattr(reference, cost):,} {unit})" for reference in outside_references(facts, cost)]
    return f" Outside the figure: {', '.join(names)}; double-click to show all." if names else ""


def _curves(facts: ReportFacts) -> Markup:
    if not any(trial.curve for trials in facts.rungs.values() for trial in trials) and not facts.finals:
        return Markup()
    caption = (
        "Each rung trains from scratch with its own schedule; no training continues a shorter one. Click a name in the "
        "legend to hide or show it; double-click to show it alone."
    )
    return plot(curves_figure(facts), "curves", caption)


def _parallel(trials: list[Trial], score: Score) -> Markup:
    if len(trials) < 2:
        return Markup()
    figure = parallel_figure(trials, score)
    caption = (
        f"Each line is one of {len(trials):,} networks, from its stages to the score of its short training: grey is "
        f"{'low, blue medium, orange high' if score.is_share else 'a high loss, blue medium, orange a low one'}. Drag "
        "along an axis to select a range. What a network does not have is 0, "
        "such as the width of an absent stage."
    )
    return plot(figure, "parallel", caption, least_width=86 * len(figure.data[0].dimensions))


def _importance(trials: list[Trial]) -> Markup:
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


def _winner(winner: Trial | None, shape: DataShape) -> Markup:
    if winner is None:
        return Markup()
    spec = winner.candidate.spec
    caption = (
        f"Trial {winner.number}, {spec.id}. Each slab is a block: its height shows the size of the feature map, its "
        "thickness the channels. Arcs are shortcuts; a solid arc is a projection (1x1 convolution)."
    )
    return joined(
        drawn(drawing(spec, shape), caption),
        words_table(parts_table(spec, shape), has_total=True),
        part("folded", "Every layer", words_table(layers_table(spec, shape), heading=False, has_total=True)),
    )


def _evidence(facts: ReportFacts) -> Markup:
    caption = "Scores at a rung against scores after full training: the better the ranking, the straighter the line."
    tables = {key: words_table(facts.tables[key]) for key in ("controls", "fidelity") if key in facts.tables}
    figure = plot(fidelity_figure(facts), "fidelity", caption) if has_pairs(facts) else Markup()
    return joined(*tables.values(), figure)


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
