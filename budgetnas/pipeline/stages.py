"""The two stages of a search: proxy training of every candidate, full training of the promoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from budgetnas.pipeline.prepare import Prepared
from budgetnas.pipeline.trials import Stage
from budgetnas.records.trial import Candidate, Trial, TrialState
from budgetnas.search.history import history, is_ready
from budgetnas.search.samplers import Sampler
from budgetnas.storage.files import digest, write_bytes
from budgetnas.storage.study import StudyStore
from budgetnas.training.checkpoint import Checkpoints
from budgetnas.training.tasks import Trained, TrainTask, whole


class ProxyStage(Stage):
    """Seeded models first, then proposals: over-budget candidates are pruned, the others trained shortly.

    Attributes:
        store: the study of the short trainings.
        exhausted: whether the sampler had nothing left to propose.
    """

    def __init__(self, prepared: Prepared, store: StudyStore, sampler: Sampler) -> None:
        self.store = store
        self.exhausted = False
        self._prepared, self._sampler = prepared, sampler

    def upcoming(self, running: int) -> Trial | None:
        """Count candidates and prune them until one fits; create its trial."""
        prepared, store = self._prepared, self.store
        search = prepared.config.search
        while counted(prepared, store.trials) + running < search.trials:
            number = len(store.trials)
            seeded = number < len(prepared.seeds)
            if seeded:
                candidate = prepared.seeds[number]
            elif not is_ready(store.trials, number, search.batch):
                return None
            else:
                view = history(store.trials, number, search.batch, encode=prepared.space.encode)
                point = self._sampler.propose(view)
                if point is None:
                    self.exhausted = True
                    store.record("exhausted", True)
                    return None
                candidate = prepared.candidate(prepared.space.decode(point), search.sampler)
            reason = over_budget(candidate, prepared.cap, prepared.macs_cap if not seeded else None)
            trial = store.add(
                candidate,
                state=TrialState.PRUNED if reason else TrialState.RUNNING,
                attrs={
                    "seeded": seeded,
                    "utilisation": candidate.params / prepared.cap,
                    **({"reason": reason} if reason else {}),
                },
            )
            if not reason:
                return trial
        return None

    def task(self, trial: Trial) -> TrainTask:
        """Return the short training of a trial."""
        prepared = self._prepared
        return TrainTask(
            setting=prepared.setting,
            spec=trial.candidate.spec,
            recipe=prepared.proxy,
            phases=whole(prepared.proxy_epochs),
            seed=training_seed(prepared, "proxy", trial.number, 0),
            keep_weights=False,
        )


class FullStage(Stage):
    """Full trainings of promoted trials, each under its seeds; finished ones are kept and not run again.

    Attributes:
        store: the study of the full trainings.
    """

    def __init__(self, prepared: Prepared, store: StudyStore, promoted: Sequence[Trial], folder: Path) -> None:
        self.store = store
        self._prepared, self._folder = prepared, folder
        self._todo = missing_runs(prepared, store, promoted)

    @property
    def total(self) -> int:
        """How many full trainings there will be in all, failed ones aside."""
        return sum(trial.state is not TrialState.FAIL for trial in self.store.trials) + len(self._todo)

    def upcoming(self, running: int) -> Trial | None:
        """Create the next full training."""
        if not self._todo:
            return None
        parent, repeat = self._todo.pop(0)
        return self.store.add(
            parent.candidate,
            state=TrialState.RUNNING,
            attrs={
                "parent": parent.number,
                "repeat": repeat,
                "seed": training_seed(
                    self._prepared, "full", parent.number, repeat, attempt=self._attempt(parent, repeat)
                ),
                "utilisation": parent.candidate.params / self._prepared.cap,
            },
        )

    def _attempt(self, parent: Trial, repeat: int) -> int:
        """Count how often it diverged before: it would again under its seed. What else failed goes on where it was."""
        keys = [(trial.attrs["parent"], trial.attrs["repeat"]) for trial in self.store.trials if diverged(trial)]
        return keys.count((parent.number, repeat))

    def task(self, trial: Trial) -> TrainTask:
        """Return the full training of a trial."""
        prepared = self._prepared
        return TrainTask(
            setting=prepared.setting,
            spec=trial.candidate.spec,
            recipe=prepared.full,
            phases=whole(prepared.full_epochs),
            seed=int(trial.attrs["seed"]),
            keep_weights=True,
            checkpoint=str(self._checkpoint(trial)),
        )

    def finished(self, trial: Trial, result: Trained) -> Mapping[str, Any]:
        """Write the weights before the trial is COMPLETE, so that every COMPLETE trial has them."""
        assert result.weights is not None
        name = f"full/{trial.number}.safetensors"
        write_bytes(self._folder / name, result.weights)
        return {"weights": name, "weights_sha256": digest(result.weights)}

    def ended(self, trial: Trial) -> None:
        """Remove what only a training under way needs."""
        if trial.state is TrialState.COMPLETE or diverged(trial):
            Checkpoints(self._checkpoint(trial)).clear()

    def _checkpoint(self, trial: Trial) -> Path:
        return self._folder / "states" / f"{trial.attrs['parent']}-{trial.attrs['repeat']}-{trial.attrs['seed']}"


def counted(prepared: Prepared, trials: Sequence[Trial]) -> int:
    """Count the trials that `--trials` asks for: those trained, and those that a sampler wasted over the budget."""
    wastes = prepared.config.search.over_budget == "prune"
    return sum(
        trial.state is TrialState.COMPLETE
        or (wastes and trial.state is TrialState.PRUNED and not trial.attrs["seeded"])
        for trial in trials
    )


def diverged(trial: Trial) -> bool:
    """Tell whether a training failed because of its numbers, not of what it ran on."""
    return trial.state is TrialState.FAIL and str(trial.attrs.get("reason", "")).startswith("diverged")


def over_budget(candidate: Candidate, cap: int, macs_cap: int | None) -> str | None:
    """Say by how much a candidate is over the budget; None if it is within."""
    if candidate.params > cap:
        return f"{candidate.params - cap:,} parameters over the cap"
    if macs_cap is not None and candidate.macs > macs_cap:
        return f"{candidate.macs - macs_cap:,} MACs over the cap"
    return None


def missing_runs(prepared: Prepared, store: StudyStore, promoted: Sequence[Trial]) -> list[tuple[Trial, int]]:
    """Return the (proxy trial, repeat) pairs whose full training is neither COMPLETE nor under way.

    A training that failed is missing again for the next driver: what made it fail may be mended.
    """
    have = {
        (trial.attrs["parent"], trial.attrs["repeat"]) for trial in store.trials if trial.state is not TrialState.FAIL
    }
    repeats = range(prepared.config.full.repeats)
    return [(trial, repeat) for repeat in repeats for trial in promoted if (trial.number, repeat) not in have]


def training_seed(prepared: Prepared, stage: str, number: int, repeat: int, *, attempt: int = 0) -> int:
    """Derive a training's seed from the study's seed, the stage, its proxy trial's number, its repeat and attempt."""
    key = [prepared.config.search.seed, int.from_bytes(stage.encode()), number, repeat, attempt]
    return int(np.random.SeedSequence(key).generate_state(1)[0])
