"""Weights & Biases: runs in `wandb/` of the folder of a run, or where WANDB_DIR says.

They stay there, for `wandb sync`, unless WANDB_MODE says that they go to a server.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # before it is imported: it reports its errors to its makers

import wandb

from budgetnas.trackers.protocol import Final, Place, Point, Training

FOLDER, PROJECT = "wandb", "budgetnas"
_ENDED, _SENT = "ended", "*.synced"  # files beside a run: ours, and that of `wandb sync`


class WandB:
    """Writes runs of one group.

    Args:
        folder: of the run.
        run: its name, which the group has too.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._dir, self._group = Path(os.environ.get("WANDB_DIR") or folder), run
        self._mode = os.environ.get("WANDB_MODE") or "offline"
        self._runs: dict[str, Any] = {}

    def begin(self, training: Training) -> Container[Place] | None:
        """Start a run; one that was cut off starts again here, and is continued at a server."""
        earlier = list((self._dir / FOLDER).glob(f"*run-*-{training.id}"))
        if any((path / _ENDED).exists() for path in earlier):
            return None
        _remove_local(earlier)
        run = self._start(training)
        return _Until(run.summary.get("epoch") or 0) if run.resumed else ()

    def write(self, training: Training, points: Sequence[Point]) -> None:
        """Write history; its step is the epoch."""
        run, epochs = self._runs[training.id], dict.fromkeys(point.epoch for point in points)
        for epoch in epochs:
            run.log({"epoch": epoch} | {point.metric: point.value for point in points if point.epoch == epoch})

    def end(self, training: Training, *, failed: bool) -> None:
        """Finish the run, and note that it ended."""
        run = self._runs.pop(training.id)
        folder = Path(run.dir).parent
        run.finish(exit_code=int(failed))
        (folder / _ENDED).touch()

    def conclude(self, training: Training, final: Final) -> None:
        """Write numbers and words as a summary, and an artifact of the files."""
        _remove_local((self._dir / FOLDER).glob(f"*run-*-{training.id}"))
        run = self._start(training)
        run.summary.update({**final.numbers, **final.words})
        files = wandb.Artifact(f"{PROJECT}-{training.id}", type="run")
        for path in final.files:
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                name = file.relative_to(path.parent).as_posix()
                files.add_file(str(file), name=name, policy="immutable", skip_cache=True)
        run.log_artifact(files)
        self.end(training, failed=False)

    def close(self) -> None:
        """Close the runs that have not ended."""
        for run in self._runs.values():
            run.finish(exit_code=1)

    def _start(self, training: Training) -> Any:
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            group=self._group,
            id=training.id,
            name=training.name,
            config=dict(training.settings),
            dir=str(self._dir),
            mode=self._mode,
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(
                console="off",
                silent=True,
                login_timeout=1,
                disable_code=True,
                disable_git=True,
                x_disable_stats=True,
                x_disable_meta=True,
            ),
        )
        run.define_metric("epoch")
        run.define_metric("*", step_metric="epoch")
        self._runs[training.id] = run
        return run


def _remove_local(folders: Iterable[Path]) -> None:
    """Remove the folders of runs that no server has."""
    for path in folders:
        if path.name.startswith("offline") and not any(path.glob(_SENT)):
            shutil.rmtree(path)


class _Until(Container[Place]):
    """All places up to an epoch."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def __contains__(self, place: object) -> bool:
        return isinstance(place, tuple) and place[1] <= self._epoch


def make(folder: Path, run: str) -> WandB:
    """Return the tracker of a run."""
    return WandB(folder, run)
