"""Trials as user attributes of Optuna trials, written and read back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.recorded import origin_now
from budgetnas.storage.files import inside, read_bytes
from budgetnas.trials.facts import TrialFacts, required
from budgetnas.trials.trial import Candidate, Trial, TrialState

_RECORD = "budgetnas"


def write_candidate(candidate: Candidate) -> dict[str, Any]:
    """Return the attributes that describe the network of a trial, for readers and for `read_trial`."""
    return {
        "spec": candidate.spec.id,
        "params": candidate.params,
        "macs": candidate.macs,
        "origin": candidate.origin,
        _RECORD: candidate.spec.to_json(),
    }


def read_trial(
    *, number: int, state: str, value: float | None, curve: Mapping[int, float], attrs: Mapping[str, Any]
) -> Trial:
    """Return a trial from its values in a storage.

    Args:
        number: number of the trial.
        state: Optuna's name of its state.
        value: its objective; None without one.
        curve: its intermediate values.
        attrs: its user attributes.

    Raises:
        ValueError: another program made the trial, or one of its facts has a wrong type.
    """
    rest = dict(attrs)
    record = rest.pop(_RECORD, None)
    if record is None:
        raise ValueError(f"trial {number} was not made by budgetnas")
    spec = ResNetSpec.from_json(record)
    rest.pop("spec")
    origin = origin_now(str(rest.pop("origin")))
    candidate = Candidate(spec=spec, params=rest.pop("params"), macs=rest.pop("macs"), origin=origin)
    known = TrialState(state)
    return Trial(
        number=number,
        candidate=candidate,
        state=known,
        score=value if known is TrialState.COMPLETE else None,
        curve=dict(curve),
        facts=TrialFacts.from_json(rest),
    )


def read_weights(run: Trial, folder: Path) -> bytes:
    """Read the weights of a training from the folder of its run.

    Raises:
        StorageError: the training kept none, or the file is outside the folder or damaged.
    """
    name, sha256 = required(run.facts.weights, "weights"), required(run.facts.weights_sha256, "weights_sha256")
    return read_bytes(inside(folder, name), sha256)
