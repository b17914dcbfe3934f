"""The networks of a run: their accuracies over training seeds, the best of them, and one row for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from typing import Any

from budgetnas.evidence.accuracy import Accuracy, Interval
from budgetnas.evidence.scores import ACCURACY, OverSeeds, Score, ScoreOverSeeds
from budgetnas.runs.settings import recorded_score
from budgetnas.storage.record import DATABASE, Study, glance
from budgetnas.text import plural
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.record import required
from budgetnas.trials.selection import Finalist, finalists, ranking
from budgetnas.trials.trial import CONTROLS, FULL, RANDOM, Candidate, Looks, Trial, TrialState, complete, in_order

AFTER_FULL, AFTER_LAST = "validation after full training", "validation after the last epoch"


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracies:
    """Scores and accuracies of one network after the last epoch.

    Attributes:
        trainings: one per seed.
        validation: the score over all of them; None where they learned from these images.
        test: the score over those that were tested; None before any was.
        validation_accuracy: the accuracy, which is the score unless the study has another.
        test_accuracy: likewise.
        score: of the study.
    """

    trainings: tuple[Trial, ...]
    validation: OverSeeds | None
    test: OverSeeds | None
    validation_accuracy: Accuracy | None
    test_accuracy: Accuracy | None
    score: Score = ACCURACY

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the trainings."""
        return tuple(training.seed for training in self.trainings)

    @property
    def scored(self) -> OverSeeds:
        """The score on validation of trainings that did not learn from it."""
        assert self.validation is not None, "these learned from the validation split"
        return self.validation

    def as_json(self) -> dict[str, Any]:
        """Return means over the seeds with their intervals over images: shares in [0, 1], or a loss."""
        is_other, accuracy = self.score is not ACCURACY, self.validation_accuracy
        return {
            "seeds": list(self.seeds),
            **self._of("score", "score_interval", self.validation),
            **(self._of("accuracy", "accuracy_interval", accuracy) if is_other else {}),
            **(self._of("test_score", "test_score_interval", self.test) if is_other else {}),
            **self._of("test_accuracy", "test_interval", self.test_accuracy),
        }

    def _of(self, name: str, interval: str, found: OverSeeds | None) -> dict[str, Any]:
        if found is None:
            return {name: None, interval: None}
        score = found.score if isinstance(found, ScoreOverSeeds) else ACCURACY
        return {name: score.shown(found.mean), interval: list(score.shown_interval(found.interval))}


def accuracies_of(
    trainings: Sequence[Trial], looks: Looks, level: str = "", *, images: int, score: Score = ACCURACY
) -> Accuracies:
    """Return scores and accuracies of COMPLETE trainings of one network.

    Args:
        trainings: at least one.
        looks: at the test set.
        level: of the trainings, where looks at several levels are kept together.
        images: of the split that scored them.
        score: of the study.
    """
    scored, seen = [one for one in trainings if one.score is not None], looks.seen(trainings, level)
    shares = [one.accuracy or 0.0 for one in scored]
    accuracy = Accuracy(shares=shares, images=images) if scored else None
    tested = Accuracy(shares=[look.accuracy for look in seen], images=seen[0].images) if seen else None
    return Accuracies(
        trainings=tuple(trainings),
        validation=accuracy if score is ACCURACY else validation_score(scored, score),
        test=tested
        if score is ACCURACY
        else _over_seeds(score, [(look.scored, required(look.interval, "interval")) for look in seen]),
        validation_accuracy=accuracy,
        test_accuracy=tested,
        score=score,
    )


def validation_score(trainings: Iterable[Trial], score: Score) -> ScoreOverSeeds | None:
    """Return another score than accuracy over scored trainings; None without any."""
    return _over_seeds(score, [(one.score or 0.0, required(one.facts.interval, "interval")) for one in trainings])


def _over_seeds(score: Score, found: Sequence[tuple[float, Interval]]) -> ScoreOverSeeds | None:
    values, intervals = [value for value, _ in found], [interval for _, interval in found]
    return ScoreOverSeeds(score=score, shares=values, intervals=intervals) if found else None


def full_accuracies(finalist: Finalist, looks: Looks, *, images: int, score: Score = ACCURACY) -> Accuracies:
    """Return the accuracies of a finalist in the full trainings that it competed with."""
    return accuracies_of(finalist.runs, looks, FULL, images=images, score=score)


def fresh_accuracies(
    winner: Finalist, controls: Sequence[Trial], looks: Looks, *, images: int, score: Score = ACCURACY
) -> Accuracies | None:
    """Return the winner's accuracies with seeds that no choice has seen; None where it was not trained again.

    Args:
        winner: of the search.
        controls: trainings of the winner and of its controls.
        looks: at the test set.
        images: of the validation split.
        score: of the study.
    """
    own = [trial for trial in complete(controls) if trial.candidate.spec.id == winner.candidate.spec.id]
    return accuracies_of(own, looks, CONTROLS, images=images, score=score) if own else None


def after_fresh(seeds: int) -> str:
    """Name the score of a number of seeds that no choice has seen."""
    return f"{AFTER_FULL} of {plural(seeds, 'fresh seed')}"


