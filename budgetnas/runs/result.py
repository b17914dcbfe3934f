"""The result of a search, read from its storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from budgetnas.arch.kinds import recorded
from budgetnas.arch.spec import ResNetSpec
from budgetnas.arrays import unpacked_counts
from budgetnas.certificates.json_files import BEST, MANIFEST
from budgetnas.exceptions import StorageError
from budgetnas.runs.networks import Accuracies, fresh_accuracies, full_accuracies
from budgetnas.runs.settings import CUT_OFF, Setup, read_setup
from budgetnas.runs.trusted import ranked_finalists, rule_of_setup, trusted_scores
from budgetnas.storage.database import Storage, open_run, study_names
from budgetnas.storage.study import read_study
from budgetnas.text import Display, plural
from budgetnas.trials.facts import ClassResults, RandomArm, RunFacts
from budgetnas.trials.selection import Finalist
from budgetnas.trials.trial import CONTROLS, FULL, RANDOM, Looks, Trial, TrialState, complete, rung_name, unscored

if TYPE_CHECKING:
    import pandas as pd


def drawn_at_random(facts: RunFacts) -> frozenset[int]:
    """Return the numbers of all first-rung trials that were ever promoted at random, from the facts of a search."""
    return frozenset(number for promotion in (facts.promotions or {}).values() for number in promotion.random)


def promoted_for_scores(facts: RunFacts) -> frozenset[int]:
    """Return the numbers of all first-rung trials that were ever promoted to full training for their scores."""
    to_full = [one for one in (facts.promotions or {}).values() if (one.to or FULL) == FULL]
    return frozenset(number for promotion in to_full for number in promotion.best)


def of_classes(results: ClassResults, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the results of each class for programs; the accuracy of one without images is None."""
    counts = zip(classes, results.correct, results.images, strict=True)
    return [
        {"class": name, "correct": correct, "images": images, "accuracy": correct / images if images else None}
        for name, correct, images in counts
    ]


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class SearchResult(Display):
    """The result of a search, finished or not.

    Attributes:
        folder: its run directory.
        setup: its settings.
        levels: trials by the name of their level: the rungs, "full", "random", "controls".
        facts: recorded of the search as a whole.
        trusted: posterior mean at the first rung of each COMPLETE trial, by number.
        finalists: fully trained networks that fit both caps, the winner first; where the posterior mean decides, those
            with all seeds are before the others.
    """

    folder: Path
    setup: Setup
    levels: Mapping[str, Sequence[Trial]]
    facts: RunFacts
    trusted: Mapping[int, float]
    finalists: Sequence[Finalist]

    @property
    def trials(self) -> Sequence[Trial]:
        """Short trainings of the first rung and pruned candidates, by number."""
        return self.levels[rung_name(self.setup.rungs[0])]

    @property
    def rungs(self) -> dict[str, Sequence[Trial]]:
        """Trials of every rung, by its name."""
        return {name: self.levels[name] for name in map(rung_name, self.setup.rungs)}

    @property
    def stopped(self) -> str:
        """Why the search ended, or that it is still running."""
        return self.facts.stopped or CUT_OFF

    @property
    def drivers(self) -> Sequence[Mapping[str, Any]]:
        """The drivers of the search, first to last: command, versions, hardware, settings."""
        return self.facts.drivers or ()

    @property
    def looks(self) -> Looks:
        """Every look at the test set, of full trainings and of controls."""
        return Looks(self.facts)

    @property
    def winner(self) -> Finalist | None:
        """The finalist that was chosen by validation; None before any full training ended."""
        return self.finalists[0] if self.finalists else None

    @property
    def fresh(self) -> Accuracies | None:
        """The winner's accuracies with seeds that no choice has seen; None without controls."""
        if self.winner is None:
            return None
        controls, images = self.levels.get(CONTROLS, ()), self.setup.data.validation
        return fresh_accuracies(self.winner, controls, self.looks, images=images, score=self.setup.score)

    def accuracies_of(self, finalist: Finalist) -> Accuracies:
        """Return the accuracies of a finalist in the full trainings that it competed with."""
        setup = self.setup
        return full_accuracies(finalist, self.looks, images=setup.data.validation, score=setup.score)

    @property
    def random_arm(self) -> RandomArm | None:
        """The random networks that cost as much as the search; None without this control, or before they are drawn."""
        return self.facts.random_arms[-1] if self.facts.random_arms else None

    def no_winner(self) -> str:
        """Say why there is no winner."""
        if complete(self.levels[FULL]):
            return f"None of the fully trained networks fits {self.setup.budget}."
        return f"No network has finished its full training yet ({self.stopped})."

    def looked(self) -> str:
        """Say how often the test set was read; each set of weights counts once."""
        return f"{plural(len(self.looks), 'time')}, always after a choice by validation"

    def notices(self) -> list[str]:
        """Return the notices of full trainings, such as of a saved state that could not be used."""
        runs = [run for level in (FULL, RANDOM, CONTROLS) for run in self.levels.get(level, ())]
        return [f"{run.candidate.spec.id}: {notice}" for run in runs for notice in run.facts.notices or ()]

    def counts(self) -> dict[str, int]:
        """Return how many candidates were counted, pruned, trained and failed."""
        states = [trial.state for trial in self.trials]
        return {
            "counted": len(states),
            "pruned": states.count(TrialState.PRUNED),
            "trained": states.count(TrialState.COMPLETE),
            "failed": states.count(TrialState.FAIL),
        }

    @property
    def spec(self) -> ResNetSpec | None:
        """The winner's architecture; None before any full training ended."""
        return None if self.winner is None else self.winner.candidate.spec

    @property
    def accuracies(self) -> Accuracies | None:
        """The winner's accuracies, with seeds that no choice has seen where there are any."""
        return self.fresh or (None if self.winner is None else self.accuracies_of(self.winner))

    @property
    def validation_accuracy(self) -> float | None:
        """Mean of `accuracies` on validation, in [0, 1]; None without any, or where they learned from it."""
        found = self.accuracies and self.accuracies.validation_accuracy
        return found.mean if found else None

    @property
    def test_accuracy(self) -> float | None:
        """Mean of `accuracies` on the test set, in [0, 1]; None before it was read."""
        found = self.accuracies and self.accuracies.test_accuracy
        return found.mean if found else None

    @property
    def validation_score(self) -> float | None:
        """Mean score on validation: a share in [0, 1], or a loss; None as for `validation_accuracy`."""
        found = self.accuracies and self.accuracies.validation
        return self.setup.score.shown(found.mean) if found else None

    @property
    def test_score(self) -> float | None:
        """Mean score on the test set: a share in [0, 1], or a loss; None before it was read."""
        found = self.accuracies and self.accuracies.test
        return self.setup.score.shown(found.mean) if found else None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by label."""
        return self.setup.data.classes

    @property
    def class_results(self) -> dict[str, ClassResults]:
        """Results of each class by the weights of the winner's certificate, for "validation" and, once seen, "test"."""
        return {} if self.winner is None else self.class_results_of(self.winner)

    def class_results_of(self, finalist: Finalist) -> dict[str, ClassResults]:
        """Return the results of each class by the weights of a finalist's certificate; older runs have none."""
        run = finalist.best_run
        look = self.looks.of(run, FULL)
        found = {"validation": run.facts.classes, "test": look.classes if look else None}
        return {split: classes for split, classes in found.items() if classes is not None}

    @property
    def confusion(self) -> dict[str, list[list[int]]]:
        """Images by true class (row) and predicted class (column) of `class_results`; none for over 200 classes."""
        shape = (len(self.classes), len(self.classes))
        found = {split: unpacked_counts(one.confusion or "", shape) for split, one in self.class_results.items()}
        return {split: matrix.tolist() for split, matrix in found.items() if matrix is not None}

    @property
    def certificate(self) -> Path | None:
        """Folder of the winner's certificate; None before it was written."""
        folder = self.folder / BEST
        return folder if (folder / MANIFEST).is_file() else None

    def brief(self) -> dict[str, str]:
        """Return the first facts that a reader wants: the winner and its accuracies."""
        winner, accuracies, setup = self.winner, self.accuracies, self.setup
        content = {"network": "none fully trained yet" if winner is None else winner.candidate.spec.id}
        if winner is not None and accuracies is not None:
            number = winner.candidate.params
            content["parameters"] = f"{number:,} of {setup.cap:,}" if setup.cost == "params" else f"{number:,}"
            if setup.cost != "params":
                content["file"] = setup.share(winner.candidate)
            if accuracies.validation is not None:
                content[setup.score.of("validation")] = accuracies.validation.write(" %")
            content[setup.score.of("test")] = "not read yet" if accuracies.test is None else accuracies.test.write(" %")
        trials = f"{self.counts()['trained']:,} of {setup.study.search.trials:,}"
        return {**content, "trials": trials, "data": setup.data.name, "folder": str(self.folder)}

    def to_dataframe(self, table: Literal["trials", "trainings", "curves"] = "trials") -> pd.DataFrame:
        """Return a CSV table of the run: one row per network, per training of any level, or per epoch of a training."""
        from budgetnas.runs.files import frame

        return frame(self, table)


