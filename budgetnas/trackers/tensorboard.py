"""TensorBoard: event files in `tensorboard/` of the folder of a run, one subfolder a training."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Container, Sequence
from contextlib import closing
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG, create_summary_metadata
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from budgetnas.trackers.protocol import Final, Place, Point, Training

FOLDER, RESULT = "tensorboard", "result"
_FLUSH_SECONDS = 10


class TensorBoard:
    """Writes event files.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._home = folder / FOLDER
        self._open: dict[str, EventFileWriter] = {}

    def begin(self, training: Training) -> Container[Place] | None:
        """Open a new event file, beside those of earlier drivers."""
        folder = self._folder(training)
        found, is_new = EventAccumulator(str(folder), size_guidance={"scalars": 0}), not folder.is_dir()
        if not is_new:
            found.Reload()
            if SESSION_END_INFO_TAG in found.summary_metadata:
                return None
        self._open[training.id] = _writer(folder)
        if is_new:
            self._add(training, hparams_pb(dict(training.settings), trial_id=training.id))
        return {(tag, event.step) for tag in found.Tags()["scalars"] for event in found.Scalars(tag)}

    def write(self, training: Training, points: Sequence[Point]) -> None:
        """Write scalars; the step is the epoch."""
        for point in points:
            self._add(training, _scalar(point.metric, point.value), step=point.epoch)

    def end(self, training: Training, *, failed: bool) -> None:
        """Write how the session ended, and close its file."""
        end = plugin_data_pb2.SessionEndInfo(
            status=STATUS_FAILURE if failed else STATUS_SUCCESS, end_time_secs=time.time()
        )
        data = plugin_data_pb2.HParamsPluginData(session_end_info=end)
        self._add(training, _metadata(SESSION_END_INFO_TAG, create_summary_metadata(data)))
        self._open.pop(training.id).close()

    def conclude(self, training: Training, final: Final) -> None:
        """Write the numbers as scalars and the words as texts, with the paths of the files."""
        folder = self._home / RESULT
        shutil.rmtree(folder, ignore_errors=True)
        with closing(_writer(folder)) as writer:
            for name, number in final.numbers.items():
                writer.add_event(_event(_scalar(name, number)))
            texts = {**final.words, "files": "\n\n".join(map(str, final.files))}
            for name, text in texts.items():
                writer.add_event(_event(text_pb(name, text)))

    def close(self) -> None:
        """Close all files."""
        for writer in self._open.values():
            writer.close()

    def _folder(self, training: Training) -> Path:
        return self._home / re.sub(r"[^\w./-]", "_", training.name)

    def _add(self, training: Training, summary: Summary, step: int = 0) -> None:
        self._open[training.id].add_event(_event(summary, step))


def _writer(folder: Path) -> EventFileWriter:
    return EventFileWriter(str(folder), flush_secs=_FLUSH_SECONDS)


def _event(summary: Summary, step: int = 0) -> Event:
    return Event(wall_time=time.time(), step=step, summary=summary)


def _scalar(name: str, value: float) -> Summary:
    return Summary(value=[Summary.Value(tag=name, simple_value=value)])


def _metadata(tag: str, metadata: SummaryMetadata) -> Summary:
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata)])


def make(folder: Path, run: str) -> TensorBoard:
    """Return the tracker of a run."""
    return TensorBoard(folder)