def named_score(score_of: str, score: Score) -> str:
    """Name a score that is `score_of` of a split, such as `validation after full training`: `validation loss ..`."""
    split, space, when = score_of.partition(" ")
    return score_of if score is ACCURACY else f"{split} {score.words}{space}{when}"


def best_in_full(
    fulls: Sequence[Trial], controls: Sequence[Trial], facts: RunFacts, *, images: int, score: Score = ACCURACY
) -> dict[str, Any]:
    """Return the network that was chosen after full training, nothing before any.

    It is the last choice where a posterior mean decided, else the network of the best mean score. Where it was trained
    again with seeds that no choice has seen, those scores are given.

    Args:
        fulls: COMPLETE full trainings of networks that fit.
        controls: trainings of the winner and of its controls.
        facts: of the search.
        images: of the validation split.
        score: of the study.
    """
    ranked, looks = finalists(fulls), Looks(facts)
    if not ranked:
        return {}
    last = facts.choices[-1] if facts.choices else None
    chosen = last.winner if last is not None and last.trainings else None
    winner = next((one for one in ranked if one.parent == chosen), ranked[0])
    fresh = fresh_accuracies(winner, controls, looks, images=images, score=score)
    full = full_accuracies(winner, looks, images=images, score=score)
    if fresh is None or fresh.validation is None:
        return _best(winner.candidate, full, fresh or full, AFTER_FULL)
    return _best(winner.candidate, fresh, fresh, after_fresh(len(fresh.trainings)))


def best_of(
    trials: Sequence[Trial], score_of: str, looks: Looks, *, images: int, score: Score = ACCURACY
) -> dict[str, Any]:
    """Return the network of the highest mean score over its COMPLETE trainings; of equal ones the smaller."""
    groups: dict[tuple[Any, ...], list[Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.candidate.origin, trial.candidate.spec), []).append(trial)
    ranked = [(runs[0].candidate, accuracies_of(runs, looks, images=images, score=score)) for runs in groups.values()]
    if not ranked:
        return {}
    candidate, shown = min(ranked, key=lambda one: (-ranking(one[1].scored.mean), one[0].params))
    return _best(candidate, shown, shown, score_of)


def _best(candidate: Candidate, scored: Accuracies, tested: Accuracies, score_of: str) -> dict[str, Any]:
    """Return the scores of a network, as people read them."""
    score, validation, test = scored.score, scored.scored, tested.test
    accuracy = tested.test_accuracy
    found = {
        "score": score.shown(validation.mean),
        "score_interval": score.shown_interval(validation.interval),
        "score_of": named_score(score_of, score),
        "spec": candidate.spec.id,
        "params": candidate.params,
        "test_accuracy": accuracy.mean if accuracy else None,
        "test_interval": accuracy.interval if accuracy else None,
    }
    if score is ACCURACY:
        return found
    shown = (score.shown(test.mean), score.shown_interval(test.interval)) if test else (None, None)
    return {**found, "test_score": shown[0], "test_score_interval": shown[1]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """One network with all its trainings in a run.

    Attributes:
        spec: its id.
        params: trainable parameters.
        macs: multiply-accumulates for one image.
        scores: validation scores after the last epoch, of each level that finished some, shortest first: shares in
            [0, 1], or losses.
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
    """Read the networks of a search or a calibration without writing or locking.

    Those that were trained longest come first, and of these the best first. A run of another kind, or one whose study
    is in another storage, has none.

    Raises:
        StorageError: its database cannot be read.
    """
    if not (folder / DATABASE).is_file():
        return []
    studies, name = glance(folder / DATABASE), folder.resolve().name
    levels = _levels(name, studies)
    is_refit = bool(FULL in levels and studies[f"{name}/{FULL}"][1].refit)
    score = recorded_score(studies[f"{name}/{FULL}"][1].setup) if FULL in levels else ACCURACY
    networks: dict[str, Network] = {}
    for level in levels:
        for trial in studies[f"{name}/{level}"][0]:
            if trial.state is TrialState.PRUNED:
                continue
            network = networks.setdefault(trial.candidate.spec.id, _network(trial.candidate))
            if trial.score is not None:
                if level != CONTROLS or not is_refit:
                    network.scores.setdefault(level, []).append(trial.score)
            elif trial.state is TrialState.FAIL:
                network.failed[level] = str(trial.facts.reason)
            else:
                network.under_way.append(level)
    ranked = sorted(networks.values(), key=lambda one: (_progress(one, levels), -one.params), reverse=True)
    return [
        replace(one, scores={at: list(map(score.shown, found)) for at, found in one.scores.items()}) for one in ranked
    ]


def _levels(name: str, studies: Mapping[str, Study]) -> list[str]:
    """Return the levels of a run in their order."""
    return in_order([level for run, _, level in (study.partition("/") for study in studies) if run == name])


def _network(candidate: Candidate) -> Network:
    return Network(spec=candidate.spec.id, params=candidate.params, macs=candidate.macs)


def _progress(network: Network, levels: Sequence[str]) -> tuple[int, float]:
    """Return the place of a network's last level, and its mean score there; all above the rungs count as full."""
    scored = [level for level in levels if level in network.scores]
    if not scored:
        return -1, 0.0
    last = FULL if FULL in scored else scored[-1]
    return levels.index(FULL if last in (RANDOM, CONTROLS) else last), mean(network.scores[last])
