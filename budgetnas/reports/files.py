"""The figures of a report as files, without a browser: SVG and PNG."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import plotly.graph_objects as go

from budgetnas.exceptions import UsageError

_ZOOM = 2  # pixels of a PNG for each of a drawing


def write_figures(figures: Mapping[str, go.Figure | str], folder: Path) -> list[Path]:
    """Write figures as `NAME.svg` and `NAME.png`; the same figures give the same files.

    Args:
        figures: by name, of plotly or drawn as SVG.
        folder: made where it is not; files of these names are replaced.

    Returns:
        The paths, figure by figure.

    Raises:
        UsageError: the packages of the extra "figures" are not installed, or the folder cannot be written.
    """
    try:
        import matplotlib  # noqa: F401
        import resvg_py  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError(
            f"needs {error.name}, which is not installed: pip install 'budgetnas[figures]'.", argument="figures"
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [path for name, figure in figures.items() for path in _write(figure, folder / name)]
    except OSError as error:
        raise UsageError(
            f"is {str(folder)!r}, which cannot be written ({error.strerror}): name another folder.", argument="figures"
        ) from error


def _write(figure: go.Figure | str, stem: Path) -> list[Path]:
    svg, png = stem.with_suffix(".svg"), stem.with_suffix(".png")
    if isinstance(figure, str):
        alone = standalone(figure)
        svg.write_text(alone, "utf-8")
        png.write_bytes(_pixels(alone))
    else:
        from budgetnas.reports.painter import painted, save

        sheet = painted(figure)
        save(sheet, svg)
        save(sheet, png)
    return [svg, png]


def standalone(svg: str) -> str:
    """Return a drawing of a page as a file of its own: the page's variables are replaced by their second words."""
    text = re.sub(r"var\(--\w+, (#\w+)\)", r"\1", svg)
    text = re.sub(r"color-mix\(in srgb, (#\w+) (\d+)%, (#\w+)\)", _mixed, text)
    return text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _mixed(found: re.Match[str]) -> str:
    share = int(found[2]) / 100
    pairs = [(int(found[1][i : i + 2], 16), int(found[3][i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * one + (1 - share) * other):02x}" for one, other in pairs)


def _pixels(svg: str) -> bytes:
    """Return a drawing as PNG on white, with the letters that matplotlib brings along, so that no machine differs."""
    import resvg_py
    from matplotlib import font_manager

    weights = [font_manager.FontProperties(family="DejaVu Sans", weight=weight) for weight in (400, 700)]
    fonts = [str(font_manager.findfont(weight)) for weight in weights]
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg, background="white", zoom=_ZOOM, skip_system_fonts=True, font_files=fonts,
            font_family="DejaVu Sans", sans_serif_family="DejaVu Sans",
        )
    )  # fmt: skip
