"""The look of pages and figures: the style sheet (light, dark, small screens, print), colours and axes.

Every colour has a contrast of at least 3:1 with white and with the dark page (WCAG 2.1, 1.4.11). On the page a style
sheet sets the colour of a figure's text; otherwise it is `GREY`.
"""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.graph_objects as go

from budgetnas.trials.trial import Trial

SHORT, SEEDED, FULL, WINNER, GREY = "#3b82f6", "#d97706", "#059669", "#e11d74", "#7d8590"
RUNGS = (SHORT, "#8b5cf6", "#0891b2", "#b45309", "#64748b")
NAMED = (
    SHORT, FULL, SEEDED, "#8b5cf6", "#0891b2", "#65a30d", "#b45309", "#6366f1", "#0d9488", "#c026d3",
)  # fmt: skip
SHADES = ("#8b95a5", "#64748b")  # of what stays behind
LOW_TO_HIGH = ((0.0, "#8b95a5"), (0.55, SHORT), (1.0, "#ea580c"))
AXIS = {"gridcolor": "rgba(125,133,144,.22)", "zeroline": False, "automargin": True}
_ABOVE = 30  # pixels above a figure, where plotly has its buttons
_LONGEST_ORIGIN = 40
_LONGEST_ID = 32


def points(share: float) -> float:
    """Return a share in [0, 1] as percent, rounded to the two decimals that are shown."""
    return round(100 * share, 2)


def short_id(spec: str) -> str:
    """Return the id of a network, cut where it is long."""
    return spec if len(spec) <= _LONGEST_ID else f"{spec[:_LONGEST_ID]}..."


def label(trial: Trial, number: int | None = None) -> str:
    """Name a trial in a figure; the origins of seeded models are escaped, since plotly reads markup."""
    name = f"trial {trial.number if number is None else number}: {trial.candidate.spec.id}"
    if not trial.facts.seeded:
        return name
    return f"{name} ({escape(trial.candidate.origin[:_LONGEST_ORIGIN], quote=False)})"


def dress(figure: go.Figure, *, x: str, y: str, height: int = 440) -> go.Figure:
    """Give a figure its axes, a legend below it and no background.

    Args:
        figure: changed in place and returned.
        x: title of the horizontal axis.
        y: title of the vertical axis.
        height: in pixels.
    """
    undress(figure, height=height)
    figure.update_layout(
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        hovermode="closest",
        xaxis={**AXIS, "title": {"text": x}},
        yaxis={**AXIS, "title": {"text": y}},
    )
    return figure


def undress(figure: go.Figure, *, height: int, **margin: int) -> go.Figure:
    """Remove a figure's template and background, so that the page's background shows.

    Args:
        figure: changed in place and returned.
        height: in pixels.
        margin: `l`, `r`, `t`, `b` in pixels, where they differ from the default.
    """
    sides: dict[str, Any] = {"l": 8, "r": 12, "t": _ABOVE, "b": 8, **margin}
    figure.update_layout(
        template="none",
        font={"color": GREY, "size": 13, "family": "system-ui, sans-serif"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"bgcolor": "#1f2328", "bordercolor": GREY, "font": {"color": "#ffffff"}},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": SHORT},
        margin=sides,
        height=height,
    )
    return figure


