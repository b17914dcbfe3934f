"""From a result to the files that a person opens: trials.csv, manifest.json, report.html, study.json."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from budgetnas.config.models import NamedModel, paper_models
from budgetnas.config.study import flatten
from budgetnas.pipeline.result import SearchResult
from budgetnas.report.facts import FinalScore, ReportFacts
from budgetnas.report.page import report_page
from budgetnas.report.table import trials_csv
from budgetnas.storage.files import write_json, write_text

PACKAGES = ("budgetnas", "torch", "torchvision", "optuna", "numpy", "scikit-learn", "safetensors")


def write_reports(result: SearchResult, *, url: str, command: Sequence[str], looks: Mapping[str, Any]) -> None:
    """Write every report of a run, each file whole or not at all."""
    facts = _facts(result, command)
    write_text(result.folder / "trials.csv", trials_csv(facts))
    write_json(result.folder / "manifest.json", manifest(result, url=url, command=command, looks=looks))
    write_text(result.folder / "report.html", report_page(facts, headline=headline(result)))


def headline(result: SearchResult) -> str:
    """Say what was found in one sentence."""
    winner = result.winner
    data, cap = result.prepared.data, result.prepared.cap
    if winner is None:
        return f"No network has finished its full training yet ({result.stopped})."
    runs = len(winner.runs)
    spread = "" if winner.spread is None else f" +- {100 * winner.spread:.2f}"
    return (
        f"{winner.candidate.spec.id}: {winner.candidate.params:,} parameters "
        f"({winner.candidate.params / cap:.2%} of {cap:,}), "
        f"validation {100 * winner.score:.2f}{spread} % over {runs} seed{'s' if runs > 1 else ''}, "
        f"test {100 * result.test_accuracy(winner):.2f} % on {data.name}."
    )


def manifest(result: SearchResult, *, url: str, command: Sequence[str], looks: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is needed to trust a run and to make it again."""
    prepared = result.prepared
    return {
        "name": prepared.name,
        "notice": prepared.data.traits.notice or None,
        "command": shlex.join(command),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "stopped": result.stopped,
        "seed": prepared.config.search.seed,
        "data": {
            "name": prepared.data.name,
            "fingerprint": prepared.data.fingerprint,
            "train": len(prepared.data.train),
            "validation": len(prepared.data.validation),
            "test": len(prepared.data.test),
        },
        "counts": result.counts(),
        "band": [prepared.band.low, prepared.band.high],
        "test_looks": looks,
        "storage": _public(url),
        "hardware": {
            "device": prepared.device_name,
            "workers": prepared.workers,
            "threads": prepared.setting.threads,
            "cores": os.cpu_count(),
            "machine": platform.machine(),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in PACKAGES},
        },
        "git_commit": _git_commit(),
        "study": flatten(prepared.config),
    }


def _facts(result: SearchResult, command: Sequence[str]) -> ReportFacts:
    prepared, counts = result.prepared, result.counts()
    shape = prepared.data.shape
    finals = {
        finalist.parent: FinalScore(
            score=finalist.score,
            repeats=len(finalist.runs),
            test_accuracy=result.test_accuracy(finalist),
            curves=[run.curve for run in finalist.runs],
        )
        for finalist in result.finalists
    }
    hours = sum(float(trial.attrs.get("seconds", 0)) for trial in result.trials) / 3600
    hours += sum(float(run.attrs["seconds"]) for finalist in result.finalists for run in finalist.runs) / 3600
    return ReportFacts(
        title=prepared.name,
        notice=prepared.data.traits.notice,
        dataset=prepared.data.name,
        max_params=prepared.cap,
        trials=result.trials,
        trusted=result.trusted,
        finals=finals,
        command=shlex.join(command),
        lines=(
            ("data", f"{prepared.data.name}: {len(prepared.data.train):,} training, "
                     f"{len(prepared.data.validation):,} validation, {len(prepared.data.test):,} test images of "
                     f"{shape.channels}x{shape.height}x{shape.width}, {shape.classes} classes"),
            ("space", f"{prepared.space_size:,} architectures, {prepared.fitting:,} fit, "
                      f"{len(prepared.band):,} in the band {prepared.band.low:,} to {prepared.band.high:,}"),
            ("trials", f"{counts['counted']} counted, {counts['pruned']} pruned over the cap, "
                       f"{counts['trained']} trained, {counts['failed']} failed"),
            ("full trainings", f"{sum(len(finalist.runs) for finalist in result.finalists)} of "
                               f"{prepared.full_epochs} epochs"),
            ("training time", f"{hours:.2f} hours, summed over workers, on {prepared.device_name}"),
            ("verdict", "Not tested against controls."),
            ("ended", result.stopped),
        ),
        references=[(model.name, _reference(model)) for model in paper_models() if model.reported_params],
    )  # fmt: skip


def _reference(model: NamedModel) -> str:
    """Say what the report says of one of its models."""
    parts = [f"{model.reported_params:,} parameters at 3 channels and 10 classes"]
    if model.reported_accuracy is not None:
        parts.append(f"{model.reported_accuracy} % reported")
    return "; ".join([*parts, model.note] if model.note else parts)


def _public(url: str) -> str:
    """Return a database URL without its password."""
    scheme, mark, rest = url.partition("://")
    credentials, at, host = rest.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}{mark}{user}{at}{host}"


def _git_commit() -> str | None:
    """Return the commit of the checkout that the command was run in, None outside one."""
    try:
        words = ["git", "rev-parse", "--verify", "HEAD"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
