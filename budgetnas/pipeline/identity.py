"""The settings that results depend on, and the check that a resume does not change them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from budgetnas.config.recipe import Recipe, resumed_recipe
from budgetnas.config.recorded import identity_then
from budgetnas.config.study import FREE_KEYS
from budgetnas.exceptions import StudyMismatchError
from budgetnas.pipeline.prepare import PreparedStudy
from budgetnas.runs.settings import CALIBRATION
from budgetnas.trials.facts import RunFacts

_TOLD = 4
_RUNGS = "proxy.rungs"
_IMAGES = "data.fingerprint"
_MODELS = "search.paper_models"


def identity_of(prepared: PreparedStudy, kind: str) -> dict[str, Any]:
    """Return what the numbers of a search or a calibration depend on, by dotted keys.

    Lengths are studies of their own, and another one changes none of them; but a search learns from its first one.
    """
    identity = {"kind": kind, **prepared.identity()}
    if kind == CALIBRATION:
        del identity[_RUNGS]
    return identity


def changes(recorded: Mapping[str, Any], identity: Mapping[str, Any]) -> dict[str, str]:
    """Tell which keys have changed since a study was started, and how; one that is younger had its value of then."""
    before = _held(identity_then(recorded))
    now = _held(json.loads(json.dumps(identity)))  # a tuple comes back as a list
    return {
        key: f"{key} was {before.get(key)!r}, is {now.get(key)!r}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    }


def told(changed: Mapping[str, str]) -> str:
    """Return the first four changes in a line."""
    return "; ".join(list(changed.values())[:_TOLD])


def hold_identity(
    recorded: Mapping[str, Any],
    identity: Mapping[str, Any],
    *,
    what: str,
    kept_in: Path | None = None,
    has_rungs: bool = False,
) -> None:
    """Hold a study to the identity that it was started with.

    Args:
        recorded: what it was started with.
        identity: what is asked for now.
        what: names the study.
        kept_in: the file in its folder that holds all of its settings; None where there is none.
        has_rungs: whether it has short trainings that other full ones could take over.

    Raises:
        StudyMismatchError: some of them have changed; names the first four, as they were and as they are.
    """
    changed = changes(recorded, identity)
    if not changed:
        return
    saved, keep, images = "", "", ""
    if _IMAGES in changed:
        images = "; the images have changed, or this version reads them in another way than the one that started it"
    if kept_in is not None:
        saved = f" (saved in `{kept_in}`)"
        if has_rungs and all(key.startswith("full.") for key in changed):
            keep = f" with `proxy.from_run={kept_in.parent}`, which keeps the short trainings"
    raise StudyMismatchError(
        f"`{what}` was started with other settings ({told(changed)}{images}): use the original ones{saved}, or choose "
        f"another `output.name`{keep}."
    )


def with_recorded(prepared: PreparedStudy, facts: RunFacts, *, short_only: bool = False) -> PreparedStudy:
    """Return a study with the recipes and the first trials that a run was started with, where it names no others.

    Args:
        prepared: what is asked for now.
        facts: what was recorded of the run.
        short_only: whether the full trainings keep the recipe that is asked for.
    """
    tried = (facts.identity or {}).get(_MODELS)
    if prepared.has_auto_models and isinstance(tried, bool):
        prepared = prepared.with_paper_models(tried=tried)
    config, full = prepared.config, prepared.full
    if not short_only:
        full = _resumed(full, config.full.recipe, facts, "full")
    return replace(prepared, proxy=_resumed(prepared.proxy, config.proxy.recipe, facts, "proxy"), full=full)


def _resumed(asked: Recipe, name: str, facts: RunFacts, stage: Literal["proxy", "full"]) -> Recipe:
    recorded = recorded_recipe(facts.identity or {}, f"{stage}.recipe.")
    study = (facts.setup or {}).get("study", {})
    return resumed_recipe(asked, name, recorded, recorded_name=study.get(stage, {}).get("recipe"))


def recorded_recipe(identity: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the keys of a recipe that a recorded identity holds under a prefix such as `full.recipe.`."""
    return {key.removeprefix(prefix): value for key, value in identity.items() if key.startswith(prefix)}


def _held(identity: Mapping[str, Any]) -> dict[str, Any]:
    held = {key: value for key, value in identity.items() if key not in FREE_KEYS}
    if _RUNGS in held:
        held[_RUNGS] = held[_RUNGS][:1]
    return held
