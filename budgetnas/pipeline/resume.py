"""What a study was begun with, held against what is asked for now; and whether anything is left to do."""

from __future__ import annotations

from dataclasses import replace

from budgetnas.exceptions import StudyMismatchError
from budgetnas.pipeline.finals import look_key, promoted
from budgetnas.pipeline.prepare import Prepared
from budgetnas.pipeline.stages import missing_runs
from budgetnas.promotion.select import finalists
from budgetnas.records.trial import TrialState
from budgetnas.storage.study import StudyStore


def hold(prepared: Prepared, fulls: StudyStore) -> Prepared:
    """Hold a study to what it was begun with; a new one is marked with it. Its band comes back with it.

    Raises:
        StudyMismatchError: something that proposals or scores depend on has changed.
    """
    identity, facts = prepared.identity(), fulls.facts
    if "identity" not in facts:
        if fulls.trials:
            raise StudyMismatchError(f"`{fulls.name}` was not made by budgetnas: give another --name.")
        fulls.record("band", [prepared.band.low, prepared.band.high])
        fulls.record("identity", identity)
        return prepared
    before = facts["identity"]
    changed = [
        f"{key} was {before.get(key)!r}, is {identity.get(key)!r}"
        for key in sorted({*before, *identity})
        if before.get(key) != identity.get(key)
    ]
    if changed:
        raise StudyMismatchError(
            f"`{prepared.name}` was begun with other settings ({'; '.join(changed[:4])}): give the old ones, or "
            "another --name."
        )
    return replace(prepared, band=prepared.index.band(*facts["band"]))


def is_done(prepared: Prepared, proxies: StudyStore, fulls: StudyStore) -> bool:
    """Tell whether every training and every look that the study asks for is there."""
    if any(not trial.state.is_finished for trial in (*proxies.trials, *fulls.trials)):
        return False
    trained = sum(trial.state is TrialState.COMPLETE for trial in proxies.trials)
    if trained < prepared.config.search.trials and not proxies.facts.get("exhausted"):
        return False
    if missing_runs(prepared, fulls, promoted(prepared, proxies, fulls)):
        return False
    looks = fulls.facts.get("looks", {})
    return all(look_key(finalist.best_run) in looks for finalist in finalists(fulls.trials))
