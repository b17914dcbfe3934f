"""A run of any kind read back from its storage, and its files written."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from budgetnas.evidence.scores import ACCURACY, Score
from budgetnas.exceptions import UsageError
from budgetnas.reports.board import board_figures, note
from budgetnas.reports.calibration import calibration_figures
from budgetnas.reports.facts import ReportFacts
from budgetnas.reports.files import write_figures
from budgetnas.reports.gallery import gallery
from budgetnas.reports.page import report_page
from budgetnas.reports.table import trials_csv
from budgetnas.runs.calibration import Calibration, calibration_facts, read_calibration, write_calibration
from budgetnas.runs.report_facts import report_facts
from budgetnas.runs.result import SearchResult, read_result
from budgetnas.runs.settings import Kind, study_kind
from budgetnas.runs.summary import as_json
from budgetnas.runs.trainings import TrainingsResult, read_trainings
from budgetnas.runs.verdict import recorded_controls
from budgetnas.storage.dashboard import publish_figures, publish_files, publish_note
from budgetnas.storage.database import Storage, open_run, study_names
from budgetnas.storage.files import write_json, write_text
from budgetnas.storage.study import read_study
from budgetnas.system import phase
from budgetnas.text import write_csv
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.record import to_json
from budgetnas.trials.trial import FULL, rung_name


def load_run(folder: str | Path, *, storage: str | None = None) -> SearchResult | Calibration | TrainingsResult:
    """Read the result of a run, finished or still running; nothing is trained, written or locked.

    Args:
        folder: of the run; its name is the study's.
        storage: Optuna URL where the study is not in the folder.

    Returns:
        What `search`, `calibrate`, or `train` and `reproduce` returned, or would return now.

    Raises:
        StorageError: there is no run, or it cannot be read.
    """
    home = Path(folder)
    name, opened = home.resolve().name, open_run(home, storage)
    if name in study_names(opened):
        return read_trainings(opened, home, name)
    read = read_result if kind_of(opened, name).promotes else read_calibration
    return read(opened, home, name)


def kind_of(storage: Storage, name: str) -> Kind:
    """Return the kind of the study of this name in a storage; a search where there is none."""
    is_here = f"{name}/{FULL}" in study_names(storage)
    return study_kind(read_study(storage, f"{name}/{FULL}")[1].setup if is_here else None)


TRAININGS = (
    "level", "trial", "root", "lineage", "spec", "params", "macs", "state", "repeat", "seed", "score", "loss",
    "test_correct", "test_images", "epochs", "images", "seconds", "weights", "weights_sha256", "reason",
)  # fmt: skip

CURVES = ("level", "trial", "epoch", "accuracy", "train_loss", "loss")


def trainings_columns(score: Score) -> list[str]:
    """Return the columns of `trainings.csv`: another score than accuracy has some of its own."""
    own = {"score": ["accuracy"] if score.name == "loss" else [score.name, "accuracy"]}
    own["test_images"] = ["test_images", f"test_{score.name}"]
    return [part for column in TRAININGS for part in (own.get(column, [column]) if score is not ACCURACY else [column])]


def curves_columns(score: Score) -> list[str]:
    """Return the columns of `curves.csv`: the score is named by its own name, and a loss is there anyway."""
    own = {"accuracy": [] if score.name == "loss" else [score.name]}
    return [part for column in CURVES for part in own.get(column, [column])]


@phase("writing the report")
def write_reports(result: SearchResult) -> Path:
    """Write every report of a run, each file whole or not at all; return the page's path."""
    folder, facts = result.folder, report_facts(result)
    for name, table in csv_tables(result, facts).items():
        write_text(folder / f"{name}.csv", table())
    content = {**as_json(result), "run": result.setup.name}  # the same wherever its folder is
    write_json(folder / "results.json", content)
    write_json(folder / "manifest.json", manifest(result))
    write_text(folder / "report.html", report_page(facts))
    return folder / "report.html"


def frame(result: SearchResult, table: str) -> pd.DataFrame:
    """Return a CSV table of a run as a frame.

    Raises:
        UsageError: there is no such table.
    """
    tables = csv_tables(result)
    if table not in tables:
        raise UsageError(f"`table` is {table!r}, but must be one of {', '.join(tables)}.")
    return pd.read_csv(io.StringIO(tables[table]()))


def csv_tables(result: SearchResult, facts: ReportFacts | None = None) -> dict[str, Callable[[], str]]:
    """Return a writer for each CSV table of a run, by its name.

    Args:
        result: of the search.
        facts: of its report; read from the result unless given.
    """
    return {
        "trials": lambda: trials_csv(facts or report_facts(result)),
        "trainings": lambda: write_csv(trainings_columns(result.setup.score), _trainings(result)),
        "curves": lambda: write_csv(curves_columns(result.setup.score), _curves(result)),
    }


