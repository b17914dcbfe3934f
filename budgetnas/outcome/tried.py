"""The networks that a search tries before its own proposals, in a line: which fit the caps, and which do not."""

from __future__ import annotations

from collections.abc import Sequence

from budgetnas.config.models import paper_models
from budgetnas.records.levels import is_left_out
from budgetnas.records.trial import Candidate, Trial

Seed = tuple[Candidate, str | None]  # a network, and by how much it is over a cap


def tried_first(seeds: Sequence[Seed]) -> str:
    """Name the networks that are tried first, and those that are over a cap; "" where there are none."""
    names = {model.name for model in paper_models() if model.seeded}
    theirs = [seed for seed in seeds if seed[0].origin in names]
    others = [seed for seed in seeds if seed[0].origin not in names]
    return "; ".join([*_theirs(theirs), *_fitting(others, ""), *_over(others)])


def seeds_of(trials: Sequence[Trial]) -> list[Seed]:
    """Return the networks that were tried first, from the trials of the first rung."""
    return [
        (trial.candidate, str(trial.attrs.get("reason")) if is_left_out(trial) else None)
        for trial in trials
        if trial.attrs.get("seeded")
    ]


def _theirs(seeds: Sequence[Seed]) -> list[str]:
    """Return what is said of the models of Pei et al.; the smallest stands for several that are all over a cap."""
    over = [(net, excess) for net, excess in seeds if excess is not None]
    if len(over) < max(2, len(seeds)):
        return [*_fitting(seeds, " (Pei et al.)"), *_over(seeds)]
    smallest, excess = min(over, key=lambda one: one[0].params)
    return [f"none of Pei et al.'s {len(over)} models: the smallest, {smallest.origin}, is {excess}"]


def _fitting(seeds: Sequence[Seed], owner: str) -> list[str]:
    names = [net.origin for net, excess in seeds if excess is None]
    return [f"{', '.join(names)}{owner}"] if names else []


def _over(seeds: Sequence[Seed]) -> list[str]:
    return [f"not {net.origin}, which is {excess}" for net, excess in seeds if excess is not None]
