"""Options by name, as the command line and Python spell them, and the keys of a study file that they set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from budgetnas.exceptions import UsageError

DATA_KEYS = {
    "dataset": "data.dataset",
    "data_dir": "data.dir",
    "subset": "data.subset",
    "image_size": "data.image_size",
    "test_share": "data.test_share",
}
KEYS = {
    **DATA_KEYS,
    "max_params": "budget.max_params",
    "max_macs": "space.max_macs",
    "max_bytes": "budget.max_bytes",
    "max_memory": "budget.max_memory",
    "weights": "budget.weights",
    "space": "space",
    "trials": "search.trials",
    "out": "output.dir",
    "name": "output.name",
    "seed": "search.seed",
    "device": "engine.device",
    "workers": "engine.workers",
    "sampler": "search.sampler",
    "score": "search.score",
    "rungs": "proxy.rungs",
    "promote": "full.promote",
    "repeats": "full.repeats",
    "full_epochs": "full.epochs",
    "recipe": "full.recipe",
    "controls": "evidence.controls",
    "max_hours": "engine.max_hours",
    "storage": "output.storage",
}
CALIBRATION_KEYS = {"networks": "search.trials", "lengths": "proxy.rungs"}
# Defaults: networks of a calibration, recipes and data of declared trainings.
NETWORKS = 24
TRAIN_RECIPE, PAPER_RECIPE, OTHER_RECIPE = "full", "paper200", "full"
TRAIN_DATA = "auto"


def keys_of(options: Mapping[str, Any], table: Mapping[str, str] = KEYS) -> dict[str, Any]:
    """Return the keys that options set; None for an option that is not given.

    Args:
        options: values by name; options that are not in the table are left out.
        table: keys by the names of options.
    """
    return {key: options.get(name) for name, key in table.items()}


def read_data(keys: Mapping[str, Any], settings: Sequence[str] = ()) -> dict[str, Any]:
    """Return the keys of `[data]` that are given to a command without a study.

    Args:
        keys: dotted keys and values; None values are left out.
        settings: `section.key=value` words, values written as in TOML.

    Raises:
        UsageError: a key is unknown, belongs to another section, or has a value that breaks its rule.
    """
    from budgetnas.config.sections import DataConfig  # with NumPy, which `count` does without
    from budgetnas.config.study import named_keys
    from budgetnas.config.toml import build

    named = named_keys(None, keys, settings)
    others = sorted(set(named) - {"data"})
    if others:
        raise UsageError(
            f"has a key of {others[0]}, but here it takes keys of data only, such as data.flip=false.",
            argument="settings",
        )
    data = dict(named.get("data", {}))
    build(DataConfig, data, "data")  # its rules
    return data
