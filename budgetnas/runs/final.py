"""What trackers keep of a result: its numbers, its sentences, its files."""

from __future__ import annotations

from functools import singledispatch

from budgetnas.certificates.json_files import BEST
from budgetnas.runs.calibration import PAGE, Calibration
from budgetnas.runs.headline import headline
from budgetnas.runs.listing import CALIBRATED
from budgetnas.runs.result import SearchResult
from budgetnas.runs.trainings import EPOCHS, TrainingsResult
from budgetnas.runs.verdict import compare, verdict
from budgetnas.trackers.protocol import Final


@singledispatch
def final(result: SearchResult | Calibration | TrainingsResult) -> Final:
    """Return what came out of a run, whose files are written; scores are means over seeds, shares in [0, 1]."""
    raise TypeError(type(result))


@final.register
def _(result: SearchResult) -> Final:
    winner, found = result.winner, result.accuracies
    numbers: dict[str, float] = {f"networks/{name}": count for name, count in result.counts().items()}
    words = {"headline": headline(result), "verdict": verdict(result, compare(result)), "stopped": result.stopped}
    if winner is not None and found is not None:
        words["winner"] = winner.candidate.spec.id
        numbers |= {"winner/params": winner.candidate.params, "winner/macs": winner.candidate.macs}
        score = result.setup.score
        scores = {"validation": found.validation, "test": found.test}
        accuracies = {"validation": found.validation_accuracy, "test": found.test_accuracy}
        numbers |= {f"{split}/accuracy": one.mean for split, one in accuracies.items() if one is not None}
        numbers |= {f"{split}/{score.name}": score.shown(one.mean) for split, one in scores.items() if one is not None}
    return _with_files(result, numbers, words, ("report.html", "trials.csv", "results.json", BEST))


@final.register
def _(result: Calibration) -> Final:
    found = result.recommendation()
    numbers: dict[str, float] = {"networks": len(result.nets)}
    if found.epochs is not None:
        numbers["recommended/epochs"] = found.epochs
    return _with_files(result, numbers, {"recommendation": found.text}, (PAGE, "calibration.csv", CALIBRATED))


@final.register
def _(result: TrainingsResult) -> Final:
    watched = result.setup.watches
    numbers: dict[str, float] = {}
    for row in result.rows:
        numbers[f"{watched}/accuracy/{row.name}"] = row.last.mean / 100
        if row.test is not None:
            numbers[f"test/accuracy/{row.name}"] = row.test.mean / 100
    words = {"networks": ", ".join(row.name for row in result.rows)}
    return _with_files(result, numbers, words, (EPOCHS,))


def _with_files(
    result: SearchResult | Calibration | TrainingsResult,
    numbers: dict[str, float],
    words: dict[str, str],
    names: tuple[str, ...],
) -> Final:
    paths = [result.folder / name for name in names]
    return Final(numbers=numbers, words=words, files=[path for path in paths if path.exists()])
