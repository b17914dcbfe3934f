"""`budgetnas list`: the runs of a folder, or the networks of one run, one per row."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budgetnas.evidence.scores import Score
    from budgetnas.runs.listing import Run
    from budgetnas.runs.networks import Network
    from budgetnas.text import Table

DESCRIPTION = (
    "List the runs of a folder, newest first, with state, finished trainings and best network. For a single run, also "
    "list its networks with their scores at each training length. Running searches are not disturbed."
)
EXAMPLE = "budgetnas list"
MOST = 20  # networks on a terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "folder", nargs="?", default="runs", metavar="DIR", help="folder of runs, or of one run (default runs)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print the rows."""
    import json
    from dataclasses import asdict

    from budgetnas.runs.listing import find_runs, is_run
    from budgetnas.runs.networks import read_networks

    folder = Path(arguments.folder)
    found = find_runs(folder)
    networks = read_networks(folder) if is_run(folder) and found[0].why is None else None
    if arguments.json:
        content = [asdict(one) for one in found]
        if networks is not None:
            content[0]["networks"] = [asdict(one) for one in networks]
        print(json.dumps(content, indent=2))
        return

    from budgetnas.cli.output import open_console, show_table

    console = open_console()
    if found:
        show_table(console, _table(arguments.folder, found))
        if networks:
            show_table(console, _networks_table(arguments.folder, networks, found[0]))
    else:
        console.print(f"`{arguments.folder}` holds no run yet: budgetnas search --max-params 5e6", markup=False)


def _table(folder: str, found: list[Run]) -> Table:
    from budgetnas.evidence.scores import SCORES
    from budgetnas.text import Table

    unit = " %" if all(SCORES[one.scored_by].is_share for one in found) else ""
    best, test = f"best{unit}", f"test{unit}"
    return Table(
        title=f"Runs in {folder}",
        columns=("run", "kind", "state", "data", "cap", "done", best, test, "network", "params"),
        rows=[_row(one, "" if unit else " %") for one in found],
        notes=[
            *(note for one in found for note in _notes(one)),
            *dict.fromkeys(SCORES[one.scored_by].brackets for one in found if one.score_interval),
        ],
    )


def _row(one: Run, unit: str) -> tuple[str, ...]:
    is_other = one.scored_by != "accuracy"
    tested = (one.test_score, one.test_score_interval) if is_other else (one.test_accuracy, one.test_interval)
    return (
        one.name,
        one.kind or "",
        one.state,
        one.data or "",
        ", ".join(_caps(one)),
        "" if one.done is None else f"{one.done:,} of {one.asked:,}",
        _written(one, one.score, one.score_interval, unit),
        _written(one, *tested, unit),
        one.spec or "",
        "" if one.params is None else f"{one.params:,}",
    )


def _caps(one: Run) -> Iterator[str]:
    from budgetnas.amounts import write_size

    if one.max_params is not None:
        yield f"{one.max_params:,}"
    for size in (one.max_bytes, one.max_memory):
        if size is not None:
            yield write_size(size)


def _notes(one: Run) -> list[str]:
    """Return the facts for which a row has no room."""
    from budgetnas.evidence.scores import SCORES
    from budgetnas.runs.networks import AFTER_FULL, AFTER_LAST

    notes = [(one.process and "running by process", one.process), (one.why and "unreadable:", one.why)]
    if one.score_of not in (None, AFTER_FULL, AFTER_LAST):
        other = f"; the test column has {SCORES[one.scored_by].of('test')}" if one.scored_by != "accuracy" else ""
        notes.append(("best is", f"{one.score_of}{other}"))
    return [f"{one.name}: {what} {value}" for what, value in notes if value]


def _networks_table(folder: str, networks: list[Network], run: Run) -> Table:
    from budgetnas.evidence.scores import SCORES
    from budgetnas.text import Table, write_macs
    from budgetnas.trials.trial import CONTROLS, FULL, RANDOM, in_order, length_in_words

    levels = in_order({level for one in networks for level in one.scores})
    whole = (FULL, RANDOM, CONTROLS)
    notes = [note for one in networks for note in _trainings_notes(one)]
    if len(networks) > MOST:
        notes.append(f"{len(networks) - MOST:,} more: budgetnas list {folder} --json")
    score = SCORES[run.scored_by]
    return Table(
        title=f"Its networks: {score.head('validation')} by length of training, mean and standard deviation over seeds",
        columns=("network", "params", "MACs", *map(length_in_words, levels)),
        rows=[
            (
                one.spec,
                f"{one.params:,}",
                write_macs(one.macs),
                *(_scores(one.scores.get(level), run.images if level in whole else None, score) for level in levels),
            )
            for one in networks[:MOST]
        ],
        notes=notes,
    )


def _scores(scores: list[float] | None, images: int | None, score: Score) -> str:
    from statistics import mean, stdev

    from budgetnas.evidence.accuracy import Accuracy
    from budgetnas.evidence.scores import ACCURACY

    if not scores:
        return ""
    if images and score is ACCURACY:
        return str(Accuracy(shares=scores, images=images))
    return score.write(score.shown(mean(scores)), stdev(scores) if len(scores) > 1 else None)


def _trainings_notes(one: Network) -> list[str]:
    """Name the trainings that are running, unfinished or failed."""
    from budgetnas.trials.trial import in_words

    under_way = [f"{one.spec}: {in_words(level)} not finished yet" for level in dict.fromkeys(one.under_way)]
    return under_way + [f"{one.spec}: {in_words(level)} failed: {reason}" for level, reason in one.failed.items()]


def _written(one: Run, shown: float | None, interval: tuple[float, float] | None, unit: str) -> str:
    """Write a score of a run; `unit` stands behind a share where a column has losses too."""
    from budgetnas.evidence.scores import SCORES

    score = SCORES[one.scored_by]
    ends = interval and score.shown_interval(interval)
    return "" if shown is None else score.write(score.shown(shown), interval=ends, unit=unit)
