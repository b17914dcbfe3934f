"""The settings with which a study was started, kept in its storage so that results can be read without data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from budgetnas.arch.spec import DataShape
from budgetnas.budget import Budget, share_of, write_cost
from budgetnas.config.recipe import Recipe
from budgetnas.config.recorded import data_then, recipe_then, study_then
from budgetnas.config.sections import DataConfig
from budgetnas.config.study import StudyConfig
from budgetnas.config.toml import build
from budgetnas.evidence.scores import ACCURACY, SCORES, Score
from budgetnas.exceptions import StorageError, UsageError
from budgetnas.space.resnet import ResNetSpace
from budgetnas.trials.trial import Candidate

CUT_OFF = "it was cut off, or is still running"
ALL_DONE = "all trials were done"
RAN_OUT = "the band ran out of architectures"
HOPELESS = "a new network was unlikely to be shown better"


def is_finished(stopped: str) -> bool:
    """Return whether a search that ended so has nothing left to do."""
    return stopped in (ALL_DONE, RAN_OUT, HOPELESS)


class Kind(StrEnum):
    """The kinds of a run, by their stored words; only this module compares them."""

    SEARCH = "search"
    CALIBRATION = "calibration"
    TRAININGS = "training"

    @property
    def promotes(self) -> bool:
        """Whether a level trains the best of the level below; in a calibration all levels train the same networks."""
        return self is Kind.SEARCH

    @property
    def suffix(self) -> str:
        """The end of a run's name where none is given."""
        return f"-{self}" if self is Kind.CALIBRATION else ""


def study_kind(setup: Mapping[str, Any] | None) -> Kind:
    """Return the kind of a recorded study: a calibration, or else a search."""
    return Kind.CALIBRATION if (setup or {}).get("kind") == Kind.CALIBRATION else Kind.SEARCH


def recorded_score(setup: Mapping[str, Any] | None) -> Score:
    """Return the score of a recorded study; accuracy where none is recorded."""
    return SCORES[(setup or {}).get("study", {}).get("search", {}).get("score", ACCURACY.name)]


