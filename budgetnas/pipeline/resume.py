"""What a study was begun with, held against what is asked for now; and whether anything is left to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from budgetnas.exceptions import StudyMismatchError
from budgetnas.pipeline.finals import promoted
from budgetnas.pipeline.identity import hold_identity
from budgetnas.pipeline.looks import look_key
from budgetnas.pipeline.prepare import Prepared
from budgetnas.pipeline.stages import counted, missing_runs
from budgetnas.promotion.select import finalists
from budgetnas.records.trial import TrialState
from budgetnas.storage.study import StudyStore


def hold(prepared: Prepared, fulls: StudyStore, *, names: Sequence[str]) -> Prepared:
    """Hold a study to what it was begun with; a new one is marked with it. Its band comes back with it.

    Args:
        prepared: what is asked for now.
        fulls: the study of the full trainings, which keeps the facts.
        names: of all studies in the storage.

    Raises:
        StudyMismatchError: something that proposals or scores depend on has changed.
    """
    identity, facts = prepared.identity(), fulls.facts
    if "identity" not in facts:
        if fulls.trials or any(name.startswith(f"{prepared.name}/r") for name in names):
            raise StudyMismatchError(
                f"`{prepared.name}` holds trials of another program, or of another version of this one: give another "
                "--name."
            )
        fulls.record("band", [prepared.band.low, prepared.band.high])
        fulls.record("identity", identity)
        return prepared
    hold_identity(fulls, identity, what=prepared.name)
    return replace(prepared, band=prepared.index.band(*facts["band"]))


def is_done(prepared: Prepared, proxies: StudyStore, fulls: StudyStore) -> bool:
    """Tell whether every training and every look that the study asks for is there."""
    if work_left(prepared, proxies, fulls) != (0, 0):
        return False
    looks = fulls.facts.get("looks", {})
    return all(look_key(finalist.best_run) in looks for finalist in finalists(fulls.trials))


def work_left(prepared: Prepared, proxies: StudyStore, fulls: StudyStore) -> tuple[int, int]:
    """Return how many short and how many full trainings the study still asks for."""
    unfinished = sum(not trial.state.is_finished for trial in proxies.trials)
    left = max(0, prepared.config.search.trials - counted(prepared, proxies.trials))
    if proxies.facts.get("exhausted"):
        left = unfinished
    if left or unfinished:
        return max(left, unfinished), prepared.config.full.promote * prepared.config.full.repeats
    begun = sum(not trial.state.is_finished for trial in fulls.trials)
    return 0, begun + len(missing_runs(prepared, fulls, promoted(prepared, proxies, fulls)))


def why_stopped(prepared: Prepared, proxies: StudyStore, fulls: StudyStore) -> str:
    """Say why a search ended, from what it left."""
    if is_done(prepared, proxies, fulls):
        return "the band ran out of architectures" if proxies.facts.get("exhausted") else "all trials were done"
    left, _ = work_left(prepared, proxies, fulls)
    failed = {(t.attrs["parent"], t.attrs["repeat"]) for t in fulls.trials if t.state is TrialState.FAIL}
    missing = missing_runs(prepared, fulls, promoted(prepared, proxies, fulls))
    if not left and all((trial.number, repeat) in failed for trial, repeat in missing):
        return "some full trainings failed; the same command tries them again"
    return f"the {prepared.config.engine.max_hours} hours of --max-hours were over; the same command with more goes on"
