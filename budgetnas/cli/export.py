"""`budgetnas export`: writes the certificate of a fully trained network."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budgetnas.cli.options import whole_number
from budgetnas.cli.report import add_run_arguments
from budgetnas.text import write_percent

DESCRIPTION = (
    "Export a trained network as a self-verifying folder: weights, source, ONNX, ledger, results and manifest."
)
EXAMPLE = "budgetnas export runs/digits-hard-5M-s0 --trial 42 --out mynet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run_arguments(parser)
    parser.add_argument(
        "--trial",
        type=whole_number,
        metavar="N",
        help="number of the fully trained trial to export (default: the winner, or the only one)",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write; must not exist, or be empty")
    parser.add_argument(
        "--with-preprocessing", action="store_true", help="model.onnx takes raw pixels and normalises them itself"
    )
    parser.add_argument(
        "--fold-norms",
        action="store_true",
        help="model.onnx has batch norm folded into the convolutions (default: where the search capped bytes)",
    )
    parser.add_argument(
        "--quantize",
        metavar="NAME",
        help="int8 or fp16: write model.NAME.onnx too, tested on the run's data set; needs budgetnas[onnx]",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the folder, what was measured of its ONNX files, and which could not be written",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the certificate."""
    import json

    from budgetnas.certificates.certificate import RESULTS
    from budgetnas.runs.certify import export

    out = Path(arguments.out)
    missing = export(
        arguments.run,
        out,
        storage=arguments.storage,
        trial=arguments.trial,
        with_preprocessing=arguments.with_preprocessing,
        fold_norms=arguments.fold_norms,
        quantize=arguments.quantize,
    )
    files = json.loads((out / RESULTS).read_text()).get("files", {})
    if arguments.json:
        print(
            json.dumps({"network": str(out), "lacks": missing or None} | ({"files": files} if files else {}), indent=2)
        )
        return
    if missing:
        print(f"NOTE: {missing}")
    print(f"network  {out}")
    for name, entry in files.items():
        print(f"file     {name}: {_in_words(entry)}")
    print(f"check    budgetnas verify {out}")


def _in_words(entry: Mapping[str, Any]) -> str:
    """Return size and accuracies of an ONNX file."""
    counted = entry["counted"]
    size = f"{entry['bytes']:,} bytes" + (f" (counted: at most {counted['file_bytes']:,})" if counted else "")
    shares = (
        f"{split} {write_percent(entry[f'{split}_correct'] / entry[f'{split}_images'], None, None, unit=' %')}"
        for split in ("validation", "test")
        if entry.get(f"{split}_images")
    )
    return ", ".join([size, *shares])
