"""Trials as user attributes of Optuna trials, written and read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.recorded import origin_now
from budgetnas.trials.trial import Candidate, Trial, TrialState

_RECORD = "budgetnas"


def write_candidate(candidate: Candidate) -> dict[str, Any]:
    """Return the attributes that say which network a trial is of, for people and for `read_trial`."""
    return {
        "spec": candidate.spec.id,
        "params": candidate.params,
        "macs": candidate.macs,
        "origin": candidate.origin,
        _RECORD: {
            "blocks": list(candidate.spec.blocks),
            "widths": list(candidate.spec.widths),
            "stem_width": candidate.spec.stem_width,
        },
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
        ValueError: it was not made by this program.
    """
    rest = dict(attrs)
    record = rest.pop(_RECORD, None)
    if record is None:
        raise ValueError(f"trial {number} was not made by budgetnas")
    spec = ResNetSpec(blocks=tuple(record["blocks"]), widths=tuple(record["widths"]), stem_width=record["stem_width"])
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
        attrs=rest,
    )
