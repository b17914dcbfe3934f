"""What a search found, as facts for the terminal, the report and programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from budgetnas.pipeline.prepare import Prepared
from budgetnas.promotion.select import Finalist, promote
from budgetnas.records.trial import Trial, TrialState


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """A search at its end, or at the end of what its time allowed.

    Attributes:
        prepared: the study.
        folder: its run directory.
        trials: short trainings and pruned candidates, by number.
        trusted: posterior mean of each COMPLETE trial, by number.
        finalists: the fully trained, the winner first.
        tests: (correct, images) of the test set for each finalist's best run, by number of the full trial.
        stopped: why the search ended.
        resumed: whether nothing was left to do.
    """

    prepared: Prepared
    folder: Path
    trials: Sequence[Trial]
    trusted: Mapping[int, float]
    finalists: Sequence[Finalist]
    tests: Mapping[int, tuple[int, int]]
    stopped: str
    resumed: bool

    @property
    def winner(self) -> Finalist | None:
        """The finalist of the best mean validation score; None before any full training ended."""
        return self.finalists[0] if self.finalists else None

    def test_accuracy(self, finalist: Finalist) -> float:
        """Return the test accuracy of a finalist's best run, in [0, 1]."""
        correct, images = self.tests[finalist.best_run.number]
        return correct / images

    def recommended(self) -> tuple[Trial, Trial] | None:
        """Return the short training of the highest posterior mean and the one of the highest score; None before any."""
        complete = [trial for trial in self.trials if trial.state is TrialState.COMPLETE]
        if not complete:
            return None
        (trusted,) = promote(complete, [self.trusted[trial.number] for trial in complete], 1)
        (observed,) = promote(complete, [trial.score or 0.0 for trial in complete], 1)
        return trusted, observed

    def recommendation(self) -> str:
        """Say which short training to trust and which scored highest, in one line; nothing before any."""
        found = self.recommended()
        if found is None:
            return "none yet"
        trusted, observed = found
        mean, score = 100 * self.trusted[trusted.number], 100 * (observed.score or 0.0)
        told = f"trial {trusted.number}, {trusted.candidate.spec.id}, posterior mean {mean:.2f} %"
        if trusted.number == observed.number:
            return f"{told}; it also scored highest, {score:.2f} %"
        return f"{told}; trial {observed.number}, {observed.candidate.spec.id}, scored highest, {score:.2f} %"

    def notices(self) -> list[str]:
        """Return what full trainings left to be told: saved states that could not be used."""
        runs = [run for finalist in self.finalists for run in finalist.runs]
        return [f"{run.candidate.spec.id}: {notice}" for run in runs for notice in run.attrs.get("notices", [])]

    def counts(self) -> dict[str, int]:
        """Return how many candidates were counted, pruned, trained and failed."""
        states = [trial.state for trial in self.trials]
        return {
            "counted": len(states),
            "pruned": states.count(TrialState.PRUNED),
            "trained": states.count(TrialState.COMPLETE),
            "failed": states.count(TrialState.FAIL),
        }

    def as_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        found = self.recommended()
        return {
            "run": str(self.folder),
            "dataset": self.prepared.data.name,
            "notice": self.prepared.data.traits.notice or None,
            "max_params": self.prepared.cap,
            "stopped": self.stopped,
            **self.counts(),
            "recommended_trial": found[0].number if found else None,
            "best_observed_trial": found[1].number if found else None,
            "finalists": [self._finalist(finalist) for finalist in self.finalists],
            "winner": self._finalist(self.winner) if self.winner else None,
        }

    def _finalist(self, finalist: Finalist) -> dict[str, Any]:
        spec = finalist.candidate.spec
        return {
            "trial": finalist.parent,
            "spec": spec.id,
            "blocks": list(spec.blocks),
            "widths": list(spec.widths),
            "params": finalist.candidate.params,
            "utilisation": finalist.candidate.params / self.prepared.cap,
            "macs": finalist.candidate.macs,
            "score": finalist.score,
            "repeats": len(finalist.runs),
            "test_accuracy": self.test_accuracy(finalist),
        }
