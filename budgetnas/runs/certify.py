"""The certificate of a fully trained network, from a search or from a declared training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from budgetnas.budget import Budget
from budgetnas.certificates.certificate import CertifiedNetwork, onnx_of, write_certificate
from budgetnas.certificates.json_files import BEST, MANIFEST
from budgetnas.evidence.accuracy import Accuracy
from budgetnas.evidence.scores import ACCURACY
from budgetnas.exceptions import StorageError, UsageError
from budgetnas.runs.certified_numbers import of_each_class, of_weights, other_score, over_seeds
from budgetnas.runs.headline import tie
from budgetnas.runs.listing import Run, is_run, read_run
from budgetnas.runs.networks import accuracies_of
from budgetnas.runs.quantised import check_quantisation, quantised_file
from budgetnas.runs.result import SearchResult, read_result
from budgetnas.runs.settings import Setup, TrainingsSetup, read_trainings_setup
from budgetnas.runs.verdict import compare, verdict
from budgetnas.storage.database import open_run, study_names
from budgetnas.storage.files import own
from budgetnas.storage.record import read_weights
from budgetnas.storage.study import read_study, record_look
from budgetnas.trials.declaration import training_key
from budgetnas.trials.facts import Look, RunFacts
from budgetnas.trials.record import required
from budgetnas.trials.selection import Finalist
from budgetnas.trials.trial import FULL, Looks, Trial, complete

_PROVENANCE = ("command", "started", "hardware", "versions", "git_commit")
_LUCK = (
    "It was chosen by validation {} among networks of one search, so that number is a little too good; the test "
    "set was read after the choice."
)
_WATCHED = (
    "Its training watched the test set after every epoch, as Pei et al. did, and learnt from the validation images "
    "too: compare its test accuracy with theirs alone."
)


def export(
    run: str,
    folder: Path,
    *,
    storage: str | None,
    trial: int | None,
    with_preprocessing: bool,
    fold_norms: bool = False,
    quantize: str | None = None,
) -> str | None:
    """Write the certificate of a network of a run; return which part could not be written and why, None for none.

    Args:
        run: path of the run's folder; its name is the study's.
        folder: of the certificate: new or empty.
        storage: Optuna URL where the study is not in the run's folder.
        trial: number of its trial, in a search that of the first rung; the winner, or the only one, unless given.
        with_preprocessing: whether `model.onnx` takes raw pixels.
        fold_norms: whether the norms of `model.onnx` are folded into the convolutions before them, as where the
            search capped bytes.
        quantize: "int8" or "fp16" for a quantised file too; the data set of the run is loaded for it.

    Raises:
        UsageError: the trial had no full training, the folder is not free, or the options do not go together.
        DataError: the data set to calibrate on cannot be loaded.
        StorageError: the run cannot be read, or the folder cannot be written.
    """
    if with_preprocessing and fold_norms:
        rule = "a model with folded norms takes normalised images, as its bytes are counted: leave it out"
        raise UsageError(f"is given, but {rule}.", argument="with_preprocessing")
    check_quantisation(quantize)
    _check_free(folder)
    home = Path(run)
    name, opened = home.resolve().name, open_run(home, storage)
    if name in study_names(opened):
        study, (trials, facts) = name, read_study(opened, name)
        net = _declared(home, name, trials, facts, trial)
    else:
        study, result = f"{name}/{FULL}", read_result(opened, home, name)
        net = certified(result, _chosen(result, trial))
    folds = fold_norms or (net.caps_bytes and not with_preprocessing)
    words: dict[str, Any] = {"with_preprocessing": with_preprocessing, "fold_norms": folds}
    onnx = onnx_of(net, **words) if quantize else None
    if quantize is None or onnx is None:
        return write_certificate(folder, net, **words)

    def look(key: str, read: Callable[[], Look]) -> tuple[Look, int]:
        with own(home):
            return record_look(opened, study, key, read)

    made = quantised_file(net, onnx, quantize, look)
    net = replace(net, results=made.results(net.results))
    return write_certificate(folder, net, quantised={made.name: made.content}, measured=made.measured, **words)


def _check_free(folder: Path) -> None:
    try:
        is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise UsageError(f"is {str(folder)[:200]} ({error.strerror}): give another folder.", argument="out") from error
    if not is_free:
        raise UsageError(f"is {folder}, which exists and is not empty: give a new folder.", argument="out")


def certificate_of(path: Path) -> Path:
    """Return the folder of a certificate: `path` itself, or that of the winner if `path` is a run.

    Raises:
        StorageError: the run has none.
    """
    with suppress(OSError):  # too long for a path, for one: reading it says so
        for folder in (path, path / BEST):
            if (folder / MANIFEST).exists():
                return folder
        if is_run(path):
            raise StorageError(f"`{path}` has no network to predict with{_instead(read_run(path), path)}")
    return path


def _instead(run: Run, path: Path) -> str:
    """Say why a run has no certificate, and what to do."""
    export = f"the folder that `budgetnas export {path}` writes"
    if run.why is not None:
        return f" ({run.why})."
    if run.kind == "search":
        return f", since its search has not ended: resume it, or give {export}."
    if run.kind == "calibration":
        return ", since a calibration keeps none: train one with `budgetnas train`."
    return f" yet: give {export} of any finished training."


def certify(result: SearchResult) -> str | None:
    """Write the winner's certificate into the folder of its run; return which part could not be written and why."""
    net = certified(result, _chosen(result, None))
    return write_certificate(result.folder / BEST, net, fold_norms=net.caps_bytes)


