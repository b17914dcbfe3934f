"""A network drawn stage by stage, as an SVG that takes its colours from the page.

Each block is a slab. Its height shows the width of the feature map in pixels, its thickness the number of channels,
both as square roots. An arc is the shortcut, solid where it is a projection. The numbers are below, and the kind of the
blocks where it is not basic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.reports.breakdown import Part, parts
from budgetnas.text import plural, write_macs, write_percent, write_shape
from budgetnas.trials.trial import Trial

_MOST_SLABS = 12  # a longer stage shows its first slabs, then dots
_TALLEST, _LOWEST = 120.0, 14.0
_THICKEST, _THINNEST = 22.0, 5.0
_BETWEEN, _COLUMN, _PADDING = 5.0, 146.0, 18.0
_BASE, _TOP = 190.0, 24.0
_LINE = 18.0
_BAR, _BAR_WIDTH = 5.0, 108.0
# The variables are the page's; beside it their second words hold.
_STYLE = """
.net { display: block; margin: .5rem 0 1rem; font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans",
  sans-serif; font-variant-numeric: tabular-nums; }
.net text { fill: var(--text, #1f2328); text-anchor: middle; }
.net .name, .net .dim { fill: var(--dim, #57606a); text-anchor: middle; }
.net .big { font-size: 17px; font-weight: 650; }
.net .block { fill: color-mix(in srgb, var(--accent, #2563eb) 30%, var(--back, #ffffff));
  stroke: var(--accent, #2563eb); }
.net .end { fill: color-mix(in srgb, var(--dim, #57606a) 20%, var(--back, #ffffff)); stroke: var(--dim, #57606a); }
.net .arc { fill: none; stroke: var(--dim, #57606a); stroke-dasharray: 2 2; }
.net .projection { stroke: var(--text, #1f2328); stroke-dasharray: none; stroke-width: 1.6; }
.net .flow { stroke: var(--line, #d8dee4); stroke-width: 2; }
.net .rail { fill: var(--line, #d8dee4); } .net .share { fill: var(--accent, #2563eb); }
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Column:
    """A part and its place: `x` is its left end, in units of the drawing."""

    part: Part
    x: float
    width: float
    slab: tuple[float, float]

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def drawing(spec: ResNetSpec, shape: DataShape) -> str:
    """Return the SVG element, with the width in pixels at which its text is readable."""
    found = parts(spec, shape)
    columns = _lay_out(found, shape)
    down = 1.0 if any(part.kind for part in found) else 0.0  # lines that make room for the kinds
    width, height = columns[-1].x + columns[-1].width, _BASE + (8.2 + down) * _LINE
    body = "".join(
        _title(column)
        + _slabs(column)
        + _numbers(column, params=sum(p.params for p in found), macs=sum(p.macs for p in found), down=down)
        for column in columns
    )
    return (
        '<svg class="net" role="img" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
        f"<title>{escape(_in_words(found))}</title><style>{_STYLE}</style>{_flow(width)}{body}</svg>"
    )


def drawing_caption(trial: Trial) -> str:
    """Return what the drawing of a trial's network shows."""
    return (
        f"Trial {trial.number}, {trial.candidate.spec.id}. Each slab is a block: its height shows the size of the "
        "feature map, its thickness the channels. Arcs are shortcuts; a solid arc is a projection (1x1 convolution)."
    )


def _lay_out(found: Sequence[Part], shape: DataShape) -> list[_Column]:
    side, widest = max(shape.height, shape.width), max(part.width for part in found[:-1])
    columns, x = [], 0.0
    for part in found:
        inner = max(part.out_shape[1:], default=1)
        tall = max(_LOWEST, _TALLEST * (inner / side) ** 0.5)
        thick = max(_THINNEST, _THICKEST * min(1.0, part.width / widest) ** 0.5)
        shown = min(max(part.block_count, 1), _MOST_SLABS)
        dots = 16.0 if part.block_count > shown else 0.0
        width = max(_COLUMN, shown * (thick + _BETWEEN) + dots + 2 * _PADDING)
        columns.append(_Column(part=part, x=x, width=width, slab=(thick, tall)))
        x += width
    return columns


def _flow(width: float) -> str:
    y = _BASE - _TALLEST / 2
    return f'<line class="flow" x1="6" x2="{width - 6:.0f}" y1="{y:.0f}" y2="{y:.0f}"/>'


def _title(column: _Column) -> str:
    return f'<text class="name" x="{column.middle:.1f}" y="{_TOP:.0f}">{column.part.name}</text>'


def _slabs(column: _Column) -> str:
    thick, tall = column.slab
    shown = min(max(column.part.block_count, 1), _MOST_SLABS)
    total = shown * thick + (shown - 1) * _BETWEEN
    left, top = column.middle - total / 2, _BASE - _TALLEST / 2 - tall / 2
    kind = "block" if column.part.block_count else "end"
    pieces = []
    for i in range(shown):
        x = left + i * (thick + _BETWEEN)
        pieces.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{top:.1f}" width="{thick:.1f}" height="{tall:.1f}" rx="2"/>'
        )
        if column.part.block_count - column.part.residuals <= i < column.part.block_count:
            arc = "arc projection" if column.part.projects and i == 0 else "arc"
            start, end, lift = x - _BETWEEN / 2, x + thick + _BETWEEN / 2, top - 9
            pieces.append(
                f'<path class="{arc}" d="M{start:.1f} {top + 2:.1f}C{start:.1f} {lift:.1f} {end:.1f} {lift:.1f} '
                f'{end:.1f} {top + 2:.1f}"/>'
            )
    if column.part.block_count > shown:
        pieces.append(f'<text x="{left + total + 10:.1f}" y="{_BASE - _TALLEST / 2 + 4:.1f}">…</text>')
    return "".join(pieces)


def _numbers(column: _Column, *, params: int, macs: int, down: float) -> str:
    part = column.part
    shape = f"{part.block_count} x {part.width}" if part.block_count else f"{part.width}"
    what = write_shape(part.out_shape[1:]) if len(part.out_shape) > 1 else "classes"
    lines = (
        ("big", shape, 0.0),
        ("dim", what, 1.0),
        *([("dim", part.kind, 2.0)] if part.kind else []),
        ("", f"{part.params:,} params", 2.5 + down),
        ("dim", f"{write_percent(part.params / params)} %", 3.5 + down),
        ("", f"{write_macs(part.macs)} MACs", 5.3 + down),
        ("dim", f"{write_percent(part.macs / macs)} %", 6.3 + down),
    )
    text = "".join(
        f'<text class="{kind}" x="{column.middle:.1f}" y="{_BASE + 24 + line * _LINE:.1f}">{escape(text)}</text>'
        for kind, text, line in lines
    )
    return text + _bar(column, part.params / params, 4.0 + down) + _bar(column, part.macs / macs, 6.8 + down)


def _bar(column: _Column, share: float, line: float) -> str:
    x, y = column.middle - _BAR_WIDTH / 2, _BASE + 24 + line * _LINE - 4
    return (
        f'<rect class="rail" x="{x:.1f}" y="{y:.1f}" width="{_BAR_WIDTH}" height="{_BAR}" rx="2"/>'
        f'<rect class="share" x="{x:.1f}" y="{y:.1f}" width="{_BAR_WIDTH * share:.1f}" height="{_BAR}" rx="2"/>'
    )


def _in_words(found: Sequence[Part]) -> str:
    stages = ", ".join(
        f"{part.name}: {plural(part.block_count, 'block')} of width {part.width}"
        + (f" ({part.kind})" if part.kind else "")
        for part in found
        if part.block_count
    )
    return f"Stem of {found[0].width} channels; {stages}; head with {found[-1].width} classes."
