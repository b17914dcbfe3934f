"""The options that say which images a command reads and how: the same for every command that reads a data set."""

from __future__ import annotations

import argparse
from typing import Any

from budgetnas.cli.numbers import number, whole_number
from budgetnas.exceptions import UsageError

# Options and the keys of a study file that they set.
DATA_KEYS = {
    "dataset": "data.dataset",
    "data_dir": "data.dir",
    "subset": "data.subset",
    "image_size": "data.image_size",
    "test_share": "data.test_share",
}


def add_data_arguments(parser: argparse.ArgumentParser, *, default: str | None = "auto") -> None:
    """Declare the options of `DATA_KEYS`, and tell the data set that is read where none is named, if any is."""
    add = parser.add_argument
    names = [name for name in ("auto", "cifar10", "cifar100", "digits", "digits-hard") if name != default]
    names = names[1:] if default is None else [f"{default} (default)", *names]
    add("--dataset", metavar="NAME|PATH", help=f"{', '.join(names)}, .npz or folder")
    add("--data-dir", metavar="DIR", help="where downloaded data sets live (default data)")
    add("--subset", type=whole_number, metavar="N", help="images of each class to keep in each split")
    add("--image-size", type=whole_number, metavar="N", help="resize the images of a folder to NxN pixels")
    add("--test-share", type=number, metavar="S", help="share of own images to test on, where they have no test split")


def read_data(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what a command without a study names of the section `[data]`, by its options and by `--set`.

    Raises:
        UsageError: a key is unknown, belongs to another section, or has a value that breaks its rule.
    """
    from budgetnas.config.reader import build
    from budgetnas.config.study import DataConfig, named_keys

    options = {key: getattr(arguments, option) for option, key in DATA_KEYS.items()}
    named = named_keys(None, options, getattr(arguments, "set", ()))
    others = sorted(set(named) - {"data"})
    if others:
        raise UsageError(
            f"`--set` has a key of {others[0]}, but here it takes keys of data only, such as data.flip=false."
        )
    data = dict(named.get("data", {}))
    build(DataConfig, data, "data")  # its rules
    return data
