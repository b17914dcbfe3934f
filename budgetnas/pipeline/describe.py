"""A prepared study and its drivers as they are stored: all that a reader needs without data, and no password."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import budgetnas
from budgetnas.arch.kinds import find
from budgetnas.config.recorded import HEAD
from budgetnas.config.study import StudyConfig, flatten
from budgetnas.config.toml import write_toml
from budgetnas.data.dataset import Dataset, largest_share, normalisation
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.runs.settings import DataFacts, Kind, Setup, TierFacts
from budgetnas.samplers.macs_prior import usual_macs
from budgetnas.storage.database import public_url
from budgetnas.storage.study import StudyStore
from budgetnas.system import processor
from budgetnas.trials.facts import RunFacts


def public(config: StudyConfig) -> StudyConfig:
    """Return the study with no password in the address of its storage."""
    url = config.output.storage
    return config if url is None else replace(config, output=replace(config.output, storage=public_url(url)))


def data_facts(data: Dataset) -> DataFacts:
    """Summarise a data set."""
    return DataFacts(
        name=data.name,
        notice=data.traits.notice,
        fingerprint=data.fingerprint,
        shape=data.shape,
        classes=data.classes,
        train=len(data.train),
        validation=len(data.validation),
        test=len(data.test),
        chance=largest_share(data.validation.labels),
    )


def setup_of(prepared: PreparedStudy) -> Setup:
    """Summarise a prepared study; no password of its storage's address stays in it."""
    data, config = prepared.data, prepared.config
    mean, std = normalisation(data, prepared.full)
    return Setup(
        name=prepared.name,
        kind=prepared.kind.value,
        data=data_facts(data),
        tiers=tuple(
            TierFacts(
                cap=tier.cap,
                fitting=tier.fitting,
                low=tier.band.low,
                high=tier.band.high,
                members=len(tier.band),
                usual_macs=usual_macs(tier.band),
            )
            for tier in prepared.tiers
        ),
        macs_cap=prepared.budget.max_macs,
        caps=prepared.budget,
        space_size=prepared.space_size,
        is_exact=prepared.index.is_exact,
        rungs=prepared.rungs,
        full_epochs=prepared.full_epochs,
        recipe=replace(prepared.full, epochs=prepared.full_epochs),
        mean=mean,
        std=std,
        study=public(config),
    )


def study_file(prepared: PreparedStudy) -> str:
    """Return the study file that resumes a run; an address with a password in it stays out of it."""
    config, name = prepared.config, f"RUN/{prepared.study_path.name}"
    is_private = public(config) != config
    own = [own.word for own in map(find, config.space.kinds) if own is not None]
    command = resume_command(
        name, kind=prepared.kind, networks=config.search.trials, hides_storage=is_private, codes=own
    )
    if is_private:
        config = replace(config, output=replace(config.output, storage=None))
    return write_toml(asdict(config), head=f"{HEAD}; `{command}` resumes it.")


def resume_command(
    study_file: str, *, kind: Kind, networks: int, hides_storage: bool, codes: Sequence[str] = ()
) -> str:
    """Return the command that resumes a run by its study file: the one function below `cli` that spells options.

    Args:
        study_file: path of the study file.
        kind: of the run.
        networks: that a calibration trains.
        hides_storage: whether the file leaves out the address of the storage, which has a password in it.
        codes: `module:Class` of its own kinds of blocks.
    """
    command = f"search {study_file}" if kind.promotes else f"calibrate {study_file} --networks {networks}"
    others = [f" --space-code {shlex.quote(code)}" for code in codes] + [" --storage URL"] * hides_storage
    return f"budgetnas {command}{''.join(others)}"


PACKAGES = ("torch", "torchvision", "optuna", "numpy", "scikit-learn", "safetensors")


def add_driver(fulls: StudyStore, prepared: PreparedStudy, command: Sequence[str]) -> None:
    """Record the driver that is about to train for a search or a calibration."""
    study = flatten(public(prepared.config))
    words = [_public(word, prepared.config.output.storage) for word in command]
    hardware = {
        "device": prepared.hardware.name,
        "workers": prepared.workers,
        "threads": prepared.setting.threads,
    }
    record_driver(fulls, words, hardware=hardware, study=study)


def record_driver(
    store: StudyStore, command: Sequence[str], *, hardware: dict[str, Any], study: dict[str, Any]
) -> None:
    """Record a driver in its study: command, time, hardware, versions, commit and settings."""
    driver = {
        "command": shlex.join(command),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "hardware": {
            **hardware,
            "processor": processor(),
            "cores": os.cpu_count(),
            "machine": platform.machine(),
        },
        "versions": {
            "python": platform.python_version(),
            "budgetnas": budgetnas.__version__,
            **{name: metadata.version(name) for name in PACKAGES},
        },
        "git_commit": git_commit(Path(budgetnas.__file__).parent),
        "study": study,
    }
    store.record(RunFacts(drivers=(*(store.facts.drivers or ()), driver)))


def git_commit(folder: Path) -> str | None:
    """Return the commit of the checkout whose code runs, None for an installed package."""
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    return _git(folder, "rev-parse", "--verify", "HEAD")


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _public(word: str, url: str | None) -> str:
    return word.replace(url, public_url(url)) if url else word
