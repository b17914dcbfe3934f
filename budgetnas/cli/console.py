"""What a search says: on a terminal with progress bars, elsewhere in plain lines every ten seconds."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from budgetnas.arch.spec import DataShape
from budgetnas.cli.numbers import write_macs, write_time
from budgetnas.complexity.counter import count
from budgetnas.pipeline import search as pipeline
from budgetnas.pipeline.plan import Plan
from budgetnas.pipeline.prepare import Prepared
from budgetnas.pipeline.result import SearchResult
from budgetnas.pipeline.write import headline
from budgetnas.storage.database import public_url

LINE_SECONDS = 10.0
PLAIN_WIDTH = 160
LONG_SECONDS = 2 * 3600
STAGES = {"proxy": "short trainings", "full": "full trainings"}


class Console:
    """Hears a search and tells a person.

    Args:
        as_json: whether standard output is kept for a program; people are told on standard error.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._out = RichConsole(stderr=as_json, highlight=False)
        if not self._out.is_terminal:  # a file or a pipe: no line is broken or cut
            self._out = RichConsole(stderr=as_json, highlight=False, soft_wrap=True, width=PLAIN_WIDTH)
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last = 0.0

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def told(self, line: str) -> None:
        """Print a line of news."""
        self._print(line)

    def planned(self, plan: Plan) -> None:
        """Print the plan."""
        prepared = plan.prepared
        if prepared.data.traits.notice:
            self._out.print(f"NOTE: {prepared.data.traits.notice}", style="bold black on yellow", markup=False)
        for name, value in plan_lines(plan):
            self._print(f"{name:<12} {value}")
        if prepared.seeds:
            self._print("the report's models (first count at CIFAR-10's 3 channels and 10 classes, then here):")
            for line in seed_lines(prepared):
                self._print(f"  {line}")

    def progressed(self, progress: pipeline.Progress) -> None:
        """Move the bar, or print a line now and then."""
        best = "" if progress.best is None else f"best {100 * progress.best:.2f} %"
        if self._out.is_terminal:
            self._move_bar(progress, best)
            return
        now = time.monotonic()
        if now - self._last >= LINE_SECONDS:
            self._last = now
            self._print(f"{STAGES[progress.stage]}: {progress.done} of {progress.total}  {best}".rstrip())

    def show(self, result: SearchResult) -> None:
        """Print the result."""
        if result.resumed:
            self._print("This search was already finished; this is its result.")
        counts = result.counts()
        self._print(
            f"{counts['counted']} counted, {counts['pruned']} pruned over the cap, {counts['trained']} trained"
            + (f", {counts['failed']} failed" if counts["failed"] else "")
            + f"; ended because {result.stopped}."
        )
        for notice in result.notices():
            self._print(f"NOTE: {notice}")
        if result.trusted:
            self._print(f"by short trainings: {result.recommendation()}")
        if result.finalists:
            self._out.print(_finalists_table(result))
        self._print(headline(result))
        if result.prepared.data.traits.notice:
            self._out.print(f"NOTE: {result.prepared.data.traits.notice}", style="bold black on yellow", markup=False)
        self._print(f"report     {result.folder / 'report.html'}")
        if result.winner:
            self._print(f"network    {result.folder / 'best'}")
        storage = result.prepared.config.output.storage
        self._print(f"dashboard  budgetnas dashboard {public_url(storage) if storage else result.folder}")

    def _print(self, line: str) -> None:
        self._out.print(line, markup=False)

    def _move_bar(self, progress: pipeline.Progress, best: str) -> None:
        if self._bars is None:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[best]}"),
                TimeElapsedColumn(),
                console=self._out,
            )
            self._bars.start()
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bars.add_task(STAGES[progress.stage], total=progress.total, best=best)
        self._bars.update(self._tasks[progress.stage], completed=progress.done, total=progress.total, best=best)


def plan_lines(plan: Plan) -> list[tuple[str, str]]:
    """Return the plan as (name, value) lines."""
    prepared = plan.prepared
    config, data, space, shape = prepared.config, prepared.data, prepared.space, prepared.data.shape
    band = prepared.band
    macs = "" if prepared.macs_cap is None else f" and {write_macs(prepared.macs_cap)} MACs"
    about = "" if prepared.index.is_exact else "about "  # too fine a grid to be counted exactly
    by_stages = ", ".join(f"{size:,} of {stages} stages" for stages, size in band.counts.items())
    time = write_time(plan.seconds)
    if plan.seconds > LONG_SECONDS:
        time += "; shorter with a smaller --trials, --promote, --full-epochs or --subset, cut off by --max-hours"
    low, high = space.depth_range
    return [
        ("run", f"{config.output.dir}/{prepared.name}"),
        (
            "data",
            f"{data.name}: {len(data.train):,} training, {len(data.validation):,} validation, {len(data.test):,} test "
            f"images of {shape.channels}x{shape.height}x{shape.width}, {shape.classes} classes; "
            f"shift {data.traits.shift}, {'mirrored' if data.traits.flip else 'not mirrored'}",
        ),
        (
            "space",
            f"{prepared.space_size:,} networks: {low}-{high} stages, {space.blocks[0]}-{space.blocks[1]} blocks, "
            f"widths {space.widths[0]}-{space.widths[1]} by {space.width_step}"
            + (", not falling" if space.monotone else ""),
        ),
        ("budget", f"{prepared.cap:,} parameters{macs}: {about}{prepared.fitting:,} networks fit"),
        ("band", f"{band.low:,} to {band.high:,} parameters: {about}{len(band):,} networks ({by_stages})"),
        (
            "trials",
            f"{config.search.trials} short trainings of {prepared.proxy_epochs} epochs, {config.search.sampler}",
        ),
        (
            "promotion",
            f"best {config.full.promote}, {prepared.full_epochs} epochs, {config.full.repeats} "
            f"seed{'s' if config.full.repeats > 1 else ''} each",
        ),
        (
            "device",
            f"{prepared.device_name}, {prepared.workers} worker{'s' if prepared.workers > 1 else ''}; a median network "
            f"trains at {plan.images_per_second:,.0f} images/s each",
        ),
        ("time", f"about {time} for {'what is left' if plan.is_resumed else 'the whole search'}"),
    ]


def seed_lines(prepared: Prepared) -> list[str]:
    """Return a line per seeded model: its count in the report's setting and here, and whether it is in."""
    lines = []
    for candidate in prepared.seeds:
        there = count(candidate.spec, DataShape()).params
        over = candidate.params > prepared.cap
        lines.append(
            f"{candidate.origin}  {candidate.spec.id:<28} {there:>10,}  {candidate.params:>10,}"
            + ("  over the cap: pruned" if over else "")
        )
    return lines


def _finalists_table(result: SearchResult) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("trial", "network", "params", "of cap", "MACs", "short %", "full val. %", "test %"):
        table.add_column(column, justify="left" if column == "network" else "right", no_wrap=column == "network")
    for finalist in result.finalists:
        candidate = finalist.candidate
        proxy = result.trials[finalist.parent].score or 0.0
        spread = "" if finalist.spread is None else f" +- {100 * finalist.spread:.2f}"
        table.add_row(
            str(finalist.parent),
            candidate.spec.id,
            f"{candidate.params:,}",
            f"{candidate.params / result.prepared.cap:.2%}",
            write_macs(candidate.macs),
            f"{100 * proxy:.2f}",
            f"{100 * finalist.score:.2f}{spread}",
            f"{100 * result.test_accuracy(finalist):.2f}",
        )
    return table
