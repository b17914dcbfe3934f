"""Mean and spread by which every image is normalised: a recipe's own, or those of the train split."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from budgetnas.config.recipe import Recipe
from budgetnas.data.dataset import Dataset
from budgetnas.exceptions import UsageError

_CHUNK = 1_000_000


def normalisation(data: Dataset, recipe: Recipe) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel of raw [0, 255] pixels, by which images are normalised.

    They are the recipe's own where it has any, else those of the train split.

    Raises:
        UsageError: the recipe's are for another number of channels.
    """
    if recipe.mean is None or recipe.std is None:
        return statistics(data)
    channels = data.shape.channels
    if not len(recipe.mean) == len(recipe.std) == channels:
        raise UsageError(
            f"`recipe.mean` and `recipe.std` have {len(recipe.mean)} and {len(recipe.std)} values, but images of "
            f"{data.name} have {channels} channel{'s' * (channels > 1)}: give one for each, or leave both out for "
            "those of the training images."
        )
    return tuple(255 * value for value in recipe.mean), tuple(255 * value for value in recipe.std)


@lru_cache(maxsize=1)
def statistics(data: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel of the raw [0, 255] train split; a spread of 0 becomes 1.

    The answer for the last data set stays in memory: every training asks for it.
    """
    pixels = data.train.images.reshape(-1, data.train.images.shape[3])
    # By channel and chunk, so that the doubles of a large set never stand in memory at once.
    total = np.zeros(pixels.shape[1])
    squares = np.zeros(pixels.shape[1])
    for chunk in np.array_split(pixels, max(1, len(pixels) // _CHUNK)):
        wide = chunk.astype(np.float64)
        total += wide.sum(axis=0)
        squares += (wide**2).sum(axis=0)
    mean = total / len(pixels)
    std = np.sqrt(np.maximum(squares / len(pixels) - mean**2, 0))
    return tuple(mean.tolist()), tuple(np.where(std < 1e-6, 1.0, std).tolist())
