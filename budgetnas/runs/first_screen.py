"""What a page says first and last: the result at a glance, what would settle its verdict, and where it is from."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from budgetnas.evidence.estimate import FEWEST_REPEATS, ON_THIS_SET
from budgetnas.evidence.scores import ACCURACY, OverSeeds, Score
from budgetnas.reports.facts import Lines, NextStep, Tile
from budgetnas.runs.networks import Accuracies
from budgetnas.runs.result import SearchResult
from budgetnas.runs.settings import DataFacts, Setup, is_finished
from budgetnas.runs.verdict import Comparison
from budgetnas.text import plural
from budgetnas.trials.trial import Trial

LOOKS = (3, 5, 8)  # seeds of the winner and of each control: one that is told apart early gets no more
_SETTLED = ("gain shown", "loss shown")
_COMMAND = "budgetnas search"


def tiles(result: SearchResult) -> list[Tile]:
    """Return the result of a search at a glance; before any full training ended, only what it was asked for."""
    setup, winner = result.setup, result.winner
    data = Tile(name="data", value=setup.data.name, note=_images(setup.data))
    if winner is None:
        trials = f"{result.counts()['trained']:,} of {setup.study.search.trials:,} short trainings"
        return [Tile(name="cap", value=f"{setup.cap:,}", note=setup.cost), Tile(name="trials", value=trials), data]
    fresh, first = result.fresh, result.trials[winner.parent]
    shown = fresh or result.accuracies_of(winner)
    origin = f", {first.candidate.origin}" if first.facts.seeded else ""
    among = len(result.finalists)
    best = f", chosen from {among} fully trained" if among > 1 else ""
    seeds = (
        "fresh: no choice has seen them"
        if fresh
        else "also those that it was chosen by"
        if len(shown.seeds) > 1
        else "also the one that it was chosen by"
    )
    if fresh and result.facts.refit:
        seeds += "; trained on validation images too"
    return [
        Tile(name="network", value=winner.candidate.spec.id, note=f"trial {winner.parent}{origin}{best}"),
        Tile(name="parameters", value=f"{winner.candidate.params:,}", note=setup.share(winner.candidate)),
        *_scores(shown),
        Tile(name="training seeds", value=f"{len(shown.seeds)}", note=seeds),
        data,
    ]


def _images(data: DataFacts) -> str:
    images = f"{data.train:,} training, {data.validation:,} validation, {data.test:,} test images"
    return f"{images}; {data.shape.classes} classes"


def _scores(shown: Accuracies) -> Iterator[Tile]:
    """Yield the winner's scores on test and validation, and its test accuracy where that is not the score."""
    score = shown.score
    if shown.test is None:
        yield Tile(name=f"test {score.words}", value="not tested yet")
    else:
        yield _tile(f"test {score.words}", shown.test, score)
    if shown.validation is not None:
        yield _tile(f"validation {score.words}", shown.validation, score)
    if score is not ACCURACY and shown.test_accuracy is not None:
        yield _tile("test accuracy", shown.test_accuracy, ACCURACY)


def _tile(name: str, found: OverSeeds, score: Score) -> Tile:
    digits = 2 if score.is_share else 4
    spread = "" if found.spread is None else f"sd {score.factor * found.spread:.{digits}f} over seeds; "
    note = f"{spread}95 % interval {score.write_interval(found.interval)}"
    return Tile(name=name, value=score.write(found.mean, unit=score.unit), note=note)


def next_step(result: SearchResult, compared: Sequence[Comparison]) -> NextStep | None:
    """Return what would settle the verdict on a search; None where nothing is open.

    Args:
        result: of the search.
        compared: the winner, and the controls that it was compared with.
    """
    command = str(result.drivers[-1]["command"]) if result.drivers else ""
    if not is_finished(result.stopped):
        return NextStep(words="The search has not ended. The same command resumes it:", command=command)
    evidence = result.setup.study.evidence
    if not evidence.compares:
        settings: dict[str, Any] = {"evidence.controls": True}
        if evidence.control_repeats is None:
            settings["evidence.looks"] = list(LOOKS)
        words = "This would test it: controls and the winner are trained with fresh seeds, what is finished is kept."
        return NextStep(words=words, command=_with(command, settings))
    is_open = any(one.gain is not None and one.verdict.removesuffix(ON_THIS_SET) not in _SETTLED for one in compared)
    return _more_seeds(result, len(compared[0].tests), command) if is_open else None


def _more_seeds(result: SearchResult, seeds: int, command: str) -> NextStep | None:
    if result.facts.look_rule is not None:
        return NextStep(words="All looks are taken. More seeds need a new run, with more looks.")
    if result.setup.study.evidence.control_repeats is not None:
        settings: dict[str, Any] = {"evidence.control_repeats": 2 * seeds}
        words = "More seeds would narrow the intervals; a second look at them errs more often than 5 %."
    else:
        settings = {"evidence.looks": [seeds, 2 * seeds] if seeds >= FEWEST_REPEATS else list(LOOKS)}
        words = "More seeds would narrow the intervals. As sequential looks they keep the error at 5 % in all."
    return NextStep(words=words, command=_with(command, settings))


def _with(command: str, settings: Mapping[str, Any]) -> str:
    """Return a command with more settings; those alone where the search was a call from Python."""
    if not command.startswith(_COMMAND):
        return f"settings={dict(settings)!r}"
    words = (f"{key}={str(value).lower()}" for key, value in settings.items())
    return " \\\n  ".join([command, *(f"--set {shlex.quote(word)}" for word in words)])


def about_search(result: SearchResult) -> Lines:
    """Return where a search is from: seeds, hashes, versions, machine, date."""
    winner = result.winner
    runs: Sequence[Trial] = (result.fresh.trainings if result.fresh else winner.runs) if winner else ()
    return about(result.setup, result.drivers, runs)


def about(setup: Setup, drivers: Sequence[Mapping[str, Any]], runs: Iterable[Trial] = ()) -> Lines:
    """Return where a run is from.

    Args:
        setup: its settings.
        drivers: its drivers, first to last.
        runs: the trainings of its winner.
    """
    last = drivers[-1] if drivers else {}
    hardware, versions = last.get("hardware", {}), last.get("versions", {})
    seeds, hashes = [run.seed for run in runs], [str(run.facts.weights_sha256 or "") for run in runs]
    machine = [hardware.get("processor"), hardware.get("machine"), hardware.get("device")]
    counts = [plural(hardware[name], name[:-1]) for name in ("cores", "workers", "threads") if hardware.get(name)]
    dates = dict.fromkeys(str(driver.get("started", "")) for driver in (*drivers[:1], *drivers[-1:]))
    lines = [
        ("seed", str(setup.study.search.seed)),
        ("training seeds", ", ".join(map(str, seeds))),
        ("SHA-256 of the data", setup.data.fingerprint),
        ("SHA-256 of the weights", " ".join(filter(None, hashes))),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("commit", str(last.get("git_commit") or "")),
        ("machine", ", ".join([str(word) for word in machine if word] + counts)),
        ("started", ", last resumed ".join(date.replace("T", " ").replace("+00:00", " UTC") for date in dates)),
    ]
    return [line for line in lines if line[1]]
