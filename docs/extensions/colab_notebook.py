"""Make the notebook for Colab from its source, read as the gallery reads it: comments behind `# %%` are text.

`python docs/extensions/colab_notebook.py` writes `examples/colab.ipynb` from `examples/colab.py`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "colab.py"
NOTEBOOK = SOURCE.with_suffix(".ipynb")
_CELL = re.compile(r"^# %%\n((?:#.*\n)+)", re.MULTILINE)


def notebook(source: str) -> str:
    """Return the notebook of a source as JSON, without outputs."""
    _, opening, rest = source.split('"""', 2)
    parts = _CELL.split(rest)  # what is before the first text, then text and code in turn
    cells = [_cell("markdown", opening)]
    for text, code in zip(parts[1::2], parts[2::2], strict=True):
        cells += [_cell("markdown", re.sub(r"^# ?", "", text, flags=re.MULTILINE)), _cell("code", code)]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"accelerator": "GPU", "kernelspec": kernel, "language_info": {"name": "python"}}
    content = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1) + "\n"


def _cell(kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": text.strip().splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook(SOURCE.read_text()))