def manifest(result: SearchResult) -> dict[str, Any]:
    """Return the facts that make a run reproducible."""
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
        "bands": to_json(facts.bands or ()),
        "taken_over": to_json(facts.taken),
        "promotions": to_json(facts.promotions or {}),
        **({"early_full_trainings": to_json(facts.early)} if facts.early else {}),
        "choices": to_json(facts.choices or ()),
        "controls": to_json(recorded_controls(facts)),
        **({"random_arms": to_json(facts.random_arms)} if facts.random_arms else {}),
        "test_looks": {"count": len(result.looks), "looks": _looks(facts)},
        "storage": setup.study.output.storage or "study.db in this folder",
    }


def _looks(facts: RunFacts) -> dict[str, Any]:
    """Return every look at the test set by its key, without single images and classes."""
    return {
        key: to_json(replace(look, right=None, parts=None, classes=None)) for key, look in (facts.looks or {}).items()
    }


def _trainings(result: SearchResult) -> Iterator[Sequence[Any]]:
    """Yield one row per training of any level."""
    score = result.setup.score
    for level, trials in result.levels.items():
        for trial in trials:
            facts, candidate = trial.facts, trial.candidate
            seen = result.looks.of(trial, level)
            correct, images = (seen.correct, seen.images) if seen else (None, None)
            scores, tested = [trial.score], []
            if score is not ACCURACY:
                scores = [trial.accuracy] if score.name == "loss" else [trial.score, trial.accuracy]
                tested = [score.shown(seen.scored) if seen else None]
            yield (
                level, trial.number, trial.root if level == FULL or facts.parent is not None else "",
                " ".join(facts.lineage or ()), candidate.spec.id, candidate.params, candidate.macs, trial.state,
                facts.repeat, facts.seed, *scores, facts.loss, correct, images, *tested,
                facts.epochs, facts.images, facts.seconds, facts.weights,
                facts.weights_sha256, facts.reason,
            )  # fmt: skip


def _curves(result: SearchResult) -> Iterator[Sequence[Any]]:
    """Yield one row per epoch of every training: validation score in [0, 1], mean training loss, validation loss.

    Losses are empty in a training that has not finished or has failed, and in runs of older versions.
    """
    score = result.setup.score
    for level, trials in result.levels.items():
        for trial in trials:
            losses = dict(enumerate(trial.facts.losses or (), start=1))
            for epoch, value in sorted(trial.curve.items()):
                train_loss, loss = losses.get(epoch, ("", ""))
                shown = f"{score.shown(value):.6g}"
                if score.name == "loss":
                    yield level, trial.number, epoch, train_loss, shown
                else:
                    yield level, trial.number, epoch, shown, train_loss, loss


FILES = ("report.html", "results.json", "manifest.json", "trials.csv", "trainings.csv", "curves.csv", "best/arch.json")


def publish(storage: Storage, result: SearchResult) -> None:
    """Publish a result on the dashboard, in place of what an earlier driver published.

    Raises:
        StorageError: the storage or the run directory cannot be written.
    """
    facts, study = report_facts(result), f"{result.setup.name}/{rung_name(result.setup.rungs[0])}"
    publish_note(storage, study, note(facts))
    publish_figures(storage, study, board_figures(facts))
    files = [path for path in (result.folder / file for file in FILES) if path.is_file()]
    publish_files(storage, study, result.folder, files)


def rewrite(run: str, storage: str | None = None) -> Path:
    """Rewrite the page, CSV and JSON files of a run; return the path of the page.

    Args:
        run: path of its folder; its name is the study's.
        storage: Optuna URL where the study is not in the folder.

    Raises:
        StorageError: there is no such run, or it cannot be read or written.
    """
    folder = Path(run)
    name, opened = folder.resolve().name, open_run(folder, storage)
    if not kind_of(opened, name).promotes:
        return write_calibration(read_calibration(opened, folder, name))
    return write_reports(read_result(opened, folder, name))


def draw(run: str, storage: str | None, folder: str) -> list[Path]:
    """Write the figures of a run's page as SVG and PNG; return their paths.

    Args:
        run: path of the run's folder; its name is the study's.
        storage: Optuna URL where the study is not in the folder.
        folder: for the figures; made where it is not.

    Raises:
        UsageError: the packages that draw are not installed, or the folder cannot be written.
        StorageError: there is no such run.
    """
    home = Path(run)
    name, opened = home.resolve().name, open_run(home, storage)
    figures: Mapping[str, Any]
    if kind_of(opened, name).promotes:
        pictures = gallery(report_facts(read_result(opened, home, name)))
        figures = {name: picture.figure for name, picture in pictures.items()}
    else:
        figures = calibration_figures(calibration_facts(read_calibration(opened, home, name)))
    return write_figures(figures, Path(folder))
