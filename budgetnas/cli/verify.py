"""`budgetnas verify`: checks a certificate and prints a line per check."""

from __future__ import annotations

import argparse
from pathlib import Path

from budgetnas.cli.options import add_data_arguments, read_data
from budgetnas.text import printable

DESCRIPTION = (
    "Check a certificate: hashes, counts, cap, source, weights, ONNX and, with --dataset, its test accuracy. Images "
    "are read as in its training unless options say otherwise. It shows damage, not authorship: compare the digest "
    "with a published one. No code from the folder runs."
)
EXAMPLE = "budgetnas verify runs/digits-hard-5M-s0/best --dataset digits-hard"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("folder", metavar="DIR", help="folder of a certificate")
    add_data_arguments(parser, default=None)
    add("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print a line per check; return 1 if any failed."""
    import json
    from dataclasses import asdict

    from budgetnas.certificates.predict import load_as_trained
    from budgetnas.certificates.verify import verify

    folder, named = Path(arguments.folder), read_data(arguments)
    checks = []
    for check in verify(folder, load_as_trained(folder, named)):
        checks.append(check)
        if not arguments.json:
            word = {True: "ok", False: "FAILED", None: "-"}[check.passed]
            print(f"{word:<7} {printable(check.name):<18} {printable(check.finding)}", flush=True)
    failed = [check.name for check in checks if check.passed is False]
    if arguments.json:
        print(json.dumps({"passed": not failed, "checks": [asdict(check) for check in checks]}, indent=2))
    elif failed:
        print(f"This certificate does not hold: {printable(', '.join(failed))}.")
    else:
        print("This certificate holds: it is complete and consistent. Compare its digest with a published one.")
    return 1 if failed else 0