def open_result(run: str, storage: str | None = None) -> SearchResult:
    """Read the search of a run's folder.

    Args:
        run: path of the folder; its name is the search's.
        storage: Optuna URL where the study is not in the folder.

    Raises:
        StorageError: the folder holds no search, or it cannot be read.
    """
    folder = Path(run)
    return read_result(open_run(folder, storage), folder, folder.resolve().name)


def read_result(storage: Storage, folder: Path, name: str) -> SearchResult:
    """Read a search back, finished or not, without its data.

    Raises:
        StorageError: the storage holds no search of this name, or one of another version of this program.
    """
    names = study_names(storage)
    if name in names:
        raise StorageError(
            f"`{name}` holds a training, not a search: run its `train` or `reproduce` command again to write its "
            "tables, or take `BudgetSampler.best` for an Optuna study of your own."
        )
    if f"{name}/{FULL}" not in names:
        known = ", ".join(sorted(known.rpartition("/")[0] for known in names if known.endswith(f"/{FULL}")))
        raise StorageError(
            f"`{name}` is no search in that storage, which holds {known or 'none'}: give the folder of a run."
        )
    fulls, facts = read_study(storage, f"{name}/{FULL}")
    setup = read_setup(facts.setup, name=name)
    others = [*map(rung_name, setup.rungs), RANDOM, CONTROLS]
    levels = {level: read_study(storage, f"{name}/{level}")[0] for level in others if f"{name}/{level}" in names}
    if facts.refit and CONTROLS in levels:
        levels[CONTROLS] = unscored(levels[CONTROLS])
    first = levels.setdefault(rung_name(setup.rungs[0]), [])
    rungs = [levels.get(level, []) for level in map(rung_name, setup.rungs)]
    with recorded(setup.study.space.kinds, (trial.candidate.spec for trial in first)):  # also without their code
        rule = rule_of_setup(setup)
        trusted = trusted_scores(setup.space, rule, first) if complete(first) else {}
        ranked = ranked_finalists(setup.study, setup.space, rule, setup.budget, rungs, (fulls, facts))
    return SearchResult(
        folder=folder,
        setup=setup,
        levels={**levels, FULL: fulls},
        facts=facts,
        trusted=trusted,
        finalists=ranked,
    )
