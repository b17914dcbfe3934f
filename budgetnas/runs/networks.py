"""The networks of one run, one per row, with their scores at each length; read without writing or locking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from budgetnas.runs.listing import DATABASE
from budgetnas.storage.glance import Study, glance
from budgetnas.trials.trial import CONTROLS, FULL, Candidate, TrialState, in_order


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """One network with all its trainings in a run.

    Attributes:
        spec: its id.
        params: trainable parameters.
        macs: multiply-accumulates for one image.
        scores: validation accuracies after the last epoch in [0, 1], of each level that finished some, shortest first.
        under_way: levels of the trainings that are started and not finished.
        failed: why trainings failed, by level: the last of each.
    """

    spec: str
    params: int
    macs: int
    scores: dict[str, list[float]] = field(default_factory=dict)
    under_way: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def read_networks(folder: Path) -> list[Network]:
    """Read the networks of a search or a calibration, those that got furthest first, of these the best first.

    Of a run of another kind, or one whose study is in another storage, there are none.

    Raises:
        StorageError: its database cannot be read.
    """
    if not (folder / DATABASE).is_file():
        return []
    studies, name = glance(folder / DATABASE), folder.resolve().name
    levels = _levels(name, studies)
    found: dict[str, Network] = {}
    for level in levels:
        for trial in studies[f"{name}/{level}"][0]:
            if trial.state is TrialState.PRUNED:
                continue
            network = found.setdefault(trial.candidate.spec.id, _network(trial.candidate))
            if trial.score is not None:
                network.scores.setdefault(level, []).append(trial.score)
            elif trial.state is TrialState.FAIL:
                network.failed[level] = str(trial.facts.reason)
            else:
                network.under_way.append(level)
    return sorted(found.values(), key=lambda one: (_reached(one, levels), -one.params), reverse=True)


def _levels(name: str, studies: Mapping[str, Study]) -> list[str]:
    """Return the levels of a run in their order."""
    return in_order([level for run, _, level in (study.partition("/") for study in studies) if run == name])


def _network(candidate: Candidate) -> Network:
    return Network(spec=candidate.spec.id, params=candidate.params, macs=candidate.macs)


def _reached(network: Network, levels: Sequence[str]) -> tuple[int, float]:
    """Return how far a network got, and its mean score there; a control is as far as one that was promoted."""
    scored = [level for level in levels if level in network.scores]
    if not scored:
        return -1, 0.0
    last = FULL if FULL in scored else scored[-1]
    return levels.index(FULL if last == CONTROLS else last), mean(network.scores[last])
