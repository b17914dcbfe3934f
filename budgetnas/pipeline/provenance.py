"""The provenance of trainings: every driver records its command, versions and hardware in the study."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import budgetnas
from budgetnas.config.study import flatten
from budgetnas.pipeline.describe import public
from budgetnas.storage.database import public_url
from budgetnas.storage.study import StudyStore
from budgetnas.system import processor
from budgetnas.trials.facts import RunFacts

if TYPE_CHECKING:
    from budgetnas.pipeline.prepared_study import PreparedStudy

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
