"""The note of a study in optuna-dashboard: what was found, as Markdown; every word is escaped."""

from __future__ import annotations

from collections.abc import Iterable

from budgetnas.records.markdown import escaped
from budgetnas.records.table import Table, trimmed
from budgetnas.report.facts import ReportFacts

_IMPORTANCE = (
    "The importance that optuna-dashboard draws takes the blocks and the width of a stage that a network does not have "
    "for their lowest values. report.html compares them among the networks that have the stage."
)


def note(facts: ReportFacts) -> str:
    """Return headline, verdict, facts and tables as GitHub-flavoured Markdown."""
    warned = (f"Warning: {warning}" for warning in facts.warnings)
    told = (facts.notice, *facts.remarks, facts.verdict, *warned, _IMPORTANCE)
    return compose(facts.headline, told=told, lines=facts.lines, tables=facts.tables.values())


def compose(headline: str, *, told: Iterable[str], lines: Iterable[tuple[str, str]], tables: Iterable[Table]) -> str:
    """Return a note of anything: a heading, paragraphs, a list of (name, value), tables; what is empty is left out."""
    parts = [
        f"# {escaped(headline)}",
        *(escaped(paragraph) for paragraph in told),
        "\n".join(f"- {escaped(name)}: {escaped(value)}" for name, value in lines),
        *map(_table, tables),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(table: Table) -> str:
    table = trimmed(table)
    if not table.rows and not table.notes:
        return ""
    head = [_row(table.columns), _row(["---", *("---:" for _ in table.columns[1:])], is_text=False)]
    rows = ["", *head, *map(_row, table.rows)] if table.rows else []
    notes = [f"\n{escaped(line)}" for line in table.notes]
    return "\n".join([f"## {escaped(table.title)}", *rows, *notes])


def _row(cells: Iterable[str], *, is_text: bool = True) -> str:
    return f"| {' | '.join(map(escaped, cells) if is_text else cells)} |"