T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFacts:
    """The data set of a search.

    Attributes:
        name: of the set.
        notice: a warning to print beside every result on it; "" for none.
        fingerprint: SHA-256 of all of it.
        shape: images and classes.
        classes: their names.
        train: number of training images.
        validation: number of validation images.
        test: number of test images.
        chance: share of the most frequent class among the validation images; None in runs that recorded none.
    """

    name: str
    notice: str
    fingerprint: str
    shape: DataShape
    classes: tuple[str, ...]
    train: int
    validation: int
    test: int
    chance: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TierFacts:
    """One cap of a search.

    Attributes:
        cap: on params, or on the cost that `Setup.cost` names.
        fitting: networks of the space under all caps.
        low: least of that cost in the band.
        high: most of it in the band.
        members: networks of the band.
        usual_macs: median MACs of the band, for the prior on MACs; None in runs that recorded none.
    """

    cap: int
    fitting: int
    low: int
    high: int
    members: int
    usual_macs: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """The settings of a search by its last driver.

    Attributes:
        name: of the run.
        kind: "search" or "calibration".
        data: its data set.
        tiers: its caps, ascending.
        macs_cap: cap on MACs for one image, or None.
        space_size: networks of the space, caps aside.
        is_exact: whether the numbers of networks are exact.
        rungs: lengths of the short trainings in epochs.
        full_epochs: length of a full training.
        recipe: of the full trainings, their length and precision decided.
        mean: per channel, by which full trainings normalise raw [0, 255] pixels.
        std: per channel, of the same normalisation.
        study: the study file, defaults decided.
        caps: all caps of the largest tier; None in runs that recorded none, which had them on params and MACs.
    """

    name: str
    kind: str
    data: DataFacts
    tiers: tuple[TierFacts, ...]
    macs_cap: int | None
    space_size: int
    is_exact: bool
    rungs: tuple[int, ...]
    full_epochs: int
    recipe: Recipe
    mean: tuple[float, ...]
    std: tuple[float, ...]
    study: StudyConfig
    caps: Budget | None = None

    @property
    def score(self) -> Score:
        """What the search goes by."""
        return SCORES[self.study.search.score]

    @property
    def cost(self) -> str:
        """The cost that caps of tiers and bands are on, "params" or "bytes"."""
        return self.budget.band_cost

    @property
    def cap(self) -> int:
        """The largest cap on that cost."""
        return self.tiers[-1].cap

    @property
    def source(self) -> DataConfig:
        """The `[data]` keys, "auto" decided."""
        return self.study.data

    @property
    def budget(self) -> Budget:
        """The budget that every network of the search fits."""
        return self.caps or Budget(max_params=self.cap, max_macs=self.macs_cap)

    def budget_of(self, tier: TierFacts) -> Budget:
        """Return all caps of a tier."""
        return replace(self.budget, max_params=tier.cap) if len(self.tiers) > 1 else self.budget

    def utilisation(self, candidate: Candidate) -> float:
        """Return the share of the largest cap that a network uses."""
        return share_of(candidate, self.cost, self.cap)

    def share(self, candidate: Candidate) -> str:
        """Write the share of the largest cap that a network uses, like `99.85% of 5,000,000`."""
        cap = f"{self.cap:,}"
        if self.cost != "params":
            cap = f"{write_cost(self.cap, self.cost)} in {self.budget.weights}"
        return f"{self.utilisation(candidate):.2%} of {cap}"

    @property
    def space(self) -> ResNetSpace:
        """The search space; one of own kinds needs their code, or `arch.kinds.recorded`."""
        return self.study.space.space(self.data.shape)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingsSetup:
    """The settings of trainings without a search by their last driver.

    Attributes:
        name: of the run.
        kind: "training".
        data: their data set.
        recipe: of all of them, its precision decided.
        mean: per channel, by which they normalise raw [0, 255] pixels.
        std: per channel, of the same normalisation.
        learns_from: "train", or "all" for train and validation together.
        watches: the split that was scored after every epoch, "validation" or "test".
        recipe_name: shipped name or path of the recipe; "" in runs that recorded none.
        source: the `[data]` keys, "auto" decided; None in runs that recorded none.
    """

    name: str
    kind: str
    data: DataFacts
    recipe: Recipe
    mean: tuple[float, ...]
    std: tuple[float, ...]
    learns_from: str
    watches: str
    recipe_name: str = ""
    source: DataConfig | None = None


def read_setup(content: Mapping[str, Any] | None, *, name: str, kind: Kind = Kind.SEARCH) -> Setup:
    """Make a setup from its JSON values, as they come back from a storage.

    Raises:
        StorageError: it is of another kind, or was written by another version of this program.
    """
    return _read(Setup, content, name=name, kind=kind)


def read_trainings_setup(content: Mapping[str, Any] | None, *, name: str) -> TrainingsSetup:
    """Make the setup of trainings from its JSON values.

    Raises:
        StorageError: it is of another kind, or was written by another version of this program.
    """
    return _read(TrainingsSetup, content, name=name, kind=Kind.TRAININGS)


def _read(form: type[T], content: Mapping[str, Any] | None, *, name: str, kind: Kind) -> T:
    found = (content or {}).get("kind")
    if found in list(Kind) and found != kind:
        raise StorageError(f"`{name}` holds a {found}, not a {kind}: give the folder of a {kind}.")
    try:
        return build(form, _then(content or {}), "setup")
    except (UsageError, TypeError) as error:
        raise StorageError(f"`{name}` was made by another version of this program ({error}): run it again.") from error


def _then(content: Mapping[str, Any]) -> dict[str, Any]:
    """Add keys newer than the record to its recipe, its study and its `[data]` keys."""
    fill = {"recipe": recipe_then, "study": study_then, "source": data_then}
    return {
        key: fill[key](value) if key in fill and isinstance(value, dict) else value for key, value in content.items()
    }
