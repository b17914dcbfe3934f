"""The study that a command asks for, over the study of the run that it means, or else over the defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from budgetnas.arch.spec import DataShape
from budgetnas.config.options import NETWORKS
from budgetnas.config.recorded import AUTO_BEFORE, FILE, is_recorded, named_then, over, read_study_table
from budgetnas.config.sections import DataConfig
from budgetnas.config.space_code import with_kind
from budgetnas.config.study import StudyConfig, named_keys, run_name
from budgetnas.config.toml import Table, build
from budgetnas.data.load import load_dataset, resolve
from budgetnas.exceptions import StorageError, UsageError
from budgetnas.runs.settings import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyRequest:
    """A requested study.

    Attributes:
        config: the study.
        notes: surprises that the user should know.
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
    kind: str | None = None,
) -> StudyRequest:
    """Read the given keys, over the study of their run if it exists, else over the defaults.

    Args:
        study: shipped name or path of a study file; None for none.
        keys: dotted keys and values; None values are left out.
        settings: `section.key=value` words, values written as in TOML.
        own: other defaults, by dotted keys, which no study file changes.
        suffix: of the run's name where none is given.
        kind: an own kind of blocks that the space has, too.

    Raises:
        UsageError: a key is unknown, or a value breaks its rule.
        StorageError: the run was made by another version of this program.
    """
    own = own or {}
    named = named_keys(study, keys, settings, besides=tuple(own))
    run = find_recorded(named, suffix=suffix)
    table = over(named_keys(None, own), named) if run is None else over(run.table, named_then(run.table, named))
    config = with_kind(build(StudyConfig, table, ""), kind)
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
    kind: str | None = None,
) -> StudyRequest:
    """Read what is named of a calibration.

    Args:
        study: shipped name or path of a study file; None for none.
        keys: dotted keys and values; None values are left out.
        settings: `section.key=value` words, values written as in TOML.
        networks: how many; `NETWORKS` unless given.
        lengths: of the short trainings, in epochs; the rungs of the study unless given.
        kind: an own kind of blocks that the space has, too.

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
    return read_study_request(
        study, own, settings, own={"search.trials": NETWORKS}, suffix=Kind.CALIBRATION.suffix, kind=kind
    )


_SECTIONS = ("budget", "data", "engine", "ray", "output")  # with the seed: what a name depends on


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """An existing run.

    Attributes:
        folder: of the run.
        table: its study file, read with the values of its time; `output` is as the command means it.
        is_older: whether an older version named it after another data set than "auto" means now.
    """

    folder: Path
    table: Table
    is_older: bool


def find_recorded(named: Table, *, suffix: str = "") -> Recorded | None:
    """Find the run that a command means, if a study is recorded there; data are loaded only if the cap needs them.

    Args:
        named: the keys of a study that the command names.
        suffix: of the run's name where none is given.

    Raises:
        UsageError: a key that the name depends on breaks its rule.
        StorageError: the study file of the run was written by another version of this program.
    """
    config = _addressing(named)
    output, home = config.output, Path(config.output.dir)
    names = iter([output.name]) if output.name is not None else _names(config, home, suffix=suffix)
    for place, name in enumerate(names):
        path = home / name / FILE
        if is_recorded(path):
            table = over(_read(path), {"output": {"dir": output.dir, "name": name}})
            return Recorded(folder=path.parent, table=table, is_older=place > 0)
    return None


def _addressing(named: Table) -> StudyConfig:
    """Read only the keys that decide which run is meant; others may be valid for that run alone."""
    table: dict[str, Any] = {section: named[section] for section in _SECTIONS if section in named}
    search = named.get("search")
    if isinstance(search, dict) and "seed" in search:
        table["search"] = {"seed": search["seed"]}
    return build(StudyConfig, table, "")


def _names(config: StudyConfig, home: Path, *, suffix: str) -> Iterator[str]:
    """Yield the names of the run by this and older versions, this one first; nothing where there are no runs."""
    if not home.is_dir():
        return
    known = set()
    for data in _data_sets(config):
        shape = _shape(config, data)
        name = run_name(_data_name(data.dataset), config.budget, shape, config.search.seed, suffix=suffix)
        if name not in known:
            yield name
        known.add(name)


def _data_sets(config: StudyConfig) -> Iterator[DataConfig]:
    if config.data.dataset != "auto":
        yield config.data
        return
    from budgetnas.pipeline.driver import connected  # with torch, which no other command need wait for

    with connected(config) as hardware:
        has_gpu = hardware.device != "cpu"
    yield resolve(config.data, has_gpu=has_gpu)
    for dataset in AUTO_BEFORE[has_gpu]:
        yield replace(config.data, dataset=dataset)


def _data_name(dataset: str) -> str:
    """Return the name that a data set will have once it is loaded."""
    path = Path(dataset)
    try:
        return path.resolve().name if path.is_dir() else path.stem
    except (OSError, RuntimeError, ValueError):  # too long for a path, or a ring of links
        return path.stem


def _shape(config: StudyConfig, data: DataConfig) -> DataShape:
    """Return the images and classes that the caps are read for, which count only for a share of a network."""
    is_share = any("%" in str(cap) for cap in (config.budget.max_params, *(config.budget.tiers or ())))
    return load_dataset(data).shape if is_share else DataShape()


def _read(path: Path) -> Table:
    table = read_study_table(path)
    try:
        build(StudyConfig, table, "")
    except UsageError as error:
        raise StorageError(
            f"`{path}` was written by another version of this program ({error}): use that version, or choose another "
            "`output.name`."
        ) from error
    return table
