"""MLflow: an SQLite store in `mlruns/` of the folder of a run, or where MLFLOW_TRACKING_URI says."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # before it is imported: it calls home

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.tracking import MlflowClient

from budgetnas.trackers.protocol import Final, Place, Point, Training

logging.getLogger("mlflow").setLevel(logging.WARNING)  # it reports every table that it creates

FOLDER = "mlruns"
_KEY, _ENDED = "budgetnas.training", ("FINISHED", "FAILED")
_LONGEST = 5_000  # characters of a tag


class MLflow:
    """Writes runs of one experiment.

    Args:
        folder: of the run.
        run: its name, which the experiment has too.
    """

    def __init__(self, folder: Path, run: str) -> None:
        uri, place = os.environ.get("MLFLOW_TRACKING_URI"), ""
        if not uri:
            home = (folder / FOLDER).absolute()
            home.mkdir(parents=True, exist_ok=True)
            uri, place = f"sqlite:///{home / 'mlflow.db'}", (home / "artifacts").as_uri()
        self._client = MlflowClient(uri)
        known = self._client.get_experiment_by_name(run)
        self._experiment = (
            known.experiment_id if known else self._client.create_experiment(run, artifact_location=place or None)
        )
        self._runs: dict[str, str] = {}

    def begin(self, training: Training) -> Container[Place] | None:
        """Create a run, or find that of an earlier driver."""
        run = self._opened(training)
        if run.info.status in _ENDED:
            return None
        self._client.log_batch(
            run.info.run_id, params=[Param(name, str(value)) for name, value in training.settings.items()]
        )
        return self._places(run)

    def write(self, training: Training, points: Sequence[Point]) -> None:
        """Write metrics; the step is the epoch."""
        now = _now()
        metrics = [Metric(point.metric, point.value, now, point.epoch) for point in points]
        self._client.log_batch(self._runs[training.id], metrics=metrics)

    def end(self, training: Training, *, failed: bool) -> None:
        """End the run."""
        self._client.set_terminated(self._runs.pop(training.id), "FAILED" if failed else "FINISHED")

    def conclude(self, training: Training, final: Final) -> None:
        """Write the numbers as metrics, the words as tags, and copy the files."""
        run = self._opened(training)
        run_id, before = run.info.run_id, run.data.metrics
        tags = [RunTag(name, word[:_LONGEST]) for name, word in final.words.items()]
        metrics = [Metric(name, value, _now(), 0) for name, value in final.numbers.items() if before.get(name) != value]
        self._client.log_batch(run_id, metrics=metrics, tags=tags)
        for path in final.files:
            if path.is_dir():
                self._client.log_artifacts(run_id, str(path), path.name)
            else:
                self._client.log_artifact(run_id, str(path))
        self._client.set_terminated(run_id)

    def close(self) -> None:
        """Do nothing: every call has written."""

    def _opened(self, training: Training) -> Run:
        found = self._client.search_runs([self._experiment], f"tags.`{_KEY}` = '{training.id}'")
        run = found[0] if found else self._new(training)
        self._runs[training.id] = run.info.run_id
        return run

    def _new(self, training: Training) -> Run:
        return self._client.create_run(self._experiment, tags={_KEY: training.id}, run_name=training.name)

    def _places(self, run: Run) -> set[Place]:
        metrics: Mapping[str, float] = run.data.metrics
        return {
            (name, point.step) for name in metrics for point in self._client.get_metric_history(run.info.run_id, name)
        }


def _now() -> int:
    return int(1000 * time.time())


def make(folder: Path, run: str) -> MLflow:
    """Return the tracker of a run."""
    return MLflow(folder, run)
