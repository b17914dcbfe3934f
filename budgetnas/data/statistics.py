"""Mean and spread of a train split, by which every image is normalised."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from budgetnas.data.dataset import Dataset

_CHUNK = 1_000_000


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
