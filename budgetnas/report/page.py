"""`report.html`: one self-contained page; every word of a user's is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from string import Template

import pandas as pd
from plotly import io

from budgetnas.report.facts import ReportFacts
from budgetnas.report.figures import cost_figure, curves_figure
from budgetnas.report.table import trials_table

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>$title</title>
<style>
:root { color-scheme: light dark; --text: #1f2328; --dim: #667; --back: #fff; --line: #d8dbe0; --warn: #fff3cd; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e8eb; --dim: #9aa; --back: #14171b; --line: #333941; --warn: #4a3b00; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  max-width: 68rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line); }
.notice { background: var(--warn); padding: .7rem 1rem; border-radius: .4rem; font-weight: 600; }
.headline { font-size: 1.15rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { position: sticky; top: 0; background: var(--back); }
td.text, th.text { text-align: left; }
code { overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>$title</h1>
$notice
<p class="headline">$headline</p>
<dl>$lines</dl>
<h2>Parameters against accuracy</h2>
$params
<h2>MACs against accuracy</h2>
$macs
<h2>Learning curves</h2>
<p>Grey: short trainings. Blue: full trainings. Green: the winner.</p>
$curves
<h2>The report's models</h2>
<p>As the student report gives them: the best epoch on the CIFAR-10 test set. Not measured here.</p>
<dl>$references</dl>
<h2>All trials</h2>
<div class="scroll">$table</div>
<h2>Run it again</h2>
<p><code>$command</code></p>
</body>
</html>
""")


def report_page(facts: ReportFacts, *, headline: str) -> str:
    """Return the page as HTML, plotly's script inside, with no request to anywhere."""
    title = f"budgetnas: {facts.title}"
    if facts.notice:
        title += f" ({facts.dataset} only shows the flow: its ranking says nothing about CIFAR-10)"
    return _PAGE.substitute(
        title=escape(title),
        notice=f'<p class="notice">{escape(facts.notice)}</p>' if facts.notice else "",
        headline=escape(headline),
        lines=_definitions(facts.lines),
        params=_figure(cost_figure(facts, "params"), script=True),
        macs=_figure(cost_figure(facts, "macs"), script=False),
        curves=_figure(curves_figure(facts), script=False),
        references=_definitions(facts.references),
        table=_table(trials_table(facts)),
        command=escape(facts.command),
    )


def _figure(figure: object, *, script: bool) -> str:
    return str(
        io.to_html(
            figure,
            full_html=False,
            include_plotlyjs="inline" if script else False,
            config={"responsive": True, "displayModeBar": False},
        )
    )


def _definitions(lines: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in lines)


_TEXT = frozenset({"state", "origin", "spec", "blocks", "widths", "reason"})
_PERCENT = frozenset({"utilisation", "score", "posterior_mean", "full_score", "test_accuracy"})


def _table(table: pd.DataFrame) -> str:
    head = "".join(f"<th{_class(name)}>{escape(name.replace('_', ' '))}</th>" for name in table.columns)
    body = "".join(
        "<tr>" + "".join(f"<td{_class(name)}>{_cell(name, row[name])}</td>" for name in table.columns) + "</tr>"
        for row in table.to_dict("records")
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _class(column: str) -> str:
    return ' class="text"' if column in _TEXT else ""


def _cell(column: str, value: object) -> str:
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return ""
    if column in _PERCENT:
        return f"{100 * float(value):.2f} %"  # type: ignore[arg-type]
    return f"{value:,}" if column in ("params", "macs") else escape(str(value))