STYLE = """
:root {
  color-scheme: light dark;
  --text: #1f2328; --dim: #57606a; --back: #ffffff; --soft: #f5f7f9; --line: #d8dee4;
  --accent: #2563eb; --good: #059669; --warn: #b45309; --warn-back: #fff6e0; --win: #e7f7f0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e6e8eb; --dim: #9da7b1; --back: #14171b; --soft: #1b1f25; --line: #333a43;
    --accent: #6ea8fe; --good: #34d399; --warn: #f5b454; --warn-back: #33280f; --win: #12302a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--text);
  background: var(--back); max-width: 70rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1rem; font-weight: 600; color: var(--dim); margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 3.2rem 0 .9rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 2rem 0 .5rem; overflow-wrap: anywhere; }
p, figcaption { text-wrap: pretty; }
p { margin: .6rem 0; max-width: 46rem; overflow-wrap: anywhere; }
.notice { max-width: none; margin: 1rem 0; padding: .7rem 1rem; border-radius: .4rem; background: var(--warn-back);
  border: 1px solid var(--warn); font-weight: 600; }
.headline { max-width: none; margin: 1rem 0; font-size: clamp(1.2rem, .9rem + 1.5vw, 1.7rem); line-height: 1.35;
  font-weight: 650; letter-spacing: -.01em; }
.verdict { max-width: none; margin: 1.2rem 0; padding: .7rem 1rem; border-radius: .4rem; background: var(--soft);
  border: 1px solid var(--line); border-left: .35rem solid var(--accent); }
.verdict b { margin-right: .35rem; color: var(--accent); }
.verdict.untested { border: 2px dashed var(--warn); background: var(--warn-back); }
.verdict.untested b { color: var(--warn); }
.note, figcaption { color: var(--dim); font-size: .9rem; }
figure { margin: 1.2rem 0 1.8rem; }
figcaption { max-width: 46rem; margin-bottom: .3rem; overflow-wrap: anywhere; }
dl { margin: .5rem 0 1.5rem; }
dl div { display: grid; grid-template-columns: 11rem 1fr; gap: 1rem; padding: .3rem 0;
  border-bottom: 1px solid var(--line); }
dt { color: var(--dim); overflow-wrap: anywhere; } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; max-width: 100%; }
.tall { max-height: 80vh; overflow-y: auto; border: 1px solid var(--line); border-radius: .3rem; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .75rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 600; vertical-align: bottom; }
.name, .prose { text-align: left; }
td { vertical-align: top; }
td.prose { white-space: normal; min-width: 22rem; max-width: 34rem; }
td:first-child, th:first-child { padding-left: .1rem; }
.sortable td { padding: .32rem .75rem; }
tbody tr:hover td { background: var(--soft); }
tfoot td { font-weight: 650; border-top: 2px solid var(--line); border-bottom: 0; }
.sortable thead th { position: sticky; top: 0; z-index: 1; padding: 0; background: var(--back);
  box-shadow: inset 0 -1px var(--line); border: 0; }
.sortable button { font: inherit; color: inherit; position: relative; width: 100%; min-width: 5.2em; border: 0;
  padding: .45rem .75rem .45rem 1.2rem; background: none; text-align: inherit; cursor: pointer; white-space: normal; }
.sortable .name button, .sortable .prose button { padding: .45rem 1.2rem .45rem .75rem; }
.sortable button:hover { color: var(--text); }
.sortable button:focus-visible, .scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--accent);
  outline-offset: -2px; }
.sortable button::after { content: "\\2195"; position: absolute; left: .3rem; bottom: .45rem; opacity: .35; }
.sortable .name button::after, .sortable .prose button::after { left: auto; right: .3rem; }
.sortable [aria-sort=ascending] button::after { content: "\\2191"; opacity: 1; }
.sortable [aria-sort=descending] button::after { content: "\\2193"; opacity: 1; }
.sortable .winner td { background: var(--win); font-weight: 650; }
summary { cursor: pointer; color: var(--accent); margin: 1rem 0; }
pre { padding: .8rem 1rem; border-radius: .4rem; background: var(--soft); border: 1px solid var(--line);
  font-size: .88rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.js-plotly-plot text { fill: var(--dim) !important; text-shadow: none !important; }
.js-plotly-plot .heatmap-label text { fill: var(--text) !important; }
.js-plotly-plot .hoverlayer text { fill: #ffffff !important; }
@media (max-width: 40rem) {
  body { padding: 1rem .9rem 3rem; }
  dl div { grid-template-columns: 1fr; gap: 0; }
  h2 { margin-top: 2.4rem; }
  th, td { padding: .3rem .55rem; }
}
@media print {
  :root {
    color-scheme: light;
    --text: #000000; --dim: #444c56; --back: #ffffff; --soft: #ffffff; --line: #c4cbd2;
    --accent: #2563eb; --good: #059669; --warn: #b45309; --warn-back: #ffffff; --win: #e7f7f0;
  }
  @page { margin: 14mm; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h2, h3, figcaption, dt { break-after: avoid; }
  figure, dl div, tr, .net, .verdict, .notice { break-inside: avoid; }
  .scroll, .tall { overflow: visible; max-height: none; border: 0; }
  .sortable thead th { position: static; padding: 1pt 2.5pt; }
  .sortable button::after { content: none; }
  table { font-size: 7pt; max-width: 100%; }
  th, td { padding: 1.5pt 4pt; }
  .sortable { font-size: 6pt; } .sortable th, .sortable td { padding: 1pt 2.5pt; }
  .spare { display: none; }
  td.prose { min-width: 0; }
  .sortable button { padding: 0; min-width: 0; }
  .wide { min-width: 0 !important; }
  pre { border: 1px solid var(--line) !important; }
  .net { max-width: 100%; height: auto; }
  details::details-content { content-visibility: visible; block-size: auto; opacity: 1; }
}
"""
