"""The certificate of a network that a search has trained in full."""

from __future__ import annotations

from pathlib import Path
from statistics import mean, stdev
from typing import Any

from budgetnas.exceptions import UsageError
from budgetnas.export.certificate import Certified, write_certificate
from budgetnas.outcome.levels import FULL
from budgetnas.outcome.result import SearchResult
from budgetnas.outcome.worth import compare, verdict
from budgetnas.promotion.select import Finalist
from budgetnas.storage.files import read_bytes

BEST = "best"  # below the folder of a run: the winner


def certify(
    result: SearchResult, folder: Path, *, trial: int | None = None, with_preprocessing: bool = False
) -> str | None:
    """Write the certificate of a network; return what of it could not be made, and why, None where nothing lacks.

    Args:
        result: the search.
        folder: of the certificate; one that is there is replaced.
        trial: number of its first-rung trial; the winner's unless given.
        with_preprocessing: whether `model.onnx` takes raw pixels.

    Raises:
        UsageError: the trial had no full training.
        StorageError: its weights cannot be read, or the folder cannot be written.
    """
    finalist = _chosen(result, trial)
    net = certified(result, finalist)
    return write_certificate(folder, net, with_preprocessing=with_preprocessing)


def certified(result: SearchResult, finalist: Finalist) -> Certified:
    """Return what is known of a fully trained network; of its seeds the one of the highest validation score."""
    setup, run = result.setup, finalist.best_run
    weights = read_bytes(result.folder / run.attrs["weights"], run.attrs["weights_sha256"])
    return Certified(
        spec=finalist.candidate.spec,
        shape=setup.data.shape,
        classes=setup.data.classes,
        dataset=setup.data.name,
        fingerprint=setup.data.fingerprint,
        notice=setup.data.notice,
        mean=setup.mean,
        std=setup.std,
        weights=weights,
        recipe=setup.recipe,
        max_params=setup.cap,
        max_macs=setup.macs_cap,
        results=_results(result, finalist),
        provenance=_provenance(result),
    )


def _chosen(result: SearchResult, trial: int | None) -> Finalist:
    known = {finalist.parent: finalist for finalist in result.finalists}
    if trial is None:
        if result.winner is None:
            raise UsageError(f"`{result.setup.name}` has no fully trained network yet: let the search go on.")
        return result.winner
    if trial not in known:
        numbers = ", ".join(map(str, sorted(known))) or "none"
        raise UsageError(
            f"`--trial` is {trial}, but weights are kept of full trainings only: give one of {numbers}, or promote "
            "more."
        )
    return known[trial]


def _results(result: SearchResult, finalist: Finalist) -> dict[str, Any]:
    run, setup = finalist.best_run, result.setup
    correct, images = result.look(FULL, run)
    tests = result.tests(FULL, finalist.runs)
    is_winner = result.winner is not None and finalist.parent == result.winner.parent
    return {
        "this_network": {
            "trial": finalist.parent,
            "lineage": run.attrs.get("lineage", []),
            "seed": run.attrs["seed"],
            "epochs": run.attrs["epochs"],
            "validation_accuracy": run.score,
            "validation_images": setup.data.validation,
            "validation_loss": run.attrs.get("loss"),
            "test_correct": correct,
            "test_images": images,
            "of": "the weights after the last epoch",
        },
        "repeats": {
            "seeds": [one.attrs["seed"] for one in finalist.runs],
            "validation_accuracies": list(finalist.scores),
            "validation_mean": finalist.score,
            "validation_sd": finalist.spread,
            "test_accuracies": tests,
            "test_mean": mean(tests) if tests else None,
            "test_sd": stdev(tests) if len(tests) > 1 else None,
        },
        "chosen": {
            "is_winner": is_winner,
            "among": len(result.finalists),
            "by": "mean validation accuracy after full training",
            "networks_trained": result.counts()["trained"],
            "test_looks": len(result.looks),
        },
        "verdict": verdict(result, compare(result)) if is_winner else "Not the winner of its search.",
    }


def _provenance(result: SearchResult) -> dict[str, Any]:
    """Return command, versions, hardware and commit of the last driver."""
    driver = result.drivers[-1]
    return {key: driver.get(key) for key in ("command", "started", "hardware", "versions", "git_commit")}
