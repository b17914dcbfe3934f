"""The numbers of a certificate: of the weights, over training seeds, and of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from budgetnas.evidence.accuracy import Accuracy, Interval, wilson
from budgetnas.evidence.scores import OverSeeds, Score
from budgetnas.runs.networks import Accuracies
from budgetnas.runs.result import of_classes
from budgetnas.trials.facts import ClassResults, Look
from budgetnas.trials.trial import Trial


def of_weights(run: Trial, number: int, images: int | None, look: Look | None) -> dict[str, Any]:
    """Return the accuracies of the weights of one training.

    Args:
        run: the training.
        number: of its trial.
        images: of the validation split; None without one.
        look: at the test set.
    """
    accuracy = run.accuracy or 0.0
    return {
        "trial": number,
        "lineage": list(run.facts.lineage or ()),
        "seed": run.seed,
        "epochs": run.facts.epochs,
        "validation_accuracy": None if images is None else run.accuracy,
        "validation_images": images,
        "validation_interval": None if images is None else list(wilson(accuracy * images, images)),
        "loss": run.facts.loss,
        "test_correct": look.correct if look else 0,
        "test_images": look.images if look else 0,
        "test_interval": list(wilson(look.correct, look.images)) if look else None,
        "of": "the weights after the last epoch",
    }


def over_seeds(seeds: Sequence[int], validation: Accuracy | None, test: Accuracy | None) -> dict[str, Any]:
    """Return the accuracies of one network over its training seeds."""
    return {"seeds": list(seeds), **_accuracies("validation", validation), **_accuracies("test", test)}


def _accuracies(split: str, accuracy: Accuracy | None) -> dict[str, Any]:
    return {f"{split}_accuracies": list(accuracy.shares) if accuracy else [], **_mean(split, accuracy)}


def _mean(split: str, found: OverSeeds | None, score: Score | None = None) -> dict[str, Any]:
    """Return mean, standard deviation and interval; those of another score than accuracy as people read them."""
    shown, ends = (score.shown, score.shown_interval) if score else (float, tuple)
    return {
        f"{split}_mean": shown(found.mean) if found else None,
        f"{split}_sd": found.spread if found else None,
        f"{split}_interval": list(ends(found.interval)) if found else None,
    }


def other_score(run: Trial, look: Look | None, own: Accuracies, fresh: Accuracies | None) -> dict[str, Any]:
    """Return a score that is not the accuracy: of the weights, over the seeds of full trainings, and over fresh ones.

    Args:
        run: the training of the weights.
        look: at the test set with them.
        own: over the seeds of the full trainings.
        fresh: over seeds that no choice has seen.
    """
    score = own.score
    tested = (look.score, look.interval) if look else (None, None)
    return {
        "name": score.name,
        "this_network": {
            **_one(score, "validation", run.score, run.facts.interval),
            **_one(score, "test", *tested),
        },
        "repeats": _means(own),
        "fresh": None if fresh is None else _means(fresh),
    }


def _one(score: Score, split: str, value: float | None, interval: Interval | None) -> dict[str, Any]:
    return {
        split: None if value is None else score.shown(value),
        f"{split}_interval": None if interval is None else list(score.shown_interval(interval)),
    }


def _means(found: Accuracies) -> dict[str, Any]:
    return {
        **_mean("validation", found.validation, found.score),
        **_mean("test", found.test, found.score),
    }


def of_each_class(found: Mapping[str, ClassResults | None], classes: Sequence[str]) -> dict[str, Any]:
    """Return the results of each class by the weights, by split; nothing where none were recorded."""
    known = {split: of_classes(one, classes) for split, one in found.items() if one is not None}
    return {"class_results": known} if known else {}
