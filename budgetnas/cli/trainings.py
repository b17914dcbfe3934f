"""Options, progress lines and the end of `train` and `reproduce`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from budgetnas.cli.options import add_data_arguments, number, whole_number
from budgetnas.pipeline.signals import Interruptions, status_of
from budgetnas.text import Table, aligned, plural

if TYPE_CHECKING:
    from budgetnas.data.dataset import Dataset
    from budgetnas.engine.protocol import EpochReport
    from budgetnas.pipeline.declare import Job
    from budgetnas.pipeline.wishes import TrainOptions
    from budgetnas.runs.trainings import Row, TrainingRecord
    from budgetnas.trials.trial import Trial

PRECISIONS = ("auto", "fp32", "bf16")


def add_training_arguments(parser: argparse.ArgumentParser, *, recipe: str, name: str, dataset: str) -> None:
    """Declare the options of both commands; the help names one command's defaults for a new run."""
    add = parser.add_argument
    add("--recipe", metavar="NAME|PATH", help=f"a shipped recipe or a .toml file (default {recipe})")
    add("--precision", choices=PRECISIONS, metavar="NAME", help=f"{', '.join(PRECISIONS)}; instead of the recipe's")
    add("--repeats", type=whole_number, metavar="N", help="seeds of each network (default 1)")
    add_data_arguments(parser, default=dataset)
    add("--set", action="append", default=[], metavar="data.KEY=VALUE", help="any key of [data], like data.flip=false")
    add("--seed", type=whole_number, metavar="N", help="random seed (default 0)")
    add("--device", metavar="NAME", help="auto, cpu, cuda or mps")
    add("--workers", type=whole_number, metavar="N", help="parallel trainings (default: one per GPU or CPU core)")
    add("--threads", type=whole_number, metavar="N", help="CPU threads per training (default 1)")
    add("--max-minutes", type=number, metavar="M", help="start no epoch after M minutes; the same command resumes")
    add("--out", default="runs", metavar="DIR", help="folder of all runs (default runs)")
    add("--name", default=name, help=f"name of this run (default: {name or 'network and seed'})")
    add("--json", action="store_true", help="print the result as JSON")


def read_wishes(arguments: argparse.Namespace, *, name: str) -> TrainOptions:
    """Read the given options of `add_training_arguments`, and `--epochs`.

    Raises:
        UsageError: a value breaks its rule.
    """
    from budgetnas.pipeline import wishes

    return wishes.read_wishes(vars(arguments), name=name, settings=arguments.set)


def carry_out(
    job: Job, *, as_json: bool, head: Sequence[str], show: Callable[[Job, list[Row]], None], extra: dict[str, Any]
) -> int:
    """Run a job with a line per epoch, and show the finished trainings; return the exit status.

    Args:
        job: the trainings.
        as_json: whether standard output is reserved for JSON.
        head: lines to print first.
        show: prints the rows.
        extra: further keys of the JSON document.
    """
    interruptions = Interruptions()
    interruptions.listen()

    from dataclasses import asdict

    from budgetnas.data.dataset import largest_share
    from budgetnas.pipeline.train import epoch_line, run_job
    from budgetnas.runs.trainings import EPOCHS, rows, warnings

    out = sys.stderr if as_json else sys.stdout

    def heard(trial: Trial, report: EpochReport) -> None:
        print(epoch_line(job, trial, report), file=out, flush=True)

    for line in (*head, *(f"NOTE: {note}" for note in job.notes)):
        print(line, file=out, flush=True)
    try:
        outcome = run_job(job, command=["budgetnas", *sys.argv[1:]], heard=heard, tick=interruptions.tick)
    except KeyboardInterrupt as interrupt:
        lost = "At most half a minute and the running epoch are lost"
        print(f"Stopped. {lost}: run the same command to resume.", file=out)
        return status_of(interrupt)
    watched = job.watched
    found = rows(outcome.asked, watched=len(watched), test=len(job.data.test))
    done = {(one.name, one.trial.repeat) for one in outcome.asked}
    failed = [
        f"{t.candidate.origin} #{t.repeat}: {t.facts.reason}"
        + (" (tried again since, and finished)" if (t.candidate.origin, t.repeat) in done else "")
        for t in outcome.failed
    ]
    at_chance = warnings(outcome.asked, split=job.watches, images=len(watched), chance=largest_share(watched.labels))
    unfinished = len(job.runs) - len(outcome.asked)
    if as_json:
        found_rows = [{**asdict(row), "partial": row.is_partial} for row in found]
        facts = {"watched": job.watches, "learnt_from": job.learns_from, "unfinished": unfinished, "failed": failed}
        facts |= {"notes": job.notes, "warnings": at_chance}
        print(json.dumps({**extra, **facts, "rows": found_rows}, indent=2))
        return 1 if unfinished and failed else 0
    print()
    for line in (*_notices(outcome.asked), *(f"FAILED: {line}" for line in failed)):
        print(line)
    if unfinished:
        print(f"{unfinished} of {plural(len(job.runs), 'training')} not finished: run the same command to resume.")
    if found:
        show(job, found)
    for warning in at_chance:
        print(f"WARNING: {warning}")
    print(f"epochs     {job.folder / EPOCHS}")
    return 1 if unfinished and failed else 0


def data_lines(data: Dataset) -> list[str]:
    """Return lines on how a data set was read, and warnings about results on it."""
    from budgetnas.data.load import doubts

    read = [f"read: {'; '.join(data.notes)}"] if data.notes else []
    return read + [f"NOTE: {line}" for line in (data.traits.notice, *doubts(data)) if line]


def print_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """Print rows under a head."""
    print("\n".join(aligned(Table(title="", columns=head, rows=body))))


def _notices(found: Sequence[TrainingRecord]) -> list[str]:
    trials = [one.trial for one in found]
    return [f"NOTE: {t.candidate.origin} #{t.repeat}: {n}" for t in trials for n in t.facts.notices or ()]
