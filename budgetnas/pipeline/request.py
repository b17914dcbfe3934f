"""What a user asks a study for, over the study of the run that this means, or else over the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from budgetnas.config.options import NETWORKS
from budgetnas.config.recorded import over
from budgetnas.config.study import StudyConfig, named_keys
from budgetnas.config.toml import build
from budgetnas.exceptions import UsageError
from budgetnas.pipeline.address import find_recorded
from budgetnas.runs.settings import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyRequest:
    """What is asked for.

    Attributes:
        config: the study.
        notes: what its user may not expect of it.
    """

    config: StudyConfig
    notes: tuple[str, ...]


def read_study_request(
    study: str | None,
    keys: Mapping[str, Any],
    settings: Sequence[str] = (),
    *,
    own: Mapping[str, Any] | None = None,
    suffix: str = "",
) -> StudyRequest:
    """Read what is named, over the study of the run that it means where that is there, else over the defaults.

    Args:
        study: shipped name or path of a study file; None for none.
        keys: dotted keys and values; None values are left out.
        settings: `section.key=value` words, values written as in TOML.
        own: other defaults, by dotted keys, which no study file changes.
        suffix: of the run's name where none is given.

    Raises:
        UsageError: a key is unknown, or a value breaks its rule.
        StorageError: the run was made by another version of this program.
    """
    own = own or {}
    named = named_keys(study, keys, settings, besides=tuple(own))
    run = find_recorded(named, suffix=suffix)
    base = named_keys(None, own) if run is None else run.table
    config = build(StudyConfig, over(base, named), "")
    notes: tuple[str, ...] = ()
    if run is not None and run.is_older:
        older = (
            f"An older version started `{run.folder}` with this command, so it is resumed. For a new run, give "
            "another `output.name` or `data.dataset`."
        )
        notes = (older,)
    return StudyRequest(config=config, notes=notes)


def read_calibration_request(
    study: str | None,
    keys: Mapping[str, Any],
    settings: Sequence[str] = (),
    *,
    networks: int | None,
    lengths: Sequence[int] | None,
) -> StudyRequest:
    """Read what is named of a calibration.

    Args:
        study: shipped name or path of a study file; None for none.
        keys: dotted keys and values; None values are left out.
        settings: `section.key=value` words, values written as in TOML.
        networks: how many; `NETWORKS` unless given.
        lengths: of the short trainings, in epochs; the rungs of the study unless given.

    Raises:
        UsageError: a key is unknown, or a value breaks its rule.
        StorageError: the run was made by another version of this program.
    """
    if networks is not None and not (isinstance(networks, int) and 2 <= networks <= 10**6):  # one network has no rank
        raise UsageError(f"is {networks!r}, but must be a whole number from 2 to 1,000,000.", argument="networks")
    rungs = None if lengths is None else list(lengths)
    if rungs is not None and all(isinstance(epochs, int) for epochs in rungs):
        rungs.sort()
        if not rungs or rungs[0] < 1 or len(set(rungs)) < len(rungs):
            said = ",".join(map(str, rungs))
            raise UsageError(f"is {said}, but must be different numbers of epochs, like 8,24.", argument="lengths")
    own = {"search.trials": networks, "proxy.rungs": rungs}
    own |= {"search.paper_models": False, "search.first_models": []}  # only a search tries them
    own |= {key: value for key, value in keys.items() if value is not None}
    return read_study_request(study, own, settings, own={"search.trials": NETWORKS}, suffix=Kind.CALIBRATION.suffix)
