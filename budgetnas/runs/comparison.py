"""Several searches beside one another, read from their storages: nothing is trained, and no image is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from budgetnas.config.study import flatten
from budgetnas.exceptions import UsageError
from budgetnas.reports.comparison import ComparedSearch, comparison_page, setting_rows
from budgetnas.runs.first_screen import tiles
from budgetnas.runs.result import SearchResult, open_result
from budgetnas.runs.verdict import compare, verdict
from budgetnas.storage.files import write_text
from budgetnas.text import listed, plural

FILE = "comparison.html"
_OWN = ("description", "output.")  # keys that say nothing about a search
_SPLITS = ("data.validation", "data.test_share")
_TRAININGS = "recipe."


def read_searches(runs: Sequence[str], storage: str | None = None) -> list[SearchResult]:
    """Read the searches of several folders, finished or not.

    Args:
        runs: paths of their folders.
        storage: Optuna URL where the studies are not in their folders.

    Raises:
        UsageError: a folder is named twice, or there is only one.
        StorageError: a folder holds no search, or it cannot be read.
    """
    folders = Counter(Path(run).resolve() for run in runs)
    twice = [folder for folder, number in folders.items() if number > 1]
    if twice:
        raise UsageError(f"`RUN` names {twice[0]} twice, but must name different runs: leave one of them out.")
    if len(folders) < 2:
        raise UsageError("`RUN` names one run, but a comparison needs two or more: name another.")
    return [open_result(run, storage) for run in runs]


def compared(results: Sequence[SearchResult]) -> list[ComparedSearch]:
    """Return what a comparison shows of each search; searches of the same name go by their folders."""
    names = Counter(result.setup.name for result in results)
    return [
        ComparedSearch(
            name=result.setup.name if names[result.setup.name] == 1 else str(result.folder),
            result=tiles(result),
            verdict=verdict(result, compare(result)),
            settings=_in_words(result),
            keys=_keys(result),
            test=result.accuracies.test_accuracy if result.accuracies else None,
            validation=result.accuracies.validation_accuracy if result.accuracies else None,
            command=str(result.drivers[-1]["command"]) if result.drivers else "",
        )
        for result in results
    ]


def _in_words(result: SearchResult) -> dict[str, str]:
    """Return what a search was asked for, in words."""
    setup, study, counts = result.setup, result.setup.study, result.counts()
    repeats = f", {plural(study.full.repeats, 'seed')} each"
    return {
        "data": setup.data.name,
        "SHA-256 of the data": setup.data.fingerprint[:12],
        "caps": "; ".join(setup.budget_of(tier).in_words for tier in setup.tiers),
        "space": f"{setup.space_size:,} networks, {setup.tiers[-1].fitting:,} fit",
        "score": setup.score.words,
        "sampler": study.search.sampler,
        "short trainings": f"{counts['trained']:,} of {study.search.trials:,}",
        "their length": " and ".join(plural(epochs, "epoch") for epochs in setup.rungs),
        "full trainings": f"{plural(setup.full_epochs, 'epoch')}{repeats}",
        "recipe": study.full.recipe,
        "seed": str(study.search.seed),
        "ended": result.stopped,
    }


def _keys(result: SearchResult) -> dict[str, str]:
    """Return the keys of a study file, and of its recipe for full trainings."""
    study = {key: value for key, value in flatten(result.setup.study).items() if not key.startswith(_OWN)}
    recipe = {f"recipe.{key}": value for key, value in asdict(result.setup.recipe).items()}
    return {key: _written(value) for key, value in (study | recipe).items()}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def warnings_of(results: Sequence[SearchResult], differing: Sequence[str]) -> list[str]:
    """Say what makes accuracies hard to compare: other data, other splits, other trainings, a smoke test.

    Args:
        results: the searches.
        differing: keys that are not the same for all.
    """
    data = [result.setup.data for result in results]
    said = list(dict.fromkeys(one.notice for one in data if one.notice))
    if len({one.fingerprint for one in data}) > 1:
        names = list(dict.fromkeys(one.name for one in data))
        what = f"different data ({listed(names)})" if len(names) > 1 else f"different images of {names[0]}"
        return [*said, f"The searches are on {what}: their accuracies are not comparable."]
    if any(key.startswith(_SPLITS) for key in differing):
        said.append("The validation images differ: only the test accuracies are of the same images.")
    trainings = [key for key in differing if key.startswith(_TRAININGS)]
    if trainings:
        said.append(
            f"The full trainings differ ({listed(trainings)}): a difference in accuracy may come from them, and not "
            "from the networks."
        )
    return said


def write_comparison(runs: Sequence[str], out: Path, *, command: str, storage: str | None = None) -> dict[str, Any]:
    """Write the page that compares searches; return what it says, for programs.

    Args:
        runs: paths of their folders.
        out: the page.
        command: the command that makes it.
        storage: Optuna URL where the studies are not in their folders.

    Raises:
        UsageError: a folder is named twice, or there is only one.
        StorageError: a folder holds no search, or one of them cannot be read, or the page cannot be written.
    """
    results = read_searches(runs, storage)
    searches = compared(results)
    rows = setting_rows([search.keys for search in searches])
    differing = [row.name for row in rows if row.differs]
    warnings = warnings_of(results, differing)
    write_text(out, comparison_page(searches, warnings=warnings, command=command))
    return {
        "comparison": str(out),
        "warnings": warnings,
        "differing": {row.name: [cell.note for cell in row.cells] for row in rows if row.differs},
        "runs": [_as_json(result, search) for result, search in zip(results, searches, strict=True)],
    }


def _as_json(result: SearchResult, search: ComparedSearch) -> Mapping[str, Any]:
    winner, accuracies = result.winner, result.accuracies
    return {
        "run": str(result.folder),
        "name": search.name,
        "spec": winner.candidate.spec.id if winner else None,
        "params": winner.candidate.params if winner else None,
        **(accuracies.as_json() if accuracies else {}),
        "verdict": search.verdict,
    }
