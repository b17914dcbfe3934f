"""`budgetnas export`: writes the certificate of a fully trained network."""

from __future__ import annotations

import argparse
from pathlib import Path

from budgetnas.cli.options import whole_number
from budgetnas.cli.report import add_run_arguments

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
        "--json", action="store_true", help="print the folder, and which file could not be written, as JSON"
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the certificate."""
    import json

    from budgetnas.runs.certify import export

    out = Path(arguments.out)
    missing = export(
        arguments.run,
        out,
        storage=arguments.storage,
        trial=arguments.trial,
        with_preprocessing=arguments.with_preprocessing,
    )
    if arguments.json:
        print(json.dumps({"network": str(out), "lacks": missing or None}, indent=2))
        return
    if missing:
        print(f"NOTE: {missing}")
    print(f"network  {out}")
    print(f"check    budgetnas verify {out}")
