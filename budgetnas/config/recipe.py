"""A training recipe: all settings of a training, except the network and the data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from budgetnas.config.recorded import recipe_then, younger
from budgetnas.config.toml import build, is_toml, locate, read_toml, write_toml
from budgetnas.exceptions import UsageError

FEWEST_STEPS = 16
SMALLEST_BATCH = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """The settings of a training by stochastic gradient descent. `docs/recipes.md` gives sources.

    Attributes:
        description: one sentence for readers of the file.
        epochs: length of a training; `--epochs`, the study and, in a search, the data set can override it.
        batch_size: images per step.
        lr: highest learning rate, for `batch_size` images.
        momentum: momentum in [0, 1).
        nesterov: whether to use Nesterov momentum.
        weight_decay: decay of the weights per step, times the learning rate.
        decay_norm_and_bias: whether batch-norm parameters and biases decay too.
        lookahead: steps between two updates of Lookahead's slow weights; 0 for none.
        lookahead_pull: share of the distance that the slow weights move towards the fast ones, in (0, 1].
        schedule: "linear" or "cosine", from `lr` to 0 at the end of the last epoch.
        step: "batch" or "epoch": how often the learning rate changes.
        warmup: share of the training, in [0, 1), over which the learning rate rises linearly from 0.
        label_smoothing: share of the target that is distributed over all classes, in [0, 1).
        mean: mean of each channel in [0, 1], for normalisation; default: of the training images.
        std: standard deviation of each channel; default: of the training images.
        policy: "none", "auto_augment" (the CIFAR-10 policy) or "trivial_augment" (wide).
        cutout: side in pixels of a square that is blanked in every image; 0 for none.
        random_erasing: probability, in [0, 1], that a rectangle of an image is blanked.
        mixup: alpha of mixup; 0 for none.
        cutmix: alpha of CutMix; 0 for none. With both, each batch uses one of them at random.
        ema: decay per step of the moving average of weights and batch-norm statistics, in [0, 1); 0 for none. With it
            the average is scored and kept.
        ema_rule: "fixed": every step has decay `ema`; "steps": step n has min(ema, (1 + n) / (10 + n)), as in
            TensorFlow's ExponentialMovingAverage, so that the initial weights drop out in a training of any length.
        precision: "fp32", "bf16" (autocast with fp32 master weights), or "auto": bf16 where the device supports it.
        compile: whether a GPU runs the network through torch.compile.
    """

    description: str = ""
    epochs: int = 200
    batch_size: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 5e-4
    decay_norm_and_bias: bool = True
    lookahead: int = 0
    lookahead_pull: float = 0.5
    schedule: Literal["linear", "cosine"] = "cosine"
    step: Literal["batch", "epoch"] = "epoch"
    warmup: float = 0.0
    label_smoothing: float = 0.0
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    policy: Literal["none", "auto_augment", "trivial_augment"] = "none"
    cutout: int = 0
    random_erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    ema: float = 0.0
    ema_rule: Literal["fixed", "steps"] = "steps"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        for name, fits, rule in (
            ("epochs", 1 <= self.epochs <= 100_000, "from 1 to 100,000"),
            ("batch_size", self.batch_size >= 2, "2 or more images"),
            ("lr", 0 < self.lr <= 100, "above 0 and at most 100"),
            ("momentum", 0 <= self.momentum < 1, "in [0, 1)"),
            ("nesterov", not self.nesterov or self.momentum > 0, "false where the momentum is 0"),
            ("weight_decay", 0 <= self.weight_decay < 1, "in [0, 1)"),
            ("lookahead", 0 <= self.lookahead <= 10_000, "from 0 to 10,000 steps"),
            ("lookahead_pull", 0 < self.lookahead_pull <= 1, "in (0, 1]"),
            ("warmup", 0 <= self.warmup < 1, "in [0, 1)"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "in [0, 1)"),
            ("mean", (self.mean is None) == (self.std is None), "given together with `recipe.std`"),
            ("std", self.std is None or min(self.std, default=0) > 0, "above 0 for every channel"),
            ("cutout", 0 <= self.cutout <= 4096, "from 0 to 4096 pixels"),
            ("random_erasing", 0 <= self.random_erasing <= 1, "in [0, 1]"),
            ("mixup", 0 <= self.mixup <= 100, "in [0, 100]"),
            ("cutmix", 0 <= self.cutmix <= 100, "in [0, 100]"),
            ("ema", 0 <= self.ema < 1, "in [0, 1)"),
        ):
            if not fits:
                raise UsageError(f"is {getattr(self, name)}, but must be {rule}.", argument=f"recipe.{name}")

    def at(self, precision: Literal["fp32", "bf16"]) -> Recipe:
        """Return the recipe with `precision` in place of "auto"."""
        return replace(self, precision=precision) if self.precision == "auto" else self

    def for_images(self, images: int) -> Recipe:
        """Halve batch size and learning rate together until an epoch over `images` has at least 16 steps.

        The batch size stays at 32 or more. The linear scaling rule is Goyal et al.'s (arXiv:1706.02677).
        """
        recipe = self
        while recipe.batch_size * FEWEST_STEPS > images and recipe.batch_size // 2 >= SMALLEST_BATCH:
            recipe = replace(recipe, batch_size=recipe.batch_size // 2, lr=recipe.lr / 2)
        return recipe


def write_recipe(recipe: Recipe, *, without: Collection[str] = ()) -> str:
    """Write a recipe as TOML for `load_recipe`, without the keys `without` and keys that are None."""
    return write_toml({key: value for key, value in asdict(recipe).items() if key not in without})


def load_recipe(name: str) -> Recipe:
    """Read a recipe by its shipped name or the path of its TOML file."""
    return build(Recipe, read_toml(locate(name, "recipes")), "recipe")


def resumed_recipe(asked: Recipe, name: str, recorded: Mapping[str, Any], *, recorded_name: str | None) -> Recipe:
    """Return the recipe with which a run resumes; without deciding its precision.

    If the run was started with the same shipped name, its recorded values are used. In any other recipe only keys that
    are newer than the record, and not in the file, get the value that they had when the run was started.

    Args:
        asked: the recipe as it reads now.
        name: its shipped name or path.
        recorded: the keys of the run's recipe, as JSON values.
        recorded_name: the recorded name of the run's recipe; None where none was recorded.
    """
    is_path = is_toml(name)
    if name == recorded_name and not is_path:
        then = recipe_then(recorded)
    else:
        own = read_toml(locate(name, "recipes")) if is_path else {}
        then = {key: value for key, value in younger(recorded).items() if key not in own}
    try:
        found = build(Recipe, then, "recipe")
    except UsageError:  # from another version: the comparison of settings will name the difference
        return asked
    values = {key: getattr(found, key) for key in then if key not in ("description", "precision")}
    return replace(asked, **values)
