"""The options that set a key of a study file, and errors about a key in the words of the option that was typed."""

from __future__ import annotations

import argparse

from budgetnas.cli.data import DATA_KEYS

KEYS = {
    **DATA_KEYS,
    "max_params": "budget.max_params",
    "trials": "search.trials",
    "out": "output.dir",
    "name": "output.name",
    "seed": "search.seed",
    "device": "engine.device",
    "workers": "engine.workers",
    "sampler": "search.sampler",
    "promote": "full.promote",
    "full_epochs": "full.epochs",
    "max_hours": "engine.max_hours",
    "storage": "output.storage",
}


def as_typed(message: str, arguments: argparse.Namespace) -> str:
    """Name the option that was typed instead of the key that it sets."""
    for option, key in KEYS.items():
        if getattr(arguments, option, None) is not None:
            message = message.replace(f"`{key}`", f"`--{option.replace('_', '-')}`")
    return message