def certified(result: SearchResult, finalist: Finalist) -> CertifiedNetwork:
    """Return the facts of a fully trained network, with the weights of its seed of the highest validation score."""
    setup, run = result.setup, finalist.best_run
    return _certified(
        setup,
        run,
        result.folder,
        budget=setup.budget,
        results=_results(result, finalist),
        drivers=result.drivers,
    )


def _certified(
    setup: Setup | TrainingsSetup,
    run: Trial,
    home: Path,
    *,
    budget: Budget | None,
    results: Mapping[str, Any],
    drivers: Sequence[Mapping[str, Any]],
) -> CertifiedNetwork:
    """Collect the facts of a trained network; its weights are read from the folder of its run."""
    return CertifiedNetwork(
        spec=run.candidate.spec,
        shape=setup.data.shape,
        classes=setup.data.classes,
        dataset=setup.data.name,
        fingerprint=setup.data.fingerprint,
        source=setup.source,
        notice=setup.data.notice,
        mean=setup.mean,
        std=setup.std,
        weights=read_weights(run, home),
        recipe=setup.recipe,
        budget=budget,
        results=results,
        provenance={key: drivers[-1].get(key) for key in _PROVENANCE},
    )


def _chosen(result: SearchResult, trial: int | None) -> Finalist:
    known = {finalist.parent: finalist for finalist in result.finalists}
    if trial is None:
        if result.winner is None:
            raise UsageError(
                f"`{result.setup.name}` has no fully trained network yet that fits its caps: resume the search."
            )
        return result.winner
    if trial not in known:
        numbers = ", ".join(map(str, sorted(known))) or "none"
        raise UsageError(
            f"is {trial}, but weights are kept of full trainings only: give one of {numbers}, or promote more.",
            argument="trial",
        )
    return known[trial]


def _results(result: SearchResult, finalist: Finalist) -> dict[str, Any]:
    run, images, score = finalist.best_run, result.setup.data.validation, result.setup.score
    is_winner = result.winner is not None and finalist.parent == result.winner.parent
    own, fresh = result.accuracies_of(finalist), result.fresh if is_winner else None
    look = result.looks.of(run, FULL)
    return {
        "this_network": of_weights(run, finalist.parent, images, look),
        "repeats": over_seeds(own.seeds, own.validation_accuracy, own.test_accuracy),
        "fresh": over_seeds(fresh.seeds, fresh.validation_accuracy, fresh.test_accuracy) if fresh else None,
        **({} if score is ACCURACY else {"score": other_score(run, look, own, fresh)}),
        **of_each_class(result.class_results_of(finalist), result.classes),
        "chosen": {
            "is_winner": is_winner,
            "among": len(result.finalists),
            "by": f"mean validation {score.words} after full training",
            "networks_trained": result.counts()["trained"],
            "test_looks": len(result.looks),
        },
        "remarks": _remarks(result, images) if is_winner else ["It is not the winner of its search."],
    }


def _remarks(result: SearchResult, images: int) -> list[str]:
    """Return the caveats of the winner's certificate."""
    score = result.setup.score
    tied = tie(result.finalists, images, score=score)
    return [verdict(result, compare(result)), *([tied] if tied else []), _LUCK.format(score.words)]


def _declared(home: Path, name: str, trials: Sequence[Trial], facts: RunFacts, number: int | None) -> CertifiedNetwork:
    """Return the facts of a network that was trained without a search."""
    setup = read_trainings_setup(facts.setup, name=name)
    known = {trial.number: trial for trial in complete(trials)}
    if number is None and len(known) == 1:
        (number,) = known
    if number not in known:
        numbers = ", ".join(f"{trial.number} ({trial.candidate.origin})" for trial in known.values()) or "none"
        given = "missing" if number is None else f"{number!r}"
        raise UsageError(
            f"is {given}, but must be the number of a finished training: one of {numbers}.", argument="trial"
        )
    run = known[number]
    key = training_key(run)
    alike = [trial for trial in known.values() if training_key(trial).is_repeat_of(key)]
    looks, data = Looks(facts), setup.data
    own, look = accuracies_of(alike, looks, images=data.validation), looks.of(run)
    images: int | None = data.validation
    validation, test = own.validation_accuracy, own.test_accuracy
    watched = setup.watches == "test"
    if watched:
        images, validation = None, None
        look = Look(correct=round((run.score or 0.0) * data.test), images=data.test)
        test = Accuracy(shares=own.scored.shares, images=data.test)
    by_class = {setup.watches: run.facts.classes}
    if not watched and look is not None:
        by_class["test"] = look.classes
    results = {
        "this_network": of_weights(run, run.number, images, look),
        "repeats": over_seeds(own.seeds, validation, test),
        "fresh": None,
        **of_each_class(by_class, data.classes),
        "chosen": None,
        "remarks": [_WATCHED] if watched else [],
    }
    return _certified(setup, run, home, budget=None, results=results, drivers=required(facts.drivers, "drivers"))
