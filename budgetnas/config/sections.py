"""The sections of a study file, those of engine and evidence aside: every setting, with its default and its rule."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from budgetnas.amounts import parse_size
from budgetnas.arch.device import Precision
from budgetnas.arch.spec import DataShape
from budgetnas.config.macs_cap import read_macs_cap
from budgetnas.config.models import read_cap, read_names
from budgetnas.config.toml import within
from budgetnas.exceptions import UsageError
from budgetnas.space.keys import SpaceKeys
from budgetnas.space.resnet import ResNetSpace


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetConfig:
    """`[budget]`.

    Attributes:
        max_params: cap on trainable parameters, as a number or text like "5M" or "45%resnet18"; default: the largest
            tier. It may be left out where another cap is given.
        max_bytes: cap on the bytes of the exported file, as a number of bytes or text like "300kB" (1,000 bytes each)
            or "1MiB"; default: none.
        max_memory: cap on the bytes of the tensors that live at once while one image runs through a network, layer by
            layer, likewise, such as "128KiB" (1,024 bytes each); default: none.
        weights: precision of weights and tensors that `max_bytes` and `max_memory` are for: "fp32", "fp16" or "int8".
        tiers: several caps that share the trials, each with its own band; default: none.
        min_utilisation: lower end of the band of proposals, as a share in [0, 1] of the largest network that fits.
    """

    max_params: str | float | None = None
    max_bytes: str | float | None = None
    max_memory: str | float | None = None
    weights: Precision = "fp32"
    tiers: tuple[str | float, ...] | None = None
    min_utilisation: float = 0.8

    def __post_init__(self) -> None:
        if not 0 <= self.min_utilisation <= 1:
            raise UsageError(f"is {self.min_utilisation}, but must be in [0, 1].", argument="budget.min_utilisation")
        if self.tiers and self.max_bytes is not None:
            raise UsageError(
                "are caps on parameters, and do not go with `budget.max_bytes`: leave one of them out.",
                argument="budget.tiers",
            )

    def sizes(self) -> dict[str, int]:
        """Return the caps on sizes that are given, in bytes, as a `Budget` names them.

        Raises:
            UsageError: one is malformed.
        """
        given = {name: getattr(self, name) for name in ("max_bytes", "max_memory")}
        return {name: parse_size(size, name=f"budget.{name}") for name, size in given.items() if size is not None}

    def caps(self, shape: DataShape) -> tuple[int | None, ...]:
        """Return the caps on params, ascending: the tiers, or `max_params`, None where it is not given.

        Args:
            shape: images and classes that a share of a network is counted for.

        Raises:
            UsageError: one is malformed, two are equal, or the largest is not `max_params`.
        """
        cap = None if self.max_params is None else read_cap(self.max_params, shape, name="budget.max_params")
        tiers = tuple(sorted(read_cap(tier, shape, name="budget.tiers") for tier in self.tiers or ()))
        if len(set(tiers)) < len(tiers):
            raise UsageError(f"holds {tiers}, but must hold different caps: leave one out.", argument="budget.tiers")
        if cap is not None and tiers and cap != tiers[-1]:
            raise UsageError(
                f"is {cap:,}, but `budget.tiers` go up to {tiers[-1]:,}: leave one of them out, or make the largest "
                "tier the cap.",
                argument="budget.max_params",
            )
        return tiers or (cap,)


@dataclass(frozen=True, kw_only=True)
class SpaceConfig(SpaceKeys):
    """`[space]`: the keys of `SpaceKeys`, and the cap on MACs.

    Attributes:
        max_macs: cap on MACs for one image, as a number or like "1.75G" or "200%model5"; "auto" for three times those
            of ResNet-20 scaled to the cap on params, or to as many as a capped file has room for; "none" for no cap.
            Networks are counted on 3x32x32 images with 10 classes, and scaled with the image area.
    """

    max_macs: str | float = "auto"

    def space(self, shape: DataShape) -> ResNetSpace:
        """Return the space for images and classes of `shape`."""
        return ResNetSpace(**{one.name: getattr(self, one.name) for one in fields(SpaceKeys)}, shape=shape)

    def macs_cap(self, shape: DataShape, room: int | None) -> int | None:
        """Return the cap on MACs for one image of `shape`; `room` is the most params under the other caps."""
        return read_macs_cap(self.max_macs, self.space(shape), most_params=room)


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """`[data]`.

    Attributes:
        dataset: "auto", "digits-hard", "digits", "cifar10", "cifar100", or the path of an .npz file or an image folder.
        dir: folder of downloaded data sets.
        subset: images of each class to keep in each split; default: all.
        image_size: side in pixels to which the images of a folder are resized.
        test_share: share of each class of the user's own images that becomes the test split, always the same images;
            only for data without a test split.
        validation: images held out of the training images for validation, each class by its share; only for data
            without a validation split. A number of images; "share" for a tenth of each class, or a fifth of fewer than
            10,000 images; "auto" for 10,000 images of 50,000 or more, and for "share" of fewer.
        flip: whether training images are flipped horizontally at random; default: by the data set.
        shift: largest shift in pixels of random crops of training images; default: by the data set.
        class_weights: "balanced" weighs each training image by the inverse frequency of its class in the training loss,
            1 on average over the training images; "none" weighs all alike.
    """

    dataset: str = "auto"
    dir: str = "data"
    subset: int | None = None
    image_size: int | None = None
    test_share: float | None = None
    validation: int | Literal["auto", "share"] = "auto"
    flip: bool | None = None
    shift: int | None = None
    class_weights: Literal["none", "balanced"] = "none"

    def __post_init__(self) -> None:
        within("data.subset", self.subset, 2)
        within("data.image_size", self.image_size, 1, 4096)
        if self.test_share is not None and not 0 < self.test_share < 1:
            raise UsageError(f"is {self.test_share}, but must be above 0 and below 1.", argument="data.test_share")
        within("data.validation", self.validation if isinstance(self.validation, int) else None, 1)
        within("data.shift", self.shift, 0, 4096)


ScoreName = Literal["accuracy", "balanced_accuracy", "macro_f1", "loss"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchConfig:
    """`[search]`.

    Attributes:
        trials: total number of short trainings.
        score: what the search goes by, on validation and on the test set: "accuracy"; "balanced_accuracy", the mean of
            the accuracies of all classes; "macro_f1", the mean of their F1 scores; or "loss", the mean cross-entropy,
            of which less is better.
        seed: seed of all random numbers.
        sampler: "thompson" (a Gaussian process), "evolution" (regularised) or "tpe" (Optuna's, repaired to fit), which
            learn from finished trials, or "random", which does not.
        over_budget: "exclude" proposes only networks that fit; "prune" lets Optuna's own "tpe" or "random" propose
            freely and prunes networks over the budget, which count as trials: the plain method, for comparison.
        model: "joint" learns from trainings of all lengths together and averages over the hyperparameters of its
            Gaussian process; "per_rung" goes from rung to rung with the most probable ones, as older versions did.
        macs_prior: whether "joint" expects, before any score, that up to a point more MACs help.
        fit: "best" fits the hyperparameters of "joint" to the better half of many scores to choose among networks of
            one length of training; "all" fits them to all scores, as older versions did.
        stop: "trials" stops proposing after `search.trials`; "hopeless" also when a new network is unlikely (< 20 %)
            to be better than the best one by more than fresh seeds of winner and controls can show.
        batch: trials per batch; a proposal uses the results of all batches except the running and the last one.
        paper_models: whether models 1-5 of Pei et al. are the first trials; "auto" for a data set known by name.
        first_models: networks, by name or id, that are tried next as baselines of the search. Those that fit are
            trained in full whatever their short trainings score, so a winner must beat them.
    """

    trials: int = 100
    score: ScoreName = "accuracy"
    seed: int = 0
    sampler: Literal["thompson", "evolution", "random", "tpe"] = "thompson"
    over_budget: Literal["exclude", "prune"] = "exclude"
    model: Literal["joint", "per_rung"] = "joint"
    macs_prior: bool = True
    fit: Literal["best", "all"] = "best"
    stop: Literal["trials", "hopeless"] = "trials"
    batch: int = 4
    paper_models: bool | Literal["auto"] = "auto"
    first_models: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        within("search.trials", self.trials, 1)
        within("search.batch", self.batch, 1)
        within("search.seed", self.seed, 0, 2**31 - 1)
        if self.first_models:
            names = read_names("search.first_models", self.first_models, others=())
            object.__setattr__(self, "first_models", names)
        if (self.stop, self.score) == ("hopeless", "loss"):
            raise UsageError(
                "is 'hopeless' and `search.score` is 'loss', but which gain in loss can be shown is not known before "
                "any training: choose another score, or leave `search.stop` out.",
                argument="search.stop",
            )
        if self.over_budget == "prune" and self.sampler not in ("tpe", "random"):
            raise UsageError(
                f"is 'prune' and `search.sampler` is {self.sampler!r}, but only Optuna's own "
                "'tpe' and 'random' propose freely: choose one, or leave `search.over_budget` out.",
                argument="search.over_budget",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class ProxyConfig:
    """`[proxy]`: the short trainings.

    Attributes:
        recipe: name or path of their recipe; "auto" for the data set's: "proxy", or "proxy16" on digits-hard.
        rungs: their lengths in epochs, rising. Every candidate is trained for the first length, the best third of a
            rung for the next, each time from scratch. Lengths above the first may change later. Default: one rung, of a
            length that the data set decides.
        subset: training images of each class that they use, always the same ones; default: all.
        from_run: folder of a search whose finished short trainings a new search reuses, if only the full trainings
            differ.
    """

    recipe: str = "auto"
    rungs: tuple[int, ...] | None = None
    subset: int | None = None
    from_run: str | None = None

    def __post_init__(self) -> None:
        rungs = self.rungs
        if rungs is not None and not (rungs and rungs[0] >= 1 and list(rungs) == sorted(set(rungs))):
            raise UsageError(
                f"is {list(rungs)}, but must be epochs that rise, for example [8, 24].", argument="proxy.rungs"
            )
        within("proxy.rungs", rungs[-1] if rungs else None, 1)
        within("proxy.subset", self.subset, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class FullConfig:
    """`[full]`: the full trainings of promoted candidates.

    Attributes:
        recipe: name or path of their recipe.
        epochs: their length; default: by the data set.
        promote: number of candidates to promote.
        repeats: number of seeds per candidate.
        start: "by_gain" trains some of the candidates fully between the short trainings, where that is expected to tell
            more about the best network per cost, and learns from their scores; "last" trains all of them after the
            short ones. So does a study of several `proxy.rungs`, of `budget.tiers`, or of another sampler or model than
            the default.
        finals: "halving" trains more candidates once, and the best of these with all seeds, in `promote` times
            `repeats` trainings; "equal" trains each of the promoted with all seeds.
    """

    recipe: str = "full"
    epochs: int | None = None
    promote: int = 5
    repeats: int = 1
    start: Literal["by_gain", "last"] = "by_gain"
    finals: Literal["halving", "equal"] = "halving"

    @property
    def is_halving(self) -> bool:
        """Whether only the best of the fully trained have all seeds."""
        return self.finals == "halving" and self.repeats > 1

    def __post_init__(self) -> None:
        within("full.epochs", self.epochs, 1)
        within("full.promote", self.promote, 1)
        within("full.repeats", self.repeats, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputConfig:
    """`[output]`.

    Attributes:
        dir: folder of all runs.
        name: folder of this run; default: made from data set, cap and seed.
        storage: Optuna URL of the study database; default: an SQLite file in the run's folder.
    """

    dir: str = "runs"
    name: str | None = None
    storage: str | None = None

    def __post_init__(self) -> None:
        name = self.name
        if name is not None and (not name or name.startswith(".") or not set(name) <= _NAME_LETTERS):
            raise UsageError(
                f"is {name!r}, but must be letters, digits, '.', '_' and '-', not led by a dot.", argument="output.name"
            )


_NAME_LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
