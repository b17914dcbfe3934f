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
    """Return the attributes that say which network a trial is of, for people and for `read_trial`."""
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
    """Make a trial of what a storage holds of it.

    Args:
        number: of the trial.
        state: by Optuna's name.
        value: its objective, if it has one.
        curve: its intermediate values.
        attrs: its user attributes.

    Raises:
        ValueError: it was not made by this program, or a fact of it has another type.
    """
    rest = dict(attrs)
    record = rest.pop(_RECORD, None)
    if record is None:
        raise ValueError(f"trial {number} was not made by budgetnas")
    spec = ResNetSpec.from_json(record)
    rest.pop("spec")
    origin = origin_now(str(rest.pop("origin")))
    candidate = Candidate(spec=spec, params=rest.pop("params"), macs=rest.pop("macs"), origin=origin)
    found = TrialState(state)
    return Trial(
        number=number,
        candidate=candidate,
        state=found,
        score=value if found is TrialState.COMPLETE else None,
        curve=dict(curve),
        facts=TrialFacts.from_json(rest),
    )


def read_weights(run: Trial, folder: Path) -> bytes:
    """Read the weights that a training left in the folder of its run.

    Raises:
        StorageError: it left none, the file is outside the folder, or it is damaged.
    """
    name, sha256 = required(run.facts.weights, "weights"), required(run.facts.weights_sha256, "weights_sha256")
    return read_bytes(inside(folder, name), sha256)
