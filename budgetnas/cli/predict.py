"""`budgetnas predict`: what the network of a certificate sees in images."""

from __future__ import annotations

import argparse
from pathlib import Path

from budgetnas.cli.numbers import whole_number
from budgetnas.cli.printable import printable
from budgetnas.exceptions import UsageError

DESCRIPTION = "Print the most likely classes of image files by the network of a certificate."
EXAMPLE = "budgetnas predict runs/digits-hard-5M-s0/best one.png two.jpg"
TOP = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="DIR", help="folder of a certificate")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="PNG or JPEG files")
    parser.add_argument("--top", type=whole_number, default=TOP, metavar="N", help=f"classes to print (default {TOP})")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print the classes, a line an image."""
    import json

    import numpy as np

    from budgetnas.export.certificate import load_certificate
    from budgetnas.export.predict import logits, read_image, top_classes

    if arguments.top < 1:
        raise UsageError(f"`--top` is {arguments.top}, but must be 1 or more.")
    model, arch = load_certificate(Path(arguments.folder))
    read = [read_image(Path(name), arch) for name in arguments.images]
    values = logits(model, np.stack([pixels for pixels, _ in read]), arch)
    found = [top_classes(row, arch["classes"], arguments.top) for row in values]
    if arguments.json:
        content = [
            {"image": name, "resized": resized, "classes": [{"class": label, "share": share} for label, share in best]}
            for name, (_, resized), best in zip(arguments.images, read, found, strict=True)
        ]
        print(json.dumps(content, indent=2))
        return
    size = f"{arch['shape']['width']}x{arch['shape']['height']}"
    for name, (_, resized), best in zip(arguments.images, read, found, strict=True):
        told = ", ".join(f"{label} {share:.1%}" for label, share in best)
        print(printable(f"{name}: {told}") + (f"  (resized to {size})" if resized else ""))
    if arch["notice"]:
        print(f"NOTE: {printable(arch['notice'])}")
