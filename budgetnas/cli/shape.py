"""The options that say what images and classes a network is for, shared by the commands that train nothing."""

from __future__ import annotations

import argparse

from budgetnas.arch.spec import DataShape
from budgetnas.exceptions import UsageError

CAP_HELP = "cap on parameters, like 5e6, 5M, 272k or 45%%resnet18"


def add_shape_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--classes`, `--channels` and `--image-size`."""
    parser.add_argument("--classes", default="10", metavar="N", help="number of classes (default 10)")
    parser.add_argument("--channels", default="3", metavar="N", help="channels of an image (default 3)")
    parser.add_argument("--image-size", default="32", metavar="N|HxW", help="pixels of an image (default 32)")


def read_shape(arguments: argparse.Namespace) -> DataShape:
    """Read the options of `add_shape_arguments`."""
    height, x, width = arguments.image_size.partition("x")
    return DataShape(
        channels=read_whole("--channels", arguments.channels),
        height=read_whole("--image-size", height),
        width=read_whole("--image-size", width if x else height),
        classes=read_whole("--classes", arguments.classes),
    )


def read_whole(name: str, text: str) -> int:
    """Read one whole number above 0."""
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) == 0:
        raise UsageError(f"`{name}` is {text!r}, but must be a whole number above 0.")
    return int(text)
