"""From a result to the files that a person or a program opens: the page, and everything on it as CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from budgetnas.outcome.result import SearchResult
from budgetnas.outcome.told import as_json, report_facts
from budgetnas.outcome.worth import recorded_controls
from budgetnas.records.levels import FULL
from budgetnas.report.page import report_page
from budgetnas.report.table import trials_csv
from budgetnas.storage.files import write_json, write_text

TRAININGS = (
    "level", "trial", "root", "lineage", "spec", "params", "macs", "state", "repeat", "seed", "score", "loss",
    "test_correct", "test_images", "epochs", "images", "seconds", "weights", "weights_sha256", "reason",
)  # fmt: skip


def write_reports(result: SearchResult) -> Path:
    """Write every report of a run, each file whole or not at all; return the page's path."""
    folder, found = result.folder, report_facts(result)
    write_text(folder / "trials.csv", trials_csv(found))
    write_text(folder / "trainings.csv", _csv(TRAININGS, _trainings(result)))
    write_text(folder / "curves.csv", _csv(("level", "trial", "epoch", "accuracy"), _curves(result)))
    write_json(folder / "results.json", {**as_json(result), "run": result.setup.name})  # wherever its folder is
    write_json(folder / "manifest.json", manifest(result))
    write_text(folder / "report.html", report_page(found))
    return folder / "report.html"


def manifest(result: SearchResult) -> dict[str, Any]:
    """Return what is needed to trust a run and to make it again."""
    setup, facts = result.setup, result.facts
    data = setup.data
    *earlier, latest = result.drivers or [{}]
    return {
        "name": setup.name,
        "notice": data.notice or None,
        **latest,
        "earlier_drivers": earlier,
        "stopped": result.stopped,
        "seed": setup.study.search.seed,
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "train": data.train,
            "validation": data.validation,
            "test": data.test,
        },
        "counts": result.counts(),
        "bands": facts.get("bands", []),
        "taken_over": facts.get("taken"),
        "promotions": facts.get("promotions", {}),
        "choices": facts.get("choices", []),
        "controls": recorded_controls(facts),
        "test_looks": {"count": len(result.looks), "looks": result.facts.get("looks", {})},
        "storage": setup.study.output.storage or "study.db in this folder",
    }


def _trainings(result: SearchResult) -> Iterator[Sequence[Any]]:
    """Return a row a training of any level."""
    for level, trials in result.levels.items():
        for trial in trials:
            attrs, candidate = trial.attrs, trial.candidate
            seen = result.looks.of(trial, level)
            correct, images = (seen.correct, seen.images) if seen else (None, None)
            yield (
                level, trial.number, trial.root if level == FULL or "parent" in attrs else "",
                " ".join(attrs.get("lineage", [])), candidate.spec.id, candidate.params, candidate.macs, trial.state,
                attrs.get("repeat"), attrs.get("seed"), trial.score, attrs.get("loss"), correct, images,
                attrs.get("epochs"), attrs.get("images"), attrs.get("seconds"), attrs.get("weights"),
                attrs.get("weights_sha256"), attrs.get("reason"),
            )  # fmt: skip


def _curves(result: SearchResult) -> Iterator[Sequence[Any]]:
    """Return a row an epoch of every training: validation accuracy in [0, 1]."""
    for level, trials in result.levels.items():
        for trial in trials:
            for epoch, accuracy in sorted(trial.curve.items()):
                yield level, trial.number, epoch, f"{accuracy:.6g}"


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
