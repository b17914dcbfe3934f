"""A training recipe: everything that decides how a network is trained, apart from the network and the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from budgetnas.config.reader import build, locate, read_toml
from budgetnas.exceptions import UsageError

FEWEST_STEPS = 16
SMALLEST_BATCH = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How to train with stochastic gradient descent.

    Attributes:
        description: one sentence for the reader of the file.
        batch_size: images per step.
        lr: highest learning rate, for `batch_size` images.
        momentum: of the gradient, in [0, 1).
        nesterov: whether the momentum looks ahead.
        weight_decay: on every parameter, per step, in units of the learning rate.
        schedule: "linear" or "cosine", from `lr` to 0 at the end of the last epoch.
        step: whether the rate changes with every step or with every epoch.
        warmup: share of the training, in [0, 1), over which the rate rises linearly from 0.
        label_smoothing: share of the target spread over all classes, in [0, 1).
        precision: "fp32", "bf16" (autocast, master weights fp32), or "auto": bf16 where the device has it.
    """

    description: str = ""
    batch_size: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 5e-4
    schedule: Literal["linear", "cosine"] = "cosine"
    step: Literal["batch", "epoch"] = "epoch"
    warmup: float = 0.0
    label_smoothing: float = 0.0
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    def __post_init__(self) -> None:
        for name, fits, rule in (
            ("batch_size", self.batch_size >= 2, "2 or more images"),
            ("lr", 0 < self.lr <= 100, "above 0 and at most 100"),
            ("momentum", 0 <= self.momentum < 1, "in [0, 1)"),
            ("weight_decay", 0 <= self.weight_decay < 1, "in [0, 1)"),
            ("warmup", 0 <= self.warmup < 1, "in [0, 1)"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "in [0, 1)"),
        ):
            if not fits:
                raise UsageError(f"`recipe.{name}` is {getattr(self, name)}, but must be {rule}.")

    def for_images(self, images: int) -> Recipe:
        """Halve batch size and learning rate together until an epoch over `images` has at least 16 steps.

        A batch never falls below 32 images. The linear rule is Goyal et al.'s (arXiv:1706.02677).
        """
        recipe = self
        while recipe.batch_size * FEWEST_STEPS > images and recipe.batch_size // 2 >= SMALLEST_BATCH:
            recipe = replace(recipe, batch_size=recipe.batch_size // 2, lr=recipe.lr / 2)
        return recipe


def load_recipe(name: str) -> Recipe:
    """Read a recipe by its shipped name or the path of its TOML file."""
    return build(Recipe, read_toml(locate(name, "recipes")), "recipe")
