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
from budgetnas.pipeline.prepared_study import RUNGS, PreparedStudy
from budgetnas.space.sampled import SampledIndex
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.record import required

_LISTED = 4
_IMAGES = "data.fingerprint"
_VALIDATION = "data.validation"
_MODELS = "search.paper_models"


def changes(recorded: Mapping[str, Any], identity: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys that have changed since a study was started, and how.

    A key that is newer than the record has the value of that time. Two rules that hold out the same images for
    validation are no change.
    """
    before = _kept(identity_then(recorded))
    now = _kept(json.loads(json.dumps(identity)))  # a tuple comes back as a list
    if before.get(_IMAGES) == now.get(_IMAGES):
        for found in (before, now):
            found.pop(_VALIDATION, None)
    return {
        key: f"{key} was {before.get(key)!r}, is {now.get(key)!r}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    }


def listed(changed: Mapping[str, str]) -> str:
    """Return the first four changes in a line."""
    return "; ".join(list(changed.values())[:_LISTED])


def check_identity(
    recorded: Mapping[str, Any],
    identity: Mapping[str, Any],
    *,
    what: str,
    kept_in: Path | None = None,
    has_rungs: bool = False,
) -> None:
    """Check that a resume does not change what results depend on.

    Args:
        recorded: the identity that the run was started with.
        identity: the identity that is asked for now.
        what: names the run.
        kept_in: the file in its folder that holds all of its settings; None where there is none.
        has_rungs: whether it has short trainings that other full ones could take over.

    Raises:
        StudyMismatchError: some settings have changed; names the first four, as they were and as they are.
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
        f"`{what}` was started with other settings ({listed(changed)}{images}): use the original ones{saved}, or "
        f"choose another `output.name`{keep}."
    )


def resumed(prepared: PreparedStudy, facts: RunFacts) -> PreparedStudy:
    """Return a study with the recipes, first trials and bands that its run was started with; a new one as it is.

    Args:
        prepared: the study that is asked for now.
        facts: what was recorded of the run.

    Raises:
        StudyMismatchError: something that proposals or scores depend on has changed.
    """
    if facts.identity is None:
        return prepared
    prepared = with_recorded(prepared, facts)
    check_identity(
        facts.identity,
        prepared.identity(),
        what=prepared.name,
        kept_in=prepared.study_path,
        has_rungs=prepared.kind.promotes,
    )
    _check_looks(prepared, facts)
    if prepared.index.is_exact and (facts.setup or {}).get("is_exact") is False:
        # An older version drew from what it could not count: a run keeps its draws.
        prepared = replace(prepared, index=SampledIndex(prepared.space, max_macs=prepared.index.max_macs))
    return prepared.with_bands(required(facts.bands, "bands"))


def _check_looks(prepared: PreparedStudy, facts: RunFacts) -> None:
    """Check that a resume does not change the sequential looks once they have started."""
    rule, evidence = facts.look_rule, prepared.config.evidence
    if rule is not None and evidence.compares and evidence.looks != rule.seeds:
        now = "absent" if evidence.looks is None else list(evidence.looks)
        raise StudyMismatchError(
            f"is {now}, but `{prepared.name}` has started to compare its winner by {list(rule.seeds)}, and other looks "
            "would err more often than they say: use the original ones.",
            argument="evidence.looks",
        )


def with_recorded(prepared: PreparedStudy, facts: RunFacts, *, short_only: bool = False) -> PreparedStudy:
    """Return a study with the recipes and the first trials that a run was started with, where it names no others.

    Args:
        prepared: the study that is asked for now.
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


def _resumed(asked: Recipe, name: str, facts: RunFacts, section: Literal["proxy", "full"]) -> Recipe:
    recorded = recorded_recipe(facts.identity or {}, f"{section}.recipe.")
    study = (facts.setup or {}).get("study", {})
    return resumed_recipe(asked, name, recorded, recorded_name=study.get(section, {}).get("recipe"))


def recorded_recipe(identity: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the keys of a recipe that a recorded identity holds under a prefix such as `full.recipe.`."""
    return {key.removeprefix(prefix): value for key, value in identity.items() if key.startswith(prefix)}


def _kept(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that a resume may not change: of the rungs, the first one alone."""
    kept = {key: value for key, value in identity.items() if key not in FREE_KEYS}
    if RUNGS in kept:
        kept[RUNGS] = kept[RUNGS][:1]
    return kept
